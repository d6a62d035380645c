/* graph/evaluate.h - inside src/graph/: infer and compute a single node. */
#ifndef TARE_GRAPH_EVALUATE_H
#define TARE_GRAPH_EVALUATE_H

#include "graph/graph.h"

/** Dims and dtype of the outputs. TARE_E_DEFERRED, without a text: not before a run
 *  knows the shape or the value of an input; the outputs then have no dims. */
enum tare_status tare_node_infer(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err);

/**
 * Run the node's eval on the data of its inputs.
 * @param[in,out] outputs  [n_outputs]; data NULL: allocated here, tare_free() it; else
 *                where to write, of n_bytes. Freed again and NULL on failure.
 */
enum tare_status tare_node_compute(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   struct tare_const *outputs, struct tare_error *err);

#endif /* TARE_GRAPH_EVALUATE_H */
