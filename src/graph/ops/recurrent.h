/* graph/ops/recurrent.h - what LSTM, GRU and RNN share. */
#ifndef TARE_GRAPH_OPS_RECURRENT_H
#define TARE_GRAPH_OPS_RECURRENT_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"

enum tare_activation_kind {
    TARE_ACT_SIGMOID,
    TARE_ACT_TANH,
    TARE_ACT_RELU,
    TARE_ACT_AFFINE,
    TARE_ACT_LEAKY_RELU,
    TARE_ACT_THRESHOLDED_RELU,
    TARE_ACT_SCALED_TANH,
    TARE_ACT_HARD_SIGMOID,
    TARE_ACT_ELU,
    TARE_ACT_SOFTSIGN,
    TARE_ACT_SOFTPLUS
};
struct tare_activation {
    enum tare_activation_kind kind;
    double alpha, beta;
};

/** Gates in ONNX's order: LSTM i o f c, GRU z r h, RNN one. */
struct tare_recurrent {
    enum tare_op op;
    int64_t steps, batch, n_in, hidden;
    int64_t n_gates;
    int n_directions;
    bool reversed[2]; /* by direction */
    bool batch_first; /* layout 1: X [batch, steps, n_in] */
    bool linear_before_reset, input_forget;
    double clip;                             /* of what an activation reads; INFINITY */
    struct tare_activation activation[2][3]; /* by direction: f, g, h */
};

/** Attributes and dims, checked against each other. */
enum tare_status tare_node_recurrent(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_recurrent *out,
                                     struct tare_error *err);

/** f(min(max(x, -clip), clip)). */
double tare_activate(const struct tare_activation *f, double clip, double x);

#endif /* TARE_GRAPH_OPS_RECURRENT_H */
