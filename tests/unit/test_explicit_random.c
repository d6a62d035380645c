/*
 * Random networks with QuantizeLinear and DequantizeLinear anywhere: an INT8 engine
 * puts out what the nodes as written do, run one by one.
 *
 *     test_explicit_random [--seed=N] [--count=N]
 *
 * Network i has seed N + i. A value within float32's error of a tie may take the other
 * step, and some behind it with it: rare, where another scale or a rounding too much or
 * too little would show in most values.
 */
#include <math.h>

#include "assign.h"
#include "base/dims.h"
#include "engine_run.h"
#include "optimizer/optimizer.h"
#include "quantized.h"

enum { MOST_NODES = 12, MOST_TENSORS = 64 };

static uint64_t state; /* of the network's random numbers */

struct network {
    struct tare_graph *graph;
    char pool[MOST_TENSORS][24]; /* float tensors to go on from, in [-2, 2] about */
    int n_pool, n_names;
    char like[24]; /* the last quantization, or "" */
};

static int draw(int n)
{
    return (int)((net_random(&state) >> 33) % (uint64_t)n);
}

static const char *fresh(struct network *net)
{
    static char names[8][24];
    char *name = names[net->n_names % 8];
    (void)snprintf(name, sizeof names[0], "t%d", net->n_names++);
    return name;
}

static const struct tare_dims *dims_of(const struct network *net, const char *tensor)
{
    return &net->graph->tensors[net_tensor(net->graph, tensor)].dims;
}

static const char *pick(const struct network *net)
{
    return net->pool[draw(2) ? net->n_pool - 1 : draw(net->n_pool)];
}

/* A pair behind the tensor: any type and zero point, now and then the last one's again.
 */
static const char *rounded(struct network *net, const char *x)
{
    const char *y = fresh(net);
    if (*net->like && draw(3) == 0) {
        net_rounded(net->graph, x, y, net->like);
        return y;
    }
    (void)snprintf(net->like, sizeof net->like, "%s", y);
    const float scale = draw(3) ? 0.011F + 0.009F * (net_uniform(&state) + 1) : 0.0173F;
    const int zero = draw(4) ? 60 + draw(140) : draw(2) * 128;
    if (draw(2))
        net_pair(net->graph, x, y, scale, TARE_U8, zero);
    else
        net_pair(net->graph, x, y, scale, TARE_S8, zero - 128);
    return y;
}

static const char *conv(struct network *net, const char *x)
{
    const char *y = fresh(net);
    const int in = (int)dims_of(net, x)->d[1];
    char name[24];
    (void)snprintf(name, sizeof name, "conv.%s", y);
    net_quantized_conv(net->graph, name, x, y, in, 1 + draw(9), draw(2) ? 3 : 1,
                       draw(2) - 1, &state);
    char scale[32]; /* keep values in range */
    (void)snprintf(scale, sizeof scale, "%s.ws", name);
    struct tare_tensor *s = &net->graph->tensors[net_tensor(net->graph, scale)];
    for (size_t i = 0; i < s->n_bytes / sizeof(float); i++)
        ((float *)s->data)[i] /= sqrtf((float)in * 4);
    return y;
}

static const char *unary(struct network *net, const char *x)
{
    static const enum tare_op ops[] = {TARE_OP_RELU, TARE_OP_LEAKY_RELU,
                                       TARE_OP_SIGMOID, TARE_OP_HARD_SWISH,
                                       TARE_OP_ABS};
    const char *y = fresh(net);
    net_node(net->graph, ops[draw(5)], y, x, y);
    return y;
}

static const char *binary(struct network *net, const char *x)
{
    static const enum tare_op ops[] = {TARE_OP_ADD, TARE_OP_ADD, TARE_OP_MUL};
    char inputs[64];
    const char *other = pick(net);
    if (!tare_dims_equal(dims_of(net, x), dims_of(net, other))) other = x;
    const char *y = fresh(net);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, other);
    net_node(net->graph, ops[draw(3)], y, inputs, y);
    return y;
}

static const char *concat(struct network *net, const char *x)
{
    char inputs[64];
    const char *other = pick(net);
    const struct tare_dims *a = dims_of(net, x), *b = dims_of(net, other);
    if (a->d[2] != b->d[2] || a->d[3] != b->d[3]) other = x;
    const char *y = fresh(net);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, other);
    net_int(net_node(net->graph, TARE_OP_CONCAT, y, inputs, y), "axis", 1);
    return y;
}

static const char *pool(struct network *net, const char *x)
{
    const char *y = fresh(net);
    struct tare_node *node = net_node(
        net->graph, draw(3) ? TARE_OP_MAX_POOL : TARE_OP_AVERAGE_POOL, y, x, y);
    net_ints(node, "kernel_shape", 2, 3, 3); /* of 9 values: no exact ties */
    net_ints(node, "pads", 4, 1, 1, 1, 1);
    if (node->op == TARE_OP_AVERAGE_POOL) net_int(node, "count_include_pad", 1);
    return y;
}

static const char *mean(struct network *net, const char *x)
{
    const char *y = fresh(net);
    net_ints(net_node(net->graph, TARE_OP_REDUCE_MEAN, y, x, y), "axes", 2, 2, 3);
    return y;
}

static const char *move(struct network *net, const char *x)
{
    const char *y = fresh(net);
    char name[40], inputs[100];
    if (draw(4) == 0 && dims_of(net, x)->d[2] < 10) {
        (void)snprintf(name, sizeof name, "scales.%s", y);
        float *scales = net_const(net->graph, name, TARE_F32, NET_DIMS(4));
        for (int i = 0; i < 4; i++)
            scales[i] = i < 2 ? 1 : 2;
        (void)snprintf(inputs, sizeof inputs, "%s - %s", x, name);
        net_node(net->graph, TARE_OP_RESIZE, y, inputs, y);
        return y;
    }
    if (draw(4) == 0 && dims_of(net, x)->d[2] > 5 && dims_of(net, x)->d[3] > 5) {
        (void)snprintf(name, sizeof name, "indices.%s", y);
        net_longs(net->graph, name, 6, 0, 2, 2, 5, 4, 1);
        (void)snprintf(inputs, sizeof inputs, "%s %s", x, name);
        net_int(net_node(net->graph, TARE_OP_GATHER, y, inputs, y), "axis",
                2 + draw(2));
        return y;
    }
    if (draw(2)) {
        net_ints(net_node(net->graph, TARE_OP_TRANSPOSE, y, x, y), "perm", 4, 0, 1, 3,
                 2);
        return y;
    }
    (void)snprintf(name, sizeof name, "pads.%s", y);
    net_longs(net->graph, name, 8, 0, 0, 0, 1, 0, 1, 0, 0);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, name);
    const int kind = draw(3);
    if (kind == 1) { /* by another value than zero */
        (void)snprintf(name, sizeof name, "value.%s", y);
        net_scalar(net->graph, name, net_uniform(&state));
        (void)snprintf(inputs, sizeof inputs, "%s pads.%s %s", x, y, name);
    }
    struct tare_node *pad = net_node(net->graph, TARE_OP_PAD, y, inputs, y);
    if (kind == 2) net_string(pad, "mode", "edge");
    return y;
}

/* Samples to thirds of a pixel, which make no exact ties; large images shrink. */
static const char *resize(struct network *net, const char *x)
{
    const char *y = fresh(net);
    const struct tare_dims *d = dims_of(net, x);
    const bool grows = d->d[2] < 10 && d->d[3] < 10;
    const int h = grows ? 3 * (int)d->d[2] : 7, w = grows ? 3 * (int)d->d[3] : 7;
    char name[40], inputs[100];
    (void)snprintf(name, sizeof name, "sizes.%s", y);
    net_longs(net->graph, name, 4, 1, (int)d->d[1], h, w);
    (void)snprintf(inputs, sizeof inputs, "%s - - %s", x, name);
    net_string(net_node(net->graph, TARE_OP_RESIZE, y, inputs, y), "mode",
               grows && draw(3) ? "linear" : "nearest");
    return y;
}

/* ConvTranspose with int8 weights: of outputs apart, or overlapping. */
static const char *transposed(struct network *net, const char *x)
{
    const char *y = fresh(net);
    char levels[40], scale[40], weights[40], inputs[100];
    const bool apart = draw(2) && dims_of(net, x)->d[2] < 10;
    const int in = (int)dims_of(net, x)->d[1], out = 1 + draw(5),
              kernel = apart ? 2 : 3;
    (void)snprintf(levels, sizeof levels, "up.%s.w8", y);
    (void)snprintf(scale, sizeof scale, "up.%s.ws", y);
    (void)snprintf(weights, sizeof weights, "up.%s.w", y);
    int8_t *q =
        net_const(net->graph, levels, TARE_S8, NET_DIMS(in, out, kernel, kernel));
    for (int i = 0; i < in * out * kernel * kernel; i++)
        q[i] = (int8_t)(127.0F * net_uniform(&state));
    net_scalar(net->graph, scale, 0.0071F / sqrtf((float)in * 2));
    (void)snprintf(inputs, sizeof inputs, "%s %s", levels, scale);
    net_node(net->graph, TARE_OP_DEQUANTIZE_LINEAR, weights, inputs, weights);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, weights);
    struct tare_node *node = net_node(net->graph, TARE_OP_CONV_TRANSPOSE, y, inputs, y);
    if (apart)
        net_ints(node, "strides", 2, 2, 2);
    else
        net_ints(node, "pads", 4, 1, 1, 1, 1);
    return y;
}

static struct tare_graph *random_network(void)
{
    static const char *(*const makers[])(struct network *, const char *) = {
        conv, conv, conv, unary, binary, concat, pool, move, resize, transposed, mean};
    struct network net = {.graph = net_create(13)};
    net_input(net.graph, "x", NET_DIMS(1, 3, 7, 7));
    (void)snprintf(net.pool[net.n_pool++], sizeof net.pool[0], "x");
    for (int i = 0; i < MOST_NODES; i++) {
        const char *y = pick(&net);
        if (i > 0) y = makers[draw(11)](&net, y);
        if (draw(5)) y = rounded(&net, y);
        (void)snprintf(net.pool[net.n_pool++], sizeof net.pool[0], "%s", y);
        net_infer(net.graph);
    }
    net_output(net.graph, net.pool[net.n_pool - 1]);
    if (draw(2)) net_output(net.graph, net.pool[net.n_pool - 2]);
    return net_infer(net.graph);
}

static void run(const struct tare_graph *g, const float *x, float *outputs[2])
{
    struct built built;
    struct tare_error err = {0};
    if (built_make(g, tare_cpu_flags(), &built, &err) != TARE_OK)
        fail_msg("%s", err.text);
    if (built_run(&built, 1, &x, outputs, &err) != TARE_OK) fail_msg("%s", err.text);
    built_release(&built);
}

static size_t n_values, n_off, n_int8, n_nodes;

static void compare(const struct tare_graph *before, const struct tare_graph *after,
                    uint64_t seed)
{
    float x[3 * 7 * 7], *want[2], *got[2];
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        x[i] = 1.7F * net_uniform(&state);
    run(before, x, want);
    run(after, x, got);
    for (size_t i = 0; i < before->n_outputs; i++) {
        const int64_t n = tare_dims_count(&before->tensors[before->outputs[i]].dims);
        int64_t off = 0;
        for (int64_t k = 0; k < n; k++)
            off += !(fabsf(want[i][k] - got[i][k]) <= 1e-4F);
        n_values += (size_t)n;
        n_off += (size_t)off;
        if (off * 10 > n && off > 12) {
            struct tare_text text = {0};
            tare_graph_print(before, &text);
            tare_text_add(&text, "became\n");
            tare_graph_print(after, &text);
            fail_msg("--seed=%llu: %lld of %lld values of output %zu differ\n%s",
                     (unsigned long long)seed, (long long)off, (long long)n, i,
                     text.data);
        }
        free(want[i]);
        free(got[i]);
    }
}

static uint64_t first_seed = 1;
static long count = 300;

static void test_as_written(void **unused)
{
    (void)unused;
    for (long i = 0; i < count; i++) {
        state = (first_seed + (uint64_t)i) * UINT64_C(0x9E3779B97F4A7C15) | 1U;
        struct tare_graph *before = random_network();
        struct tare_graph *after = net_copy(before);
        NET_TRY(tare_optimize(after, NULL, &err_));
        const struct tare_precision_options options = {.allow_int8 = true};
        struct assigned result = assign(after, "", &options);
        assert_int_equal(result.status, TARE_OK);
        assigned_free(&result);
        for (size_t n = 0; n < after->n_nodes; n++)
            n_int8 += after->nodes[n].precision == TARE_PRECISION_INT8;
        n_nodes += after->n_nodes;
        compare(before, after, first_seed + (uint64_t)i);
        tare_graph_destroy(before);
        tare_graph_destroy(after);
    }
    print_message("%zu of %zu nodes in INT8; %zu of %zu values differ\n", n_int8,
                  n_nodes, n_off, n_values);
    assert_true(n_off * 200 < n_values);
    if (count >= 100) assert_true(n_int8 > 3 * (size_t)count);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--seed=", 7) == 0)
            first_seed = strtoull(argv[i] + 7, NULL, 10);
        if (strncmp(argv[i], "--count=", 8) == 0) count = strtol(argv[i] + 8, NULL, 10);
    }
    printf("--seed=%llu --count=%ld\n", (unsigned long long)first_seed, count);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
