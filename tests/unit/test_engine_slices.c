/* Tensors that are made where a Concat wants them: the same bytes in every tensor and
 * output as with copies, in FP32 and INT8, for every instruction set and number of
 * threads; and which Concat need no copy. */
#include "engine_taps.h"

#include "engine/isa.h"
#include "tests/kernels/check.h"

static uint64_t seed;

static int any(int low, int high)
{
    return low + (int)(check_u32() % (uint32_t)(high - low + 1));
}

static void concat(struct tare_graph *g, const char *name, const char *inputs,
                   const char *y, int axis)
{
    net_int(net_node(g, TARE_OP_CONCAT, name, inputs, y), "axis", axis);
}

static void pool(struct tare_graph *g, enum tare_op op, const char *x, const char *y)
{
    struct tare_node *node = net_node(g, op, y, x, y);
    net_ints(node, "kernel_shape", 2, 3, 3);
    net_ints(node, "pads", 4, 1, 1, 1, 1);
}

static struct tare_graph *begin(int batch, int channels)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(batch, channels, any(3, 8), any(3, 9)));
    return g;
}

/* Branches that end in a convolution or a pool, as in GoogLeNet and Inception. */
static struct tare_graph *module(int batch)
{
    const int c = any(3, 20), a = any(1, 40), b = any(1, 40), d = any(1, 40);
    struct tare_graph *g = begin(batch, c);
    net_conv(g, "c1", "x", "a", c, a, 1, true, &seed);
    net_node(g, TARE_OP_RELU, "r1", "a", "ar");
    net_conv(g, "c2", "x", "b0", c, b, 1, true, &seed);
    net_node(g, TARE_OP_RELU, "r2", "b0", "b1");
    net_conv(g, "c3", "b1", "b2", b, d, 3, true, &seed);
    net_node(g, TARE_OP_RELU, "r3", "b2", "b3");
    pool(g, TARE_OP_MAX_POOL, "x", "p1");
    pool(g, TARE_OP_AVERAGE_POOL, "x", "p2");
    concat(g, "join", "ar b3 p1 p2", "t", 1);
    net_conv(g, "last", "t", "y", a + d + 2 * c, 5, 3, true, &seed);
    net_output(g, "y");
    return net_infer(g);
}

static void batch_norm(struct tare_graph *g, const char *name, const char *x,
                       const char *y, int channels)
{
    static const char *const parts[] = {"scale", "shift", "mean", "variance"};
    char inputs[160];
    (void)snprintf(inputs, sizeof inputs, "%s", x);
    for (int i = 0; i < 4; i++) {
        char part[32];
        (void)snprintf(part, sizeof part, "%s.%s", name, parts[i]);
        (void)snprintf(inputs + strlen(inputs), sizeof inputs - strlen(inputs), " %s",
                       part);
        net_weights(g, part, NET_DIMS(channels), i == 3 ? 0.5F : -1, 1.5F, &seed);
    }
    net_node(g, TARE_OP_BATCH_NORMALIZATION, name, inputs, y);
}

/* Layers that work element by element write slices, and read them. */
static struct tare_graph *elementwise(int batch)
{
    const int c = any(1, 40);
    struct tare_graph *g = begin(batch, c);
    pool(g, TARE_OP_MAX_POOL, "x", "p");
    pool(g, TARE_OP_AVERAGE_POOL, "x", "q");
    net_node(g, TARE_OP_ADD, "add", "p q", "s");
    net_node(g, TARE_OP_HARD_SWISH, "swish", "q", "h");
    batch_norm(g, "norm", "p", "n", c);
    concat(g, "join", "h s n p", "t", 1);
    net_conv(g, "last", "t", "y", 4 * c, 5, 1, true, &seed);
    net_node(g, TARE_OP_ADD, "both", "s h", "u");
    net_node(g, TARE_OP_SIGMOID, "gate", "s", "v");
    batch_norm(g, "again", "s", "w", c);
    net_output(g, "y");
    net_output(g, "u");
    net_output(g, "v");
    net_output(g, "w");
    return net_infer(g);
}

/* Every Concat begins with what the one before it had, as in DenseNet. */
static struct tare_graph *dense_block(int batch)
{
    const int c = any(4, 20), k = any(3, 12);
    struct tare_graph *g = begin(batch, 3);
    char joined[64] = "t0", x[16] = "t0", y[16], name[16];
    net_conv(g, "stem", "x", "t0", 3, c, 3, true, &seed);
    for (int i = 1; i <= 3; i++) {
        (void)snprintf(name, sizeof name, "k%d", i);
        (void)snprintf(y, sizeof y, "t%d", i);
        if (i == 2) {
            batch_norm(g, "norm", x, "normed", c + k);
            (void)snprintf(x, sizeof x, "normed");
        }
        net_conv(g, name, x, y, c + (i - 1) * k, k, i == 2 ? 1 : 3, true, &seed);
        (void)snprintf(joined + strlen(joined), sizeof joined - strlen(joined), " %s",
                       y);
        (void)snprintf(name, sizeof name, "j%d", i);
        (void)snprintf(x, sizeof x, "u%d", i);
        concat(g, name, joined, x, 1);
    }
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "u3", "y");
    net_output(g, "y");
    return net_infer(g);
}

/* A Concat in another; a residual; depthwise; readers beside the Concat of all kinds;
 * an output that is a slice, and one that is a whole. */
static struct tare_graph *nested(int batch)
{
    const int c = any(3, 40);
    struct tare_graph *g = begin(batch, c);
    net_conv(g, "c1", "x", "a", c, c, 3, true, &seed);
    net_conv(g, "c2", "a", "b", c, c, 3, false, &seed);
    net_node(g, TARE_OP_ADD, "sum", "b a", "s");
    net_conv(g, "c3", "s", "d", 1, c, 3, true, &seed);
    net_int(&g->nodes[g->n_nodes - 1], "group", c);
    concat(g, "inner", "s d", "i", 1);
    net_conv(g, "c4", "d", "e", c, 19, 1, true, &seed);
    net_node(g, TARE_OP_SIGMOID, "gate", "e", "f");
    concat(g, "outer", "e i f", "t", 1);
    net_node(g, TARE_OP_MUL, "m", "d s", "p");
    pool(g, TARE_OP_MAX_POOL, "i", "q");
    net_output(g, "t");
    net_output(g, "d");
    net_output(g, "p");
    net_output(g, "q");
    return net_infer(g);
}

/* What cannot be in place: a tensor twice, one that several Concat read. */
static struct tare_graph *shared(int batch)
{
    const int c = any(1, 33);
    struct tare_graph *g = begin(batch, c);
    net_conv(g, "c1", "x", "a", c, c, 1, true, &seed);
    net_conv(g, "c2", "a", "b", c, 9, 3, true, &seed);
    concat(g, "twice", "a a b", "t", 1);
    concat(g, "again", "b a", "u", 1);
    net_conv(g, "c3", "t", "v", 2 * c + 9, 4, 1, true, &seed);
    net_conv(g, "c4", "u", "w", c + 9, 4, 1, true, &seed);
    concat(g, "last", "v w v", "y", 1);
    net_output(g, "y");
    return net_infer(g);
}

/* Concat over height and width, and of matrices over either axis. */
static struct tare_graph *axes(int batch)
{
    struct tare_graph *g = begin(batch, 4);
    net_conv(g, "c1", "x", "a", 4, 6, 3, true, &seed);
    net_conv(g, "c2", "x", "b", 4, 6, 1, true, &seed);
    concat(g, "rows", "a b", "t", 2);
    concat(g, "columns", "t t", "u", 3);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "u", "v");
    net_node(g, TARE_OP_FLATTEN, "flat", "v", "w");
    net_weights(g, "m1", NET_DIMS(6, 5), -1, 1, &seed);
    net_weights(g, "m2", NET_DIMS(6, 5), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "g1", "w m1", "h");
    net_node(g, TARE_OP_GEMM, "g2", "w m2", "i");
    net_longs(g, "shape", 2, -1, 5);
    net_node(g, TARE_OP_RESHAPE, "same", "h shape", "h2");
    concat(g, "view", "h h2", "l", 0);
    net_node(g, TARE_OP_RELU, "r3", "l", "l2");
    concat(g, "first", "h i", "j", 0);
    concat(g, "second", "h i", "k", 1);
    net_node(g, TARE_OP_RELU, "r1", "j", "y");
    net_node(g, TARE_OP_RELU, "r2", "k", "z");
    net_output(g, "y");
    net_output(g, "z");
    net_output(g, "l2");
    return net_infer(g);
}

static void check_taps(const struct built *joined, const struct built *copied,
                       const struct graph_values *inputs, bool linear)
{
    static struct shown a, b;
    const float *data[GRAPH_MAX_BINDINGS] = {NULL};
    float *outputs[2][GRAPH_MAX_BINDINGS] = {{NULL}};
    for (size_t i = 0; i < inputs->n; i++)
        data[i] = inputs->data[i];
    tapped_run(joined, data, linear, outputs[0], &a);
    tapped_run(copied, data, linear, outputs[1], &b);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_string_equal(a.names[i], b.names[i]);
        assert_int_equal(a.n_elems[i], b.n_elems[i]);
        assert_memory_equal(a.values[i], b.values[i], a.n_elems[i] * sizeof(float));
    }
    shown_release(&a);
    shown_release(&b);
    for (size_t i = 0; i < GRAPH_MAX_BINDINGS; i++) {
        free(outputs[0][i]);
        free(outputs[1][i]);
    }
}

static void check_outputs(const struct tare_graph *g, const struct built *joined,
                          const struct graph_values *inputs, int n_threads,
                          const struct graph_values *want)
{
    struct graph_values got = {.n = g->n_outputs};
    const float *data[GRAPH_MAX_BINDINGS] = {NULL};
    for (size_t i = 0; i < inputs->n; i++)
        data[i] = inputs->data[i];
    NET_TRY(built_run(joined, n_threads, data, got.data, &err_));
    for (size_t i = 0; i < got.n; i++) {
        const int64_t n = naive_count(&g->tensors[g->outputs[i]].dims);
        assert_memory_equal(got.data[i], want->data[i], (size_t)n * sizeof(float));
    }
    graph_values_free(&got);
}

/* An engine with copies is right, as other tests prove; the one without must agree. */
static void check_graph(const struct tare_graph *g, uint64_t input_seed)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "vnni"};
    struct naive naive = naive_run(g, input_seed);
    struct graph_values inputs = graph_inputs(&naive), want = {.n = g->n_outputs};
    const float *data[GRAPH_MAX_BINDINGS] = {inputs.data[0]};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        struct built joined, copied;
        struct tare_engine_options options = {.in_place = false};
        assert_true(tare_isa_find(levels[i], &options.isa));
        if (options.isa & ~tare_cpu_flags()) continue;
        NET_TRY(built_make_with(g, &options, &copied, &err_));
        options.in_place = true;
        NET_TRY(built_make_with(g, &options, &joined, &err_));
        NET_TRY(built_run(&copied, 1, data, want.data, &err_));
        for (int n_threads = 1; n_threads <= 3; n_threads++)
            check_outputs(g, &joined, &inputs, n_threads, &want);
        check_taps(&joined, &copied, &inputs, false);
        check_taps(&joined, &copied, &inputs, true);
        for (size_t k = 0; k < want.n; k++)
            free(want.data[k]);
        built_release(&joined);
        built_release(&copied);
    }
    graph_values_free(&inputs);
    naive_free(&naive);
}

typedef struct tare_graph *make_fn(int batch);

/* As made, with convolutions alone; optimised, in FP32 and in INT8. */
static void check_network(make_fn *make)
{
    for (int round = 0; round < 8; round++) {
        seed = check_u32() + 1;
        struct tare_graph *raw = make(1 + round % 2);
        struct tare_graph *g = graph_optimized(raw);
        check_graph(raw, seed);
        check_graph(g, seed);
        graph_to_int8(g, seed);
        check_graph(g, seed);
        tare_graph_destroy(g);
        tare_graph_destroy(raw);
    }
}

static void test_same_bytes(void **state)
{
    static make_fn *const networks[] = {module, elementwise, dense_block,
                                        nested, shared,      axes};
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        check_network(networks[i]);
}

static size_t n_joined(make_fn *make, int batch, bool int8, bool in_place)
{
    seed = 1;
    struct tare_graph *raw = make(batch), *g = graph_optimized(raw);
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = in_place};
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_engine_notes notes = {0};
    if (int8) graph_to_int8(g, seed);
    NET_TRY(tare_engine_build(g, &options, &bytes, &n_bytes, &notes, &err_));
    tare_free(bytes);
    tare_graph_destroy(g);
    tare_graph_destroy(raw);
    return notes.n_joined;
}

static void test_copies_nothing(void **state)
{
    (void)state;
    for (int batch = 1; batch <= 2; batch++) {
        assert_int_equal(n_joined(module, batch, false, true), 1);
        assert_int_equal(n_joined(dense_block, batch, false, true), 3);
        assert_int_equal(n_joined(nested, batch, false, true), 2);
        assert_int_equal(n_joined(shared, batch, false, true), 1); /* the later */
        assert_int_equal(n_joined(module, batch, false, false), 0);
    }
    assert_int_equal(n_joined(axes, 1, false, true), 2);
    assert_int_equal(n_joined(axes, 2, false, true), 1);
    assert_int_equal(n_joined(module, 1, true, false), 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_copies_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
