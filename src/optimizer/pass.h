/* optimizer/pass.h - what passes have in common, and their prototypes. */
#ifndef TARE_OPTIMIZER_PASS_H
#define TARE_OPTIMIZER_PASS_H

#include "optimizer/optimizer.h"

tare_pass_fn tare_pass_inline_if;
tare_pass_fn tare_pass_qlinear;
tare_pass_fn tare_pass_constant_fold;
tare_pass_fn tare_pass_identity;
tare_pass_fn tare_pass_dead;
tare_pass_fn tare_pass_hard_swish;
tare_pass_fn tare_pass_swish;
tare_pass_fn tare_pass_gelu;
tare_pass_fn tare_pass_layer_norm;
tare_pass_fn tare_pass_common;
tare_pass_fn tare_pass_transpose;
tare_pass_fn tare_pass_reshape;
tare_pass_fn tare_pass_spatial_1d;
tare_pass_fn tare_pass_matmul_to_gemm;
tare_pass_fn tare_pass_attention_scale;
tare_pass_fn tare_pass_fold_affine;
tare_pass_fn tare_pass_fold_front;
tare_pass_fn tare_pass_fold_pad;
tare_pass_fn tare_pass_quantize_earlier;
tare_pass_fn tare_pass_quantize_once;
tare_pass_fn tare_pass_fuse_residual;
tare_pass_fn tare_pass_fuse_activation;

/** For networks that keep every tensor, not in the optimizer's table: the maker of what
 *  a Relu, or a Clip from zero, alone reads cuts it itself, and an Identity stands
 * where that was. Both tensors then hold what is left of the values. */
tare_pass_fn tare_pass_cut_early;

/** The live node that makes the tensor, or -1. */
int32_t tare_pass_producer(const struct tare_graph *graph, int32_t tensor);

/** The node that reads the tensor, when nobody else does, the user neither; or -1. */
int32_t tare_pass_only_reader(const struct tare_graph *graph, int32_t tensor);

/** The node that makes the tensor, when it is a `op` with nothing fused into it and the
 *  tensor is read `n_uses` times, by no user; or -1. */
int32_t tare_pass_made_by(const struct tare_graph *graph, int32_t tensor,
                          enum tare_op op, size_t n_uses);

/** The only reader of the tensor, when it is a `op` with nothing fused into it; or -1.
 */
int32_t tare_pass_read_by(const struct tare_graph *graph, int32_t tensor,
                          enum tare_op op);

/** Are all lengths of the tensor's axes known, and above 0? Not known behind nodes
 * whose shapes depend on data. Tensors without elements are made by programs, which run
 * what ONNX has alone. */
bool tare_pass_has_shape(const struct tare_graph *graph, int32_t tensor);

/** A Conv, a Gemm, or a MatMul by a matrix, whose weights are a float constant: what
 *  runs as a product with an epilogue. */
bool tare_pass_is_weighted(const struct tare_graph *graph,
                           const struct tare_node *node);

/** Did reading a node's parameters fail only because they are not known before the run,
 *  or because kernels do not have the case? Then the pass leaves the node alone: `err`
 *  is cleared. */
bool tare_pass_keeps_off(enum tare_status status, struct tare_error *err);

/** A float constant of one value. */
bool tare_pass_scalar(const struct tare_graph *graph, int32_t tensor, double *value);

/** Reads a node of two inputs as (tensor, one-value constant), in this order, or in
 *  either when it is Add or Mul. The output must have the tensor's shape. */
bool tare_pass_with_scalar(const struct tare_graph *graph, const struct tare_node *node,
                           int32_t *tensor, double *value);

/** Nodes that a pattern consists of, in any order. */
struct tare_pass_group {
    int32_t nodes[24];
    size_t n;
};
/** @retval false  the group is full. */
bool tare_pass_group_add(struct tare_pass_group *group, int32_t node);

/** tensor = x * factor by a Mul or Div of its own, which is added to the group; x, or
 * -1.
 */
int32_t tare_pass_scaled(const struct tare_graph *graph, int32_t tensor, double *factor,
                         struct tare_pass_group *group);

/** x of a tensor that is x^exponent, by Pow or by products, which are added to the
 * group and which nothing else reads; or -1.  @param exponent  2 or 3 */
int32_t tare_pass_power_base(const struct tare_graph *graph, int32_t tensor,
                             int exponent, struct tare_pass_group *group);

/** |a - b| small for constants that were rounded to float and multiplied. */
bool tare_pass_is_close(double a, double b);

/**
 * Let node `last` do the work of the whole group (`last` may be among them): it becomes
 * `op` of `inputs`, without attributes, keeps its name, place and outputs, and answers
 * for the others, which go.
 */
enum tare_status tare_pass_replace(struct tare_graph *graph, int32_t last,
                                   const struct tare_pass_group *group, enum tare_op op,
                                   const int32_t *inputs, size_t n_inputs,
                                   struct tare_error *err);

/** Is the tensor a float constant? */
bool tare_pass_is_float_const(const struct tare_graph *graph, int32_t tensor);

/** A dense float constant's element. */
double tare_pass_const_at(const struct tare_tensor *tensor, int64_t i);

/** Add a float constant named after the tensor `origin`: values rounded from double. */
enum tare_status tare_pass_add_const(struct tare_graph *graph, int32_t origin,
                                     const struct tare_dims *dims, const double *values,
                                     int32_t *id, struct tare_error *err);

/** Add a tensor of these dims named after the tensor `origin`, "<origin>.<suffix>". */
enum tare_status tare_pass_add_tensor(struct tare_graph *graph, int32_t origin,
                                      const char *suffix, enum tare_dtype dtype,
                                      const struct tare_dims *dims, int32_t *id,
                                      struct tare_error *err);

/** Add an int64 constant that holds the dims of the tensor, and is named after it. */
enum tare_status tare_pass_add_shape(struct tare_graph *graph, int32_t tensor,
                                     int32_t *id, struct tare_error *err);

/**
 * Let the node `maker` do the work of `last`, its output's only reader, as well: it
 * moves to the place of `last`, where all inputs of both are known, makes what `last`
 * made, and answers to its name. Node id `last` is the merged node from then on.
 */
enum tare_status tare_pass_merge(struct tare_graph *graph, int32_t maker, int32_t last,
                                 struct tare_error *err);

#endif /* TARE_OPTIMIZER_PASS_H */
