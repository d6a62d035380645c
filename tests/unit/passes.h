/* tests/unit/passes.h - run one pass on a copy of a graph and check what holds for
 * every pass: the same outputs, and shapes that a fresh inference agrees with. */
#ifndef TARE_TESTS_PASSES_H
#define TARE_TESTS_PASSES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/dims.h"
#include "naive.h"
#include "optimizer/optimizer.h"

/* Weights are rounded to float where the naive run of the original has doubles. */
#define PASS_TOLERANCE 1e-5

static inline tare_pass_fn *pass_find(const char *name)
{
    size_t n;
    const struct tare_pass *passes = tare_passes(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(passes[i].name, name) == 0) return passes[i].run;
    return NULL;
}

/** Shapes and types as they stand must be what inference says. */
static inline void pass_check_shapes(const struct tare_graph *graph)
{
    struct tare_graph *fresh = net_infer(net_copy(graph));
    assert_int_equal(fresh->n_tensors, graph->n_tensors);
    for (size_t t = 0; t < graph->n_tensors; t++) {
        assert_true(graph->tensors[t].has_dims);
        assert_true(tare_dims_equal(&fresh->tensors[t].dims, &graph->tensors[t].dims));
        assert_int_equal(fresh->tensors[t].dtype, graph->tensors[t].dtype);
    }
    tare_graph_destroy(fresh);
}

/** Nodes in order, inputs before their readers. */
static inline void pass_check_order(const struct tare_graph *graph)
{
    for (size_t n = 0; n < graph->n_nodes; n++)
        for (size_t i = 0; i < graph->nodes[n].n_inputs; i++) {
            const int32_t id = graph->nodes[n].inputs[i];
            if (id >= 0) assert_true(graph->tensors[id].producer < (int32_t)n);
        }
}

static inline void pass_check_same(const struct tare_graph *before,
                                   const struct tare_graph *after)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        const double difference = naive_difference(before, after, seed);
        if (!(difference < PASS_TOLERANCE)) {
            struct tare_text text = {0};
            tare_graph_print(before, &text);
            tare_text_add(&text, "became\n");
            tare_graph_print(after, &text);
            fail_msg("outputs differ by %g\n%s", difference, text.data);
        }
    }
}

/** Run the pass once on a copy, compact, check. `graph` has been inferred; it goes. */
static inline struct tare_graph *pass_run(const char *name, struct tare_graph *graph,
                                          bool want_change)
{
    struct tare_graph *after = net_copy(graph);
    bool changed = false;
    NET_TRY(pass_find(name)(after, &changed, &err_));
    NET_TRY(tare_graph_compact(after, &err_));
    if (changed != want_change)
        fail_msg("pass %s: changed %d, want %d", name, changed, want_change);
    pass_check_order(after);
    pass_check_shapes(after);
    pass_check_same(graph, after);
    if (!want_change) assert_int_equal(after->n_nodes, graph->n_nodes);
    tare_graph_destroy(graph);
    return after;
}

/** The pass leaves this graph alone. */
static inline void pass_keeps(const char *name, struct tare_graph *graph)
{
    tare_graph_destroy(pass_run(name, graph, false));
}

#endif /* TARE_TESTS_PASSES_H */
