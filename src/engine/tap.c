#include "engine/tap.h"

#include <math.h>

#include "base/dims.h"
#include "base/half.h"

/* Elements of a piece: as many as the second-level cache keeps until they are looked
 * at, beside what makes them; and what whose multiple it ends at, which vectors like.
 * Fewer than that cost more: whoever looks starts anew, and so does what makes them. */
#define PIECE      INT64_C(32768)
#define PIECE_STEP INT64_C(1024)

static bool needs_buffer(const struct tare_plan_tensor *t, bool linear)
{
    return t->dtype != TARE_F32 || t->pitch || (linear && t->format == TARE_HWC);
}

enum tare_status tare_tap_prepare(struct tare_tap_state *state,
                                  const struct tare_engine *engine, tare_tap *show,
                                  void *ctx, bool linear, struct tare_error *err)
{
    size_t largest = 0;
    for (size_t i = 0; show && i < engine->n_taps; i++) {
        const struct tare_plan_tensor *t = &engine->tensors[engine->taps[i]];
        const size_t n_elems = (size_t)tare_dims_count(&t->dims);
        if (needs_buffer(t, linear) && n_elems > largest) largest = n_elems;
    }
    float *buffer = NULL;
    if (show) {
        buffer = tare_array_from(state->allocator, largest, sizeof *buffer);
        TARE_FAIL_IF(!buffer, err, TARE_E_NOMEM, "context: no memory for the tap");
    }
    tare_tap_release(state);
    *state = (struct tare_tap_state){.allocator = state->allocator,
                                     .show = show,
                                     .ctx = ctx,
                                     .linear = linear,
                                     .buffer = buffer};
    return TARE_OK;
}

void tare_tap_release(struct tare_tap_state *state)
{
    tare_free_to(state->allocator, state->buffer);
    *state = (struct tare_tap_state){.allocator = state->allocator};
}

/* Where value `i` of the held order is. */
static size_t place(const struct tare_plan_tensor *t, size_t i)
{
    const size_t n_channels = (size_t)t->dims.d[1];
    return t->pitch ? i / n_channels * (size_t)t->pitch + i % n_channels : i;
}

static float element(const struct tare_plan_tensor *t, const void *data, size_t at)
{
    switch (t->dtype) {
    case TARE_F32: return ((const float *)data)[at];
    case TARE_F16: return tare_half_to_float(((const uint16_t *)data)[at]);
    case TARE_BF16: return tare_bfloat16_to_float(((const uint16_t *)data)[at]);
    default: break;
    }
    return (float)(((const uint8_t *)data)[at] - t->zero_point) * t->scale;
}

static void set_element(const struct tare_plan_tensor *t, void *data, size_t at,
                        float v)
{
    switch (t->dtype) {
    case TARE_F32: ((float *)data)[at] = v; return;
    case TARE_F16: ((uint16_t *)data)[at] = tare_half_from_float(v); return;
    case TARE_BF16: ((uint16_t *)data)[at] = tare_bfloat16_from_float(v); return;
    default: break;
    }
    const float least = (float)(t->lowest - t->zero_point);
    const float most = (float)(255 - t->zero_point);
    const float q = fminf(fmaxf(v / t->scale, least), most);
    ((uint8_t *)data)[at] = (uint8_t)((int)rintf(q) + t->zero_point);
}

/* Where element `i` of the held order stands in ONNX's order. */
struct order {
    size_t n_channels, n_pixels;
};

static struct order order_of(const struct tare_plan_tensor *t, bool linear)
{
    if (!linear || t->format == TARE_LINEAR)
        return (struct order){1, (size_t)tare_dims_count(&t->dims)};
    return (struct order){(size_t)t->dims.d[1], (size_t)(t->dims.d[2] * t->dims.d[3])};
}

static size_t linear_index(struct order order, size_t i)
{
    const size_t plane = order.n_channels * order.n_pixels;
    const size_t image = i / plane, rest = i % plane;
    return image * plane + rest % order.n_channels * order.n_pixels +
           rest / order.n_channels;
}

/* Elements [first, first + n) of the tensor of a tap, from `data` on. */
static struct tare_tapped tapped_part(const struct tare_engine *engine, size_t tap,
                                      const float *data, size_t first, size_t n)
{
    const struct tare_plan_tensor *t = &engine->tensors[engine->taps[tap]];
    const struct tare_held_range held = tare_held_range(t);
    return (struct tare_tapped){
        .name = tare_engine_string(engine, t->name),
        .index = tap,
        .layer = engine->tap_layer[tap],
        .dims = t->dims,
        .data = data,
        .first = first,
        .n_elems = n,
        .step = held.step,
        .lowest = held.lowest,
        .highest = held.highest,
    };
}

static void set_elements(const struct tare_plan_tensor *t, void *data,
                         struct order order, const float *values)
{
    const size_t n_elems = (size_t)tare_dims_count(&t->dims);
    for (size_t i = 0; i < n_elems; i++)
        set_element(t, data, place(t, i), values[linear_index(order, i)]);
}

void tare_tap_show(const struct tare_tap_state *state, const struct tare_engine *engine,
                   size_t tap, void *data, void *codes)
{
    const struct tare_plan_tensor *t = &engine->tensors[engine->taps[tap]];
    const size_t n_elems = (size_t)tare_dims_count(&t->dims);
    const struct order order = order_of(t, state->linear);
    const float *shown = data;
    if (needs_buffer(t, state->linear)) {
        for (size_t i = 0; i < n_elems; i++)
            state->buffer[linear_index(order, i)] = element(t, data, place(t, i));
        shown = state->buffer;
    }
    const struct tare_tapped tapped = tapped_part(engine, tap, shown, 0, n_elems);
    const float *instead = state->show(state->ctx, &tapped);
    if (!instead || !state->linear || tapped.layer == SIZE_MAX) return;
    set_elements(t, data, order, instead);
    if (codes)
        set_elements(tare_layer_codes(&engine->layers[tapped.layer]), codes, order,
                     instead);
}

/* Elements [n_shown, n_elems) to every tap of the layer. */
static void show_piece(struct tare_tap_pieces *pieces, int64_t n_elems)
{
    const struct tare_tap_state *state = pieces->state;
    const size_t first = (size_t)pieces->n_shown;
    const size_t n = (size_t)(n_elems - pieces->n_shown);
    const float *data = pieces->data;
    for (size_t tap = pieces->first; tap < pieces->end; tap++) {
        if (state->wanted && !state->wanted[tap]) continue;
        const struct tare_tapped tapped =
            tapped_part(pieces->engine, tap, data + first, first, n);
        (void)state->show(state->ctx, &tapped);
    }
    pieces->n_shown = n_elems;
}

static void made(struct tare_layer_watch *watch, int64_t n_elems)
{
    struct tare_tap_pieces *pieces = (struct tare_tap_pieces *)watch;
    if (n_elems - pieces->n_shown >= watch->piece)
        show_piece(pieces, n_elems / PIECE_STEP * PIECE_STEP);
}

bool tare_tap_begin(const struct tare_tap_state *state,
                    const struct tare_engine *engine, const struct tare_layer *layer,
                    size_t first, size_t end, void *data,
                    struct tare_tap_pieces *pieces)
{
    bool ok = state->show && state->in_pieces && first < end;
    for (size_t tap = first; ok && tap < end; tap++) {
        const struct tare_plan_tensor *t = &engine->tensors[engine->taps[tap]];
        ok = t == layer->outputs[0] && !needs_buffer(t, state->linear);
    }
    if (!ok) return false;
    *pieces = (struct tare_tap_pieces){.watch = {.piece = PIECE, .made = made},
                                       .state = state,
                                       .engine = engine,
                                       .first = first,
                                       .end = end,
                                       .data = data};
    return true;
}

void tare_tap_finish(struct tare_tap_pieces *pieces)
{
    const struct tare_plan_tensor *t =
        &pieces->engine->tensors[pieces->engine->taps[pieces->first]];
    const int64_t n_elems = tare_dims_count(&t->dims);
    if (pieces->n_shown < n_elems || n_elems == 0) show_piece(pieces, n_elems);
}
