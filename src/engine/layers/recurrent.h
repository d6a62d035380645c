/* engine/layers/recurrent.h - what the check and the run of recurrent layers share. */
#ifndef TARE_ENGINE_LAYERS_RECURRENT_H
#define TARE_ENGINE_LAYERS_RECURRENT_H

#include <math.h>

#include "engine/layers/params.h"

static inline int64_t tare_recurrent_n_gates(const struct tare_recurrent_params *p)
{
    return p->cell == TARE_CELL_LSTM ? 4 : p->cell == TARE_CELL_GRU ? 3 : 1;
}

/** Gates that h alone is multiplied for at once; GRU's hidden gate comes later. */
static inline int64_t tare_recurrent_n_first(const struct tare_recurrent_params *p)
{
    return p->cell == TARE_CELL_GRU ? 2 : tare_recurrent_n_gates(p);
}

/** h [rows, hidden] by the rows of R that belong to `gates` gates. */
static inline struct tare_f32_conv
tare_recurrent_product(const struct tare_recurrent_params *p, int64_t rows,
                       int64_t gates)
{
    return (struct tare_f32_conv){
        .window = tare_matrix_window(rows, p->hidden, gates * p->hidden),
        .epilogue = {0, 1.0f, -INFINITY, INFINITY},
    };
}

/** The inputs, NULL where one is left out: tensors, or their data. */
struct tare_recurrent_inputs {
    const void *gates, *r, *bias, *peephole, *lens, *states[2];
};

/** GRU adds a bias of its own to what is multiplied by r. */
static inline bool tare_recurrent_has_bias(const struct tare_recurrent_params *p)
{
    return p->cell == TARE_CELL_GRU && p->linear_before_reset;
}

/** Those of `inputs`, the layer's, that the parameters speak of. */
static inline struct tare_recurrent_inputs
tare_recurrent_inputs(const struct tare_recurrent_params *p, const void *const *inputs)
{
    size_t i = 2;
    struct tare_recurrent_inputs in = {.gates = inputs[0], .r = inputs[1]};
    if (tare_recurrent_has_bias(p)) in.bias = inputs[i++];
    if (p->has_peephole) in.peephole = inputs[i++];
    if (p->has_lens) in.lens = inputs[i++];
    if (p->has_h) in.states[0] = inputs[i++];
    if (p->has_c) in.states[1] = inputs[i];
    return in;
}

#endif /* TARE_ENGINE_LAYERS_RECURRENT_H */
