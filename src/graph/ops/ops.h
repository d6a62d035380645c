/* graph/ops/ops.h - the functions that ops.inc names, and what they share. */
#ifndef TARE_GRAPH_OPS_OPS_H
#define TARE_GRAPH_OPS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

tare_op_infer_fn tare_infer_affine_grid, tare_infer_arg, tare_infer_batch_normalization,
    tare_infer_binary, tare_infer_cast, tare_infer_cast_like,
    tare_infer_center_crop_pad, tare_infer_clip, tare_infer_col2im, tare_infer_compress,
    tare_infer_concat, tare_infer_constant, tare_infer_constant_of_shape,
    tare_infer_conv, tare_infer_cosine_window, tare_infer_cumsum,
    tare_infer_deform_conv, tare_infer_depth_to_space, tare_infer_dequantize_linear,
    tare_infer_det, tare_infer_dft, tare_infer_dropout,
    tare_infer_dynamic_quantize_linear, tare_infer_einsum, tare_infer_expand,
    tare_infer_eye_like, tare_infer_flatten, tare_infer_gather,
    tare_infer_gather_elements, tare_infer_gather_nd, tare_infer_gemm,
    tare_infer_global_pool, tare_infer_grid_sample, tare_infer_group_normalization,
    tare_infer_identity, tare_infer_if, tare_infer_is, tare_infer_layer_normalization,
    tare_infer_loss, tare_infer_loop, tare_infer_lp_normalization, tare_infer_lrn,
    tare_infer_matmul, tare_infer_max_roi_pool, tare_infer_max_unpool,
    tare_infer_mel_weight_matrix, tare_infer_mvn, tare_infer_non_max_suppression,
    tare_infer_nonzero, tare_infer_one_hot, tare_infer_opaque, tare_infer_pad,
    tare_infer_plugin, tare_infer_pool, tare_infer_pow, tare_infer_qlinear_conv,
    tare_infer_qlinear_matmul, tare_infer_quantize_linear, tare_infer_range,
    tare_infer_recurrent, tare_infer_reduce, tare_infer_reshape, tare_infer_resize,
    tare_infer_reverse_sequence, tare_infer_roi_align, tare_infer_scan,
    tare_infer_scatter_elements, tare_infer_scatter_nd, tare_infer_shape,
    tare_infer_size, tare_infer_slice, tare_infer_softmax, tare_infer_split,
    tare_infer_squeeze, tare_infer_stft, tare_infer_tfidf_vectorizer, tare_infer_tile,
    tare_infer_topk, tare_infer_transpose, tare_infer_trilu, tare_infer_unary,
    tare_infer_unique, tare_infer_unsqueeze, tare_infer_variadic, tare_infer_where;

tare_op_eval_fn tare_eval_affine_grid, tare_eval_arg, tare_eval_batch_normalization,
    tare_eval_binary, tare_eval_cast, tare_eval_center_crop_pad, tare_eval_clip,
    tare_eval_col2im, tare_eval_compress, tare_eval_concat, tare_eval_constant,
    tare_eval_constant_of_shape, tare_eval_conv, tare_eval_conv_transpose,
    tare_eval_copy, tare_eval_cosine_window, tare_eval_cumsum, tare_eval_deform_conv,
    tare_eval_depth_to_space, tare_eval_det, tare_eval_dft, tare_eval_dropout,
    tare_eval_dynamic_quantize_linear, tare_eval_einsum, tare_eval_expand,
    tare_eval_eye_like, tare_eval_gather, tare_eval_gather_elements,
    tare_eval_gather_nd, tare_eval_gemm, tare_eval_global_pool, tare_eval_grid_sample,
    tare_eval_group_normalization, tare_eval_if, tare_eval_is,
    tare_eval_layer_normalization, tare_eval_loop, tare_eval_lp_normalization,
    tare_eval_lrn, tare_eval_matmul, tare_eval_max_roi_pool, tare_eval_max_unpool,
    tare_eval_mel_weight_matrix, tare_eval_mvn, tare_eval_nll_loss,
    tare_eval_non_max_suppression, tare_eval_nonzero, tare_eval_one_hot, tare_eval_pad,
    tare_eval_plugin, tare_eval_pool, tare_eval_pow, tare_eval_qlinear,
    tare_eval_quantize, tare_eval_range, tare_eval_recurrent, tare_eval_reduce,
    tare_eval_resize, tare_eval_reverse_sequence, tare_eval_roi_align, tare_eval_scan,
    tare_eval_scatter_elements, tare_eval_scatter_nd, tare_eval_shape, tare_eval_size,
    tare_eval_slice, tare_eval_softmax, tare_eval_softmax_cross_entropy_loss,
    tare_eval_split, tare_eval_stft, tare_eval_tfidf_vectorizer, tare_eval_tile,
    tare_eval_topk, tare_eval_transpose, tare_eval_trilu, tare_eval_unary,
    tare_eval_unique, tare_eval_variadic, tare_eval_where;

/* Sets of element types. */
#define TARE_IS(dtype) (1U << (dtype))
#define TARE_IS_FLOAT  TARE_IS(TARE_F32)
#define TARE_IS_BOOL   TARE_IS(TARE_BOOL)
#define TARE_IS_INDEX  (TARE_IS(TARE_S64) | TARE_IS(TARE_S32))
#define TARE_IS_INT                                                                    \
    (TARE_IS_INDEX | TARE_IS(TARE_S8) | TARE_IS(TARE_U8) | TARE_IS(TARE_S16) |         \
     TARE_IS(TARE_U16) | TARE_IS(TARE_U32) | TARE_IS(TARE_U64))
#define TARE_IS_NUMBER (TARE_IS_FLOAT | TARE_IS_INT)
#define TARE_IS_ANY    (~0U)

/** The tensor of input `i`, or NULL when it is absent. */
const struct tare_tensor *tare_op_input(const struct tare_graph *graph,
                                        const struct tare_node *node, size_t i);

/** Fail unless input `i`, if it is there, has one of the types. */
enum tare_status tare_op_want_dtype(const struct tare_graph *graph,
                                    const struct tare_node *node, size_t i,
                                    unsigned dtypes, struct tare_error *err);

/** tare_const_alloc() for each of the node's outputs. */
enum tare_status tare_op_alloc_outputs(const struct tare_node *node,
                                       struct tare_const *outputs,
                                       struct tare_error *err);

/** Fail unless input `i`, if it is there, is a vector of `n`: "bias is 3, want 4". */
enum tare_status tare_op_want_vector(const struct tare_graph *graph,
                                     const struct tare_node *node, size_t i,
                                     const char *name, int64_t n,
                                     struct tare_error *err);

/** Set dims and dtype of output `i`; too large a tensor is TARE_E_UNSUPPORTED. */
enum tare_status tare_op_set_output(struct tare_graph *graph,
                                    const struct tare_node *node, size_t i,
                                    enum tare_dtype dtype, const struct tare_dims *dims,
                                    struct tare_error *err);
/** Output 0 is of the same dims and dtype as input 0. */
enum tare_status tare_op_set_like_input(struct tare_graph *graph,
                                        const struct tare_node *node,
                                        struct tare_error *err);

/** Product of `n` axes. @retval false when it does not fit. */
bool tare_axes_product(const int64_t *axes, int32_t n, int64_t *out);

/** A tensor as [outer, n, inner], n along one axis. Its product must fit. */
struct tare_lanes {
    int64_t outer, n, inner;
};
struct tare_lanes tare_dims_lanes(const struct tare_dims *dims, int32_t axis);

/** Softmax, LogSoftmax or Hardmax of each of outer * inner lanes of n elements. */
void tare_softmax_run(enum tare_op op, const struct tare_lanes *lanes, const float *x,
                      float *y);

/** `dims` without an axis, or with one of length 1 put in front of it. */
void tare_dims_remove(struct tare_dims *dims, int32_t axis);
void tare_dims_insert(struct tare_dims *dims, int32_t axis);

/**
 * A list of integers that is attribute `name` or constant input `input`.
 * @param[in]  max    longest list allowed.
 * @param[out] n      its length; 0 when it is absent.
 * @param[out] given  false when neither is there.
 */
enum tare_status tare_op_ints(const struct tare_graph *graph,
                              const struct tare_node *node, const char *name,
                              size_t input, size_t max, int64_t *out, size_t *n,
                              bool *given, struct tare_error *err);

/** The value of input `i`, which is there: a view. TARE_E_DEFERRED when it is only
 * known at run time: the shapes of the node's outputs then are, too. Every read of an
 *  input's value in an infer function goes through this, tare_op_ints() or
 *  tare_op_float(). @param name  of the parameter, for the message. */
enum tare_status tare_op_value(const struct tare_graph *graph,
                               const struct tare_node *node, const char *name, size_t i,
                               struct tare_const *out, struct tare_error *err);

/** One float that is attribute `name` or constant input `input`; else `fallback`. */
enum tare_status tare_op_float(const struct tare_graph *graph,
                               const struct tare_node *node, const char *name,
                               size_t input, float fallback, float *out,
                               struct tare_error *err);

/** Element `i` of a constant of float32 or an integer type. Integers wrap when stored;
 *  floats become integers towards zero, within the type's range, NaN 0. */
double tare_const_get(const struct tare_const *constant, int64_t i);
int64_t tare_const_get_int(const struct tare_const *constant, int64_t i);
void tare_const_set(struct tare_const *constant, int64_t i, double value);
void tare_const_set_int(struct tare_const *constant, int64_t i, int64_t value);
/** The least and the greatest value of an integer type, as doubles inside its range. */
const double *tare_dtype_range(enum tare_dtype dtype);
/** The nearest value in the range; NaN is 0. */
static inline double tare_clamp(const double range[2], double value)
{
    if (value != value) return 0.0;
    return value < range[0] ? range[0] : value > range[1] ? range[1] : value;
}

/** Add, Sub, Mul, Div, Min, Max, Mod, PRelu, a comparison or an operation on bits, of
 *  two inputs that broadcast to the dims of `out`, which has data and may be `a`.
 *  Integers wrap; a quotient is cut towards zero, and by 0 it is TARE_E_FORMAT. */
enum tare_status tare_binary_run(const struct tare_node *node, enum tare_op op,
                                 const struct tare_const *a, const struct tare_const *b,
                                 struct tare_const *out, struct tare_error *err);
/** The dims that inputs `a` and `b` of the node broadcast to; TARE_E_FORMAT when they
 *  do not. */
enum tare_status tare_op_broadcast(const struct tare_node *node,
                                   const struct tare_dims *a, const struct tare_dims *b,
                                   struct tare_dims *out, struct tare_error *err);

/** ONNX's number of an element type. Half and double are float32, as the importer makes
 *  them. @retval false for a type that we do not have. */
bool tare_onnx_dtype(int64_t onnx, enum tare_dtype *dtype);

/** One integer that is constant input `input`, or `fallback` when it is left out. */
enum tare_status tare_op_int(const struct tare_graph *graph,
                             const struct tare_node *node, const char *name,
                             size_t input, int64_t fallback, int64_t *out,
                             struct tare_error *err);

/** Which of `names` the attribute is, `names[fallback]` without it; another one is
 *  TARE_E_UNSUPPORTED. */
enum tare_status tare_op_choice(const struct tare_node *node, const char *attr,
                                const char *const names[], size_t n, size_t fallback,
                                size_t *out, struct tare_error *err);

/** Element `i` of `indices`, in [-length, length), as one in [0, length); outside is
 *  TARE_E_FORMAT. @param axis  of the data that the index is about, for the message. */
enum tare_status tare_op_index(const struct tare_node *node,
                               const struct tare_const *indices, int64_t i,
                               int32_t axis, int64_t length, int64_t *out,
                               struct tare_error *err);
/** Where the place that tuple number `tuple` of `indices` [..., n] names lies, counted
 *  in blocks, among axes `first` to `first + n - 1` of `dims`. */
enum tare_status tare_op_tuple_offset(const struct tare_node *node,
                                      const struct tare_const *indices, int64_t tuple,
                                      const struct tare_dims *dims, int32_t first,
                                      int64_t *offset, struct tare_error *err);
/** GatherElements, ScatterElements: the indices have the data's rank and, but for
 *  `axis`, no longer axes. */
enum tare_status tare_op_check_element_indices(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               int32_t axis, struct tare_error *err);

/** Whether the node makes output `i`; an optional one may be left out. */
bool tare_op_has_output(const struct tare_node *node, size_t i);

/** Elements from one tensor to another: dims axes, each with a stride in elements,
 * which may be 0 or negative, on either side. `src` and `dst` are element 0's. */
struct tare_strided_copy {
    struct tare_dims dims;
    size_t elem_bytes;
    const uint8_t *src;
    uint8_t *dst;
    int64_t src_stride[TARE_MAX_RANK], dst_stride[TARE_MAX_RANK];
};
void tare_strided_copy_run(const struct tare_strided_copy *copy);

/** Strides of a dense tensor, in elements. */
void tare_dims_strides(const struct tare_dims *dims, int64_t stride[TARE_MAX_RANK]);
/** Strides that read a dense `from` as if it had been broadcast to `to`. */
void tare_broadcast_strides(const struct tare_dims *from, const struct tare_dims *to,
                            int64_t stride[TARE_MAX_RANK]);

/** Count through the indices of `dims`, moving `n` offsets by their strides: one step.
 *  @retval false behind the last index. */
bool tare_dims_next(const struct tare_dims *dims, int64_t index[TARE_MAX_RANK],
                    int64_t *const offsets[], const int64_t *const strides[], size_t n);

/** Element by element over inputs that are broadcast to one output, a row of the output
 *  at a time. Axes that every input walks alike are joined, so rows are long. */
enum { TARE_ROWS_MAX = 3 };
struct tare_rows {
    int64_t n;                   /* elements of a row */
    int64_t at[TARE_ROWS_MAX];   /* element of input i that its row begins with */
    int64_t step[TARE_ROWS_MAX]; /* to its next one: 1, or 0 where it is broadcast */
    size_t n_inputs;
    struct tare_dims outer; /* what is left to count through, and how far */
    int64_t index[TARE_MAX_RANK], stride[TARE_ROWS_MAX][TARE_MAX_RANK];
};
/** @retval false when the output is empty. */
bool tare_rows_begin(struct tare_rows *rows, const struct tare_dims *out,
                     const struct tare_dims *const inputs[], size_t n_inputs);
/** @retval false behind the last row. */
bool tare_rows_next(struct tare_rows *rows);

/** Rows of other types than float32 are computed in blocks of this many elements. */
enum { TARE_BLOCK = 256 };
static inline int64_t tare_block(int64_t n)
{
    return n < TARE_BLOCK ? n : TARE_BLOCK;
}

/** The elements at, at + step, ... of an integer type; uint64's bits, bools as 0 or 1.
 */
void tare_const_read_ints(const struct tare_const *constant, int64_t at, int64_t step,
                          int64_t n, int64_t *values);
/** Elements from `at` on; they wrap. */
void tare_const_write_ints(struct tare_const *constant, int64_t at, int64_t n,
                           const int64_t *values);
/** The same of any type; written integers are cut and clamped as tare_const_set(). */
void tare_const_read_doubles(const struct tare_const *constant, int64_t at,
                             int64_t step, int64_t n, double *values);
void tare_const_write_doubles(struct tare_const *constant, int64_t at, int64_t n,
                              const double *values);
/** Integers that order as the elements do, of any type: NaN last, -0 as 0. */
void tare_const_read_keys(const struct tare_const *constant, int64_t at, int64_t step,
                          int64_t n, int64_t *keys);
/** Turn uint64's bits into integers of the same order, or back. */
void tare_ints_flip(int64_t *values, int64_t n);

#endif /* TARE_GRAPH_OPS_OPS_H */
