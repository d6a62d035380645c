/* tests/unit/engine_fused.h - an engine whose layers do what others did, beside one in
 * which all are apart. */
#ifndef TARE_TESTS_UNIT_ENGINE_FUSED_H
#define TARE_TESTS_UNIT_ENGINE_FUSED_H

#include "engine_graphs.h"

#include <string.h>

#include "engine/isa.h"

/** @param raw  destroyed here */
static inline struct tare_graph *fused_to_int8(struct tare_graph *raw, uint64_t seed)
{
    struct tare_graph *g = graph_optimized(net_infer(raw));
    graph_to_int8(g, seed);
    tare_graph_destroy(raw);
    return g;
}

static inline struct built fused_build(const struct tare_graph *g, uint32_t isa,
                                       bool in_place)
{
    const struct tare_engine_options options = {.isa = isa, .in_place = in_place};
    struct built built;
    NET_TRY(built_make_with(g, &options, &built, &err_));
    return built;
}

/** The same bytes from both, for some numbers of threads. */
static inline void fused_check_outputs(const struct tare_graph *g,
                                       const struct built *fused,
                                       const struct built *apart,
                                       const struct graph_values *inputs)
{
    const float *data[GRAPH_MAX_BINDINGS] = {NULL};
    for (size_t i = 0; i < inputs->n; i++)
        data[i] = inputs->data[i];
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        float *got[GRAPH_MAX_BINDINGS], *want[GRAPH_MAX_BINDINGS];
        NET_TRY(built_run(fused, n_threads, data, got, &err_));
        NET_TRY(built_run(apart, n_threads, data, want, &err_));
        for (size_t i = 0; i < g->n_outputs; i++) {
            const int64_t n = naive_count(&g->tensors[g->outputs[i]].dims);
            assert_memory_equal(got[i], want[i], (size_t)n * sizeof(float));
            free(got[i]);
            free(want[i]);
        }
    }
}

/** The same for every instruction set that there is. */
static inline void fused_check_bytes(const struct tare_graph *g, uint64_t seed)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "vnni"};
    struct naive naive = naive_run(g, seed);
    struct graph_values inputs = graph_inputs(&naive);
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t isa;
        assert_true(tare_isa_find(levels[i], &isa));
        if (isa & ~tare_cpu_flags()) continue;
        struct built fused = fused_build(g, isa, true),
                     apart = fused_build(g, isa, false);
        fused_check_outputs(g, &fused, &apart, &inputs);
        built_release(&fused);
        built_release(&apart);
    }
    graph_values_free(&inputs);
    naive_free(&naive);
}

/** Layers of that type. */
static inline size_t fused_count(const struct built *built, const char *type)
{
    struct tare_engine_info info;
    size_t n = 0;
    tare_engine_info(built->engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(built->engine, i, &layer);
        n += strcmp(layer.type, type) == 0;
    }
    return n;
}

/** The layer of that type, the first one. */
static inline size_t fused_find(const struct built *built, const char *type)
{
    struct tare_layer_info layer;
    for (size_t i = 0;; i++) {
        tare_engine_layer(built->engine, i, &layer);
        if (strcmp(layer.type, type) == 0) return i;
    }
}

/** What the layer of that type makes, as "TYPE NAME" with commas between. */
static inline void fused_check_makes(const struct built *built, const char *type,
                                     const char *want)
{
    struct tare_layer_info layer;
    char made[128] = "";
    const size_t at = fused_find(built, type);
    tare_engine_layer(built->engine, at, &layer);
    for (size_t k = 0; k < layer.n_outputs; k++) {
        struct tare_layer_tensor tensor;
        const size_t n = strlen(made);
        tare_engine_layer_tensor(built->engine, at, layer.n_inputs + k, &tensor);
        (void)snprintf(made + n, sizeof made - n, "%s%s %s", n ? ", " : "",
                       tare_dtype_name(tensor.dtype), tensor.name);
    }
    assert_string_equal(made, want);
}

#endif /* TARE_TESTS_UNIT_ENGINE_FUSED_H */
