/* engine/build/lower.h - from the annotated graph to layers.
 *
 * A graph tensor may exist in several versions: float32, uint8 or one of the 16-bit
 * floats, linear or HWC. A
 * node asks for the version that its kernel reads; a version that is not there yet is
 * made from one that is, by a reformat layer. */
#ifndef TARE_ENGINE_BUILD_LOWER_H
#define TARE_ENGINE_BUILD_LOWER_H

#include "base/monitor.h"
#include "engine/build/plan_builder.h"
#include "graph/graph.h"
#include "graph/params.h"
#include "graph/window.h"

/** What the values of a version are stored as. */
enum tare_form {
    TARE_FORM_OWN, /* the tensor's own type: float32 for what kernels read */
    TARE_FORM_U8,  /* as its quant says */
    TARE_FORM_F16,
    TARE_FORM_BF16,
    TARE_N_FORMS
};

/** Where the versions of one tensor are; -1: not made. */
struct tare_versions {
    int32_t id[2][TARE_N_FORMS];    /* [format][form] */
    int32_t dense[TARE_N_FORMS];    /* [form] of an HWC version that is a slice */
    int32_t whole[2][TARE_N_FORMS]; /* memory that parts of it are made in, before it is
                                     */
    int32_t binding;                /* of a network input */
};

/** The part of a Concat's output that a tensor is to be made in: from `at` on along the
 *  axis. whole TARE_NO_TENSOR: memory of its own. */
struct tare_place {
    int32_t whole, axis;
    enum tare_form form;
    int64_t at;
};

/** What becomes of a node. */
enum tare_fate {
    TARE_FATE_RUNS,     /* layers of its own */
    TARE_FATE_LEFT_OUT, /* its readers do without what it makes */
    TARE_FATE_PRODUCT   /* the product in front of it makes what it would make */
};

struct tare_lower {
    const struct tare_graph *graph;
    const struct tare_border *borders; /* [n_inputs + n_outputs] of the graph, or NULL:
                                          none is set */
    struct tare_plan_builder *plan;
    struct tare_versions *versions;     /* [n_tensors] */
    struct tare_place *places;          /* [n_tensors] */
    bool *is_late;                      /* [n_tensors] made by the last program */
    enum tare_fate *fates;              /* [n_nodes] */
    int32_t *only_reader;               /* [n_tensors] node, or -1: none, or several */
    bool in_place;                      /* tensors may be parts of others */
    const struct tare_monitor *monitor; /* or NULL */
    size_t n_joined; /* nodes that copy nothing: Concat, and those left out */
};

/** Add the layers of a node. TARE_E_UNSUPPORTED, with nothing added: no kernel computes
 *  it as it is. */
typedef enum tare_status tare_lower_fn(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err);

/* One a family of operators. */
tare_lower_fn tare_lower_weighted, tare_lower_conv_transpose, tare_lower_matmul,
    tare_lower_pool, tare_lower_unary, tare_lower_binary,
    tare_lower_batch_normalization, tare_lower_softmax, tare_lower_layer_norm,
    tare_lower_reduce, tare_lower_resize, tare_lower_view, tare_lower_transpose,
    tare_lower_concat, tare_lower_slice, tare_lower_split, tare_lower_pad,
    tare_lower_expand, tare_lower_gather, tare_lower_recurrent, tare_lower_quantize,
    tare_lower_dequantize, tare_lower_cast, tare_lower_blocks, tare_lower_plugin;

/** Lower the whole graph: bindings, nodes in order, outputs. */
enum tare_status tare_lower_graph(struct tare_lower *l, struct tare_error *err);

/** Make a tensor that was left out, for a reader that cannot do without it. (lower.c)
 */
enum tare_status tare_lower_left_out(struct tare_lower *l, int32_t tensor,
                                     struct tare_error *err);

const struct tare_tensor *tare_lower_tensor(const struct tare_lower *l, int32_t tensor);
/** Input i, or TARE_NO_TENSOR when the node leaves it out. */
int32_t tare_lower_input(const struct tare_node *node, size_t i);
/** What a node reads a tensor as: uint8 when it computes in INT8 and the tensor is
 * held, the 16-bit float that it computes in. */
enum tare_form tare_lower_form(const struct tare_lower *l, const struct tare_node *node,
                               int32_t tensor);
/** What a node makes an output as: uint8 when it computes in INT8 and the output is
 *  held, the 16-bit float that the output is stored as. */
enum tare_form tare_lower_out_form(const struct tare_lower *l,
                                   const struct tare_node *node, int32_t tensor);
/** The element type of a form of a tensor. */
enum tare_dtype tare_form_dtype(enum tare_form form, const struct tare_tensor *t);
/** HWC when a rank 4 tensor exists in HWC, else linear. */
enum tare_format tare_lower_format(const struct tare_lower *l, int32_t tensor);

/** Whether it is a float activation of known dims, none of them 0. (places.c) */
bool tare_lower_has_memory(const struct tare_tensor *t);
static inline bool tare_same_quant(const struct tare_quant *a,
                                   const struct tare_quant *b)
{
    return a->scale == b->scale && a->zero_point == b->zero_point &&
           a->lowest == b->lowest;
}

/** Leave out the nodes that only move what products read. (views.c) */
enum tare_status tare_lower_plan_views(struct tare_lower *l, struct tare_error *err);
/** How many nodes are left out. */
size_t tare_lower_n_left_out(const struct tare_lower *l);
/** Find places for the inputs of every Concat. (places.c) */
enum tare_status tare_lower_plan_places(struct tare_lower *l, struct tare_error *err);
/** Whether two tensors of the plan lie in the memory of one. */
bool tare_lower_shares(const struct tare_lower *l, int32_t id, int32_t with);
/** Whether tensor `id` of the plan lies in `of`, from byte `at` on. */
bool tare_lower_is_part(const struct tare_lower *l, int32_t id, int32_t of, int64_t at);

/** Id of a version of a tensor, dense, which is converted to it when need be. */
enum tare_status tare_lower_use(struct tare_lower *l, int32_t tensor,
                                enum tare_format format, enum tare_form form,
                                int32_t *id, struct tare_error *err);
/** The same for readers of slices: its pitch is in the plan's tensor. */
enum tare_status tare_lower_use_slice(struct tare_lower *l, int32_t tensor,
                                      enum tare_format format, enum tare_form form,
                                      int32_t *id, struct tare_error *err);
/** From plan tensor `from`, which has the floats of the tensor in `format`, to another
 * form in the same order. It is no version: what it is made from later is up to its
 * reader. */
enum tare_status tare_lower_reform(struct tare_lower *l, int32_t tensor, int32_t from,
                                   enum tare_form from_form, enum tare_format format,
                                   enum tare_form form, int32_t *id,
                                   struct tare_error *err);
/** Make the uint8 version of `y`, which is held, by quantizing the float tensor `x`. */
enum tare_status tare_lower_use_quantized(struct tare_lower *l, int32_t x, int32_t y,
                                          struct tare_error *err);
/** A float constant of lower rank, or a tensor of rank 4, as an HWC operand of rank 4
 * for broadcasting; @retval false in `*done` when it is neither. */
enum tare_status tare_lower_use_broadcast(struct tare_lower *l, int32_t tensor,
                                          enum tare_form form, bool *done, int32_t *id,
                                          struct tare_error *err);
typedef enum tare_status tare_lower_make_fn(struct tare_lower *l, int32_t tensor,
                                            enum tare_format format,
                                            enum tare_form form, int32_t *id,
                                            struct tare_error *err);
/** Make the first version of a node's output, dense, under the tensor's name. */
tare_lower_make_fn tare_lower_make;
/** The same for layers that can write a slice: its pitch is in the plan's tensor. */
tare_lower_make_fn tare_lower_make_slice;
/** Make a node's output as a view of `of`, which is dense. */
enum tare_status tare_lower_make_view(struct tare_lower *l, int32_t tensor,
                                      enum tare_format format, enum tare_form form,
                                      int32_t of, int32_t *id, struct tare_error *err);

/** Whether the tensor only exists inside the program at the end: its shape is not known
 *  before, or it is empty, or it is made from such. */
static inline bool tare_lower_is_late(const struct tare_lower *l, int32_t tensor)
{
    return l->is_late[tensor];
}

/** Bind the network's inputs, as the user gives them. (lower_border.c) */
enum tare_status tare_lower_inputs(struct tare_lower *l, struct tare_error *err);
/** Whether the user gives it in a type or an order that conversions other than those of
 *  lower_border.c do not know: as bytes that stand for floats, or with other formats
 * than linear and HWC. */
bool tare_lower_is_foreign(const struct tare_lower *l, int32_t tensor);
/** The binding of an input that is given as the model has it; -1: it is not. */
int32_t tare_lower_linear_binding(const struct tare_lower *l, int32_t tensor);
/** A version of a foreign input. */
enum tare_status tare_lower_from_border(struct tare_lower *l, int32_t tensor,
                                        enum tare_format format, enum tare_form form,
                                        int32_t *id, struct tare_error *err);
/** An input that is given as bytes in the scale of `to`, which becomes of another
 * tensor than itself. @retval false in *done: it is given as floats. */
enum tare_status tare_lower_bytes_as(struct tare_lower *l, int32_t tensor,
                                     enum tare_format format,
                                     const struct tare_quant *to, bool *done,
                                     int32_t *id, struct tare_error *err);
/** Bind output `i` of the network, which is made, as the user wants it. */
enum tare_status tare_lower_output(struct tare_lower *l, size_t i,
                                   struct tare_error *err);
/** What was asked for output `i`, or NULL. */
const struct tare_border *tare_lower_border(const struct tare_lower *l, size_t i);

struct tare_weighted;
/** Add the layer of a window in the node's precision: x, weights, bias[, residual] ->
 * y, which are ids of the plan. `p` gives window, weights, bias, node, and the tensors
 * whose scales they have. (lower_conv.c) */
enum tare_status tare_lower_window(struct tare_lower *l, const struct tare_weighted *p,
                                   int32_t x, int32_t residual, int32_t y,
                                   struct tare_error *err);
/** The same from and to the tensors of the node. */
enum tare_status tare_lower_weighted_node(struct tare_lower *l,
                                          const struct tare_weighted *p,
                                          struct tare_error *err);

/** Add the INT8 layer of a pool, whose mode is an enum of f32_pool.h.
 *  (lower_elementwise.c) */
enum tare_status tare_lower_u8_pool(struct tare_lower *l, const struct tare_node *node,
                                    const struct tare_spatial *s, int32_t mode,
                                    struct tare_error *err);

/** A node that no kernel computes, as a program of its own. (lower_program.c) */
enum tare_status tare_lower_as_program(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err);
/** The nodes that make late tensors, in order, as the program at the end.
 *  @param made  [n_made] ids of the late outputs of the network, in its order */
enum tare_status tare_lower_late(struct tare_lower *l,
                                 const struct tare_node *const *nodes, size_t n_nodes,
                                 const int32_t *made, size_t n_made,
                                 struct tare_error *err);

/** Add the layer of a node that does the work of others too. */
enum tare_status tare_lower_add_with(struct tare_lower *l, const struct tare_node *node,
                                     const struct tare_node *const *others,
                                     size_t n_others, enum tare_layer_kind kind,
                                     const void *params, const int32_t *inputs,
                                     size_t n_inputs, int32_t output,
                                     struct tare_error *err);
/** Add the layer of a node, or of several of which `node` is the first. */
enum tare_status tare_lower_add_multi(struct tare_lower *l,
                                      const struct tare_node *node, const char *name,
                                      enum tare_layer_kind kind, const void *params,
                                      const int32_t *inputs, size_t n_inputs,
                                      const int32_t *outputs, size_t n_outputs,
                                      struct tare_error *err);
/** Add the layer of a node. */
enum tare_status tare_lower_add(struct tare_lower *l, const struct tare_node *node,
                                enum tare_layer_kind kind, const void *params,
                                const int32_t *inputs, size_t n_inputs, int32_t output,
                                struct tare_error *err);

/** Add a layer that belongs to no node, called "<what> <name of the tensor>". */
enum tare_status tare_lower_add_reformat(struct tare_lower *l, const char *what,
                                         int32_t tensor, enum tare_layer_kind kind,
                                         const void *params, const int32_t *inputs,
                                         size_t n_inputs, int32_t output,
                                         struct tare_error *err);
/** Add the layer that quantizes `from` to `to`, or dequantizes it, two plan tensors of
 *  the tensor's dims. uint8 that is linear has floats that are linear. */
enum tare_status tare_lower_add_quantize(struct tare_lower *l, int32_t tensor,
                                         int32_t from, int32_t to,
                                         struct tare_error *err);
/** The codes of `from` in those of another scale, by a table of which entry q is y[q]:
 *  layer "convert <name of the tensor>". (lower_table.c) */
enum tare_status tare_lower_add_table(struct tare_lower *l, int32_t tensor,
                                      const uint8_t y[256], int32_t from, int32_t to,
                                      struct tare_error *err);

/** Strides in bytes of each of ONNX's axes in memory. */
void tare_lower_strides(const struct tare_dims *dims, enum tare_format format,
                        int32_t elem_bytes, int64_t strides[TARE_MAX_RANK]);

/** The same of a tensor of the plan, which may be a slice. */
void tare_lower_strides_of(const struct tare_lower *l, int32_t id,
                           int64_t strides[TARE_MAX_RANK]);

/** A copy layer in the making. */
struct tare_pieces {
    struct tare_copy_piece *items;
    size_t n, capacity;
};
/** Add dst[...] = src[...] over dims, strides in bytes. */
enum tare_status tare_pieces_add(struct tare_pieces *pieces, int64_t input,
                                 int32_t elem_bytes, const struct tare_dims *dims,
                                 int64_t src_offset, const int64_t *src_strides,
                                 int64_t dst_offset, const int64_t *dst_strides,
                                 struct tare_error *err);
/** Add the copy layer. `node` NULL: a reformat, called `name`. `fill` NULL: the pieces
 *  cover the output. */
enum tare_status tare_lower_copy(struct tare_lower *l, const struct tare_node *node,
                                 const char *name, const struct tare_pieces *pieces,
                                 const uint64_t *fill, const int32_t *inputs,
                                 size_t n_inputs, int32_t output,
                                 struct tare_error *err);

struct tare_f32_unary;
/** Add the layer of a function of one input, number `input`, in INT8. `kernel` NULL: it
 *  is what the operator's reference makes. (lower_table.c) */
enum tare_status tare_lower_as_table(struct tare_lower *l, const struct tare_node *node,
                                     size_t input, const struct tare_f32_unary *kernel,
                                     struct tare_error *err);

/** The uint8 version of an input of `node` in the scale of `to`: itself, which may be a
 *  slice, or requantized. (lower_table.c) */
enum tare_status tare_lower_requantized(struct tare_lower *l,
                                        const struct tare_node *node, int32_t tensor,
                                        enum tare_format format,
                                        const struct tare_quant *to, int32_t *id,
                                        struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_LOWER_H */
