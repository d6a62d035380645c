/* refit/weights.h - which constants of a network are weights; a network without them.
 */
#ifndef TARE_REFIT_WEIGHTS_H
#define TARE_REFIT_WEIGHTS_H

#include "graph/graph.h"

/** flags[t]: tensor t is a constant that may be given other values (see tare/refit.h).
 *  @param[out] flags  [n_tensors] */
void tare_find_weights(const struct tare_graph *graph, bool *flags);

/** Names of the nodes that read a tensor, joined with " + "; tare_free() it. NULL: no
 *  memory. */
char *tare_weight_readers(const struct tare_graph *graph, int32_t tensor);

/** Take the values of all weights out: they become the last inputs of the graph, in the
 *  order of their tensors, for which nobody has values. @param[out] n  how many. */
enum tare_status tare_strip_weights(struct tare_graph *graph, size_t *n,
                                    struct tare_error *err);

/** Give a constant, or what was one, a copy of other values: n_bytes of its type and
 *  shape. @param[out] changed  they are not what it had; left alone where they are. */
enum tare_status tare_set_weight(struct tare_graph *graph, int32_t tensor,
                                 const void *data, bool *changed,
                                 struct tare_error *err);

/** Is `other` the same network but for its weights: nodes, names, attributes, and what
 *  other constants it has? Lengths of axes of inputs may differ. @retval TARE_E_ARG  It
 *  is not; the text names the first difference. (same_network.c) */
enum tare_status tare_same_network(const struct tare_graph *graph,
                                   const struct tare_graph *other,
                                   struct tare_error *err);

#endif /* TARE_REFIT_WEIGHTS_H */
