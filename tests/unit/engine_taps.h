/* tests/unit/engine_taps.h - what a run shows of every tensor. */
#ifndef TARE_TESTS_UNIT_ENGINE_TAPS_H
#define TARE_TESTS_UNIT_ENGINE_TAPS_H

#include "engine_graphs.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TAPS = 96 };

struct shown {
    char names[MAX_TAPS][64];
    float *values[MAX_TAPS];
    size_t n_elems[MAX_TAPS];
    size_t n;
};

static inline const float *show(void *ctx, const struct tare_tapped *tensor)
{
    struct shown *shown = ctx;
    const size_t n_bytes = tensor->n_elems * sizeof(float);
    assert_true(shown->n < MAX_TAPS);
    (void)snprintf(shown->names[shown->n], sizeof shown->names[0], "%s", tensor->name);
    shown->values[shown->n] = malloc(n_bytes);
    memcpy(shown->values[shown->n], tensor->data, n_bytes);
    shown->n_elems[shown->n++] = tensor->n_elems;
    return NULL;
}

/* @param linear   taps see values in ONNX's order
 * @param outputs  [n_outputs]; free() each
 * @param shown    shown_release() it */
static inline void tapped_run(const struct built *built, const float *const *inputs,
                              bool linear, float **outputs, struct shown *shown)
{
    struct tare_engine_info info;
    struct tare_context *context;
    size_t n_inputs = 0;
    tare_engine_info(built->engine, &info);
    NET_TRY(tare_context_create(built->engine, 1, &context, &err_));
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(built->engine, i, &binding);
        n_inputs += binding.is_input;
        if (!binding.is_input) outputs[i - n_inputs] = malloc(binding.n_bytes);
        void *address =
            binding.is_input ? (void *)(uintptr_t)inputs[i] : outputs[i - n_inputs];
        NET_TRY(tare_context_set_address(context, i, address, &err_));
    }
    shown->n = 0;
    NET_TRY(tare_context_set_tap(context, show, shown, linear, &err_));
    NET_TRY(tare_context_run(context, &err_));
    tare_context_destroy(context);
}

static inline void shown_release(struct shown *shown)
{
    for (size_t i = 0; i < shown->n; i++)
        free(shown->values[i]);
}

#endif /* TARE_TESTS_UNIT_ENGINE_TAPS_H */
