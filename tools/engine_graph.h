/* tools/engine_graph.h - which layer of an engine makes what another one reads. */
#ifndef TARE_TOOLS_ENGINE_GRAPH_H
#define TARE_TOOLS_ENGINE_GRAPH_H

#include "tare/engine.h"

struct engine_graph {
    size_t n_layers;
    size_t *first;   /* [n_layers + 1] where a layer's inputs start in `sources` */
    size_t *sources; /* a layer; n_layers + i: binding i; SIZE_MAX: a constant */
};

/** engine_graph_release() it in any case. */
enum tare_status engine_graph_make(struct engine_graph *graph,
                                   const struct tare_engine *engine,
                                   struct tare_error *err);
void engine_graph_release(struct engine_graph *graph);

#endif /* TARE_TOOLS_ENGINE_GRAPH_H */
