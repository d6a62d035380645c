/* tare/recorder.h - errors of many calls in one place, as TensorRT's IErrorRecorder
 * collects them: from any threads, in the order in which they came. */
#ifndef TARE_RECORDER_H
#define TARE_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Attached to builds, engines and contexts by their options; it outlives them. What
 * their calls return, and the texts in their callers' tare_error, stay as they are.
 * Threads: every function here but create and destroy is safe. */
struct tare_recorder;

/**
 * @param capacity  errors that it keeps: the first ones since it was made or cleared.
 *                  1 to 65536
 * @param[out] recorder  tare_recorder_destroy() it; NULL on failure.
 */
TARE_API enum tare_status tare_recorder_create(size_t capacity,
                                               struct tare_recorder **recorder,
                                               struct tare_error *err);
/** Release; NULL is fine. What it is attached to must be gone. */
TARE_API void tare_recorder_destroy(struct tare_recorder *recorder);

/** Add an error; tare does so for calls that fail, a user may for his own. */
TARE_API void tare_recorder_report(struct tare_recorder *recorder,
                                   const struct tare_error *error);
/** How many are kept. */
TARE_API size_t tare_recorder_count(struct tare_recorder *recorder);
/** The `i`-th that is kept. @retval false  there are no more. */
TARE_API bool tare_recorder_get(struct tare_recorder *recorder, size_t i,
                                struct tare_error *error);
/** How many came when it was full, and were not kept; above 0: it has overflowed. */
TARE_API size_t tare_recorder_lost(struct tare_recorder *recorder);
/** Forget all. */
TARE_API void tare_recorder_clear(struct tare_recorder *recorder);

#ifdef __cplusplus
}
#endif
#endif /* TARE_RECORDER_H */
