/* api/model.h - what tare_model holds. */
#ifndef TARE_API_MODEL_H
#define TARE_API_MODEL_H

#include "graph/graph.h"
#include "tare/model.h"

struct tare_model {
    struct tare_graph *graph;
    const struct tare_plugins *plugins; /* that it may use, or NULL */
    bool is_bound;                      /* all shapes known and inferred */
    uint32_t
        *open_axes; /* [n_inputs] bits of the axes that the file leaves open; all of
                       them where it gives no shape. NULL before tare_model_bind() */
};

/** Shapes as tare_model_bind() takes them. @param least  length of an axis, 0 or 1
 *  @param[out] dims  [n_inputs]; rank -1: not named */
enum tare_status tare_model_parse_shapes(const struct tare_model *model,
                                         const char *shapes, int64_t least,
                                         struct tare_dims *dims,
                                         struct tare_error *err);

/** Apply shapes as tare_model_bind() takes them; other axes stay open. */
enum tare_status tare_model_set_shapes(struct tare_model *model, const char *shapes,
                                       struct tare_error *err);

#endif /* TARE_API_MODEL_H */
