/* onednn.h - products of a network as oneDNN computes them, for bench/kernels. */
#ifndef TARE_BENCH_ONEDNN_H
#define TARE_BENCH_ONEDNN_H

#include <stdbool.h>

#include "kernels/window.h"

/** A convolution or matrix product with what is fused into it; comparable with memcmp.
 */
struct product {
    struct tare_window window;
    int64_t n_pairs;      /* of a product of activations; 0: the window, by weights */
    float lower, upper;   /* float outputs: bounds, or -INFINITY and INFINITY */
    int32_t is_int8;      /* uint8 by int8; else float */
    int32_t out_f32;      /* of INT8: float comes out, not uint8 */
    int32_t has_residual; /* a tensor like the output is added */
    int32_t reserved;     /* 0 */
};

/** Multiply-adds. */
double product_macs(const struct product *p);
/** Is it a product of matrices: no window, no groups? */
bool product_is_matrix(const struct product *p);
bool product_is_depthwise(const struct product *p);

struct onednn;

/** Ready to run on one thread, with data of its own in the layouts that oneDNN likes
 *  best. Ends the program when oneDNN has no such primitive. */
struct onednn *onednn_create(const struct product *p);
void onednn_run(const struct onednn *o);
void onednn_destroy(struct onednn *o);

/** "2.6.3" */
const char *onednn_version(void);

#endif /* TARE_BENCH_ONEDNN_H */
