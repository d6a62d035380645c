/* tests/unit/surgery.h - a model in a file, an operation on it, and what is left. */
#ifndef TARE_TESTS_SURGERY_H
#define TARE_TESTS_SURGERY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "api/model.h"
#include "base/mem.h"
#include "base/text.h"
#include "onnx_model.h"
#include "tare/surgeon.h"

static struct tare_error error;
static struct tare_text changes; /* "folded node Add_1 (Add)" lines */
static struct tare_surgery surgery;

static inline void note_change(void *ctx, const struct tare_change *change)
{
    (void)ctx;
    tare_text_add(&changes, "%s %s %s (%s)\n", change->action, change->kind,
                  change->name, change->detail);
}

/** Write `model`, which is used up. @param[out] path  of mkstemp(). */
static inline void write_model(struct bytes model, char path[32])
{
    (void)snprintf(path, 32, "/tmp/tare-surgery-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, model.data, model.n), (ssize_t)model.n);
    assert_int_equal(close(fd), 0);
    free(model.data);
}

/** Start on `model`, which is used up. */
static inline void begin(struct bytes model)
{
    char path[32];
    write_model(model, path);
    error = (struct tare_error){0};
    surgery = (struct tare_surgery){.report = note_change};
    if (tare_surgeon_load(path, &surgery.model, &error) != TARE_OK)
        fail_msg("%s", error.text);
    assert_int_equal(unlink(path), 0);
}

/** The status wanted, and the text of the error behind it. */
static inline void end_failed(enum tare_status st, enum tare_status want,
                              const char *text)
{
    assert_int_equal(st, want);
    assert_string_equal(error.text, text);
    tare_model_destroy(surgery.model);
    tare_text_free(&changes);
}

/** Success, with these changes and this graph; it can be written and read again. */
static inline void end(enum tare_status st, const char *want_changes, const char *want)
{
    if (st != TARE_OK) fail_msg("%s", error.text);
    struct tare_text text = {0};
    tare_graph_print(surgery.model->graph, &text);
    assert_string_equal(changes.data ? changes.data : "", want_changes);
    assert_string_equal(text.data, want);
    tare_text_free(&text);
    tare_text_free(&changes);

    char path[32] = "/tmp/tare-surgery-XXXXXX";
    struct tare_model *again = NULL;
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    if (tare_model_save(surgery.model, path, false, &error) != TARE_OK ||
        tare_surgeon_load(path, &again, &error) != TARE_OK)
        fail_msg("%s", error.text);
    assert_int_equal(again->graph->n_nodes, surgery.model->graph->n_nodes);
    tare_model_destroy(again);
    tare_model_destroy(surgery.model);
    assert_int_equal(unlink(path), 0);
}

static inline void put_floats(struct bytes *graph, const char *name, size_t n,
                              const float *values)
{
    const int64_t dims[] = {(int64_t)n};
    struct bytes tensor = make_tensor(name, TYPE_FLOAT, 1, dims);
    put_bytes(&tensor, TENSOR_RAW_DATA, values, n * sizeof *values);
    put_message(graph, GRAPH_INITIALIZER, tensor);
}

static inline void put_int64s(struct bytes *graph, const char *name, size_t n,
                              const int64_t *values)
{
    const int64_t dims[] = {(int64_t)n};
    struct bytes tensor = make_tensor(name, TYPE_INT64, 1, dims);
    put_bytes(&tensor, TENSOR_RAW_DATA, values, n * sizeof *values);
    put_message(graph, GRAPH_INITIALIZER, tensor);
}

/** "x" of a shape, "y" without one. */
static inline struct bytes ends(const char *shape)
{
    struct bytes graph = {0};
    put_text(&graph, GRAPH_NAME, "g");
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, shape));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    return graph;
}

static inline void put_node(struct bytes *graph, const char *op, const char *name,
                            const char *inputs, const char *outputs)
{
    put_message(graph, GRAPH_NODE, make_node(op, name, inputs, outputs));
}

/** x -> Relu r1 -> a -> Sigmoid s -> b -> Relu r2 -> y */
static inline struct bytes chain(const char *shape)
{
    struct bytes graph = ends(shape);
    put_node(&graph, "Relu", "r1", "x", "a");
    put_node(&graph, "Sigmoid", "s", "a", "b");
    put_node(&graph, "Relu", "r2", "b", "y");
    return make_model(13, graph);
}

#endif /* TARE_TESTS_SURGERY_H */
