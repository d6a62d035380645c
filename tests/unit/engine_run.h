/* Helpers of the engine's tests: build a graph, run it once, look at an output. */
#ifndef TARE_TESTS_ENGINE_RUN_H
#define TARE_TESTS_ENGINE_RUN_H

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/build.h"
#include "graph/graph.h"
#include "tare/engine.h"

/** A built engine with its file's bytes. */
struct built {
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_engine *engine;
};

static inline enum tare_status
built_make_with(const struct tare_graph *graph,
                const struct tare_engine_options *options, struct built *built,
                struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = options->plugins};
    memset(built, 0, sizeof *built);
    enum tare_status st =
        tare_engine_build(graph, options, &built->bytes, &built->n_bytes, NULL, err);
    if (st == TARE_OK)
        st = tare_engine_open_with(built->bytes, built->n_bytes, &load, &built->engine,
                                   err);
    return st;
}

static inline enum tare_status built_make(const struct tare_graph *graph, uint32_t isa,
                                          struct built *built, struct tare_error *err)
{
    const struct tare_engine_options options = {.isa = isa, .in_place = true};
    return built_make_with(graph, &options, built, err);
}

static inline void built_release(struct built *built)
{
    tare_engine_destroy(built->engine);
    tare_free(built->bytes);
    memset(built, 0, sizeof *built);
}

/**
 * Run once with exact-size buffers, so that AddressSanitizer sees over-reads.
 * @param inputs  [n_inputs] floats of the bindings' sizes; NULL, and NULL in it: zeros
 * @param outputs [n_outputs] allocated here; free() each
 */
static inline enum tare_status built_run(const struct built *built, int n_threads,
                                         const float *const *inputs, float **outputs,
                                         struct tare_error *err)
{
    struct tare_engine_info info;
    struct tare_context *context = NULL;
    tare_engine_info(built->engine, &info);
    void **buffers = calloc(info.n_bindings, sizeof *buffers);
    size_t n_inputs = 0;
    enum tare_status st = tare_context_create(built->engine, n_threads, &context, err);
    for (size_t i = 0; st == TARE_OK && i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(built->engine, i, &binding);
        buffers[i] = calloc(1, binding.n_bytes);
        if (!buffers[i]) abort();
        if (binding.is_input && inputs && inputs[n_inputs])
            memcpy(buffers[i], inputs[n_inputs], binding.n_bytes);
        n_inputs += binding.is_input;
        st = tare_context_set_address(context, i, buffers[i], err);
    }
    if (st == TARE_OK) st = tare_context_run(context, err);
    tare_context_destroy(context);
    for (size_t i = 0; i < info.n_bindings; i++) {
        if (i < n_inputs || st != TARE_OK)
            free(buffers[i]);
        else
            outputs[i - n_inputs] = buffers[i];
    }
    free(buffers);
    return st;
}

#endif /* TARE_TESTS_ENGINE_RUN_H */
