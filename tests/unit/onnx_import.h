/* tests/unit/onnx_import.h - import a model that a test has written, keeping what is
 * said about it. */
#ifndef TARE_TESTS_ONNX_IMPORT_H
#define TARE_TESTS_ONNX_IMPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "graph/graph.h"
#include "onnx/import.h"
#include "onnx_model.h"
#include "tare/log.h"

static struct tare_error error;
static char warnings[1024];

static inline void keep_warning(void *ctx, enum tare_log_level level,
                                const char *message)
{
    (void)ctx;
    (void)level;
    (void)snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings),
                   "%s\n", message);
}

/** Import `model`, which is used up; NULL with `error` filled on failure. */
static inline struct tare_graph *import(struct bytes model)
{
    struct tare_graph *graph;
    error = (struct tare_error){0};
    warnings[0] = '\0';
    tare_log_set_sink(keep_warning, NULL, TARE_LOG_WARN);
    const enum tare_status st =
        tare_onnx_import_bytes(model.data, model.n, NULL, &graph, &error);
    tare_log_set_sink(NULL, NULL, TARE_LOG_ERROR);
    free(model.data);
    assert_int_equal(st, error.code);
    assert_true((st == TARE_OK) == (graph != NULL));
    return graph;
}

static inline void expect_failure(struct bytes model, enum tare_status code,
                                  const char *text)
{
    struct tare_graph *graph = import(model);
    tare_graph_destroy(graph);
    assert_int_equal(error.code, code);
    assert_string_equal(error.text, text);
}

static inline void expect_graph_failure(struct bytes graph, enum tare_status code,
                                        const char *text)
{
    expect_failure(make_model(13, graph), code, text);
}

/** "x" [N,4] -> "y", without nodes in between yet. */
static inline struct bytes frame(void)
{
    struct bytes graph = {0};
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "N,4"));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    return graph;
}

static inline struct bytes relu_graph(void)
{
    struct bytes graph = frame();
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "x", "y"));
    return graph;
}

#endif /* TARE_TESTS_ONNX_IMPORT_H */
