/* api/model.h - what tare_model holds. */
#ifndef TARE_API_MODEL_H
#define TARE_API_MODEL_H

#include "graph/graph.h"
#include "tare/model.h"

struct tare_model {
    struct tare_graph *graph;
    const struct tare_plugins *plugins; /* that it may use, or NULL */
    bool is_bound;                      /* all shapes known and inferred */
};

/** Apply shapes as tare_model_bind() takes them; other axes stay open. */
enum tare_status tare_model_set_shapes(struct tare_model *model, const char *shapes,
                                       struct tare_error *err);

#endif /* TARE_API_MODEL_H */
