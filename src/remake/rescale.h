/* remake/rescale.h - another scale for every channel of one tensor, the network's
 * function unchanged: x[c] becomes x[c] / factors[c]. */
#ifndef TARE_REMAKE_RESCALE_H
#define TARE_REMAKE_RESCALE_H

#include "graph/graph.h"

/** The axis of the channels of a held tensor that only INT8 nodes with weights read;
 *  -1: it is something else. */
int32_t tare_rescale_axis(const struct tare_graph *graph, int32_t tensor);

/**
 * Divide the channels of a tensor by factors: the constants of what makes it are
 * divided, those of all that read it multiplied. What makes it is a Conv, Gemm, MatMul,
 * Mul, Div, BatchNormalization or LayerNormalization with constants, or an Add, Sub,
 * Relu or LeakyRelu behind one of them. A bound of its activation that is not 0 must
 * lie at the end of the tensor's range or beyond it, in all channels: the conversion to
 * bytes then cuts as it does, and it is dropped.
 * @param[in,out] graph  optimized and annotated.
 * @param factors        [channels]
 * @param dry            only look.
 * @param[out] obstacle  NULL: done, or possible; else why not, and nothing has changed.
 */
enum tare_status tare_rescale(struct tare_graph *graph, int32_t tensor,
                              const float *factors, bool dry, const char **obstacle,
                              struct tare_error *err);

#endif /* TARE_REMAKE_RESCALE_H */
