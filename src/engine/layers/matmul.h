/* engine/layers/matmul.h - what products of two activations have in common: the walk
 * over pairs of matrices. */
#ifndef TARE_ENGINE_LAYERS_MATMUL_H
#define TARE_ENGINE_LAYERS_MATMUL_H

#include "engine/layers/common.h"
#include "engine/layers/params.h"

/** Where the matrices a, b and y of one product begin, in elements. */
struct tare_matmul_at {
    int64_t a, b, y;
};

/** How a pair of matrices is multiplied: b is packed in n_pack units, then y made in
 *  n_units. Both are called with units [begin, end). */
struct tare_matmul_job {
    const struct tare_matmul_params *params;
    const struct tare_layer *layer;
    const struct tare_layer_run *run;
    const void *conv; /* the product as a convolution, as its kernels want it */
    int64_t n_pack, n_units;
    void (*pack)(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                 char *packed, int64_t begin, int64_t end);
    void (*multiply)(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                     const char *packed, void *scratch, int64_t begin, int64_t end);
};

/** Pairs of matrices, and where pair `i` is. */
int64_t tare_matmul_count(const struct tare_matmul_params *p);
struct tare_matmul_at tare_matmul_matrices(const struct tare_matmul_params *p,
                                           int64_t i);

/** Do the operands and the output have the matrices that the parameters say, and does
 *  every element of the output belong to one of them? */
bool tare_matmul_params_valid(const struct tare_matmul_params *p,
                              const struct tare_layer *layer);
/** Do the matrices of each tensor lie one behind the other, each row by row? */
bool tare_matmul_is_dense(const struct tare_matmul_params *p);

/** One of the products, as a window. */
struct tare_window tare_matmul_window(const struct tare_matmul_params *p);

/** Note in the layer that a worker wants room for a packed b, of `packed` bytes, and
 *  for `own` bytes of scratch of the kernel. @retval false when it does not fit. */
bool tare_matmul_prepare(struct tare_layer *layer, size_t packed, size_t own);

/** Multiply all pairs: each worker matrices of its own where there are enough of them,
 *  else all workers one after the other. */
void tare_matmul_spread(const struct tare_matmul_job *job);

#endif /* TARE_ENGINE_LAYERS_MATMUL_H */
