/* graph/graph.h - the IR: an SSA graph of named tensors and nodes.
 *
 * Ids index graph->tensors and graph->nodes and stay valid until tare_graph_compact().
 * Every tensor has at most one producer. Names of ONNX tensors are kept to the end:
 * caches, constraints and reports speak of them. */
#ifndef TARE_GRAPH_GRAPH_H
#define TARE_GRAPH_GRAPH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "graph/names.h"
#include "graph/op.h"
#include "tare/tensor.h"

#define TARE_NO_TENSOR (-1) /* an optional input that is left out */

struct tare_plugin_instance;

enum tare_attr_type {
    TARE_ATTR_INT,
    TARE_ATTR_FLOAT,
    TARE_ATTR_STRING,
    TARE_ATTR_INTS,
    TARE_ATTR_FLOATS,
    TARE_ATTR_TENSOR,
    TARE_ATTR_GRAPH,
    TARE_ATTR_STRINGS
};

/** Constant data: `data` is dense, TARE_ALIGN-aligned, owned, little-endian. */
struct tare_const {
    enum tare_dtype dtype;
    struct tare_dims dims;
    void *data;
    size_t n_bytes;
};

struct tare_attr {
    char *name;
    enum tare_attr_type type;
    int64_t i;
    float f;
    char *s;             /* STRING; STRINGS [n], a newline between two of them */
    int64_t *ints;       /* INTS [n] */
    float *floats;       /* FLOATS [n] */
    size_t n;            /* of ints, floats or strings */
    struct tare_const t; /* TENSOR */
    /* GRAPH: the body of an If, Loop or Scan, owned. It sees nothing but its inputs:
     * what ONNX lets it capture are further inputs of it and of the node. */
    struct tare_graph *g;
};

/** The precision that a node computes in. */
enum tare_precision {
    TARE_PRECISION_FP32 = 0,
    TARE_PRECISION_INT8 = 1,
    TARE_PRECISION_FP16 = 2,
    TARE_PRECISION_BF16 = 3
};

/** How a tensor is held, set by the precision pass. `held`: stored as uint8,
 *  real = scale * (q - zero_point), q in [lowest, 255]. From a range: zero_point 0 and
 *  lowest 0 when the tensor cannot be negative, else 128 and 1, so that q - 128 lies in
 *  [-127, 127]. From the model: any zero_point, lowest 0. */
struct tare_quant {
    bool held;
    float scale;
    int32_t zero_point;
    int32_t lowest;
};

/** "FP32", "INT8", … Static storage. */
const char *tare_precision_name(enum tare_precision precision);

struct tare_tensor {
    char *name; /* unique in the graph, never empty */
    enum tare_dtype dtype;
    bool has_dtype; /* of what a node makes, or a body reads: declared or inferred */
    bool has_dims;  /* rank known; single axes may still be -1 */
    struct tare_dims dims;
    char
        *symbols[TARE_MAX_RANK]; /* names of axes that the model leaves open, or NULL */
    int32_t producer;            /* node id, or -1: graph input or constant */
    void *data;                  /* constant content, owned; NULL otherwise */
    size_t n_bytes;              /* of data */
    /* Owners of data, which nobody changes: a large constant and its copies in clones.
     * NULL: this tensor alone. */
    atomic_size_t *n_owners;
    struct tare_quant quant;
    /* Of a float activation that is not held as uint8, set by the precision pass: FP16
     * and BF16 say that its values are rounded to that type. */
    enum tare_precision stored;
};

/** What accuracy recovery puts in the place of a weighted node's constants when it is
 *  lowered to INT8. NULL: the node's own. */
struct tare_recovered {
    const float *bias;     /* [out_c] */
    const int8_t *weights; /* [out_c, in_c / groups, kernel_h, kernel_w], quantized */
    const float *scales;   /* [out_c] of the weights; only beside them */
};

/** An operator that tare does not know, in a graph that is only to be rewritten: a node
 *  of TARE_OP_OPAQUE. Attributes that tare_attr can hold are the node's. */
struct tare_opaque {
    char *op_type;
    char *domain;    /* "": ONNX's own */
    int64_t version; /* of the domain's operator set */
    char *reason;    /* why tare cannot run it */
    uint8_t *rest;   /* [n_rest] other attributes, a packed NodeProto; or NULL */
    size_t n_rest;
    bool is_incomplete; /* what it needs of the model is not held here (a subgraph): it
                         * cannot be exported */
};

struct tare_node {
    enum tare_op op;
    char *name; /* unique in the graph, never empty */
    int32_t *inputs;
    size_t n_inputs;
    int32_t *outputs;
    size_t n_outputs;
    struct tare_attr *attrs;
    size_t n_attrs;
    bool dead;      /* removed; skipped by everyone until compaction */
    char *absorbed; /* names of the ONNX nodes fused into this one, "a + b", or NULL */
    struct tare_fused fused;
    enum tare_precision precision;
    const struct tare_recovered *recovered; /* borrowed; NULL: nothing */
    struct tare_opaque *opaque; /* owned; of TARE_OP_OPAQUE, and of TARE_OP_PLUGIN in
                                 * the graph of a model */
    struct tare_plugin_instance *plugin; /* owned; of TARE_OP_PLUGIN */
};

/** What the model says of itself, for other programs: names of classes and such. */
struct tare_property {
    char *key, *value;
};

struct tare_graph {
    char *name;
    int opset; /* of the default domain */
    struct tare_tensor *tensors;
    size_t n_tensors, cap_tensors;
    struct tare_node *nodes; /* in topological order */
    size_t n_nodes, cap_nodes;
    int32_t *inputs; /* tensor ids, constants not among them */
    size_t n_inputs;
    size_t n_captures; /* of a body: so many of its last inputs are tensors of the graph
                          around it, by the same names */
    int32_t *outputs;
    size_t n_outputs;
    struct tare_names tensor_names, node_names; /* kept by the functions below */
    size_t n_made_names;
    struct tare_property *properties;
    size_t n_properties, cap_properties;
    /* The model's local functions, where opaque nodes call some: a packed ModelProto of
     * nothing else; or NULL. */
    uint8_t *functions;
    size_t functions_bytes;
};

/** An empty graph of opset TARE_OPSET_MAX. Set `opset` before adding nodes. */
enum tare_status tare_graph_create(struct tare_graph **graph, struct tare_error *err);
void tare_graph_destroy(struct tare_graph *graph);
/** A deep copy: passes work on a copy, so that one model serves many builds. The data
 * of large constants is shared until the last of the graphs is destroyed. */
enum tare_status tare_graph_clone(const struct tare_graph *graph,
                                  struct tare_graph **copy, struct tare_error *err);

/** Add a tensor; `name` is copied; a duplicate name is TARE_E_FORMAT. */
enum tare_status tare_graph_add_tensor(struct tare_graph *graph, const char *name,
                                       int32_t *id, struct tare_error *err);
/** Add a constant tensor; takes ownership of content->data, also on failure. */
enum tare_status tare_graph_add_const(struct tare_graph *graph, const char *name,
                                      struct tare_const *content, int32_t *id,
                                      struct tare_error *err);
/** Append a node; arrays and name are copied; sets the outputs' producer. A name that
 * is empty or taken gets a number ("Relu_7", "relu_7"). An output that has a producer
 *  or is constant is TARE_E_FORMAT. Moves graph->nodes. `id` may be NULL. */
enum tare_status tare_graph_add_node(struct tare_graph *graph, enum tare_op op,
                                     const char *name, const int32_t *inputs,
                                     size_t n_inputs, const int32_t *outputs,
                                     size_t n_outputs, int32_t *id,
                                     struct tare_error *err);
/** Replace the graph's inputs or outputs; the ids are copied. */
enum tare_status tare_graph_set_inputs(struct tare_graph *graph, const int32_t *ids,
                                       size_t n, struct tare_error *err);
enum tare_status tare_graph_set_outputs(struct tare_graph *graph, const int32_t *ids,
                                        size_t n, struct tare_error *err);
/** Replace a node's inputs; the ids (TARE_NO_TENSOR among them) are copied. */
enum tare_status tare_node_set_inputs(struct tare_node *node, const int32_t *ids,
                                      size_t n, struct tare_error *err);
/** Let the node make `tensor` as its output `index`; the tensor that it made before
 *  loses its producer. */
void tare_graph_set_output(struct tare_graph *graph, int32_t node, size_t index,
                           int32_t tensor);
/** Change a tensor's name; a taken one is TARE_E_FORMAT. */
enum tare_status tare_graph_rename_tensor(struct tare_graph *graph, int32_t tensor,
                                          const char *name, struct tare_error *err);
/** The same for a node. */
enum tare_status tare_graph_rename_node(struct tare_graph *graph, int32_t node,
                                        const char *name, struct tare_error *err);
/** Add or replace an attribute; takes ownership of what `attr` points to (its name is
 *  copied), also on failure. */
enum tare_status tare_node_add_attr(struct tare_node *node, const char *name,
                                    struct tare_attr attr, struct tare_error *err);

/** Add a property; the texts are copied. */
enum tare_status tare_graph_add_property(struct tare_graph *graph, const char *key,
                                         const char *value, struct tare_error *err);

/** "<base>", else "<base>_2", … that no tensor has; tare_free() it. NULL: no memory. */
char *tare_graph_fresh_name(const struct tare_graph *graph, const char *base);
/** Id by name, or TARE_NO_TENSOR. */
int32_t tare_graph_find_tensor(const struct tare_graph *graph, const char *name);
/** Node by name, dead ones included, or -1. */
int32_t tare_graph_find_node(const struct tare_graph *graph, const char *name);
/** Give a constant its storage, data and n_bytes from dtype and dims, contents
 *  undefined. A size that does not fit is TARE_E_UNSUPPORTED. Where there is data
 *  already, of n_bytes, it must be just as large, and stays. */
enum tare_status tare_const_alloc(struct tare_const *constant, struct tare_error *err);
/** A copy without the name. @param[out] to  nothing, on failure. */
enum tare_status tare_attr_copy(const struct tare_attr *from, struct tare_attr *to,
                                struct tare_error *err);
/** Let a new node compute what another one does: fusion, attributes, plugin; not its
 *  edges and name. */
enum tare_status tare_node_copy_content(struct tare_node *to,
                                        const struct tare_node *from,
                                        struct tare_error *err);
/** Release what an attribute points to, and its name. */
void tare_attr_free(struct tare_attr *attr);
/** Give back a tensor's constant data (it becomes an ordinary tensor). */
void tare_tensor_clear_data(struct tare_tensor *tensor);
bool tare_tensor_is_const(const struct tare_tensor *tensor);
/** A view of a tensor's value. */
struct tare_const tare_tensor_content(const struct tare_tensor *tensor);
bool tare_graph_is_output(const struct tare_graph *graph, int32_t tensor);
/** How many live nodes read the tensor (a node that reads it twice counts twice), plus
 *  one for each time it is a graph output. */
size_t tare_graph_n_uses(const struct tare_graph *graph, int32_t tensor);
/** tare_graph_n_uses of every tensor at once. @param[out] uses  [n_tensors]. */
void tare_graph_count_uses(const struct tare_graph *graph, size_t *uses);
/** Let every reader of `from`, graph outputs included, read `to`. */
void tare_graph_replace_uses(struct tare_graph *graph, int32_t from, int32_t to);
/** Mark a node dead; its outputs lose their producer. */
void tare_graph_remove_node(struct tare_graph *graph, int32_t node);
/** Drop dead nodes and unused tensors, renumber, keep the order. Invalidates ids. */
enum tare_status tare_graph_compact(struct tare_graph *graph, struct tare_error *err);
/** Sort the nodes topologically (stable); a cycle or an input that nobody makes is
 *  TARE_E_FORMAT naming the node, and so is a graph input that a node makes. Renumbers
 * nodes, not tensors. */
enum tare_status tare_graph_sort(struct tare_graph *graph, struct tare_error *err);
/**
 * Compute a node whose inputs are constants and store the results as constant data of
 * its outputs, which stay the node's outputs. Shape and Size want only their input's
 * dims.
 * @param[out] evaluated  false when the operator or an input does not allow it, or the
 *             result is much larger than what it is made from (see graph/infer.c);
 *             the graph is then unchanged but for the outputs' dims and dtype.
 */
enum tare_status tare_graph_eval_node(struct tare_graph *graph, int32_t node,
                                      bool *evaluated, struct tare_error *err);

/** Multiplications and additions of a Conv, Gemm or MatMul, counted as one each; 0 for
 *  every other operator. After tare_graph_infer(). Saturates at INT64_MAX. */
int64_t tare_node_macs(const struct tare_graph *graph, const struct tare_node *node);

/** One line a node, for debugging and tests. */
void tare_graph_print(const struct tare_graph *graph, struct tare_text *out);

/** A copy of the records: note on `into` that it now also does the work of `from`. */
enum tare_status tare_node_absorb(struct tare_node *into, const struct tare_node *from,
                                  struct tare_error *err);

/** flags[t] = the tensor's values cannot be negative, whatever the input: after Relu,
 *  Clip(0, ...), Sigmoid, Softmax, ... and what keeps that (pooling, Concat, Add of two
 *  such tensors, ...). After tare_graph_infer(). @param[out] flags  [n_tensors]. */
void tare_graph_nonnegative(const struct tare_graph *graph, bool *flags);

/** Input `i` of the operator itself (a fused residual is not among them), or
 *  TARE_NO_TENSOR when it is absent or left out. */
int32_t tare_node_input(const struct tare_node *node, size_t i);
/** ONNX's op_type, an opaque node's and a plugin's own too. Static storage, but for an
 *  opaque node's. */
const char *tare_node_op_type(const struct tare_node *node);
/** An error's text without the "node 'c1' (Conv): " that speaks of this node. */
const char *tare_node_bare_text(const struct tare_node *node, const char *text);
/** Make the node an opaque one; the texts are copied. */
enum tare_status tare_node_set_opaque(struct tare_node *node, const char *op_type,
                                      const char *domain, int64_t version,
                                      const char *reason, struct tare_error *err);
void tare_opaque_free(struct tare_opaque *opaque);
/** Make the node one that a plugin computes; takes ownership of `instance`. */
void tare_node_set_plugin(struct tare_node *node,
                          struct tare_plugin_instance *instance);
/** Attribute by name, or NULL. */
const struct tare_attr *tare_node_attr(const struct tare_node *node, const char *name);
/** Remove the attribute of that name, if there is one; others may change their order.
 */
void tare_node_remove_attr(struct tare_node *node, const char *name);
int64_t tare_node_int(const struct tare_node *node, const char *name, int64_t fallback);
float tare_node_float(const struct tare_node *node, const char *name, float fallback);
const char *tare_node_string(const struct tare_node *node, const char *name,
                             const char *fallback);
/** Read exactly `n` ints, or fill all with `fallback` when absent; another count fails:
 *  "node 'c1' (Conv): attribute 'pads' has 3 values, want 4". */
enum tare_status tare_node_ints(const struct tare_node *node, const char *name,
                                size_t n, int64_t fallback, int64_t *out,
                                struct tare_error *err);

/** Does the operator have an attribute of that name and type, in one opset or another?
 */
bool tare_op_has_attr(enum tare_op op, const char *name, enum tare_attr_type type);

/** Error with the node's name and op in front: "node 'c1' (Conv): …". */
#define TARE_NODE_FAIL(node, err, code, fmt, ...)                                      \
    return tare_error_set((err), (code), "node '%.80s' (%s): " fmt, (node)->name,      \
                          tare_node_op_type(node), __VA_ARGS__)

#endif /* TARE_GRAPH_GRAPH_H */
