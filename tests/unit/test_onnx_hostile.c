/* Damaged and malicious models: one clear error or a graph, never a crash or a leak
 * (which AddressSanitizer sees). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "onnx_model.h"

static struct tare_error error;

/** A model with something of everything that the importer reads. */
static struct bytes rich_model(void)
{
    static const int64_t w_dims[] = {2, 1, 3, 3};
    static const int64_t shape_dims[] = {2};
    static const int64_t scale_dims[] = {2, 1, 1};
    static const int64_t pads[] = {1, 1, 1, 1};
    static const float weights[18] = {0.5F};
    struct bytes graph = {0};
    put_text(&graph, GRAPH_NAME, "title");
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "N,1,8,8"));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, "N,128"));

    struct bytes tensor = make_tensor("w", TYPE_FLOAT, 4, w_dims);
    put_bytes(&tensor, TENSOR_RAW_DATA, weights, sizeof weights);
    put_message(&graph, GRAPH_INITIALIZER, tensor);
    tensor = make_tensor("scale", TYPE_DOUBLE, 3, scale_dims);
    for (int i = 0; i < 2; i++) {
        const double value = 1.5;
        put_varint(&tensor, TENSOR_DOUBLE_DATA << 3 | 1);
        put_raw(&tensor, &value, sizeof value);
    }
    put_message(&graph, GRAPH_INITIALIZER, tensor);

    struct bytes node = make_node("Conv", "conv", "x,w", "c");
    put_attr_ints(&node, "pads", 4, pads);
    put_attr_int(&node, "group", 1);
    put_message(&graph, GRAPH_NODE, node);
    put_message(&graph, GRAPH_NODE, make_node("Mul", NULL, "c,scale", "m"));
    node = make_node("LeakyRelu", "leaky", "m", "l");
    struct bytes attr = make_attr("alpha", ATTR_FLOAT);
    put_float(&attr, ATTRIBUTE_F, 0.1F);
    put_message(&node, NODE_ATTRIBUTE, attr);
    put_message(&graph, GRAPH_NODE, node);
    put_message(&graph, GRAPH_NODE, make_node("Reshape", "flat", "l,shape", "y"));
    node = make_node("Constant", "k", NULL, "shape");
    attr = make_attr("value", ATTR_TENSOR);
    tensor = make_tensor("", TYPE_INT64, 1, shape_dims);
    put_int(&tensor, TENSOR_INT64_DATA, -1);
    put_int(&tensor, TENSOR_INT64_DATA, 128);
    put_message(&attr, ATTRIBUTE_T, tensor);
    put_message(&node, NODE_ATTRIBUTE, attr);
    put_message(&graph, GRAPH_NODE, node);
    return make_model(13, graph);
}

/** Import a copy of exactly `n` bytes, so that AddressSanitizer sees every over-read.
 */
static enum tare_status import_exact(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, data, n);
    struct tare_graph *graph;
    error = (struct tare_error){0};
    const enum tare_status st = tare_onnx_import_bytes(copy, n, NULL, &graph, &error);
    assert_true((st == TARE_OK) == (graph != NULL));
    assert_true((st == TARE_OK) == (error.text[0] == '\0'));
    assert_null(strchr(error.text, '\n'));
    tare_graph_destroy(graph);
    free(copy);
    return st;
}

static void test_every_truncation_fails(void **state)
{
    (void)state;
    struct bytes model = rich_model();
    if (import_exact(model.data, model.n) != TARE_OK) fail_msg("%s", error.text);
    for (size_t n = 0; n < model.n; n++)
        assert_int_equal(import_exact(model.data, n), TARE_E_FORMAT);
    free(model.data);
}

/** splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    struct bytes model = rich_model();
    uint8_t *damaged = malloc(model.n);
    assert_non_null(damaged);
    size_t n_imported = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        uint64_t random = seed;
        memcpy(damaged, model.data, model.n);
        for (uint64_t i = next_random(&random) % 4; i < 4; i++) {
            const uint64_t bit = next_random(&random) % (model.n * 8);
            damaged[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        n_imported += import_exact(damaged, model.n) == TARE_OK;
    }
    print_message("%zu of 20000 damaged models import\n", n_imported);
    assert_in_range(n_imported, 1, 19999);
    free(damaged);
    free(model.data);
}

static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 5000; i++) {
        uint8_t bytes[64];
        const size_t n = 1 + next_random(&random) % sizeof bytes;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)next_random(&random);
        assert_int_not_equal(import_exact(bytes, n), TARE_OK);
    }
}

static void test_the_byte_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"\x08\x08\x0d\x01\x01\x01",
         "not an ONNX model (byte 2: a field is cut short or of no known kind)"},
        {"\x08\x08\x0b\x01\x01\x01",
         "not an ONNX model (byte 2: a field is cut short or of no known kind)"},
        {"\x08\x08\x08\xff\xff\xff",
         "not an ONNX model (byte 2: a field is cut short or of no known kind)"},
        {"\x08\x08\x3a\x03\x01\x01",
         "not an ONNX model (byte 2: a field runs past the end)"},
        {"\x08\x08\x3a\x02\x0a\x09",
         "not an ONNX model (byte 4: a field runs past the end)"},
        {"\x08\x08\x08\x01\x02\x01",
         "not an ONNX model (byte 4: no field starts here)"},
        {"\x3d\x01\x01\x01\x01\x08",
         "not an ONNX model (byte 5: a field is cut short or of no known kind)"},
        {"\x3d\x01\x01\x01\x01",
         "not an ONNX model (a field has another type than ONNX's schema says)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)import_exact((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes));
        assert_string_equal(error.text, cases[i].text);
    }
}

/** A chain of `depth` subgraphs, each in an attribute of a node. */
static struct bytes nested_model(int depth)
{
    struct bytes graph = {0};
    for (int i = 0; i < depth; i++) {
        struct bytes attr = make_attr("body", ATTR_GRAPH);
        put_message(&attr, ATTRIBUTE_G, graph);
        struct bytes node = make_node("Loop", "loop", "x", "y");
        put_message(&node, NODE_ATTRIBUTE, attr);
        graph = (struct bytes){0};
        put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, NULL));
        put_message(&graph, GRAPH_NODE, node);
    }
    return make_model(13, graph);
}

static void test_nesting_is_bounded(void **state)
{
    (void)state;
    struct bytes model = nested_model(30);
    assert_int_equal(import_exact(model.data, model.n), TARE_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "node 'loop' (Loop): attribute 'body'"));
    free(model.data);
    model = nested_model(2000);
    assert_int_equal(import_exact(model.data, model.n), TARE_E_FORMAT);
    assert_non_null(strstr(error.text, "messages nested too deeply"));
    free(model.data);
}

static void test_singular_messages_come_once(void **state)
{
    (void)state;
    struct bytes model = rich_model();
    put_message(&model, MODEL_GRAPH, (struct bytes){0});
    assert_int_equal(import_exact(model.data, model.n), TARE_E_FORMAT);
    assert_non_null(strstr(error.text, "a message that may come once is given twice"));
    free(model.data);
}

static void test_strings_end_once(void **state)
{
    (void)state;
    struct bytes model = {0}, graph = {0};
    put_bytes(&graph, GRAPH_NAME, "a\0b", 3);
    model = make_model(13, graph);
    assert_int_equal(import_exact(model.data, model.n), TARE_E_FORMAT);
    assert_non_null(strstr(error.text, "a NUL inside a string"));
    free(model.data);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    struct bytes model = rich_model();
    for (int64_t n = 0;; n++) {
        assert_true(n < 10000);
        tare_alloc_fail_after(n);
        const enum tare_status st = import_exact(model.data, model.n);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_int_equal(error.code, TARE_E_NOMEM);
    }
    free(model.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_truncation_fails),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_the_byte_is_named),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_singular_messages_come_once),
        cmocka_unit_test(test_strings_end_once),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
