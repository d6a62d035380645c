/* tests/unit/bodies.h - graphs inside nodes, and runs of graphs on values. */
#ifndef TARE_TESTS_BODIES_H
#define TARE_TESTS_BODIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/run.h"
#include "net.h"

/** An input of a type; its shape is open. */
static inline void body_input(struct tare_graph *graph, const char *name,
                              enum tare_dtype dtype)
{
    net_input(graph, name, (struct tare_dims){0});
    struct tare_tensor *tensor = &graph->tensors[net_tensor(graph, name)];
    tensor->dtype = dtype;
    tensor->has_dims = false;
}

/** A further input, which is a tensor of the graph around. */
static inline void body_capture(struct tare_graph *graph, const char *name)
{
    body_input(graph, name, TARE_F32);
    graph->n_captures++;
}

/** An output of a declared shape. */
static inline void body_output(struct tare_graph *graph, const char *name,
                               struct tare_dims dims)
{
    net_output(graph, name);
    struct tare_tensor *tensor = &graph->tensors[net_tensor(graph, name)];
    tensor->has_dtype = tensor->has_dims = true;
    tensor->dims = dims;
}

/** Let `body`, which goes to the node, be an attribute. */
static inline void body_attr(struct tare_node *node, const char *name,
                             struct tare_graph *body)
{
    const struct tare_attr attr = {.type = TARE_ATTR_GRAPH, .g = body};
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

/* Values that borrow: BODY_FLOATS(1, 2) is [2], BODY_LONG(3) and BODY_BOOL(true) are
 * scalars. */
#define BODY_FLOATS(...)                                                               \
    ((struct tare_const){.dtype = TARE_F32,                                            \
                         .dims =                                                       \
                             NET_DIMS(sizeof((float[]){__VA_ARGS__}) / sizeof(float)), \
                         .data = (float[]){__VA_ARGS__},                               \
                         .n_bytes = sizeof((float[]){__VA_ARGS__})})
#define BODY_LONG(value)                                                               \
    ((struct tare_const){                                                              \
        .dtype = TARE_S64, .data = (int64_t[]){value}, .n_bytes = sizeof(int64_t)})
#define BODY_BOOL(value)                                                               \
    ((struct tare_const){                                                              \
        .dtype = TARE_BOOL, .data = (bool[]){value}, .n_bytes = sizeof(bool)})

/** "2x3=1,2,3,4,5,6", of any type. */
static inline void body_describe(const struct tare_const *value, struct tare_text *out)
{
    char text[TARE_DIMS_TEXT];
    if (out->length) tare_text_add(out, " ");
    tare_text_add(out, "%s", tare_dims_print(&value->dims, text));
    for (int64_t i = 0; i < tare_dims_count(&value->dims); i++)
        tare_text_add(out, "%s%g", i ? "," : "=", tare_const_get(value, i));
}

/** Run the graph; all its outputs must be as `want` says, or its failure. */
static inline void body_expect(struct tare_graph *graph,
                               const struct tare_const *inputs, const char *want)
{
    struct tare_const outputs[8] = {0};
    struct tare_error err = {0};
    struct tare_text text = {0};
    if (tare_graph_run(graph, inputs, outputs, &err) == TARE_OK)
        for (size_t i = 0; i < graph->n_outputs; i++)
            body_describe(&outputs[i], &text);
    else
        tare_text_add(&text, "%s", err.text);
    assert_string_equal(text.data, want);
    for (size_t i = 0; i < graph->n_outputs; i++)
        tare_free(outputs[i].data);
    tare_text_free(&text);
}

/** Let each allocation of a run fail in turn; nothing may be left of it. */
static inline void body_starve(struct tare_graph *graph,
                               const struct tare_const *inputs,
                               const struct tare_const *given)
{
    for (int64_t i = 0;; i++) {
        struct tare_const outputs[8] = {0};
        struct tare_error err = {0};
        for (size_t k = 0; given && k < graph->n_outputs; k++)
            outputs[k] = given[k];
        tare_alloc_fail_after(i);
        const enum tare_status st = tare_graph_run(graph, inputs, outputs, &err);
        tare_alloc_fail_after(-1);
        for (size_t k = 0; k < graph->n_outputs; k++) {
            const bool is_given = given && given[k].data;
            if (st != TARE_OK)
                assert_ptr_equal(outputs[k].data, is_given ? given[k].data : NULL);
            else if (!is_given)
                tare_free(outputs[k].data);
        }
        if (st == TARE_OK) return;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_true(err.text[0] != '\0');
    }
}

#endif /* TARE_TESTS_BODIES_H */
