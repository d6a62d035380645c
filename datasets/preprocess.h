/* datasets/preprocess.h - what the flag parser shares with the JSON reader and the
 * dataset. */
#ifndef TARE_DATASETS_PREPROCESS_H
#define TARE_DATASETS_PREPROCESS_H

#include "base/error.h"
#include "tare/dataset.h"

/** The i-th key of tare_preprocess_set(); NULL after the last. */
const char *tare_preprocess_key(size_t i);

/** "rgb", "bilinear", …; the words that the flags take. Static storage. */
const char *tare_color_name(enum tare_color color);
const char *tare_filter_name(enum tare_filter filter);

/** Channels of a sample in that colour: 1 or 3. */
int tare_color_channels(enum tare_color color);

/** Refuse a struct that tare_preprocess_set() could not have made. */
enum tare_status tare_preprocess_check(const struct tare_preprocess *pre,
                                       struct tare_error *err);

#endif /* TARE_DATASETS_PREPROCESS_H */
