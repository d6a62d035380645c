/* graph/run.h - a graph as a program: what engines do where no kernel is fast, and what
 * bodies of If, Loop and Scan are. */
#ifndef TARE_GRAPH_RUN_H
#define TARE_GRAPH_RUN_H

#include "graph/graph.h"

/**
 * Run every node on values, shapes as they come out.
 * @param graph    in topological order; holds values and their shapes while it runs,
 *                 and is as it was afterwards, but for values that inference has found.
 * @param inputs   [n_inputs] borrowed; dims and dtype count, not the graph's.
 * @param[in,out] outputs  [n_outputs]; data NULL: allocated, tare_free() it; else where
 *                 to write, of n_bytes, which must be just what comes out. On failure
 *                 nothing allocated is left.
 * Allocates: what nodes make, until nobody reads it any more.
 */
enum tare_status tare_graph_run(struct tare_graph *graph,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err);

/**
 * What a node that works value by value makes of other values of its input number
 * `input`: its further inputs are constants of one value, or absent. What is fused into
 * the node is done too.
 * @param[in] x  [n] float32   @param[out] y  [n]
 */
enum tare_status tare_node_apply(const struct tare_graph *graph,
                                 const struct tare_node *node, size_t input, float *x,
                                 float *y, int64_t n, struct tare_error *err);

#endif /* TARE_GRAPH_RUN_H */
