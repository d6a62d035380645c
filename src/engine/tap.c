#include "engine/tap.h"

#include "base/dims.h"
#include "base/mem.h"

static bool needs_buffer(const struct tare_plan_tensor *t, bool linear)
{
    return t->dtype == TARE_U8 || (linear && t->format == TARE_HWC);
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
        buffer = tare_alloc_array(largest, sizeof *buffer);
        TARE_FAIL_IF(!buffer, err, TARE_E_NOMEM, "context: no memory for the tap");
    }
    tare_tap_release(state);
    *state = (struct tare_tap_state){show, ctx, linear, buffer};
    return TARE_OK;
}

void tare_tap_release(struct tare_tap_state *state)
{
    tare_free(state->buffer);
    *state = (struct tare_tap_state){0};
}

static float element(const struct tare_plan_tensor *t, const void *data, size_t i)
{
    if (t->dtype == TARE_F32) return ((const float *)data)[i];
    return (float)(((const uint8_t *)data)[i] - t->zero_point) * t->scale;
}

static void convert(const struct tare_plan_tensor *t, const void *data, bool linear,
                    float *out)
{
    const size_t n_elems = (size_t)tare_dims_count(&t->dims);
    if (!linear || t->format == TARE_LINEAR) {
        for (size_t i = 0; i < n_elems; i++)
            out[i] = element(t, data, i);
        return;
    }
    const size_t n_channels = (size_t)t->dims.d[1];
    const size_t n_pixels = (size_t)(t->dims.d[2] * t->dims.d[3]);
    size_t from = 0;
    for (size_t n = 0; n < (size_t)t->dims.d[0]; n++)
        for (size_t p = 0; p < n_pixels; p++)
            for (size_t c = 0; c < n_channels; c++)
                out[(n * n_channels + c) * n_pixels + p] = element(t, data, from++);
}

void tare_tap_show(const struct tare_tap_state *state, const struct tare_engine *engine,
                   size_t tap, const void *data)
{
    const struct tare_plan_tensor *t = &engine->tensors[engine->taps[tap]];
    const float *shown = data;
    if (needs_buffer(t, state->linear)) {
        convert(t, data, state->linear, state->buffer);
        shown = state->buffer;
    }
    const struct tare_tapped tapped = {
        .name = tare_engine_string(engine, t->name),
        .index = tap,
        .layer = engine->tap_layer[tap],
        .dims = t->dims,
        .data = shown,
        .n_elems = (size_t)tare_dims_count(&t->dims),
    };
    state->show(state->ctx, &tapped);
}
