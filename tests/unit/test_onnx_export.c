/* Export: what was imported comes back as it was, over all of Debian's ONNX test data
 * and the shipped networks; fused nodes come apart; external data; opaque nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "onnx/export.h"
#include "onnx_import.h"
#include "optimizer/optimizer.h"

#define FOLDER "/usr/share/libonnx-testdata/data"

static char scratch[] = "/tmp/tare-export-XXXXXX";

static char *print(const struct tare_graph *graph)
{
    struct tare_text text = {0};
    tare_graph_print(graph, &text);
    assert_false(text.failed);
    return text.data;
}

/* Graphs of the same text, whose constants have the same bytes. */
static void expect_equal(const struct tare_graph *a, const struct tare_graph *b)
{
    char *const ours = print(a), *const theirs = print(b);
    assert_string_equal(ours, theirs);
    tare_free(ours);
    tare_free(theirs);
    for (size_t i = 0; i < a->n_tensors; i++) {
        const struct tare_tensor *x = &a->tensors[i];
        if (!x->data || !tare_graph_n_uses(a, (int32_t)i)) continue;
        const int32_t id = tare_graph_find_tensor(b, x->name);
        assert_true(id >= 0);
        assert_int_equal(x->n_bytes, b->tensors[id].n_bytes);
        assert_memory_equal(x->data, b->tensors[id].data, x->n_bytes);
    }
    for (size_t i = 0; i < a->n_inputs; i++)
        for (int k = 0; k < TARE_MAX_RANK; k++) {
            const char *x = a->tensors[a->inputs[i]].symbols[k];
            const char *y = b->tensors[b->inputs[i]].symbols[k];
            assert_true(!x == !y && (!x || strcmp(x, y) == 0));
        }
}

static bool is_cast_to(const struct tare_node *node, int64_t type)
{
    return !node->dead && node->op == TARE_OP_CAST &&
           tare_node_int(node, "to", 0) == type;
}

/* A Cast to 16 bits is written with one to float32 behind it: take that out again. */
static void narrow_casts(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (!is_cast_to(node, 1) || !strstr(node->name, ".widen")) continue;
        const int32_t maker = graph->tensors[node->inputs[0]].producer;
        const int32_t out = node->outputs[0];
        assert_true(is_cast_to(&graph->nodes[maker], 10) ||
                    is_cast_to(&graph->nodes[maker], 16));
        tare_graph_remove_node(graph, (int32_t)i);
        tare_graph_set_output(graph, maker, 0, out);
    }
    assert_int_equal(tare_graph_compact(graph, NULL), TARE_OK);
}

/* What a float type is cast to is float32 here: say so before the comparison. */
static void widen_casts(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i].n_attrs; k++) {
            struct tare_attr *attr = &graph->nodes[i].attrs[k];
            const bool is_type =
                !strcmp(attr->name, "to") || !strcmp(attr->name, "dtype");
            const bool is_half = attr->i == 10 || attr->i == 16;
            const bool is_float =
                attr->i == 11 || (is_half && graph->nodes[i].op != TARE_OP_CAST);
            if (is_type && is_float && graph->nodes[i].op != TARE_OP_OPAQUE)
                attr->i = 1;
        }
}

struct count {
    size_t written, refused;
};

static void check_round_trip(const char *path, struct count *count)
{
    struct tare_graph *graph, *again;
    struct tare_error err = {0};
    char file[PATH_MAX];
    if (tare_onnx_import_any(path, NULL, &graph, NULL) != TARE_OK) return;
    (void)snprintf(file, sizeof file, "%s/model.onnx", scratch);
    if (tare_onnx_export(graph, file, false, &err) != TARE_OK) {
        if (err.code != TARE_E_UNSUPPORTED) fail_msg("%s: %s", path, err.text);
        assert_true(access(file, F_OK) != 0);
        count->refused++;
        tare_graph_destroy(graph);
        return;
    }
    if (tare_onnx_import_any(file, NULL, &again, &err) != TARE_OK)
        fail_msg("%s: %s", path, err.text);
    widen_casts(graph);
    narrow_casts(again);
    expect_equal(graph, again);
    count->written++;
    tare_graph_destroy(graph);
    tare_graph_destroy(again);
    assert_int_equal(unlink(file), 0);
}

static void test_test_data(void **state)
{
    (void)state;
    static const char *const kinds[] = {"node", "simple", "pytorch-converted",
                                        "pytorch-operator"};
    struct count count = {0};
    if (access(FOLDER, R_OK) != 0) skip();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, FOLDER "/%s", kinds[i]);
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            (void)snprintf(path, sizeof path, FOLDER "/%s/%s/model.onnx", kinds[i],
                           entry->d_name);
            if (access(path, R_OK) == 0) check_round_trip(path, &count);
        }
        (void)closedir(folder);
    }
    print_message("%zu models as they were, %zu not written\n", count.written,
                  count.refused);
    assert_true(count.written >= 800);
}

static void test_networks(void **state)
{
    (void)state;
    static const char *const names[] = {"fashion_resnet", "fashion_depthwise"};
    struct count count = {0};
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/models/%s.onnx", TARE_SOURCE_DIR,
                       names[i]);
        check_round_trip(path, &count);
    }
    assert_int_equal(count.written, 2);
}

static struct tare_graph *round_trip(const struct tare_graph *graph)
{
    struct tare_graph *again = NULL;
    struct tare_error err = {0};
    uint8_t *bytes;
    size_t n;
    if (tare_onnx_export_bytes(graph, &bytes, &n, &err) != TARE_OK ||
        tare_onnx_import_bytes(bytes, n, NULL, &again, &err) != TARE_OK)
        fail_msg("%s", err.text);
    tare_free(bytes);
    return again;
}

/* x and z through Conv-less arithmetic: Add is what residuals and activations fuse
 * into. */
static struct tare_graph *fused_graph(int opset, float slope, float lower, float upper)
{
    struct bytes proto = {0};
    put_message(&proto, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "1,4"));
    put_message(&proto, GRAPH_INPUT, make_value("z", TYPE_FLOAT, "1,4"));
    put_message(&proto, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, "1,4"));
    put_message(&proto, GRAPH_NODE, make_node("Add", "a", "x,x", "y"));
    struct tare_graph *graph = import(make_model(opset, proto));
    assert_non_null(graph);
    struct tare_node *node = &graph->nodes[0];
    const int32_t inputs[] = {node->inputs[0], node->inputs[1], graph->inputs[1]};
    assert_int_equal(tare_node_set_inputs(node, inputs, 3, NULL), TARE_OK);
    node->fused = (struct tare_fused){
        .has_residual = true, .negative_slope = slope, .lower = lower, .upper = upper};
    return graph;
}

static void expect_text(struct tare_graph *graph, const char *want)
{
    struct tare_graph *again = round_trip(graph);
    char *text = print(again);
    assert_string_equal(text, want);
    tare_free(text);
    tare_graph_destroy(graph);
    tare_graph_destroy(again);
}

static void test_fused(void **state)
{
    (void)state;
    expect_text(fused_graph(13, 1.0F, 0.0F, INFINITY),
                "graph 'graph' opset 13\n"
                "in: x:float32[1x4], z:float32[1x4]\n"
                "a: Add(x:float32[1x4], x:float32[1x4]) -> y.before_add:float32[?]\n"
                "a.add: Add(y.before_add:float32[?], z:float32[1x4]) -> "
                "y.before_clamp:float32[?]\n"
                "a.clamp: Relu(y.before_clamp:float32[?]) -> y:float32[1x4]\n"
                "out: y:float32[1x4]\n");
    expect_text(
        fused_graph(13, 0.25F, -INFINITY, 6.0F),
        "graph 'graph' opset 13\n"
        "in: x:float32[1x4], z:float32[1x4]\n"
        "a: Add(x:float32[1x4], x:float32[1x4]) -> y.before_add:float32[?]\n"
        "a.add: Add(y.before_add:float32[?], z:float32[1x4]) -> "
        "y.before_slope:float32[?]\n"
        "a.slope: LeakyRelu(y.before_slope:float32[?]) -> y.before_clamp:float32[?] "
        "{alpha=0.25}\n"
        "a.clamp: Clip(y.before_clamp:float32[?], -, y.max*:float32[scalar]) -> "
        "y:float32[1x4]\n"
        "out: y:float32[1x4]\n");
    expect_text(
        fused_graph(9, 1.0F, -1.0F, 6.0F),
        "graph 'graph' opset 9\n"
        "in: x:float32[1x4], z:float32[1x4]\n"
        "a: Add(x:float32[1x4], x:float32[1x4]) -> y.before_add:float32[?]\n"
        "a.add: Add(y.before_add:float32[?], z:float32[1x4]) -> "
        "y.before_clamp:float32[?]\n"
        "a.clamp: Clip(y.before_clamp:float32[?]) -> y:float32[1x4] {min=-1 max=6}\n"
        "out: y:float32[1x4]\n");
}

/* An optimized network is a network still: its nodes come apart into ones that tare
 * reads, and no fusion is left. */
static void test_optimized(void **state)
{
    (void)state;
    struct tare_graph *graph;
    assert_int_equal(tare_onnx_import(TARE_SOURCE_DIR "/models/fashion_resnet.onnx",
                                      NULL, &graph, NULL),
                     TARE_OK);
    graph->tensors[graph->inputs[0]].dims.d[0] = 1;
    assert_int_equal(tare_graph_infer(graph, NULL), TARE_OK);
    assert_int_equal(tare_optimize(graph, NULL, NULL), TARE_OK);
    size_t n_fused = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        n_fused += !tare_fused_is_none(&graph->nodes[i].fused);
    assert_true(n_fused > 0);
    struct tare_graph *again = round_trip(graph);
    assert_true(again->n_nodes > graph->n_nodes);
    assert_int_equal(tare_graph_infer(again, NULL), TARE_OK);
    tare_graph_destroy(graph);
    tare_graph_destroy(again);
}

/* Constants of 1 KiB and more beside the model, others in it, all as they were. */
static void test_external(void **state)
{
    (void)state;
    struct tare_graph *graph, *again;
    struct tare_error err = {0};
    char file[PATH_MAX], data[PATH_MAX + 8];
    assert_int_equal(tare_onnx_import(TARE_SOURCE_DIR "/models/fashion_resnet.onnx",
                                      NULL, &graph, NULL),
                     TARE_OK);
    (void)snprintf(file, sizeof file, "%s/apart.onnx", scratch);
    (void)snprintf(data, sizeof data, "%s.data", file);
    if (tare_onnx_export(graph, file, true, &err) != TARE_OK) fail_msg("%s", err.text);
    assert_int_equal(access(data, R_OK), 0);
    if (tare_onnx_import(file, NULL, &again, &err) != TARE_OK) fail_msg("%s", err.text);
    expect_equal(graph, again);
    tare_graph_destroy(graph);
    tare_graph_destroy(again);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(unlink(data), 0);
}

static void test_metadata(void **state)
{
    (void)state;
    struct bytes model = make_model(13, relu_graph());
    struct bytes entry = {0};
    put_text(&entry, ENTRY_KEY, "names");
    put_text(&entry, ENTRY_VALUE, "{0: 'cat',\n 1: 'dog'}");
    put_message(&model, MODEL_METADATA_PROPS, entry);
    struct tare_graph *graph = import(model);
    assert_non_null(graph);
    struct tare_graph *copy;
    assert_int_equal(tare_graph_clone(graph, &copy, NULL), TARE_OK);
    struct tare_graph *again = round_trip(copy);
    assert_int_equal(again->n_properties, 1);
    assert_string_equal(again->properties[0].key, "names");
    assert_string_equal(again->properties[0].value, "{0: 'cat',\n 1: 'dog'}");
    tare_graph_destroy(graph);
    tare_graph_destroy(copy);
    tare_graph_destroy(again);
}

/* The type of an output that nothing tells cannot be written. */
static void test_untyped_output(void **state)
{
    (void)state;
    struct bytes proto = {0};
    struct bytes untyped = {0};
    put_text(&untyped, VALUE_NAME, "y");
    put_message(&proto, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "1,4"));
    put_message(&proto, GRAPH_OUTPUT, untyped);
    put_message(&proto, GRAPH_NODE, make_node("Relu", "r", "x", "y"));
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    uint8_t *bytes;
    size_t n;
    assert_int_equal(tare_onnx_export_bytes(graph, &bytes, &n, &error),
                     TARE_E_UNSUPPORTED);
    assert_string_equal(error.text,
                        "the type of output 'y' is not known: the model does not say "
                        "it, and it cannot be inferred");
    assert_int_equal(tare_graph_infer(graph, NULL), TARE_OK);
    assert_int_equal(tare_onnx_export_bytes(graph, &bytes, &n, &error), TARE_OK);
    tare_free(bytes);
    tare_graph_destroy(graph);
}

/* Every allocation of an export may fail; each failure is reported, none leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *graph = fused_graph(13, 0.25F, -1.0F, 6.0F);
    uint8_t *bytes;
    size_t n;
    int64_t i = 0;
    for (;; i++) {
        tare_alloc_fail_after(i);
        const enum tare_status st = tare_onnx_export_bytes(graph, &bytes, &n, &error);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_null(bytes);
    }
    assert_true(i > 20);
    tare_free(bytes);
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_test_data), cmocka_unit_test(test_networks),
        cmocka_unit_test(test_fused),     cmocka_unit_test(test_optimized),
        cmocka_unit_test(test_external),  cmocka_unit_test(test_untyped_output),
        cmocka_unit_test(test_metadata),  cmocka_unit_test(test_no_memory),
    };
    if (!mkdtemp(scratch)) return 1;
    const int status = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(scratch) == 0 ? status : 1;
}
