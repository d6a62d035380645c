/* Graphs as bytes: what is written is read again, and damage is noticed or harmless. */
#include "bodies.h"
#include "graph/blob.h"

static struct tare_blob write(const struct tare_graph *graph)
{
    struct tare_blob blob = {0};
    NET_TRY(tare_blob_write_graph(&blob, graph, &err_));
    return blob;
}

static void expect_same_print(const struct tare_graph *a, const struct tare_graph *b)
{
    struct tare_text text[2] = {{0}};
    tare_graph_print(a, &text[0]);
    tare_graph_print(b, &text[1]);
    assert_string_equal(text[0].data, text[1].data);
    tare_text_free(&text[0]);
    tare_text_free(&text[1]);
}

static struct tare_graph *read_again(const struct tare_graph *graph)
{
    struct tare_graph *read;
    struct tare_blob blob = write(graph);
    NET_TRY(tare_blob_read_graph(blob.data, blob.n_bytes, NULL, &read, &err_));
    struct tare_blob again = write(read);
    assert_int_equal(again.n_bytes, blob.n_bytes);
    assert_memory_equal(again.data, blob.data, blob.n_bytes);
    tare_free(blob.data);
    tare_free(again.data);
    return read;
}

static const char *tensor_name(int i)
{
    static char names[4][16];
    static int at;
    at = (at + 1) % 4;
    (void)snprintf(names[at], sizeof names[at], "t%d", i);
    return names[at];
}

/* A branch of an If over a captured tensor. */
static struct tare_graph *branch(const char *capture, enum tare_op op)
{
    struct tare_graph *body = net_create(16);
    body_capture(body, capture);
    net_node(body, op, "inner", capture, "made");
    body_output(body, "made", NET_DIMS(4, -1));
    return body;
}

/* Nodes of one or two inputs drawn from what is there, now and then an If. */
static struct tare_graph *draw(uint64_t *seed)
{
    struct tare_graph *graph = net_create(16);
    char inputs[64];
    net_input(graph, "t0", NET_DIMS(4, 3));
    body_input(graph, "cond", TARE_BOOL);
    net_weights(graph, "w", NET_DIMS(4, 3), -1, 1, seed);
    net_scalar(graph, "top", 0.5F);
    const int n = 1 + (int)(net_random(seed) % 12);
    for (int i = 0; i < n; i++) {
        const char *a = tensor_name((int)(net_random(seed) % (uint64_t)(i + 1)));
        const char *b = tensor_name((int)(net_random(seed) % (uint64_t)(i + 1)));
        const char *out = tensor_name(i + 1);
        struct tare_node *node;
        switch (net_random(seed) % 6) {
        case 0:
            (void)snprintf(inputs, sizeof inputs, "%s %s", a, b);
            node = net_node(graph, TARE_OP_ADD, out, inputs, out);
            break;
        case 1:
            (void)snprintf(inputs, sizeof inputs, "%s w", a);
            node = net_node(graph, TARE_OP_MUL, out, inputs, out);
            node->fused.lower = 0.0F;
            break;
        case 2:
            node = net_node(graph, TARE_OP_LEAKY_RELU, out, a, out);
            net_float(node, "alpha", net_uniform(seed));
            break;
        case 3:
            (void)snprintf(inputs, sizeof inputs, "%s - top", a);
            node = net_node(graph, TARE_OP_CLIP, out, inputs, out);
            break;
        case 4:
            (void)snprintf(inputs, sizeof inputs, "cond %s %s", a, b);
            node = net_node(graph, TARE_OP_IF, out, inputs, out);
            body_attr(node, "then_branch", branch(a, TARE_OP_RELU));
            body_attr(node, "else_branch", branch(b, TARE_OP_NEG));
            break;
        default:
            node = net_node(graph, TARE_OP_TRANSPOSE, out, a, out);
            net_ints(node, "perm", 2, 0, 1);
        }
    }
    net_output(graph, tensor_name(n));
    return graph;
}

static void test_round_trips(void **state)
{
    (void)state;
    uint64_t seed = 20;
    for (int i = 0; i < 200; i++) {
        struct tare_graph *graph = draw(&seed);
        struct tare_graph *read = read_again(graph);
        struct tare_const in[2] = {{0}, BODY_BOOL(i % 2)};
        float x[12];
        for (int k = 0; k < 12; k++)
            x[k] = net_uniform(&seed);
        in[0] =
            (struct tare_const){.dims = NET_DIMS(4, 3), .data = x, .n_bytes = sizeof x};
        struct tare_const have = {0}, want = {0};
        NET_TRY(tare_graph_run(graph, in, &want, &err_));
        NET_TRY(tare_graph_run(read, in, &have, &err_));
        assert_int_equal(have.n_bytes, want.n_bytes);
        assert_memory_equal(have.data, want.data, want.n_bytes);
        tare_free(have.data);
        tare_free(want.data);
        tare_graph_destroy(graph);
        tare_graph_destroy(read);
    }
}

/* Attributes of every type, a name, declared shapes. */
static struct tare_graph *every_kind(void)
{
    struct tare_graph *graph = net_create(16);
    tare_free(graph->name);
    graph->name = tare_strdup("title");
    body_input(graph, "x", TARE_F32);
    body_input(graph, "cond", TARE_BOOL);
    struct tare_node *node = net_node(graph, TARE_OP_IF, "if", "cond x x", "a");
    body_attr(node, "then_branch", branch("x", TARE_OP_RELU));
    body_attr(node, "else_branch", branch("x", TARE_OP_NEG));
    node = net_node(graph, TARE_OP_MAX_POOL, "pool", "a", "b");
    net_ints(node, "kernel_shape", 2, 1, 1);
    net_string(node, "auto_pad", "VALID");
    net_int(node, "ceil_mode", 1);
    node = net_node(graph, TARE_OP_LEAKY_RELU, "leaky", "b", "c");
    net_float(node, "alpha", 0.5F);
    net_longs(graph, "w", 2, 3, 4);
    node = net_node(graph, TARE_OP_CONSTANT_OF_SHAPE, "fill", "w", "d");
    struct tare_attr attr = {.type = TARE_ATTR_TENSOR,
                             .t = {.dtype = TARE_S64, .dims = NET_DIMS(1)}};
    NET_TRY(tare_const_alloc(&attr.t, &err_));
    *(int64_t *)attr.t.data = 9;
    NET_TRY(tare_node_add_attr(node, "value", attr, &err_));
    node = net_node(graph, TARE_OP_GRU, "gru", "c w w", "e f");
    attr = (struct tare_attr){
        .type = TARE_ATTR_STRINGS, .n = 2, .s = tare_strdup("Sigmoid\nTanh")};
    NET_TRY(tare_node_add_attr(node, "activations", attr, &err_));
    attr = (struct tare_attr){.type = TARE_ATTR_FLOATS, .n = 2};
    attr.floats = tare_alloc_array(2, sizeof *attr.floats);
    NET_TRY(tare_node_add_attr(node, "activation_alpha", attr, &err_));
    body_output(graph, "c", NET_DIMS(4, -1));
    body_output(graph, "d", (struct tare_dims){0});
    return graph;
}

static void test_every_kind(void **state)
{
    (void)state;
    struct tare_graph *graph = every_kind();
    struct tare_graph *read = read_again(graph);
    expect_same_print(graph, read);
    assert_string_equal(read->name, "title");
    const struct tare_graph *body = tare_node_attr(&read->nodes[0], "else_branch")->g;
    assert_int_equal(body->n_captures, 1);
    const struct tare_tensor *made = &body->tensors[body->outputs[0]];
    assert_true(made->has_dims && made->dims.rank == 2 && made->dims.d[1] == -1);
    assert_string_equal(tare_node_attr(&read->nodes[4], "activations")->s,
                        "Sigmoid\nTanh");
    tare_graph_destroy(graph);
    tare_graph_destroy(read);
}

/* Bytes that end where their block does, so that reading on is noticed. A graph that
 * is read can be written. @return  it was refused. */
static bool refuses(const uint8_t *bytes, size_t n)
{
    struct tare_graph *read;
    struct tare_error err = {0};
    uint8_t *exact = malloc(n + (n == 0));
    assert_non_null(exact);
    if (n) memcpy(exact, bytes, n);
    const enum tare_status st = tare_blob_read_graph(exact, n, NULL, &read, &err);
    free(exact);
    if (st != TARE_OK) {
        assert_null(read);
        assert_true(err.text[0] != '\0');
        return true;
    }
    struct tare_blob again = write(read);
    tare_free(again.data);
    tare_graph_destroy(read);
    return false;
}

static void test_truncated(void **state)
{
    (void)state;
    struct tare_graph *graph = every_kind();
    struct tare_blob blob = write(graph);
    for (size_t n = 0; n < blob.n_bytes; n++)
        assert_true(refuses(blob.data, n));
    assert_false(refuses(blob.data, blob.n_bytes));
    uint8_t *longer = malloc(blob.n_bytes + 1);
    assert_non_null(longer);
    memcpy(longer, blob.data, blob.n_bytes);
    longer[blob.n_bytes] = 0;
    assert_true(refuses(longer, blob.n_bytes + 1));
    free(longer);
    tare_free(blob.data);
    tare_graph_destroy(graph);
}

static void test_damaged(void **state)
{
    (void)state;
    static const uint8_t flips[] = {0x01, 0x02, 0x10, 0x80, 0xff};
    struct tare_graph *graph = every_kind();
    struct tare_blob blob = write(graph);
    size_t n_refused = 0;
    for (size_t i = 0; i < blob.n_bytes; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            blob.data[i] ^= flips[k];
            n_refused += refuses(blob.data, blob.n_bytes);
            blob.data[i] ^= flips[k];
        }
    assert_true(n_refused > blob.n_bytes);
    assert_false(refuses(blob.data, blob.n_bytes));
    tare_free(blob.data);
    tare_graph_destroy(graph);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *graph = every_kind(), *read;
    struct tare_blob blob = write(graph);
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t i = 0; st != TARE_OK; i++) {
        struct tare_blob starved = {0};
        tare_alloc_fail_after(i);
        st = tare_blob_write_graph(&starved, graph, NULL);
        tare_alloc_fail_after(-1);
        tare_free(starved.data);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
    }
    st = TARE_E_NOMEM;
    for (int64_t i = 0; st != TARE_OK; i++) {
        tare_alloc_fail_after(i);
        st = tare_blob_read_graph(blob.data, blob.n_bytes, NULL, &read, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && !read));
    }
    tare_graph_destroy(read);
    tare_free(blob.data);
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_truncated),   cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
