/* optimizer/pass.h - what passes have in common, and their prototypes. */
#ifndef TARE_OPTIMIZER_PASS_H
#define TARE_OPTIMIZER_PASS_H

#include "optimizer/optimizer.h"

tare_pass_fn tare_pass_constant_fold;
tare_pass_fn tare_pass_identity;
tare_pass_fn tare_pass_dead;
tare_pass_fn tare_pass_matmul_to_gemm;
tare_pass_fn tare_pass_fold_affine;
tare_pass_fn tare_pass_fold_pad;
tare_pass_fn tare_pass_fuse_residual;
tare_pass_fn tare_pass_fuse_activation;

/** The live node that makes the tensor, or -1. */
int32_t tare_pass_producer(const struct tare_graph *graph, int32_t tensor);

/** The node that reads the tensor, when nobody else does, the user neither; or -1. */
int32_t tare_pass_only_reader(const struct tare_graph *graph, int32_t tensor);

/** Is the tensor a float constant? */
bool tare_pass_is_float_const(const struct tare_graph *graph, int32_t tensor);

/** A dense float constant's element. */
double tare_pass_const_at(const struct tare_tensor *tensor, int64_t i);

/** Add a float constant named after the tensor `origin`: values rounded from double. */
enum tare_status tare_pass_add_const(struct tare_graph *graph, int32_t origin,
                                     const struct tare_dims *dims, const double *values,
                                     int32_t *id, struct tare_error *err);

/**
 * Let the node `maker` do the work of `last`, its output's only reader, as well: it
 * moves to the place of `last`, where all inputs of both are known, makes what `last`
 * made, and answers to its name. Node id `last` is the merged node from then on.
 */
enum tare_status tare_pass_merge(struct tare_graph *graph, int32_t maker, int32_t last,
                                 struct tare_error *err);

#endif /* TARE_OPTIMIZER_PASS_H */
