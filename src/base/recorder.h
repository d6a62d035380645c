/* base/recorder.h - what public functions say to a recorder of tare/recorder.h. */
#ifndef TARE_BASE_RECORDER_H
#define TARE_BASE_RECORDER_H

#include "tare/recorder.h"

/** Report `err`, which is not NULL, when `st` is a failure; returns `st`.
 *  @param recorder  NULL: nobody records. */
enum tare_status tare_recorder_note(struct tare_recorder *recorder, enum tare_status st,
                                    const struct tare_error *err);

/** A place for the text where the caller wants none: err, or own. */
static inline struct tare_error *tare_error_or(struct tare_error *err,
                                               struct tare_error *own)
{
    return err ? err : own;
}

#endif /* TARE_BASE_RECORDER_H */
