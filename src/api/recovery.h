/* api/recovery.h - what a recovery belongs to. */
#ifndef TARE_API_RECOVERY_H
#define TARE_API_RECOVERY_H

#include "remake/recovery.h"
#include "tare/cache.h"

/** Hash of the model's float constants, whatever its bound shapes. */
enum tare_status tare_recovery_hash_model(const struct tare_graph *graph,
                                          uint64_t *hash, struct tare_error *err);
/** Hash of the cache's names and scales, whatever its header. */
enum tare_status tare_recovery_hash_ranges(const struct tare_cache *cache,
                                           uint64_t *hash, struct tare_error *err);

/**
 * Whether a build may use a recovery; one for other ranges is left out with a warning.
 * @param model  that the graph is made from.
 * @retval TARE_E_ARG  It belongs to another model.
 */
enum tare_status tare_recovery_check(const struct tare_recovery *recovery,
                                     const struct tare_graph *model,
                                     const struct tare_cache *cache, bool *fits,
                                     struct tare_error *err);

#endif /* TARE_API_RECOVERY_H */
