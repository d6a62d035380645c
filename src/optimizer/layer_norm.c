/* LayerNormalization as exporters spell it before opset 17: d / sqrt(mean(d * d) +
 * epsilon), d = x - mean(x), both means over the last axes, then times and plus
 * constants; RMSNormalization, which is that with d = x; and TensorFlow's
 * x * r + (shift - mean(x) * r), r = scale / sqrt(mean(d * d) + epsilon). */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/params.h"
#include "optimizer/pass.h"

struct layer_norm {
    int32_t x, axis;
    bool is_centred; /* the mean is subtracted */
    double epsilon;
    int32_t scale, shift; /* constants, or -1 */
    int32_t last;
    struct tare_pass_group group;
};

/* The first of the axes that a ReduceMean reduces, when they are the last ones and stay
 * as axes of length 1; or -1. */
static int32_t first_axis(const struct tare_graph *graph, const struct tare_node *mean)
{
    bool reduced[TARE_MAX_RANK], keepdims;
    if (!tare_pass_has_shape(graph, mean->inputs[0]) ||
        tare_node_reduce_axes(graph, mean, reduced, &keepdims, NULL) != TARE_OK ||
        !keepdims)
        return -1;
    int32_t axis = graph->tensors[mean->inputs[0]].dims.rank;
    while (axis > 0 && reduced[axis - 1])
        axis--;
    for (int32_t i = 0; i < axis; i++)
        if (reduced[i]) return -1;
    return axis < graph->tensors[mean->inputs[0]].dims.rank ? axis : -1;
}

/* What the ReduceMean that makes the tensor reads, or -1. */
static int32_t read_mean(const struct tare_graph *graph, int32_t tensor, size_t n_uses,
                         int32_t *axis, struct tare_pass_group *group)
{
    const int32_t mean = tare_pass_made_by(graph, tensor, TARE_OP_REDUCE_MEAN, n_uses);
    if (mean < 0 || !tare_pass_group_add(group, mean)) return -1;
    *axis = first_axis(graph, &graph->nodes[mean]);
    return *axis < 0 ? -1 : graph->nodes[mean].inputs[0];
}

/* One node that raises a tensor to a power: what it reads, or -1. */
static int32_t read_power(const struct tare_graph *graph, const struct tare_node *node,
                          double *exponent)
{
    double v;
    int32_t base;
    switch (node->op) {
    case TARE_OP_SQRT: *exponent *= 0.5; return node->inputs[0];
    case TARE_OP_RECIPROCAL: *exponent *= -1; return node->inputs[0];
    case TARE_OP_POW:
        if (!tare_pass_with_scalar(graph, node, &base, &v)) return -1;
        *exponent *= v;
        return base;
    case TARE_OP_DIV: /* 1 / base */
        if (!tare_pass_scalar(graph, node->inputs[0], &v) || v != 1) return -1;
        *exponent *= -1;
        return node->inputs[1];
    default: return -1;
    }
}

/* d of the tensor (mean(d * d) + epsilon)^exponent, or -1. */
static int32_t read_root(const struct tare_graph *graph, int32_t tensor, size_t n_uses,
                         double exponent, struct layer_norm *norm)
{
    double power = 1;
    int32_t variance;
    for (int32_t base;; tensor = base, n_uses = 1) {
        const int32_t maker = tare_pass_producer(graph, tensor);
        if (maker < 0) return -1;
        const enum tare_op op = graph->nodes[maker].op;
        if (tare_pass_made_by(graph, tensor, op, n_uses) < 0) return -1;
        if (op == TARE_OP_ADD) break;
        base = read_power(graph, &graph->nodes[maker], &power);
        if (base < 0 || !tare_pass_group_add(&norm->group, maker)) return -1;
    }
    const int32_t add = tare_pass_producer(graph, tensor);
    if (power != exponent || !tare_pass_group_add(&norm->group, add) ||
        !tare_pass_with_scalar(graph, &graph->nodes[add], &variance, &norm->epsilon) ||
        !(norm->epsilon >= 0))
        return -1;
    const int32_t square = read_mean(graph, variance, 1, &norm->axis, &norm->group);
    return square < 0 ? -1 : tare_pass_power_base(graph, square, 2, &norm->group);
}

/* x of d = x - mean(x), of which nothing else remains; or -1. `n_others`: readers of d
 * beside its square, `mean_uses`: of the mean. */
static int32_t read_difference(const struct tare_graph *graph, int32_t d,
                               size_t n_others, size_t mean_uses,
                               struct layer_norm *norm)
{
    int32_t axis;
    struct tare_pass_group group = norm->group;
    int32_t sub = tare_pass_made_by(graph, d, TARE_OP_SUB, n_others + 1);
    if (sub < 0)
        sub = tare_pass_made_by(graph, d, TARE_OP_SUB, n_others + 2); /* d * d */
    if (sub < 0 || !tare_pass_group_add(&group, sub)) return -1;
    const int32_t *in = graph->nodes[sub].inputs;
    if (read_mean(graph, in[1], mean_uses, &axis, &group) != in[0] ||
        axis != norm->axis)
        return -1;
    norm->group = group;
    return in[0];
}

/* The axes that are normalized together. */
static struct tare_dims inner_dims(const struct tare_graph *graph,
                                   const struct layer_norm *norm)
{
    const struct tare_dims *x = &graph->tensors[norm->x].dims;
    struct tare_dims dims = {.rank = x->rank - norm->axis};
    for (int32_t i = 0; i < dims.rank; i++)
        dims.d[i] = x->d[norm->axis + i];
    return dims;
}

/* Is it a constant for each of the elements of a row? */
static bool is_row(const struct tare_graph *graph, const struct layer_norm *norm,
                   int32_t constant)
{
    const struct tare_dims row = inner_dims(graph, norm);
    if (!tare_pass_is_float_const(graph, constant)) return false;
    const struct tare_dims *dims = &graph->tensors[constant].dims;
    const int32_t more = dims->rank - row.rank;
    bool ok = more >= 0 && dims->rank <= graph->tensors[norm->x].dims.rank &&
              tare_dims_count(dims) == tare_dims_count(&row);
    for (int32_t i = 0; ok && i < row.rank; i++)
        ok = dims->d[more + i] == row.d[i];
    return ok;
}

/* Take along the node behind that multiplies by, or adds, a row; the constant, or -1.
 */
static int32_t take_row(const struct tare_graph *graph, enum tare_op op,
                        struct layer_norm *norm)
{
    const int32_t made = graph->nodes[norm->last].outputs[0];
    const int32_t next = tare_pass_read_by(graph, made, op);
    if (next < 0) return -1;
    const int32_t *in = graph->nodes[next].inputs;
    const int32_t constant = in[in[0] == made ? 1 : 0];
    if (!is_row(graph, norm, constant) || !tare_pass_group_add(&norm->group, next))
        return -1;
    norm->last = next;
    return constant;
}

/* d / sqrt(...), or d * 1 / sqrt(...) with d as input `side`. Where d is no difference
 * from a mean, or that is used elsewhere too, d itself is what is normalized. */
static bool read_quotient(const struct tare_graph *graph, int32_t id, int side,
                          struct layer_norm *norm)
{
    const struct tare_node *node = &graph->nodes[id];
    const int32_t d = node->inputs[side];
    *norm = (struct layer_norm){.last = id, .group = {.nodes = {id}, .n = 1}};
    if (d < 0 || graph->tensors[d].dtype != TARE_F32 ||
        read_root(graph, node->inputs[1 - side], 1,
                  node->op == TARE_OP_DIV ? 0.5 : -0.5, norm) != d)
        return false;
    const int32_t x = read_difference(graph, d, 1, 1, norm);
    norm->is_centred = x >= 0;
    norm->x = norm->is_centred ? x : d;
    norm->scale = take_row(graph, TARE_OP_MUL, norm);
    norm->shift = norm->is_centred ? take_row(graph, TARE_OP_ADD, norm) : -1;
    return true;
}

/* One of the inputs of the product that makes the tensor; the other one, or -1. */
static int32_t other_factor(const struct tare_graph *graph, int32_t tensor,
                            int32_t factor, struct tare_pass_group *group)
{
    const int32_t mul = tare_pass_made_by(graph, tensor, TARE_OP_MUL, 1);
    if (mul < 0 || !tare_pass_group_add(group, mul)) return -1;
    const int32_t *in = graph->nodes[mul].inputs;
    return in[0] == factor ? in[1] : in[1] == factor ? in[0] : -1;
}

/* Add `id` as x * r + (shift - mean(x) * r), r = scale / sqrt(...), where `product` is
 * x * r and r its input `side`. */
static bool read_spread(const struct tare_graph *graph, int32_t id, int32_t product,
                        int side, struct layer_norm *norm)
{
    const int32_t *sum = graph->nodes[id].inputs;
    const int32_t term = sum[sum[0] == product ? 1 : 0];
    const int32_t mul = tare_pass_made_by(graph, product, TARE_OP_MUL, 1);
    const int32_t sub = tare_pass_made_by(graph, term, TARE_OP_SUB, 1);
    if (mul < 0 || sub < 0) return false;
    const int32_t r = graph->nodes[mul].inputs[side];
    *norm = (struct layer_norm){.last = id,
                                .is_centred = true,
                                .x = graph->nodes[mul].inputs[1 - side],
                                .scale = -1,
                                .shift = graph->nodes[sub].inputs[0],
                                .group = {.nodes = {id, mul, sub}, .n = 3}};
    const int32_t mean =
        other_factor(graph, graph->nodes[sub].inputs[1], r, &norm->group);
    int32_t root = r;
    const int32_t scaled = tare_pass_made_by(graph, r, TARE_OP_MUL, 2);
    if (scaled >= 0 && tare_pass_group_add(&norm->group, scaled)) {
        const int32_t *in = graph->nodes[scaled].inputs;
        const int constant = tare_pass_is_float_const(graph, in[0]) ? 0 : 1;
        norm->scale = in[constant];
        root = in[1 - constant];
    }
    const int32_t d =
        mean < 0 ? -1 : read_root(graph, root, root == r ? 2 : 1, -0.5, norm);
    const int32_t maker = tare_pass_producer(graph, d);
    return maker >= 0 && graph->tensors[norm->x].dtype == TARE_F32 &&
           read_difference(graph, d, 0, 2, norm) == norm->x &&
           graph->nodes[maker].inputs[1] == mean && is_row(graph, norm, norm->shift) &&
           (norm->scale < 0 || is_row(graph, norm, norm->scale));
}

static bool read(const struct tare_graph *graph, int32_t id, struct layer_norm *norm)
{
    const struct tare_node *node = &graph->nodes[id];
    if (node->dead || !tare_fused_is_none(&node->fused)) return false;
    for (int side = 0; side < 2; side++) {
        if (node->op == TARE_OP_DIV && side == 0 && read_quotient(graph, id, 0, norm))
            return true;
        if (node->op == TARE_OP_MUL && read_quotient(graph, id, side, norm))
            return true;
        if (node->op == TARE_OP_ADD &&
            (read_spread(graph, id, node->inputs[side], 0, norm) ||
             read_spread(graph, id, node->inputs[side], 1, norm)))
            return true;
    }
    return false;
}

/* A copy of the constant in the shape of a row, or ones. */
static enum tare_status add_row(struct tare_graph *graph, const struct layer_norm *norm,
                                int32_t constant, int32_t *id, struct tare_error *err)
{
    const struct tare_dims dims = inner_dims(graph, norm);
    const int64_t n = tare_dims_count(&dims);
    double *values = tare_alloc_array((size_t)n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "optimizer: no memory");
    for (int64_t i = 0; i < n; i++)
        values[i] = constant < 0 ? 1 : tare_pass_const_at(&graph->tensors[constant], i);
    const enum tare_status status = tare_pass_add_const(
        graph, constant < 0 ? graph->nodes[norm->last].outputs[0] : constant, &dims,
        values, id, err);
    tare_free(values);
    return status;
}

static enum tare_status fuse(struct tare_graph *graph, const struct layer_norm *norm,
                             struct tare_error *err)
{
    int32_t inputs[3] = {norm->x};
    const bool has_shift = norm->shift >= 0;
    enum tare_status status = add_row(graph, norm, norm->scale, &inputs[1], err);
    if (status == TARE_OK && has_shift)
        status = add_row(graph, norm, norm->shift, &inputs[2], err);
    if (status == TARE_OK)
        status = tare_pass_replace(graph, norm->last, &norm->group,
                                   norm->is_centred ? TARE_OP_LAYER_NORMALIZATION
                                                    : TARE_OP_RMS_NORMALIZATION,
                                   inputs, has_shift ? 3 : 2, err);
    const struct tare_attr axis = {.type = TARE_ATTR_INT, .i = norm->axis};
    const struct tare_attr epsilon = {.type = TARE_ATTR_FLOAT,
                                      .f = (float)norm->epsilon};
    struct tare_node *node = &graph->nodes[norm->last];
    if (status == TARE_OK) status = tare_node_add_attr(node, "axis", axis, err);
    return status == TARE_OK ? tare_node_add_attr(node, "epsilon", epsilon, err)
                             : status;
}

enum tare_status tare_pass_layer_norm(struct tare_graph *graph, bool *changed,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        struct layer_norm norm;
        if (!read(graph, (int32_t)i, &norm)) continue;
        *changed = true;
        const enum tare_status status = fuse(graph, &norm, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
