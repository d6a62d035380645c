/* engine/build/timing_cache.h - times of kernels, kept in a file from build to build
 * (docs/file-formats.md). */
#ifndef TARE_ENGINE_BUILD_TIMING_CACHE_H
#define TARE_ENGINE_BUILD_TIMING_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tare_timing_cache;

/**
 * Times of this CPU, these kernels and `n_threads` threads; what the file holds of
 * others is kept, and not found.
 * @param path        may not be there; NULL: start empty.
 * @param[out] cache  tare_timing_cache_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  damaged, or another kind of file; the text says what to do.
 */
enum tare_status tare_timing_cache_open(const char *path, int n_threads,
                                        struct tare_timing_cache **cache,
                                        struct tare_error *err);
void tare_timing_cache_destroy(struct tare_timing_cache *cache);

struct tare_tactic_options;
/** The cache that is open already, or that of the options' path: give it back with
 *  tare_timing_cache_leave(). */
enum tare_status tare_timing_cache_enter(const struct tare_tactic_options *options,
                                         struct tare_timing_cache **cache,
                                         struct tare_error *err);
void tare_timing_cache_leave(const struct tare_tactic_options *options,
                             struct tare_timing_cache *cache);

/** @param[out] is_new  was it added since the cache was opened? */
bool tare_timing_cache_find(const struct tare_timing_cache *cache, uint64_t signature,
                            const char *tactic, double *time_us, bool *is_new);

/** Add a time, rounded to nanoseconds, in place of what is there. */
enum tare_status tare_timing_cache_add(struct tare_timing_cache *cache,
                                       uint64_t signature, const char *tactic,
                                       double time_us, struct tare_error *err);

/** Write to its path what was added, and all that the file has by now: another build
 *  may have written meanwhile. Does nothing when the file has it all. */
enum tare_status tare_timing_cache_save(const struct tare_timing_cache *cache,
                                        struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_TIMING_CACHE_H */
