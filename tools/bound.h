/* tools/bound.h - bindings in other types and orders than the model's
 * (--input-formats): tools work with values as the model has them, and these stand
 * between. */
#ifndef TARE_TOOLS_BOUND_H
#define TARE_TOOLS_BOUND_H

#include "tare/engine.h"

/** tare_engine_binding() of the model's own type in ONNX's order. */
void bound_as_model(const struct tare_engine *engine, size_t i,
                    struct tare_binding *binding);

/** Where an engine's bindings are that are not as the model has them. Zero-initialise.
 */
struct bound {
    const struct tare_engine *engine;
    void **data; /* [n] NULL: it is as in the model */
    size_t n;
};

/** Room for those of an engine of one shape. bound_close() it in any case. */
enum tare_status bound_open(struct bound *bound, const struct tare_engine *engine,
                            struct tare_error *err);
void bound_close(struct bound *bound);
/** Where a context shall have binding `i`, of which the tool has `values`. */
void *bound_place(const struct bound *bound, size_t i, void *values);
/** Before a run: the values of input `i` to their place, where it is another. */
enum tare_status bound_put(const struct bound *bound, size_t i, const void *values,
                           struct tare_error *err);
/** After it: those of output `i` from there. */
enum tare_status bound_get(const struct bound *bound, size_t i, void *values,
                           struct tare_error *err);

#endif /* TARE_TOOLS_BOUND_H */
