/* Models with If, Loop and Scan, written and read again. */
#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include "bodies.h"
#include "node_data.h"
#include "onnx/export.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"
#include "tare/log.h"

#define FOLDER "/usr/share/libonnx-testdata/data/node"

/* The graph, and those inside it. */
static void print_all(const struct tare_graph *graph, struct tare_text *out)
{
    tare_graph_print(graph, out);
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i].n_attrs; k++)
            if (graph->nodes[i].attrs[k].g) print_all(graph->nodes[i].attrs[k].g, out);
}

static void expect_same(const struct tare_graph *a, const struct tare_graph *b)
{
    struct tare_text text[2] = {{0}};
    print_all(a, &text[0]);
    print_all(b, &text[1]);
    assert_string_equal(text[1].data, text[0].data);
    tare_text_free(&text[0]);
    tare_text_free(&text[1]);
}

static struct tare_graph *write_and_read(const struct tare_graph *graph)
{
    uint8_t *bytes;
    size_t n;
    struct tare_graph *again = NULL;
    struct tare_error err = {0};
    if (tare_onnx_export_bytes(graph, &bytes, &n, &err) != TARE_OK ||
        tare_onnx_import_bytes(bytes, n, NULL, &again, &err) != TARE_OK)
        fail_msg("%s", err.text);
    tare_free(bytes);
    return again;
}

static bool has_body(const struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i].n_attrs; k++)
            if (graph->nodes[i].attrs[k].g) return true;
    return false;
}

static bool read_tensor(const char *test, const char *kind, size_t i,
                        struct tare_const *content)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, FOLDER "/%s/test_data_set_0/%s_%zu.pb", test,
                   kind, i);
    return tare_onnx_tensor_file_read(path, content, NULL) == TARE_OK;
}

/* What the test's inputs make are the test's outputs. */
static void expect_outputs(struct tare_graph *graph, const char *test)
{
    struct tare_const inputs[8] = {0}, outputs[8] = {0};
    struct tare_error err = {0};
    assert_in_range(graph->n_inputs, 0, 8);
    assert_in_range(graph->n_outputs, 1, 8);
    for (size_t i = 0; i < graph->n_inputs; i++)
        assert_true(read_tensor(test, "input", i, &inputs[i]));
    if (tare_graph_run(graph, inputs, outputs, &err) != TARE_OK)
        fail_msg("%s: %s", test, err.text);
    for (size_t i = 0; i < graph->n_outputs; i++) {
        struct tare_const want;
        assert_true(read_tensor(test, "output", i, &want));
        assert_int_equal(outputs[i].dtype, want.dtype);
        assert_true(tare_dims_equal(&outputs[i].dims, &want.dims));
        assert_memory_equal(outputs[i].data, want.data, want.n_bytes);
        tare_free(want.data);
        tare_free(outputs[i].data);
    }
    for (size_t i = 0; i < graph->n_inputs; i++)
        tare_free(inputs[i].data);
}

static void test_round_trips(void **state)
{
    (void)state;
    size_t n_models = 0;
    DIR *folder = opendir(FOLDER);
    if (!folder) skip();
    tare_log_set_sink(NULL, NULL, TARE_LOG_ERROR);
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[PATH_MAX];
        struct tare_graph *graph;
        (void)snprintf(path, sizeof path, FOLDER "/%s/model.onnx", entry->d_name);
        if (entry->d_name[0] == '.' ||
            tare_onnx_import(path, NULL, &graph, NULL) != TARE_OK)
            continue;
        if (has_body(graph)) {
            struct tare_graph *again = write_and_read(graph);
            expect_same(graph, again);
            expect_outputs(again, entry->d_name);
            tare_graph_destroy(again);
            n_models++;
        }
        tare_graph_destroy(graph);
    }
    (void)closedir(folder);
    print_message("%zu models\n", n_models);
    assert_true(n_models >= 3); /* If, Loop, Scan */
}

/* y = cond ? a + b : b * a, the sum in a further If around it. */
static struct tare_graph *model(void)
{
    struct tare_graph *inner = net_create(13), *same = net_create(13);
    body_capture(inner, "a");
    body_capture(inner, "b");
    net_node(inner, TARE_OP_ADD, "sum", "a b", "local");
    body_output(inner, "local", NET_DIMS(-1));
    body_capture(same, "b");
    net_node(same, TARE_OP_RELU, "relu", "b", "local");
    body_output(same, "local", NET_DIMS(-1));

    struct tare_graph *then = net_create(13), *otherwise = net_create(13);
    body_capture(then, "cond");
    body_capture(then, "a");
    body_capture(then, "b");
    struct tare_node *node = net_node(then, TARE_OP_IF, "deep", "cond a b b", "made");
    body_attr(node, "then_branch", inner);
    body_attr(node, "else_branch", same);
    body_output(then, "made", NET_DIMS(-1));
    body_capture(otherwise, "b");
    body_capture(otherwise, "a");
    net_node(otherwise, TARE_OP_MUL, "mul", "b a", "made");
    body_output(otherwise, "made", NET_DIMS(-1));

    struct tare_graph *graph = net_create(13);
    tare_free(graph->name);
    graph->name = tare_strdup("choice");
    body_input(graph, "cond", TARE_BOOL);
    body_input(graph, "a", TARE_F32);
    body_input(graph, "b", TARE_F32);
    node = net_node(graph, TARE_OP_IF, "if", "cond cond a b b a", "y");
    body_attr(node, "then_branch", then);
    body_attr(node, "else_branch", otherwise);
    body_output(graph, "y", NET_DIMS(-1));
    return graph;
}

static void expect_values(const struct tare_graph *graph, const char *yes,
                          const char *no)
{
    struct tare_graph *again = write_and_read(graph);
    const struct tare_const in[] = {BODY_BOOL(true), BODY_FLOATS(2, -3),
                                    BODY_FLOATS(10, 20)};
    const struct tare_const other[] = {BODY_BOOL(false), in[1], in[2]};
    body_expect(again, in, yes);
    body_expect(again, other, no);
    tare_graph_destroy(again);
}

static void rename_tensor(struct tare_graph *graph, const char *from, const char *to)
{
    NET_TRY(tare_graph_rename_tensor(graph, net_tensor(graph, from), to, &err_));
}

/* What is captured goes by the name that it has outside by now. */
static void test_names(void **state)
{
    (void)state;
    struct tare_graph *graph = model();
    expect_values(graph, "2=12,17", "2=20,-60");
    rename_tensor(graph, "a", "elsewhere");
    rename_tensor(graph, "b", "local"); /* a name that bodies have themselves */
    expect_values(graph, "2=12,17", "2=20,-60");
    rename_tensor(graph, "elsewhere", "b"); /* b inside is now what a is outside */
    expect_values(graph, "2=12,17", "2=20,-60");
    rename_tensor(graph, "local", "a");
    expect_values(graph, "2=12,17", "2=20,-60");
    /* Outside, both are one. */
    int32_t *inputs = graph->nodes[0].inputs;
    inputs[3] = inputs[4] = inputs[2];
    expect_values(graph, "2=4,-6", "2=4,9");
    tare_graph_destroy(graph);
}

/* Large constants of bodies go to the file of external data too. */
static void test_external(void **state)
{
    (void)state;
    uint64_t seed = 5;
    struct tare_graph *graph = model();
    struct tare_graph *body = tare_node_attr(&graph->nodes[0], "else_branch")->g;
    net_weights(body, "large", NET_DIMS(1000), -1, 1, &seed);
    net_weights(graph, "main", NET_DIMS(1000), -1, 1, &seed);
    net_node(body, TARE_OP_MUL, "with_large", "made large", "more");
    body->outputs[0] = net_tensor(body, "more");
    net_node(graph, TARE_OP_ADD, "with_main", "y main", "z");
    body_output(graph, "z", NET_DIMS(-1));
    struct tare_graph *again = NULL;
    struct tare_error err = {0};
    char path[] = "/tmp/tare_bodies_XXXXXX", data[64];
    const int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    (void)snprintf(data, sizeof data, "%s.data", path);
    if (tare_onnx_export(graph, path, true, &err) != TARE_OK ||
        tare_onnx_import(path, NULL, &again, &err) != TARE_OK)
        fail_msg("%s", err.text);
    FILE *f = fopen(data, "rb");
    assert_non_null(f);
    (void)fseek(f, 0, SEEK_END);
    assert_true(ftell(f) >= 2 * 4096);
    (void)fclose(f);
    const struct tare_graph *read = tare_node_attr(&again->nodes[0], "else_branch")->g;
    const struct tare_tensor *large =
        &read->tensors[tare_graph_find_tensor(read, "large")];
    const struct tare_tensor *was = &body->tensors[net_tensor(body, "large")];
    assert_int_equal(large->n_bytes, was->n_bytes);
    assert_memory_equal(large->data, was->data, was->n_bytes);
    expect_same(graph, again);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(data), 0);
    tare_graph_destroy(again);
    tare_graph_destroy(graph);
}

/* An operator that tare does not know, in a body: kept, with its domain, not run. */
static void test_unknown(void **state)
{
    (void)state;
    struct tare_graph *graph = model(), *again = NULL;
    struct tare_graph *body = tare_node_attr(&graph->nodes[0], "else_branch")->g;
    struct tare_node *odd = net_node(body, TARE_OP_RELU, "odd", "made", "more");
    NET_TRY(tare_node_set_opaque(odd, "Odd", "my.ops", 3, "tare has no such operator",
                                 &err_));
    body->outputs[0] = net_tensor(body, "more");
    char path[] = "/tmp/tare_bodies_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    struct tare_error err = {0};
    if (tare_onnx_export(graph, path, false, &err) != TARE_OK ||
        tare_onnx_import_any(path, NULL, &again, &err) != TARE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(unlink(path), 0);
    expect_same(graph, again);
    const struct tare_graph *read = tare_node_attr(&again->nodes[0], "else_branch")->g;
    assert_string_equal(read->nodes[1].opaque->domain, "my.ops");
    assert_int_equal(read->nodes[1].opaque->version, 3);
    const struct tare_const in[] = {BODY_BOOL(true), BODY_FLOATS(2), BODY_FLOATS(3)};
    body_expect(again, in,
                "node 'if' (If): graph 'else_branch' has node 'odd' (Odd): tare has no "
                "such operator");
    tare_graph_destroy(again);
    tare_graph_destroy(graph);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *graph = model();
    rename_tensor(graph, "b", "local");
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t i = 0; st != TARE_OK; i++) {
        uint8_t *bytes = NULL;
        size_t n;
        tare_alloc_fail_after(i);
        st = tare_onnx_export_bytes(graph, &bytes, &n, NULL);
        tare_alloc_fail_after(-1);
        tare_free(bytes);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
    }
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_names),
        cmocka_unit_test(test_external),    cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
