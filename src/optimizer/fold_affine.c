/* BatchNormalization, and Add, Sub, Mul, Div by a constant that is one value or one a
 * channel, go into the weights and bias of the Conv, ConvTranspose, Gemm or MatMul
 * before. A chain of them is composed in double and rounded to float once. MatMul
 * thereby gets a bias as its third input, which ONNX does not know. */
#include <math.h>

#include "base/mem.h"
#include "graph/params.h"
#include "optimizer/pass.h"

/* y = scale[c] * x + shift[c] */
struct affine {
    double *scale, *shift; /* [n] */
    int64_t n;             /* channels */
    int32_t rank, axis;    /* of x; the axis of its channels */
};

/* Per-channel constant that broadcasts to x without changing its shape. */
static bool is_per_channel(const struct tare_graph *graph, int32_t tensor,
                           const struct affine *map)
{
    if (!tare_pass_is_float_const(graph, tensor)) return false;
    const struct tare_dims *dims = &graph->tensors[tensor].dims;
    if (dims->rank > map->rank) return false;
    for (int32_t i = 0; i < dims->rank; i++) {
        const bool is_channel = i + map->rank - dims->rank == map->axis;
        if (dims->d[i] != 1 && !(is_channel && dims->d[i] == map->n)) return false;
    }
    return true;
}

static double channel_of(const struct tare_tensor *tensor, int64_t c)
{
    return tare_pass_const_at(tensor, tensor->n_bytes == sizeof(float) ? 0 : c);
}

/* The factor and term of one channel of BatchNormalization. */
static void batch_norm(const struct tare_graph *graph, const struct tare_node *node,
                       int64_t c, double *factor, double *term)
{
    const struct tare_tensor *t = graph->tensors;
    const double variance = tare_pass_const_at(&t[node->inputs[4]], c);
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5F);
    *factor = tare_pass_const_at(&t[node->inputs[1]], c) / sqrt(variance + epsilon);
    *term = tare_pass_const_at(&t[node->inputs[2]], c) -
            tare_pass_const_at(&t[node->inputs[3]], c) * *factor;
}

/* Those of v op x, v the constant. */
static void binary(enum tare_op op, bool const_first, double v, double *factor,
                   double *term)
{
    *factor = op == TARE_OP_MUL ? v : op == TARE_OP_DIV ? 1 / v : 1;
    *term = op == TARE_OP_ADD ? v : op == TARE_OP_SUB ? -v : 0;
    if (op == TARE_OP_SUB && const_first) {
        *factor = -1;
        *term = v;
    }
}

static bool is_affine(const struct tare_graph *graph, const struct tare_node *node,
                      int32_t x, const struct affine *map)
{
    if (!tare_fused_is_none(&node->fused)) return false;
    switch (node->op) {
    case TARE_OP_BATCH_NORMALIZATION:
        if (tare_node_int(node, "training_mode", 0)) return false;
        for (size_t i = 1; i < 5; i++)
            if (map->axis != 1 || node->inputs[i] == x ||
                !tare_pass_is_float_const(graph, node->inputs[i]))
                return false;
        return true;
    case TARE_OP_DIV:
        return node->inputs[0] == x && is_per_channel(graph, node->inputs[1], map);
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
        return is_per_channel(graph, node->inputs[node->inputs[0] == x ? 1 : 0], map);
    default: return false;
    }
}

/* Put the node behind the map, unless that leaves the finite numbers: then false. */
static bool compose(const struct tare_graph *graph, const struct tare_node *node,
                    int32_t x, struct affine *map)
{
    const bool first = node->inputs[0] != x;
    const int32_t other = node->inputs[first ? 0 : 1];
    for (int pass = 0; pass < 2; pass++) /* look, then do */
        for (int64_t c = 0; c < map->n; c++) {
            double factor, term;
            if (node->op == TARE_OP_BATCH_NORMALIZATION)
                batch_norm(graph, node, c, &factor, &term);
            else
                binary(node->op, first, channel_of(&graph->tensors[other], c), &factor,
                       &term);
            const double scale = map->scale[c] * factor;
            const double shift = map->shift[c] * factor + term;
            if (pass == 0 && !(isfinite(scale) && isfinite(shift))) return false;
            if (pass == 0) continue;
            map->scale[c] = scale;
            map->shift[c] = shift;
        }
    return true;
}

static bool scales_nothing(const struct affine *map, double alpha)
{
    for (int64_t c = 0; c < map->n; c++)
        if (alpha * map->scale[c] != 1) return false;
    return true;
}

/* Element i of the weights is for channel i / outer * width + i / inner % width. */
struct order {
    int64_t outer, width, inner;
};

/* Weights [n, ...]; [k, n] of a MatMul, and of a Gemm that is not transposed;
 * [in_c, n / groups, ...] of a ConvTranspose. */
static struct order order_of(const struct tare_graph *graph,
                             const struct tare_node *node, bool is_transposed,
                             int64_t n)
{
    const struct tare_tensor *weights = &graph->tensors[node->inputs[1]];
    const int64_t count = (int64_t)(weights->n_bytes / sizeof(float));
    if (node->op == TARE_OP_CONV_TRANSPOSE) {
        const int64_t groups = tare_node_int(node, "group", 1);
        const int64_t inner = count / weights->dims.d[0] / weights->dims.d[1];
        return (struct order){count / groups, n / groups, inner};
    }
    if (node->op == TARE_OP_CONV || is_transposed)
        return (struct order){count / n, 1, 1};
    return (struct order){count, n, 1};
}

static enum tare_status scale_weights(struct tare_graph *graph, int32_t weights,
                                      struct order order, double alpha,
                                      const struct affine *map, int32_t *id,
                                      struct tare_error *err)
{
    const struct tare_tensor *old = &graph->tensors[weights];
    const int64_t count = (int64_t)(old->n_bytes / sizeof(float));
    const struct tare_dims dims = old->dims;
    if (scales_nothing(map, alpha)) return TARE_OK;
    double *values = tare_alloc_array((size_t)count, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory for weights '%.80s'",
                 old->name);
    for (int64_t i = 0; i < count; i++)
        values[i] =
            alpha *
            map->scale[i / order.outer * order.width + i / order.inner % order.width] *
            tare_pass_const_at(old, i);
    const enum tare_status status =
        tare_pass_add_const(graph, weights, &dims, values, id, err);
    tare_free(values);
    return status;
}

static enum tare_status make_bias(struct tare_graph *graph, int32_t weights,
                                  int32_t bias, double beta, struct affine *map,
                                  int32_t *id, struct tare_error *err)
{
    if (bias >= 0)
        for (int64_t c = 0; c < map->n; c++)
            map->shift[c] +=
                beta * map->scale[c] * channel_of(&graph->tensors[bias], c);
    const struct tare_dims dims = {.rank = 1, .d = {map->n}};
    return tare_pass_add_const(graph, bias >= 0 ? bias : weights, &dims, map->shift, id,
                               err);
}

static enum tare_status apply(struct tare_graph *graph, int32_t id, struct affine *map,
                              struct tare_error *err)
{
    struct tare_node *node = &graph->nodes[id];
    struct tare_gemm gemm = {.alpha = 1, .beta = 1};
    enum tare_status status = TARE_OK;
    if (node->op == TARE_OP_GEMM) status = tare_node_gemm(graph, node, &gemm, err);
    if (status != TARE_OK) return status;

    int32_t inputs[3] = {node->inputs[0], tare_node_input(node, 1),
                         tare_node_input(node, 2)};
    const int32_t weights = inputs[1];
    const struct order order = order_of(graph, node, gemm.trans_b, map->n);
    status =
        scale_weights(graph, weights, order, (double)gemm.alpha, map, &inputs[1], err);
    if (status != TARE_OK) return status;
    status =
        make_bias(graph, weights, inputs[2], (double)gemm.beta, map, &inputs[2], err);
    if (status != TARE_OK) return status;
    if (node->op == TARE_OP_GEMM) {
        const struct tare_attr one = {.type = TARE_ATTR_FLOAT, .f = 1};
        status = tare_node_add_attr(node, "alpha", one, err);
        if (status == TARE_OK) status = tare_node_add_attr(node, "beta", one, err);
        if (status != TARE_OK) return status;
    }
    return tare_node_set_inputs(node, inputs, 3, err);
}

/* Can the node take a factor and a term a channel? Fills map->n and rank. */
static bool is_foldable(const struct tare_graph *graph, const struct tare_node *node,
                        struct affine *map)
{
    const bool is_transposed = node->op == TARE_OP_CONV_TRANSPOSE &&
                               tare_pass_is_float_const(graph, node->inputs[1]);
    if (node->dead || !tare_fused_is_none(&node->fused) ||
        !(is_transposed || tare_pass_is_weighted(graph, node)))
        return false;
    const struct tare_tensor *out = &graph->tensors[node->outputs[0]];
    if (!tare_pass_has_shape(graph, node->outputs[0])) return false;
    map->rank = out->dims.rank;
    map->axis = node->op == TARE_OP_MATMUL ? out->dims.rank - 1 : 1;
    map->n = out->dims.d[map->axis];
    const int32_t bias = tare_node_input(node, 2);
    if (map->n < 1 || bias < 0) return map->n >= 1;
    /* A Gemm's bias is broadcast to the rows like any other term; else it is [n]. */
    return node->op != TARE_OP_GEMM ? tare_pass_is_float_const(graph, bias)
                                    : is_per_channel(graph, bias, map);
}

static enum tare_status fold_chain(struct tare_graph *graph, int32_t id,
                                   struct affine *map, bool *changed,
                                   struct tare_error *err)
{
    const int32_t start = id;
    for (;;) {
        const int32_t x = graph->nodes[id].outputs[0];
        const int32_t reader = tare_pass_only_reader(graph, x);
        if (reader < 0 || !is_affine(graph, &graph->nodes[reader], x, map) ||
            !compose(graph, &graph->nodes[reader], x, map))
            break;
        const enum tare_status status = tare_pass_merge(graph, id, reader, err);
        if (status != TARE_OK) return status;
        id = reader;
    }
    if (id == start) return TARE_OK;
    *changed = true;
    return apply(graph, id, map, err);
}

static enum tare_status fold_node(struct tare_graph *graph, int32_t id, bool *changed,
                                  struct tare_error *err)
{
    struct affine map = {0};
    if (!is_foldable(graph, &graph->nodes[id], &map)) return TARE_OK;
    map.scale = tare_alloc_array((size_t)map.n, sizeof *map.scale);
    map.shift = tare_alloc_array((size_t)map.n, sizeof *map.shift);
    enum tare_status status;
    if (map.scale && map.shift) {
        for (int64_t c = 0; c < map.n; c++)
            map.scale[c] = 1;
        status = fold_chain(graph, id, &map, changed, err);
    } else {
        status = tare_error_set(err, TARE_E_NOMEM, "no memory for %lld channels",
                                (long long)map.n);
    }
    tare_free(map.scale);
    tare_free(map.shift);
    return status;
}

enum tare_status tare_pass_fold_affine(struct tare_graph *graph, bool *changed,
                                       struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const enum tare_status status = fold_node(graph, (int32_t)i, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
