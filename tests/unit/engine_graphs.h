/* Helpers for tests of whole engines: a graph made with net.h, its values from naive.h,
 * and what an engine built from it puts out. */
#ifndef TARE_TESTS_ENGINE_GRAPHS_H
#define TARE_TESTS_ENGINE_GRAPHS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "naive.h"
#include "optimizer/optimizer.h"
#include "precision/precision.h"
#include "tests/unit/engine_run.h"

enum { GRAPH_MAX_BINDINGS = 8 };

/** The inputs of an engine, or its outputs; released by graph_values_free(). */
struct graph_values {
    float *data[GRAPH_MAX_BINDINGS];
    size_t n;
};

static inline void graph_values_free(struct graph_values *values)
{
    for (size_t i = 0; i < values->n; i++)
        free(values->data[i]);
    values->n = 0;
}

/** The inputs that naive_run() takes, which are float32 numbers. */
static inline struct graph_values graph_inputs(const struct naive *run)
{
    const struct tare_graph *g = run->graph;
    struct graph_values inputs = {.n = g->n_inputs};
    for (size_t i = 0; i < g->n_inputs; i++) {
        const int64_t n = naive_count(naive_dims(run, g->inputs[i]));
        inputs.data[i] = malloc((size_t)n * sizeof(float));
        for (int64_t k = 0; k < n; k++)
            inputs.data[i][k] = (float)run->values[g->inputs[i]][k];
    }
    return inputs;
}

static inline struct tare_graph *graph_optimized(const struct tare_graph *graph)
{
    struct tare_graph *copy = net_copy(graph);
    NET_TRY(tare_optimize(copy, NULL, &err_));
    return copy;
}

/** INT8 wherever it can be, with the ranges that the naive run of `graph` has.
 *  @param graph  optimised; gets its precisions. */
static inline void graph_to_int8(struct tare_graph *graph, uint64_t seed)
{
    struct naive run = naive_run(graph, seed);
    struct tare_range *ranges = tare_alloc_array(graph->n_tensors, sizeof *ranges);
    for (size_t t = 0; t < graph->n_tensors; t++) {
        ranges[t] = (struct tare_range){graph->tensors[t].name, 0};
        const int64_t n = run.values[t] ? naive_count(&graph->tensors[t].dims) : 0;
        for (int64_t i = 0; i < n; i++)
            ranges[t].amax = fmax(ranges[t].amax, fabs(run.values[t][i]));
    }
    const struct tare_precision_options options = {.allow_int8 = true};
    NET_TRY(
        tare_precision_assign(graph, ranges, graph->n_tensors, &options, NULL, &err_));
    tare_free(ranges);
    naive_free(&run);
}

/** Build for this processor and run once. */
static inline struct graph_values graph_run(const struct tare_graph *graph,
                                            int n_threads,
                                            const struct graph_values *inputs)
{
    struct built built;
    struct graph_values outputs = {.n = graph->n_outputs};
    const float *data[GRAPH_MAX_BINDINGS] = {NULL};
    for (size_t i = 0; i < inputs->n; i++)
        data[i] = inputs->data[i];
    NET_TRY(built_make(graph, tare_cpu_flags(), &built, &err_));
    NET_TRY(built_run(&built, n_threads, data, outputs.data, &err_));
    built_release(&built);
    return outputs;
}

/** One head's attention in `x`, of `width` channels, to "y": products "q", "k" and "v",
 *  scores "s", probabilities "p". */
static inline void graph_attention(struct tare_graph *g, const char *x, int64_t width,
                                   uint64_t *seed)
{
    static const char *const names[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        char weights[8], inputs[16];
        (void)snprintf(weights, sizeof weights, "%s.w", names[i]);
        (void)snprintf(inputs, sizeof inputs, "%s %s", x, weights);
        net_weights(g, weights, NET_DIMS(width, width), -0.3F, 0.3F, seed);
        net_node(g, TARE_OP_MATMUL, names[i], inputs, names[i]);
    }
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "k", "kt"), "perm", 3, 0, 2, 1);
    net_node(g, TARE_OP_MATMUL, "scores", "q kt", "s");
    net_int(net_node(g, TARE_OP_SOFTMAX, "softmax", "s", "p"), "axis", 2);
    net_node(g, TARE_OP_MATMUL, "mix", "p v", "y");
}

/** Does the engine of `graph` have a layer of this type in this precision? */
static inline bool graph_has_layer(const struct tare_graph *graph, const char *type,
                                   const char *precision)
{
    struct built built;
    struct tare_engine_info info;
    bool found = false;
    NET_TRY(built_make(graph, tare_cpu_flags(), &built, &err_));
    tare_engine_info(built.engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(built.engine, i, &layer);
        found = found || (strcmp(layer.type, type) == 0 &&
                          strcmp(layer.precision, precision) == 0);
    }
    built_release(&built);
    return found;
}

#endif /* TARE_TESTS_ENGINE_GRAPHS_H */
