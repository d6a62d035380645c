/* api/model.h - what tare_model holds. */
#ifndef TARE_API_MODEL_H
#define TARE_API_MODEL_H

#include "graph/graph.h"
#include "tare/model.h"

struct tare_model {
    struct tare_graph *graph;
    bool is_bound; /* all shapes known and inferred */
};

#endif /* TARE_API_MODEL_H */
