/* Products of activations that read and write moved tensors where they lie: the same
 * bytes as with copies, for every instruction set and number of threads; what is not
 * copied then, and what still is. */
#include "engine_taps.h"

#include "engine/isa.h"
#include "tests/kernels/check.h"

static uint64_t seed;

/* Attention: heads of `width` channels each. */
struct shape {
    int batch, tokens, keys, heads, width;
};

static int any(int low, int high)
{
    return low + (int)(check_u32() % (uint32_t)(high - low + 1));
}

static struct shape any_shape(void)
{
    return (struct shape){any(1, 2), any(1, 40), any(1, 40), any(1, 5), any(1, 37)};
}

static void transpose(struct tare_graph *g, const char *x, const char *y, int rank,
                      int a, int b, int c, int d, int e)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s.t", y);
    net_ints(net_node(g, TARE_OP_TRANSPOSE, name, x, y), "perm", (size_t)rank, a, b, c,
             d, e);
}

static void reshape(struct tare_graph *g, const char *x, const char *y, size_t rank,
                    int a, int b, int c, int d, int e)
{
    char shape[64], name[64], inputs[160];
    (void)snprintf(shape, sizeof shape, "%s.shape", y);
    (void)snprintf(name, sizeof name, "%s.r", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, shape);
    net_longs(g, shape, rank, a, b, c, d, e);
    net_node(g, TARE_OP_RESHAPE, name, inputs, y);
}

static void slice(struct tare_graph *g, const char *x, const char *y, int axis,
                  int begin, int end)
{
    static const char *const parts[] = {"begin", "end", "axis"};
    const int values[] = {begin, end, axis};
    char name[64], inputs[200];
    (void)snprintf(inputs, sizeof inputs, "%s", x);
    for (int i = 0; i < 3; i++) {
        char part[64];
        (void)snprintf(part, sizeof part, "%s.%s", y, parts[i]);
        (void)snprintf(inputs + strlen(inputs), sizeof inputs - strlen(inputs), " %s",
                       part);
        net_longs(g, part, 1, values[i]);
    }
    (void)snprintf(name, sizeof name, "%s.s", y);
    net_node(g, TARE_OP_SLICE, name, inputs, y);
}

/* x[index] of NumPy. */
static void pick(struct tare_graph *g, const char *x, const char *y, int64_t index)
{
    char name[64], inputs[160];
    (void)snprintf(name, sizeof name, "%s.index", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, name);
    *(int64_t *)net_const(g, name, TARE_S64, (struct tare_dims){0}) = index;
    (void)snprintf(name, sizeof name, "%s.g", y);
    net_node(g, TARE_OP_GATHER, name, inputs, y);
}

/* A product by weights, whose output is uint8 for what is in INT8. */
static void linear(struct tare_graph *g, const char *x, const char *y, int in, int out)
{
    char weights[64], name[64], inputs[160];
    (void)snprintf(weights, sizeof weights, "%s.w", y);
    (void)snprintf(name, sizeof name, "%s.m", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, weights);
    net_weights(g, weights, NET_DIMS(in, out), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, name, inputs, y);
}

/* As PyTorch writes BERT. */
static struct tare_graph *bert(const struct shape *s)
{
    const int c = s->heads * s->width, t = s->tokens, n = s->keys;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(s->batch, t, 12));
    net_input(g, "z", NET_DIMS(s->batch, n, 12));
    linear(g, "x", "q0", 12, c);
    linear(g, "z", "k0", 12, c);
    linear(g, "z", "v0", 12, c);
    reshape(g, "q0", "q1", 4, s->batch, t, s->heads, s->width, 0);
    reshape(g, "k0", "k1", 4, s->batch, n, s->heads, s->width, 0);
    reshape(g, "v0", "v1", 4, s->batch, n, s->heads, s->width, 0);
    transpose(g, "q1", "q", 4, 0, 2, 1, 3, 0);
    transpose(g, "k1", "k", 4, 0, 2, 3, 1, 0);
    transpose(g, "v1", "v", 4, 0, 2, 1, 3, 0);
    net_node(g, TARE_OP_MATMUL, "scores", "q k", "p0");
    net_node(g, TARE_OP_SOFTMAX, "softmax", "p0", "p");
    net_node(g, TARE_OP_MATMUL, "values", "p v", "o0");
    transpose(g, "o0", "o1", 4, 0, 2, 1, 3, 0);
    reshape(g, "o1", "o", 3, s->batch, t, c, 0, 0);
    linear(g, "o", "y", c, 9);
    net_output(g, "y");
    return net_infer(g);
}

/* As torchvision writes its transformers: tokens first, one product for three. */
static struct tare_graph *sliced(const struct shape *s)
{
    static const char *const names[] = {"q", "k", "v"};
    const int c = s->heads * s->width, t = s->tokens, b = s->batch;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(t, b, 12));
    linear(g, "x", "qkv", 12, 3 * c);
    for (int i = 0; i < 3; i++) {
        char part[16], view[16], moved[16];
        (void)snprintf(part, sizeof part, "%s0", names[i]);
        (void)snprintf(view, sizeof view, "%s1", names[i]);
        (void)snprintf(moved, sizeof moved, "%s2", names[i]);
        slice(g, "qkv", part, 2, i * c, (i + 1) * c);
        reshape(g, part, view, 3, t, b * s->heads, s->width, 0, 0);
        transpose(g, view, moved, 3, 1, 0, 2, 0, 0);
        reshape(g, moved, names[i], 4, b, s->heads, t, s->width, 0);
    }
    transpose(g, "k", "kt", 4, 0, 1, 3, 2, 0);
    net_node(g, TARE_OP_MATMUL, "scores", "q kt", "p0");
    net_node(g, TARE_OP_SOFTMAX, "softmax", "p0", "p");
    net_node(g, TARE_OP_MATMUL, "values", "p v", "o0");
    transpose(g, "o0", "o1", 4, 2, 0, 1, 3, 0);
    reshape(g, "o1", "o", 2, t * b, c, 0, 0, 0);
    linear(g, "o", "y", c, 9);
    net_output(g, "y");
    return net_infer(g);
}

/* As timm writes them: three in one axis, in front of the heads, and then taken apart.
 */
static struct tare_graph *stacked(const struct shape *s, bool by_index)
{
    const int c = s->heads * s->width, t = s->tokens, b = s->batch;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(b, t, 12));
    linear(g, "x", "qkv", 12, 3 * c);
    reshape(g, "qkv", "r", 5, b, t, 3, s->heads, s->width);
    transpose(g, "r", "m", 5, 2, 0, 3, 1, 4);
    if (by_index) {
        pick(g, "m", "q", 0);
        pick(g, "m", "k", 1);
        pick(g, "m", "v", -1);
    } else {
        net_int(net_node(g, TARE_OP_SPLIT, "split", "m", "q0 k0 v0"), "axis", 0);
        net_longs(g, "first", 1, 0);
        net_node(g, TARE_OP_SQUEEZE, "q1", "q0 first", "q");
        net_node(g, TARE_OP_SQUEEZE, "k1", "k0 first", "k");
        net_node(g, TARE_OP_SQUEEZE, "v1", "v0 first", "v");
    }
    transpose(g, "k", "kt", 4, 0, 1, 3, 2, 0);
    net_node(g, TARE_OP_MATMUL, "scores", "q kt", "p0");
    net_node(g, TARE_OP_SOFTMAX, "softmax", "p0", "p");
    net_node(g, TARE_OP_MATMUL, "values", "p v", "o0");
    transpose(g, "o0", "o1", 4, 0, 2, 1, 3, 0);
    reshape(g, "o1", "o", 3, b, t, c, 0, 0);
    linear(g, "o", "y", c, 9);
    net_output(g, "y");
    return net_infer(g);
}

static struct tare_graph *split(const struct shape *s)
{
    return stacked(s, false);
}

static struct tare_graph *indexed(const struct shape *s)
{
    return stacked(s, true);
}

/* Moved tensors that others read too, or the network puts out. */
static struct tare_graph *shared(const struct shape *s)
{
    const int m = s->tokens, n = s->keys, k = s->width;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(m, s->heads, 12));
    net_input(g, "z", NET_DIMS(n, s->heads, 12));
    linear(g, "x", "a0", 12, k);
    linear(g, "z", "b0", 12, k);
    linear(g, "z", "c0", 12, k);
    linear(g, "z", "d0", 12, k);
    transpose(g, "a0", "a", 3, 1, 0, 2, 0, 0);
    transpose(g, "b0", "b", 3, 1, 2, 0, 0, 0);
    transpose(g, "c0", "c", 3, 1, 2, 0, 0, 0);
    transpose(g, "d0", "d", 3, 1, 2, 0, 0, 0);
    net_node(g, TARE_OP_MATMUL, "p1", "a b", "y1");
    net_node(g, TARE_OP_MATMUL, "p2", "a c", "y2");
    net_node(g, TARE_OP_MATMUL, "p3", "a d", "y3");
    net_node(g, TARE_OP_SIGMOID, "gate", "c", "u");
    transpose(g, "y1", "w", 3, 1, 0, 2, 0, 0);
    linear(g, "w", "w1", n, 3);
    net_node(g, TARE_OP_SIGMOID, "other", "w", "w2");
    transpose(g, "y2", "e", 3, 2, 0, 1, 0, 0); /* columns become rows: a copy */
    linear(g, "e", "e1", m, 4);
    for (const char *const *y =
             (const char *const[]){"y3", "d", "u", "w1", "w2", "e1", NULL};
         *y; y++)
        net_output(g, *y);
    return net_infer(g);
}

/* The channels of an image that lies channels last are the rows of a matrix or the
 * columns; its rows are neither, and a Reshape of axes that were moved apart needs a
 * copy. */
static struct tare_graph *image(const struct shape *s)
{
    static const char *const images[] = {"a0", "b0", "c0", "d0", "e0"};
    const int c = s->width, h = s->heads, w = s->keys;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(s->batch, 5, h, w));
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "conv%d", i);
        net_conv(g, name, "x", images[i], 5, c, 3, true, &seed);
    }
    transpose(g, "a0", "a", 4, 0, 2, 3, 1, 0);
    transpose(g, "b0", "b", 4, 0, 2, 1, 3, 0);
    net_node(g, TARE_OP_MATMUL, "columns", "a b", "y");
    transpose(g, "c0", "c", 4, 0, 2, 1, 3, 0);
    transpose(g, "d0", "d", 4, 0, 2, 3, 1, 0);
    net_node(g, TARE_OP_MATMUL, "rows", "c d", "z");
    transpose(g, "e0", "e", 4, 0, 1, 3, 2, 0);
    reshape(g, "e", "f", 3, s->batch, c * w, h, 0, 0);
    transpose(g, "f", "f1", 3, 0, 2, 1, 0, 0);
    net_node(g, TARE_OP_MATMUL, "square", "f1 f", "f2");
    net_output(g, "y");
    net_output(g, "z");
    net_output(g, "f2");
    return net_infer(g);
}

/* Each tensor that is still there has the values that it had; but those of "p", a
 * softmax, are codes now, which it makes itself. */
static void check_taps(const struct built *viewed, const struct built *copied,
                       const float *const *inputs, float **want, size_t n_outputs)
{
    static struct shown a, b;
    float *again[GRAPH_MAX_BINDINGS];
    tapped_run(viewed, inputs, true, again, &a);
    tapped_run(copied, inputs, true, want, &b);
    assert_true(a.n > 0 && a.n <= b.n);
    for (size_t i = 0; i < a.n; i++) {
        size_t k = 0;
        if (strcmp(a.names[i], "p") == 0) continue;
        while (strcmp(a.names[i], b.names[k]) != 0)
            assert_true(++k < b.n);
        assert_int_equal(a.n_elems[i], b.n_elems[k]);
        assert_memory_equal(a.values[i], b.values[k], a.n_elems[i] * sizeof(float));
    }
    shown_release(&a);
    shown_release(&b);
    for (size_t i = 0; i < n_outputs; i++)
        free(again[i]);
}

static void check_outputs(const struct tare_graph *g, const struct built *viewed,
                          int n_threads, const float *const *inputs, float *const *want)
{
    float *got[GRAPH_MAX_BINDINGS];
    NET_TRY(built_run(viewed, n_threads, inputs, got, &err_));
    for (size_t i = 0; i < g->n_outputs; i++) {
        const int64_t n = naive_count(&g->tensors[g->outputs[i]].dims);
        assert_memory_equal(got[i], want[i], (size_t)n * sizeof(float));
        free(got[i]);
    }
}

/* An engine with copies is right, as other tests prove; the one without must agree. */
static void check_graph(const struct tare_graph *g)
{
    static const char *const levels[] = {"ref", "avx2", "avxvnni", "avx512", "vnni"};
    float *inputs[GRAPH_MAX_BINDINGS], *want[GRAPH_MAX_BINDINGS];
    for (size_t i = 0; i < g->n_inputs; i++) {
        const int64_t n = naive_count(&g->tensors[g->inputs[i]].dims);
        inputs[i] = malloc((size_t)n * sizeof(float));
        for (int64_t k = 0; k < n; k++)
            inputs[i][k] = 1.1F * net_uniform(&seed);
    }
    const float *const data[GRAPH_MAX_BINDINGS] = {inputs[0], inputs[1]};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        struct built viewed, copied;
        struct tare_engine_options options = {.in_place = false};
        assert_true(tare_isa_find(levels[i], &options.isa));
        if (options.isa & ~tare_cpu_flags()) continue;
        NET_TRY(built_make_with(g, &options, &copied, &err_));
        options.in_place = true;
        NET_TRY(built_make_with(g, &options, &viewed, &err_));
        check_taps(&viewed, &copied, data, want, g->n_outputs);
        for (int n_threads = 1; n_threads <= 3; n_threads++)
            check_outputs(g, &viewed, n_threads, data, want);
        for (size_t k = 0; k < g->n_outputs; k++)
            free(want[k]);
        built_release(&viewed);
        built_release(&copied);
    }
    for (size_t i = 0; i < g->n_inputs; i++)
        free(inputs[i]);
}

/* In INT8, with a range that some values are beyond. */
static void to_int8(struct tare_graph *g)
{
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t t = 0; t < g->n_tensors; t++)
        ranges[t] = (struct tare_range){g->tensors[t].name, 2.5};
    const struct tare_precision_options options = {.allow_int8 = true};
    NET_TRY(tare_precision_assign(g, ranges, g->n_tensors, &options, NULL, &err_));
    tare_free(ranges);
}

typedef struct tare_graph *make_fn(const struct shape *shape);

static struct tare_graph *make_int8(make_fn *make, const struct shape *shape)
{
    struct tare_graph *raw = make(shape), *g = graph_optimized(raw);
    to_int8(g);
    tare_graph_destroy(raw);
    return g;
}

static void test_same_bytes(void **state)
{
    static make_fn *const networks[] = {bert, sliced, split, indexed, shared, image};
    static const struct shape shapes[] = {{2, 17, 23, 3, 32}, {1, 33, 7, 2, 64},
                                          {1, 1, 1, 1, 1},    {2, 5, 1, 4, 7},
                                          {1, 1, 9, 2, 33},   {2, 14, 32, 1, 1}};
    const size_t n_shapes = sizeof shapes / sizeof shapes[0];
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        for (size_t round = 0; round < n_shapes + 6; round++) {
            const struct shape shape = round < n_shapes ? shapes[round] : any_shape();
            seed = check_u32() + 1;
            struct tare_graph *g = make_int8(networks[i], &shape);
            check_graph(g);
            tare_graph_destroy(g);
        }
}

/* Copies of nodes, and conversions that are copies, in the engine. */
static void count_copies(const struct tare_graph *g, bool in_place, size_t *n_copies,
                         size_t *n_left_out)
{
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = in_place};
    struct tare_engine_notes notes = {0};
    struct tare_engine_info info;
    struct tare_engine *engine;
    uint8_t *bytes;
    size_t n_bytes;
    NET_TRY(tare_engine_build(g, &options, &bytes, &n_bytes, &notes, &err_));
    NET_TRY(tare_engine_open(bytes, n_bytes, &engine, &err_));
    tare_engine_info(engine, &info);
    *n_copies = 0;
    *n_left_out = notes.n_joined;
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        *n_copies += strcmp(layer.type, "copy") == 0;
    }
    tare_engine_destroy(engine);
    tare_free(bytes);
}

static void check_counts(make_fn *make, const struct shape *shape, size_t copies,
                         size_t left, size_t left_out)
{
    struct tare_graph *g = make_int8(make, shape);
    size_t n_copies, n_left_out;
    count_copies(g, false, &n_copies, &n_left_out);
    assert_int_equal(n_copies, copies);
    assert_int_equal(n_left_out, 0);
    count_copies(g, true, &n_copies, &n_left_out);
    assert_int_equal(n_copies, left);
    assert_int_equal(n_left_out, left_out);
    tare_graph_destroy(g);
}

static void test_counts(void **state)
{
    const struct shape shape = {2, 17, 23, 3, 32}, far = {1, 17, 23, 64, 64};
    const struct shape one = {1, 17, 23, 3, 32};
    (void)state;
    seed = 1;
    check_counts(bert, &shape, 4, 1, 3);
    check_counts(sliced, &one, 8, 2, 10);
    check_counts(sliced, &shape, 8, 4, 8); /* batch and heads are one axis */
    check_counts(split, &shape, 6, 4, 2);
    check_counts(indexed, &shape, 6, 2, 4);
    check_counts(shared, &shape, 6, 4, 2);
    check_counts(image, &shape, 6, 4, 2);
    check_counts(bert, &far, 4, 4, 0); /* rows 4096 bytes apart */
}

/* The layer of a product says what it does the work of. */
static void test_names(void **state)
{
    const struct shape shape = {2, 17, 23, 3, 32};
    struct tare_graph *g = make_int8(bert, &shape);
    struct tare_engine_info info;
    struct built built;
    size_t n_found = 0;
    (void)state;
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    tare_engine_info(built.engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(built.engine, i, &layer);
        if (strcmp(layer.name, "scores") == 0)
            n_found += strcmp(layer.nodes, "scores + k.t") == 0;
        if (strcmp(layer.name, "values") == 0)
            n_found += strcmp(layer.nodes, "values + v.t + o1.t") == 0;
    }
    assert_int_equal(n_found, 2);
    built_release(&built);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
