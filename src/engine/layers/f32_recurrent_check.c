/* Recurrent layers: the weights' order, and the check of their records. */
#include <string.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/recurrent.h"

bool tare_recurrent_packed(const struct tare_recurrent_params *p, size_t *first,
                           size_t *direction)
{
    const struct tare_f32_conv a = tare_recurrent_product(p, 1,
                                                          tare_recurrent_n_first(p)),
                               b = tare_recurrent_product(p, 1, 1);
    size_t second = 0;
    return tare_f32_conv_packed_bytes(&a, first) &&
           (p->cell != TARE_CELL_GRU || tare_f32_conv_packed_bytes(&b, &second)) &&
           tare_add_size(*first, second, direction);
}

void tare_recurrent_pack(const struct tare_recurrent_params *p, const float *r,
                         float *packed)
{
    const struct tare_f32_conv a = tare_recurrent_product(p, 1,
                                                          tare_recurrent_n_first(p)),
                               b = tare_recurrent_product(p, 1, 1);
    size_t first, direction;
    if (!tare_recurrent_packed(p, &first, &direction)) return;
    tare_f32_conv_pack(&a, r, packed);
    if (p->cell != TARE_CELL_GRU) return;
    tare_f32_conv_pack(&b, r + 2 * p->hidden * p->hidden,
                       packed + first / sizeof *packed);
}

static bool activations_valid(const struct tare_recurrent_params *p)
{
    bool ok = p->clip >= 0.0f;
    for (int d = 0; d < 2; d++)
        for (int i = 0; i < 3; i++)
            ok = ok && p->activation[d][i].op >= 0 &&
                 p->activation[d][i].op < TARE_UNARY_COUNT;
    return ok;
}

static bool fields_valid(const struct tare_recurrent_params *p)
{
    return p->cell >= TARE_CELL_RNN && p->cell <= TARE_CELL_LSTM && p->steps >= 1 &&
           p->steps <= INT32_MAX && p->batch >= 1 && p->batch <= INT32_MAX &&
           p->hidden >= 1 && p->hidden <= INT32_MAX / 8 && p->n_directions >= 1 &&
           p->n_directions <= 2 && (!p->has_c || p->cell == TARE_CELL_LSTM) &&
           (!p->has_peephole || p->cell == TARE_CELL_LSTM) && activations_valid(p);
}

/* Types of the inputs, as for tare_layer_types(). */
static void type_letters(const struct tare_recurrent_params *p, char letters[8])
{
    size_t n = 0;
    letters[n++] = 'f';
    letters[n++] = 'w';
    if (tare_recurrent_has_bias(p)) letters[n++] = 'w';
    if (p->has_peephole) letters[n++] = 'w';
    if (p->has_lens) letters[n++] = 'i';
    if (p->has_h) letters[n++] = 'f';
    if (p->has_c) letters[n++] = 'f';
    letters[n] = '\0';
}

static int64_t count(const void *tensor)
{
    const struct tare_plan_tensor *t = tensor;
    return tare_plan_count(t);
}

static bool lens_valid(const struct tare_layer *layer, const void *tensor)
{
    const struct tare_recurrent_params *p = layer->params;
    const struct tare_plan_tensor *t = tensor;
    if (!t) return true;
    bool ok = tare_plan_count(t) == p->batch;
    for (int64_t b = 0; ok && b < p->batch; b++) {
        int32_t n;
        memcpy(&n, tare_layer_weight(layer, t) + (size_t)b * sizeof n, sizeof n);
        ok = n >= 0 && n <= p->steps;
    }
    return ok;
}

static bool sizes_valid(const struct tare_layer *layer,
                        const struct tare_recurrent_inputs *o)
{
    const struct tare_recurrent_params *p = layer->params;
    const int64_t rows = p->steps * p->batch; /* of two numbers below 2^31 */
    const int64_t d_hidden = p->n_directions * p->hidden;
    size_t first, direction;
    bool ok =
        tare_recurrent_packed(p, &first, &direction) &&
        layer->inputs[1]->n_bytes == direction * (size_t)p->n_directions &&
        tare_product_is(rows, d_hidden, tare_recurrent_n_gates(p), count(o->gates)) &&
        tare_product_is(rows, d_hidden, 1, count(layer->outputs[0])) &&
        (!o->bias || count(o->bias) == d_hidden) &&
        (!o->peephole || count(o->peephole) == 3 * d_hidden);
    for (size_t i = 0; i < 2; i++)
        ok = ok && (!o->states[i] ||
                    tare_product_is(p->batch, d_hidden, 1, count(o->states[i])));
    for (size_t i = 1; i < layer->n_outputs; i++)
        ok = ok && tare_product_is(p->batch, d_hidden, 1, count(layer->outputs[i]));
    return ok && lens_valid(layer, o->lens);
}

enum tare_status tare_f32_recurrent_layer_check(const struct tare_layer *layer,
                                                struct tare_error *err)
{
    const struct tare_recurrent_params *p = layer->params;
    char letters[8];
    TARE_LAYER_FAIL_IF(!fields_valid(p), err, "parameters");
    type_letters(p, letters);
    const size_t most = p->cell == TARE_CELL_LSTM ? 3 : 2;
    TARE_LAYER_FAIL_IF(
        layer->n_outputs > most ||
            !tare_layer_types(layer, letters, &"fff"[3 - layer->n_outputs]),
        err, "tensors");
    const void *tensors[8] = {0};
    for (size_t i = 0; i < layer->n_inputs; i++)
        tensors[i] = layer->inputs[i];
    const struct tare_recurrent_inputs o = tare_recurrent_inputs(p, tensors);
    TARE_LAYER_FAIL_IF(!sizes_valid(layer, &o), err, "shapes");
    return TARE_OK;
}
