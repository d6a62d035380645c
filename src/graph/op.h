/* graph/op.h - the operators: one line each in ops.inc, one file each family in ops/.
 */
#ifndef TARE_GRAPH_OP_H
#define TARE_GRAPH_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tare_graph;
struct tare_node;
struct tare_const;

/* TARE_OP_LINE(enumerator, ONNX name, first opset, least inputs, most inputs, outputs,
 *              attributes, infer, eval) */
#define TARE_OPSET_FIRST 1 /* that a file may be of */
#define TARE_OPSET_MIN   7 /* that a graph may be of: import rewrites older ones */
#define TARE_OPSET_MAX   22

#define TARE_OP_LINE(id, ...) TARE_OP_##id,
enum tare_op {
#include "graph/ops.inc"
    TARE_OP_COUNT
};
#undef TARE_OP_LINE

/** What fusion has put behind a node's own arithmetic, in this order:
 *  y = clamp(slope(x + residual)), slope(v) = v < 0 ? v * negative_slope : v.
 *  A node without fusion has negative_slope 1 and infinite bounds. The residual is the
 *  node's last input when has_residual. */
struct tare_fused {
    bool has_residual;
    float negative_slope;
    float lower;
    float upper;
};

/** No fusion at all. */
struct tare_fused tare_fused_none(void);
bool tare_fused_is_none(const struct tare_fused *fused);

/** Set dims and dtype of the node's outputs from its inputs, whose dims are all known.
 *  TARE_E_DEFERRED: that takes the value of an input that is not known. An output whose
 *  shape only eval can tell, even when all values are known (Loop), is left alone. */
typedef enum tare_status tare_op_infer_fn(struct tare_graph *graph,
                                          struct tare_node *node,
                                          struct tare_error *err);

/** The reference of an operator: constants are folded by it, and an engine runs it
 *  where no kernel does. inputs[n_inputs]: data is NULL for an absent input, and may be
 *  for Shape's and Size's. Fills outputs[i] with tare_const_alloc(); dtype and dims
 * come from inference and are set by the caller, and where it has set data, that is
 * where the values go. On failure what was allocated stays in outputs[], for the caller
 * to free. */
typedef enum tare_status tare_op_eval_fn(const struct tare_graph *graph,
                                         const struct tare_node *node,
                                         const struct tare_const *inputs,
                                         struct tare_const *outputs,
                                         struct tare_error *err);

struct tare_op_info {
    const char *name; /* ONNX's op_type */
    int since; /* first opset that we read; above TARE_OPSET_MAX: passes alone make it
                */
    size_t min_inputs;
    size_t max_inputs;      /* SIZE_MAX: any number */
    size_t n_outputs;       /* most outputs that we can make */
    const char *attributes; /* allowed ones: "kernel_shape:ints group:int …" */
    tare_op_infer_fn *infer;
    tare_op_eval_fn *eval; /* NULL: not folded */
};

const struct tare_op_info *tare_op_info(enum tare_op op);
const char *tare_op_name(enum tare_op op);
/** The operator of an ONNX name, or TARE_OP_COUNT. */
enum tare_op tare_op_find(const char *name);

/** Does a node that comes from a file fit its operator's line for the graph's opset:
 * opset, number of inputs and outputs, names and types of attributes. What is missing
 * or of a wrong type is TARE_E_FORMAT, what we do not read is TARE_E_UNSUPPORTED. Nodes
 * that passes make need not fit: they may be of operators newer than the graph's opset,
 * so that inference does not ask; where parameters moved from attributes to inputs, the
 * graph's opset still says which of them counts. */
enum tare_status tare_node_check(const struct tare_graph *graph,
                                 const struct tare_node *node, struct tare_error *err);

/** Does a node of the operator mean the same in two opsets, whatever it looks like? */
bool tare_op_is_same(enum tare_op op, int a, int b);

/** Infer every node in order. All graph inputs must have known dims. Results up to 64
 * KiB that depend on constants and shapes alone are computed on the way and stored on
 * their tensors, so that Shape, Gather, Concat, Reshape chains get their shapes; a
 * second call computes them afresh. A node whose outputs' shapes only a run can tell is
 * deferred, and so is what reads them: those tensors are left with has_dims false. */
enum tare_status tare_graph_infer(struct tare_graph *graph, struct tare_error *err);

#endif /* TARE_GRAPH_OP_H */
