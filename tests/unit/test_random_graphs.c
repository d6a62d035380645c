/*
 * Random networks: what an engine puts out must not depend on the optimizer.
 *
 *     test_random_graphs [--seed=N] [--count=N]
 *
 * Network i has seed N + i, so that `--seed=M --count=1` repeats a failure. Besides the
 * outputs, tensors in between that are left after the passes are compared: what keeps
 * an ONNX name must keep its values, as caches speak of them.
 */
#include "engine_graphs.h"

#include "base/dims.h"
#include "engine/engine.h"
#include "passes.h"
#include "remake/remake.h"

enum { MOST_NODES = 24, MOST_ELEMS = 6000, MOST_OUTPUTS = 6 };

#define TOLERANCE 1e-5

static uint64_t state;  /* of the network's random numbers */
static size_t n_beside; /* layers that had another one beside them */

struct network {
    struct tare_graph *graph;
    int32_t pool[4 * MOST_NODES]; /* float activations to go on from */
    int n_pool;
    int n_names;
};

static int draw(int n)
{
    return (int)((net_random(&state) >> 33) % (uint64_t)n);
}

/* A new name, in a ring of buffers. */
static const char *fresh(struct network *net, const char *prefix)
{
    static char names[16][24];
    char *name = names[net->n_names % 16];
    (void)snprintf(name, sizeof names[0], "%s%d", prefix, net->n_names++);
    return name;
}

static const char *name_of(const struct network *net, int32_t tensor)
{
    return net->graph->tensors[tensor].name;
}

static const struct tare_dims *dims_of(const struct network *net, int32_t tensor)
{
    return &net->graph->tensors[tensor].dims;
}

static void give(struct network *net, const char *name)
{
    const int32_t id = net_tensor(net->graph, name);
    const int64_t n = naive_count(dims_of(net, id));
    if (n >= 1 && n <= MOST_ELEMS && net->n_pool < (int)(4 * MOST_NODES))
        net->pool[net->n_pool++] = id;
}

/* Add a node, infer it; its output's name. */
static const char *add(struct network *net, enum tare_op op, const char *inputs)
{
    const char *y = fresh(net, "t");
    net_node(net->graph, op, fresh(net, "n"), inputs, y);
    return y;
}

static struct tare_node *last(const struct network *net)
{
    return &net->graph->nodes[net->graph->n_nodes - 1];
}

static const char *add2(struct network *net, enum tare_op op, const char *a,
                        const char *b)
{
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s %s", a, b);
    return add(net, op, inputs);
}

static const char *scalar(struct network *net, float value)
{
    const char *name = fresh(net, "s");
    net_scalar(net->graph, name, value);
    return name;
}

static const char *weights(struct network *net, struct tare_dims dims, float low,
                           float high)
{
    const char *name = fresh(net, "w");
    net_weights(net->graph, name, dims, low, high, &state);
    return name;
}

static const char *longs(struct network *net, int n, const int64_t *values)
{
    const char *name = fresh(net, "i");
    int64_t *data = net_const(net->graph, name, TARE_S64, NET_DIMS(n));
    memcpy(data, values, (size_t)n * sizeof *data);
    return name;
}

static void ints(struct tare_node *node, const char *name, int n, const int64_t *values)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = (size_t)n};
    attr.ints = tare_alloc_array((size_t)n, sizeof attr.ints[0]);
    memcpy(attr.ints, values, (size_t)n * sizeof attr.ints[0]);
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

static const char *conv(struct network *net, const char *x, const struct tare_dims *d)
{
    const int kernel = draw(2) ? 3 : 1;
    const bool depthwise = draw(4) == 0;
    const int64_t out = depthwise ? d->d[1] : 1 + draw(8);
    const int64_t in = depthwise ? 1 : d->d[1];
    const float span = 1.7F / sqrtf((float)(in * kernel * kernel));
    char inputs[96];
    const char *w = weights(net, NET_DIMS(out, in, kernel, kernel), -span, span);
    const bool bias = draw(2);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, w,
                   bias ? weights(net, NET_DIMS(out), -1, 1) : "");
    const char *y = add(net, TARE_OP_CONV, inputs);
    const int64_t pad = draw(3) ? kernel / 2 : 0;
    const bool fits = d->d[2] + 2 * pad >= kernel && d->d[3] + 2 * pad >= kernel;
    const int64_t pads[4] = {fits ? pad : 1, fits ? pad : 1, fits ? pad : 1,
                             fits ? pad : 1};
    const int64_t stride = draw(4) ? 1 : 2;
    ints(last(net), "pads", 4, pads);
    ints(last(net), "strides", 2, (const int64_t[]){stride, stride});
    if (depthwise) net_int(last(net), "group", d->d[1]);
    return y;
}

static const char *batch_norm(struct network *net, const char *x, int64_t channels)
{
    char inputs[128];
    const char *scale = weights(net, NET_DIMS(channels), 0.5F, 1.5F);
    const char *bias = weights(net, NET_DIMS(channels), -1, 1);
    const char *mean = weights(net, NET_DIMS(channels), -1, 1);
    const char *variance = weights(net, NET_DIMS(channels), 0.5F, 2);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s %s %s", x, scale, bias, mean,
                   variance);
    return add(net, TARE_OP_BATCH_NORMALIZATION, inputs);
}

static const char *pool(struct network *net, const char *x, const struct tare_dims *d)
{
    if (draw(4) == 0 || d->d[2] < 2 || d->d[3] < 2)
        return add(net, TARE_OP_GLOBAL_AVERAGE_POOL, x);
    const char *y = add(net, draw(2) ? TARE_OP_MAX_POOL : TARE_OP_AVERAGE_POOL, x);
    ints(last(net), "kernel_shape", 2, (const int64_t[]){2, 2});
    const int64_t stride = 1 + draw(2);
    ints(last(net), "strides", 2, (const int64_t[]){stride, stride});
    return y;
}

static const char *resize(struct network *net, const char *x)
{
    char inputs[64];
    const char *scales = fresh(net, "s");
    float *values = net_const(net->graph, scales, TARE_F32, NET_DIMS(4));
    for (int i = 0; i < 4; i++)
        values[i] = i < 2 ? 1 : 2;
    (void)snprintf(inputs, sizeof inputs, "%s - %s", x, scales);
    const char *y = add(net, TARE_OP_RESIZE, inputs);
    const bool linear = draw(2);
    net_string(last(net), "mode", linear ? "linear" : "nearest");
    net_string(last(net), "coordinate_transformation_mode",
               linear ? "half_pixel" : "asymmetric");
    if (!linear) net_string(last(net), "nearest_mode", "floor");
    return y;
}

static const char *pad(struct network *net, const char *x, const struct tare_dims *d)
{
    int64_t pads[2 * TARE_MAX_RANK] = {0};
    for (int i = d->rank < 4 ? 0 : 2; i < d->rank; i++) {
        pads[i] = draw(2);
        pads[d->rank + i] = draw(2);
    }
    const char *amounts = longs(net, 2 * d->rank, pads);
    if (draw(2)) return add2(net, TARE_OP_PAD, x, amounts);
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, amounts,
                   scalar(net, 0.25F * (float)draw(3)));
    return add(net, TARE_OP_PAD, inputs);
}

/* A constant that broadcasts to d: one value, one a channel, a row, all. */
static const char *constant(struct network *net, const struct tare_dims *d)
{
    struct tare_dims dims = *d;
    const int kind = draw(4);
    if (kind == 0) dims.rank = 0;
    for (int i = 0; i < dims.rank; i++)
        if ((kind == 1 && i != 1) || (kind == 2 && i != d->rank - 1)) dims.d[i] = 1;
    return weights(net, dims, 0.5F, 2);
}

static const char *arithmetic(struct network *net, const char *x,
                              const struct tare_dims *d)
{
    static const enum tare_op ops[] = {TARE_OP_ADD, TARE_OP_SUB, TARE_OP_MUL,
                                       TARE_OP_DIV};
    const enum tare_op op = ops[draw(4)];
    const char *k = constant(net, d);
    return op != TARE_OP_DIV && draw(2) ? add2(net, op, k, x) : add2(net, op, x, k);
}

static const char *unary(struct network *net, const char *x)
{
    static const enum tare_op ops[] = {
        TARE_OP_RELU, TARE_OP_LEAKY_RELU, TARE_OP_SIGMOID,  TARE_OP_HARD_SIGMOID,
        TARE_OP_TANH, TARE_OP_ABS,        TARE_OP_IDENTITY, TARE_OP_DROPOUT,
        TARE_OP_CLIP, TARE_OP_HARD_SWISH};
    const enum tare_op op = ops[draw(sizeof ops / sizeof ops[0])];
    if (op != TARE_OP_CLIP) return add(net, op, x);
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, scalar(net, -0.5F),
                   scalar(net, 2.0F));
    return add(net, op, inputs);
}

static const char *transpose(struct network *net, const char *x,
                             const struct tare_dims *d)
{
    int64_t perm[TARE_MAX_RANK];
    for (int i = 0; i < d->rank; i++)
        perm[i] = i;
    for (int i = d->rank - 1; i > 0; i--) {
        const int k = draw(i + 1);
        const int64_t other = perm[k];
        perm[k] = perm[i];
        perm[i] = other;
    }
    const char *y = add(net, TARE_OP_TRANSPOSE, x);
    ints(last(net), "perm", d->rank, perm);
    return y;
}

/* Another shape: two axes made one, an axis of 1 more, everything in two axes. */
static const char *reshape(struct network *net, const char *x,
                           const struct tare_dims *d)
{
    const int kind = draw(3);
    if (kind == 0) {
        const char *y = add(net, TARE_OP_FLATTEN, x);
        net_int(last(net), "axis", draw(d->rank + 1));
        return y;
    }
    if (kind == 1 && d->rank < 5)
        return add2(net, TARE_OP_UNSQUEEZE, x,
                    longs(net, 1, (const int64_t[]){draw(d->rank + 1)}));
    int64_t shape[TARE_MAX_RANK], n = 0;
    const int merged = d->rank > 1 ? draw(d->rank - 1) : -1;
    for (int i = 0; i < d->rank; i++) {
        shape[n++] = d->d[i];
        if (i == merged) shape[n - 1] *= d->d[++i];
    }
    if (draw(2)) shape[draw((int)n)] = -1;
    return add2(net, TARE_OP_RESHAPE, x, longs(net, (int)n, shape));
}

static const char *slice(struct network *net, const char *x, const struct tare_dims *d)
{
    const int axis = draw(d->rank);
    const int64_t n = d->d[axis], start = draw((int)n);
    const bool back = draw(4) == 0;
    char inputs[128];
    const char *starts = longs(net, 1, (const int64_t[]){back ? n - 1 : start});
    const char *ends = longs(net, 1, (const int64_t[]){back ? -n - 1 : n});
    const char *axes = longs(net, 1, (const int64_t[]){axis});
    const char *steps = longs(net, 1, (const int64_t[]){back ? -1 : 1 + draw(2)});
    (void)snprintf(inputs, sizeof inputs, "%s %s %s %s %s", x, starts, ends, axes,
                   steps);
    return add(net, TARE_OP_SLICE, inputs);
}

static const char *split(struct network *net, const char *x, const struct tare_dims *d)
{
    const int axis = draw(d->rank);
    if (d->d[axis] < 2) return add(net, TARE_OP_IDENTITY, x);
    const int64_t first = 1 + draw((int)d->d[axis] - 1);
    const char *parts = longs(net, 2, (const int64_t[]){first, d->d[axis] - first});
    char inputs[64], outputs[64];
    const char *a = fresh(net, "t"), *b = fresh(net, "t");
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, parts);
    (void)snprintf(outputs, sizeof outputs, "%s %s", a, b);
    net_int(net_node(net->graph, TARE_OP_SPLIT, fresh(net, "n"), inputs, outputs),
            "axis", axis);
    net_infer(net->graph);
    give(net, a);
    return b;
}

static const char *gather(struct network *net, const char *x, const struct tare_dims *d)
{
    const int axis = draw(d->rank);
    int64_t indices[3];
    for (int i = 0; i < 3; i++)
        indices[i] = draw((int)d->d[axis]);
    const char *y = add2(net, TARE_OP_GATHER, x, longs(net, 1 + draw(3), indices));
    net_int(last(net), "axis", axis);
    return y;
}

static const char *reduce(struct network *net, const char *x, const struct tare_dims *d)
{
    static const enum tare_op ops[] = {TARE_OP_REDUCE_MEAN, TARE_OP_REDUCE_MAX,
                                       TARE_OP_REDUCE_MIN};
    const char *y = add(net, ops[draw(3)], x);
    ints(last(net), "axes", 1, (const int64_t[]){draw(d->rank)});
    net_int(last(net), "keepdims", d->rank == 1 || draw(2));
    return y;
}

static const char *softmax(struct network *net, const char *x)
{
    const char *y = add(net, TARE_OP_SOFTMAX, x);
    net_int(last(net), "axis", -1);
    return y;
}

/* Products by constants, and of the tensor with itself transposed. */
static const char *product(struct network *net, const char *x,
                           const struct tare_dims *d)
{
    const int64_t k = d->d[d->rank - 1], n = 1 + draw(8);
    const float span = 1.7F / sqrtf((float)k);
    char inputs[96];
    if (d->rank == 2 && draw(2)) {
        const bool transposed = draw(2);
        const char *w =
            weights(net, transposed ? NET_DIMS(n, k) : NET_DIMS(k, n), -span, span);
        (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, w,
                       draw(2) ? weights(net, NET_DIMS(n), -1, 1) : "");
        const char *y = add(net, TARE_OP_GEMM, inputs);
        net_int(last(net), "transB", transposed);
        if (draw(2)) net_float(last(net), "alpha", 0.5F);
        return y;
    }
    if (d->rank == 3 && draw(3) == 0) {
        const char *t = add(net, TARE_OP_TRANSPOSE, x);
        ints(last(net), "perm", 3, (const int64_t[]){0, 2, 1});
        if (draw(2)) t = add2(net, TARE_OP_MUL, t, weights(net, NET_DIMS(1), -2, 2));
        const char *y = add2(net, TARE_OP_MATMUL, x, t);
        const bool scaled = draw(2); /* as in attention */
        return scaled ? add2(net, TARE_OP_DIV, y, weights(net, NET_DIMS(1), 1, 2)) : y;
    }
    const char *y =
        add2(net, TARE_OP_MATMUL, x, weights(net, NET_DIMS(k, n), -span, span));
    return draw(2) ? add2(net, TARE_OP_ADD, y, weights(net, NET_DIMS(n), -1, 1)) : y;
}

/* What exporters spell out. */
static const char *pattern(struct network *net, const char *x,
                           const struct tare_dims *d)
{
    const char *y;
    switch (draw(6)) {
    case 0: return add2(net, TARE_OP_MUL, x, add(net, TARE_OP_SIGMOID, x));
    case 1: {
        char inputs[64];
        y = add2(net, TARE_OP_ADD, x, scalar(net, 3));
        (void)snprintf(inputs, sizeof inputs, "%s %s %s", y, scalar(net, 0),
                       scalar(net, 6));
        y = add(net, TARE_OP_CLIP, inputs);
        if (draw(2)) y = add2(net, TARE_OP_MUL, x, y);
        return add2(net, TARE_OP_DIV, y, scalar(net, 6));
    }
    case 2:
        y = add2(net, TARE_OP_DIV, x, scalar(net, 1.41421354F));
        y = add2(net, TARE_OP_ADD, add(net, TARE_OP_ERF, y), scalar(net, 1));
        y = add2(net, TARE_OP_MUL, x, y);
        return add2(net, TARE_OP_MUL, y, scalar(net, 0.5F));
    case 3:
        y = add2(net, TARE_OP_POW, x, scalar(net, 3));
        y = add2(net, TARE_OP_MUL, y, scalar(net, 0.044715F));
        y = add2(net, TARE_OP_MUL, add2(net, TARE_OP_ADD, x, y),
                 scalar(net, 0.797884583F));
        y = add2(net, TARE_OP_ADD, add(net, TARE_OP_TANH, y), scalar(net, 1));
        return add2(net, TARE_OP_MUL, add2(net, TARE_OP_MUL, x, scalar(net, 0.5F)), y);
    case 4: {
        const char *mean = add(net, TARE_OP_REDUCE_MEAN, x);
        ints(last(net), "axes", 1, (const int64_t[]){-1});
        const char *centred = add2(net, TARE_OP_SUB, x, mean);
        y = add(net, TARE_OP_REDUCE_MEAN,
                add2(net, TARE_OP_POW, centred, scalar(net, 2)));
        ints(last(net), "axes", 1, (const int64_t[]){-1});
        y = add(net, TARE_OP_SQRT, add2(net, TARE_OP_ADD, y, scalar(net, 1e-2F)));
        y = add2(net, TARE_OP_DIV, centred, y);
        const struct tare_dims row = NET_DIMS(d->d[d->rank - 1]);
        y = add2(net, TARE_OP_MUL, y, weights(net, row, 0.5F, 2));
        return add2(net, TARE_OP_ADD, y, weights(net, row, -1, 1));
    }
    default: { /* the same thing twice */
        const char *a = add(net, TARE_OP_SIGMOID, x), *b = add(net, TARE_OP_SIGMOID, x);
        return add2(net, TARE_OP_ADD, a, b);
    }
    }
}

/* With another tensor: sums, products, concatenation. */
static const char *join(struct network *net, int32_t x)
{
    const struct tare_dims dims = *dims_of(net, x), *d = &dims;
    const int32_t other = net->pool[draw(net->n_pool)];
    const struct tare_dims *o = dims_of(net, other);
    const char *a = name_of(net, x), *b = name_of(net, other);
    if (!tare_dims_equal(d, o)) return add2(net, TARE_OP_ADD, a, a);
    if (draw(4) == 0) {
        const char *y = add2(net, TARE_OP_CONCAT, a, b);
        net_int(last(net), "axis", draw(d->rank));
        return y;
    }
    return add2(net, draw(3) ? TARE_OP_ADD : TARE_OP_MUL, a, b);
}

static const char *step(struct network *net, int32_t x)
{
    const struct tare_dims dims = *dims_of(net, x), *d = &dims;
    const char *name = name_of(net, x);
    if (d->rank == 4 && draw(2)) {
        switch (draw(6)) {
        case 0: return pool(net, name, d);
        case 1: return resize(net, name);
        case 2: return batch_norm(net, name, d->d[1]);
        default: return conv(net, name, d);
        }
    }
    switch (draw(14)) {
    case 0: return pad(net, name, d);
    case 1:
    case 2: return arithmetic(net, name, d);
    case 3:
    case 4: return unary(net, name);
    case 5: return transpose(net, name, d);
    case 6: return reshape(net, name, d);
    case 7: return draw(2) ? slice(net, name, d) : split(net, name, d);
    case 8: return gather(net, name, d);
    case 9: return draw(2) ? reduce(net, name, d) : softmax(net, name);
    case 10: return product(net, name, d);
    case 11: return pattern(net, name, d);
    default: return join(net, x);
    }
}

static struct tare_graph *random_network(uint64_t seed)
{
    static const struct tare_dims inputs[] = {
        {4, {1, 3, 6, 5}}, {4, {2, 4, 8, 8}}, {3, {2, 5, 8}}, {2, {4, 12}}};
    struct network net = {.graph = net_create(14)};
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (int i = 0; i < 8; i++)
        (void)net_random(&state);
    net_input(net.graph, "in", inputs[draw(4)]);
    give(&net, "in");
    const int n_steps = 2 + draw(MOST_NODES - 2);
    for (int i = 0; i < n_steps; i++) {
        /* Mostly the tensor before, so that chains come up. */
        const int32_t x = net.pool[draw(3) ? net.n_pool - 1 : draw(net.n_pool)];
        const char *y = step(&net, x);
        net_infer(net.graph);
        give(&net, y);
        if (net.graph->n_outputs < MOST_OUTPUTS / 2 && draw(10) == 0 &&
            !tare_graph_is_output(net.graph, net_tensor(net.graph, y)))
            net_output(net.graph, y);
    }
    /* What nobody reads would only go as dead. */
    for (int i = net.n_pool - 1; i > 0 && net.graph->n_outputs < MOST_OUTPUTS - 1; i--)
        if (tare_graph_n_uses(net.graph, net.pool[i]) == 0)
            net_output(net.graph, name_of(&net, net.pool[i]));
    if (net.graph->n_outputs == 0) net_output(net.graph, add(&net, TARE_OP_RELU, "in"));
    return net_infer(net.graph);
}

/* Float activations that both graphs have, beside the outputs, become outputs of both.
 */
static void compare_inside(struct tare_graph *before, struct tare_graph *after)
{
    for (size_t t = 0; t < after->n_tensors && after->n_outputs < MOST_OUTPUTS; t++) {
        const struct tare_tensor *tensor = &after->tensors[t];
        const int32_t twin = tare_graph_find_tensor(before, tensor->name);
        if (tensor->producer < 0 || tensor->data || tensor->dtype != TARE_F32 ||
            twin < 0 || tare_graph_is_output(after, (int32_t)t) || draw(3))
            continue;
        net_output(before, tensor->name);
        net_output(after, tensor->name);
    }
}

static struct graph_values inputs_for(const struct tare_graph *graph, uint64_t seed)
{
    struct graph_values in = {.n = graph->n_inputs};
    const int64_t n = naive_count(&graph->tensors[graph->inputs[0]].dims);
    in.data[0] = malloc((size_t)n * sizeof(float));
    uint64_t numbers = seed + 12345;
    for (int64_t i = 0; i < n; i++)
        in.data[0][i] = 2 * net_uniform(&numbers);
    return in;
}

static struct graph_values run(const struct tare_graph *graph, uint64_t seed)
{
    struct graph_values in = inputs_for(graph, seed);
    struct graph_values out = graph_run(graph, 1, &in);
    graph_values_free(&in);
    return out;
}

static double relative(const float *a, const float *b, int64_t n)
{
    double error = 0, size = 1e-12;
    for (int64_t i = 0; i < n; i++) {
        error += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(error / size);
}

static void check(const struct tare_graph *before, const struct tare_graph *after,
                  uint64_t seed)
{
    struct graph_values a = run(before, seed), b = run(after, seed);
    for (size_t i = 0; i < a.n; i++) {
        const struct tare_tensor *x = &before->tensors[before->outputs[i]];
        const struct tare_tensor *y = &after->tensors[after->outputs[i]];
        assert_string_equal(x->name, y->name);
        assert_true(tare_dims_equal(&x->dims, &y->dims));
        const double error = relative(a.data[i], b.data[i], naive_count(&x->dims));
        if (error <= TOLERANCE) continue;
        struct tare_text text = {0};
        tare_graph_print(before, &text);
        tare_text_add(&text, "became\n");
        tare_graph_print(after, &text);
        fail_msg("--seed=%llu --count=1: '%s' differs by %g\n%s",
                 (unsigned long long)seed, x->name, error, text.data);
    }
    graph_values_free(&a);
    graph_values_free(&b);
}

/* The same bytes where branches run side by side. */
static void check_streams(const struct tare_graph *graph, uint64_t seed)
{
    const struct tare_engine_options options = {
        .isa = tare_cpu_flags(), .in_place = true, .n_streams = 4};
    struct graph_values in = inputs_for(graph, seed), out = {.n = graph->n_outputs};
    struct graph_values in_turn = run(graph, seed);
    const float *data[] = {in.data[0]};
    struct built built;
    NET_TRY(built_make_with(graph, &options, &built, &err_));
    NET_TRY(built_run(&built, 3, data, out.data, &err_));
    for (size_t i = 0; i < built.engine->n_layers; i++)
        n_beside += built.engine->records[i].region > 0;
    for (size_t i = 0; i < out.n; i++) {
        const struct tare_dims *dims = &graph->tensors[graph->outputs[i]].dims;
        if (memcmp(out.data[i], in_turn.data[i],
                   (size_t)naive_count(dims) * sizeof(float)) != 0)
            fail_msg("--seed=%llu --count=1: other bytes side by side",
                     (unsigned long long)seed);
    }
    built_release(&built);
    graph_values_free(&in);
    graph_values_free(&out);
    graph_values_free(&in_turn);
}

/* Of outputs nothing is said. */
static struct tare_source_binding *bindings_of(const struct tare_graph *graph)
{
    struct tare_source_binding *bindings =
        tare_alloc_array(graph->n_inputs + graph->n_outputs, sizeof *bindings);
    assert_non_null(bindings);
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *t = &graph->tensors[graph->inputs[i]];
        bindings[i] =
            (struct tare_source_binding){.is_told = true,
                                         .model_dtype = t->dtype,
                                         .border = {.is_set = true, .dtype = t->dtype},
                                         .dims = t->dims};
    }
    return bindings;
}

/* The engine that is made of the network's source is the one that is made of it. */
static void check_remade(const struct tare_graph *graph, uint64_t seed)
{
    struct tare_make_options make = {.precision.isa = tare_cpu_flags(),
                                     .in_place = true};
    const size_t n_bindings = graph->n_inputs + graph->n_outputs;
    struct tare_source_binding *bindings = bindings_of(graph);
    const struct tare_source_content content = {
        .graph = graph, .make = &make, .bindings = bindings, .n_bindings = n_bindings};
    struct tare_source_bytes bytes = {0};
    struct tare_source source;
    struct built fresh;
    NET_TRY(tare_source_encode(&content, &bytes, &err_));
    uint8_t *section = tare_alloc_array(bytes.n_bytes, 1), *anew;
    size_t n_anew;
    tare_source_put(&bytes, graph, section);
    NET_TRY(tare_source_read(section, bytes.n_bytes, make.precision.isa, NULL, &source,
                             &err_));
    NET_TRY(tare_remake(&source, &graph->tensors[graph->inputs[0]].dims, SIZE_MAX, NULL,
                        &anew, &n_anew, &err_));
    struct tare_graph *optimized = graph_optimized(graph);
    NET_TRY(built_make(optimized, make.precision.isa, &fresh, &err_));
    if (n_anew != fresh.n_bytes || memcmp(anew, fresh.bytes, n_anew) != 0)
        fail_msg("--seed=%llu --count=1: made anew it is another engine",
                 (unsigned long long)seed);
    tare_graph_destroy(optimized);
    built_release(&fresh);
    tare_free(anew);
    tare_source_release(&source);
    tare_free(section);
    tare_free(bytes.blob.data);
    tare_free(bindings);
}

static uint64_t first_seed;
static int n_networks = 250;

static void test_random_graphs(void **unused)
{
    (void)unused;
    size_t n_before = 0, n_after = 0;
    for (int i = 0; i < n_networks; i++) {
        const uint64_t seed = first_seed + (uint64_t)i;
        if (getenv("TARE_TEST_VERBOSE"))
            (void)printf("--seed=%llu\n", (unsigned long long)seed);
        struct tare_graph *before = random_network(seed);
        check_remade(before, seed);
        struct tare_graph *after = graph_optimized(before);
        pass_check_order(after);
        pass_check_shapes(after);
        n_before += before->n_nodes;
        n_after += after->n_nodes;
        compare_inside(before, after);
        check(before, after, seed);
        check_streams(after, seed);
        tare_graph_destroy(after);
        tare_graph_destroy(before);
    }
    (void)printf("%zu nodes became %zu\n", n_before, n_after);
    if (n_networks >= 100) assert_true(n_beside > 100);
    if (n_networks >= 100) assert_true(n_after * 10 < n_before * 9);
}

int main(int argc, char **argv)
{
    first_seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--seed=", 7) == 0)
            first_seed = strtoull(argv[i] + 7, NULL, 10);
        if (strncmp(argv[i], "--count=", 8) == 0)
            n_networks = (int)strtol(argv[i] + 8, NULL, 10);
    }
    (void)printf("--seed=%llu --count=%d\n", (unsigned long long)first_seed,
                 n_networks);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
