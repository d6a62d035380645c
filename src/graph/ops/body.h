/* graph/ops/body.h - graphs inside nodes, of If, Loop and Scan. */
#ifndef TARE_GRAPH_OPS_BODY_H
#define TARE_GRAPH_OPS_BODY_H

#include "graph/graph.h"

/** The graph that is attribute `name`, and which of the node's inputs it captures: its
 *  last n_captures inputs are inputs `first` and following of the node. Each graph of a
 *  node has captures of its own, in the order of the attributes, behind the operator's
 *  own inputs. TARE_E_FORMAT when it is missing or the numbers do not fit. */
enum tare_status tare_node_find_body(const struct tare_node *node, const char *name,
                                     struct tare_graph **body, size_t *first,
                                     struct tare_error *err);
/** The same, to run it: an operator that tare does not know is TARE_E_UNSUPPORTED. */
enum tare_status tare_node_body(const struct tare_node *node, const char *name,
                                struct tare_graph **body, size_t *first,
                                struct tare_error *err);

/** Inputs of the operator itself, in front of all captures. */
size_t tare_node_n_own(const struct tare_node *node);

/** Values of one output over the runs of a body, in order; owned. */
struct tare_stack {
    struct tare_const *items;
    size_t n, capacity;
};
/** Take `value` over, also on failure. All must have equal dims and dtype. */
enum tare_status tare_stack_push(struct tare_stack *stack, struct tare_const *value,
                                 struct tare_error *err);
/** Join the items along a new axis, which counts from 0 or, negative, from behind, in
 *  their order or from the last to the first.
 *  @param[out] out  of like[...] with length 0 when there are none. */
enum tare_status tare_stack_join(const struct tare_stack *stack, int64_t axis,
                                 bool reverse, const struct tare_tensor *like,
                                 struct tare_const *out, struct tare_error *err);
void tare_stack_release(struct tare_stack *stack);

/** A copy of `value` in `out`, which may have a place already. */
enum tare_status tare_const_copy(const struct tare_const *value, struct tare_const *out,
                                 struct tare_error *err);

#endif /* TARE_GRAPH_OPS_BODY_H */
