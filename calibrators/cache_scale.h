/* cache_scale.h - a cache's entries as the file has them: scales, not ranges. */
#ifndef TARE_CACHE_SCALE_H
#define TARE_CACHE_SCALE_H

#include <stdbool.h>

#include "base/text.h"
#include "tare/cache.h"

/** scale = amax / 127, one float32 division, as TensorRT computes it. */
#define TARE_CACHE_LEVELS 127.0F

/** As tare_cache_set(), with the scale itself: finite, >= 0. */
enum tare_status tare_cache_set_scale(struct tare_cache *cache, const char *name,
                                      float scale, struct tare_error *err);

/** As tare_cache_get(), with the scale itself. */
bool tare_cache_find(const struct tare_cache *cache, const char *name, float *scale);

/** The text of the file. */
void tare_cache_print(const struct tare_cache *cache, struct tare_text *out);

#endif /* TARE_CACHE_SCALE_H */
