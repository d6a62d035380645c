/* graph/ops/product.h - sums of products for the reference evaluation of operators. */
#ifndef TARE_GRAPH_OPS_PRODUCT_H
#define TARE_GRAPH_OPS_PRODUCT_H

#include <stdint.h>

#include "base/error.h"
#include "graph/window.h"

/** Element (i, j) is data[i * row + j * col]. */
struct tare_matrix {
    const float *data;
    int64_t row, col;
};

/** Write elements [j, j + n) of row `l` of B to `out`. */
typedef void tare_product_row_fn(const void *context, int64_t l, int64_t j, int64_t n,
                                 double *out);
/** Take elements [j, j + n) of row `i` of A * B, the sums. */
typedef void tare_product_store_fn(const void *context, int64_t i, int64_t j, int64_t n,
                                   const double *sums);

/** A * B, A [m, k] a matrix, B [k, n] what `row` makes of `from`. */
struct tare_product {
    int64_t m, n, k;
    struct tare_matrix a;
    tare_product_row_fn *row;
    const void *from;
    tare_product_store_fn *store;
    const void *to;
};

/** Compute every element, each once: the sum over l = 0, 1, ..., k - 1 of a * b in
 *  double, in this order. Exact where all products and sums are integers below 2^53. */
enum tare_status tare_product_run(const struct tare_product *product,
                                  struct tare_error *err);

/** B is a struct tare_matrix. */
tare_product_row_fn tare_matrix_row;

/** The store of sums as float32 to a matrix of `width` columns, plus bias[i] unless it
 *  is NULL. */
struct tare_product_rows {
    float *y;
    int64_t width;
    const float *bias;
};
tare_product_store_fn tare_product_store_rows;

/** B is what a convolution's weights [in_c / groups * taps] are multiplied with: a
 * column an output, 0 where a tap lies in the padding. */
struct tare_columns {
    struct tare_spatial s; /* of three axes, by tare_spatial_widen() */
    const float *x;        /* the first plane of the group, of one image */
};
tare_product_row_fn tare_columns_row;

/** A product of tensors as MatMul's: a batch of products, of which every input's stride
 *  counts whole matrices. `dims` are the output's. */
struct tare_matmul {
    int64_t m, n, k;
    struct tare_dims batch, dims;
    int64_t a_stride[TARE_MAX_RANK], b_stride[TARE_MAX_RANK];
};
enum tare_status tare_node_matmul(const struct tare_node *node,
                                  const struct tare_dims *a, const struct tare_dims *b,
                                  struct tare_matmul *out, struct tare_error *err);
/** Run the products in order; `*batch` is the number of the one that `store` is called
 *  for. */
enum tare_status tare_matmul_run(const struct tare_matmul *matmul, const float *a,
                                 const float *b, tare_product_store_fn *store,
                                 const void *to, int64_t *batch,
                                 struct tare_error *err);

#endif /* TARE_GRAPH_OPS_PRODUCT_H */
