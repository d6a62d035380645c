/* remake/remake.h - an engine from its source, for the shapes that are wanted. Nothing
 * is timed. */
#ifndef TARE_REMAKE_REMAKE_H
#define TARE_REMAKE_REMAKE_H

#include "remake/source.h"

struct tare_engine;
struct tare_weight_index;

/**
 * The bytes of an engine, without the last two sections: what tare_build() makes of the
 * same graph, options and shapes at optimization level 0, but for the names of tactics.
 * @param shapes   [n_inputs] of the graph, all lengths known.
 * @param profile  whose tactics it has.
 * @param base     weights that are not written again, so that the engine needs
 *                 tare_engine_open_remade(); NULL: all are.
 * @param[out] bytes  tare_free() them.
 */
enum tare_status tare_remake(const struct tare_source *source,
                             const struct tare_dims *shapes, size_t profile,
                             const struct tare_weight_index *base, uint8_t **bytes,
                             size_t *n_bytes, struct tare_error *err);

/** The same from the source that an engine carries: a tare_special_fn. */
enum tare_status tare_remake_engine(const struct tare_engine *engine, size_t profile,
                                    const struct tare_dims *shapes,
                                    const struct tare_weight_index *base,
                                    uint8_t **bytes, size_t *n_bytes,
                                    struct tare_error *err);

#endif /* TARE_REMAKE_REMAKE_H */
