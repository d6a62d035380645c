/* remake/renew.h - a whole engine file from a source. */
#ifndef TARE_REMAKE_RENEW_H
#define TARE_REMAKE_RENEW_H

#include "engine/plan.h"
#include "remake/source.h"

/**
 * The file that tare_build() makes of the same graph, options and shapes, source
 * included, with the tactics of the source; of a source that lacks weights, the file of
 * a stripped engine: bindings, profiles and source.
 * @param ranges      [n_profiles][inputs], or NULL with none.
 * @param[out] bytes  tare_free() them.
 */
enum tare_status tare_renew(const struct tare_source *source,
                            const struct tare_shape_range *ranges, size_t n_profiles,
                            uint8_t **bytes, size_t *n_bytes, struct tare_error *err);

#endif /* TARE_REMAKE_RENEW_H */
