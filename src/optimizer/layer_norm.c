/* LayerNormalization as exporters spell it before opset 17: (x - mean) / sqrt(variance
 * + epsilon), both means over the last axes, then times and plus constants. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/params.h"
#include "optimizer/pass.h"

struct layer_norm {
    int32_t x, axis;
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
static int32_t read_mean(const struct tare_graph *graph, int32_t tensor, int32_t *axis,
                         struct tare_pass_group *group)
{
    const int32_t mean = tare_pass_made_by(graph, tensor, TARE_OP_REDUCE_MEAN, 1);
    if (mean < 0 || !tare_pass_group_add(group, mean)) return -1;
    *axis = first_axis(graph, &graph->nodes[mean]);
    return *axis < 0 ? -1 : graph->nodes[mean].inputs[0];
}

/* Is the tensor d * d, or d^2? */
static bool is_square(const struct tare_graph *graph, int32_t tensor, int32_t d,
                      struct tare_pass_group *group)
{
    double v;
    int32_t base;
    const int32_t pow = tare_pass_made_by(graph, tensor, TARE_OP_POW, 1);
    if (pow >= 0)
        return tare_pass_with_scalar(graph, &graph->nodes[pow], &base, &v) &&
               base == d && v == 2 && tare_pass_group_add(group, pow);
    const int32_t mul = tare_pass_made_by(graph, tensor, TARE_OP_MUL, 1);
    return mul >= 0 && graph->nodes[mul].inputs[0] == d &&
           graph->nodes[mul].inputs[1] == d && tare_pass_group_add(group, mul);
}

/* d = x - mean(x), which nothing else reads but its square and the division. */
static bool read_difference(const struct tare_graph *graph, int32_t d,
                            struct layer_norm *norm)
{
    int32_t sub = tare_pass_made_by(graph, d, TARE_OP_SUB, 2);
    if (sub < 0) sub = tare_pass_made_by(graph, d, TARE_OP_SUB, 3); /* d * d */
    if (sub < 0 || !tare_pass_group_add(&norm->group, sub)) return false;
    norm->x = graph->nodes[sub].inputs[0];
    return graph->tensors[norm->x].dtype == TARE_F32 &&
           read_mean(graph, graph->nodes[sub].inputs[1], &norm->axis, &norm->group) ==
               norm->x;
}

/* sqrt(mean(d * d) + epsilon) */
static bool read_deviation(const struct tare_graph *graph, int32_t tensor, int32_t d,
                           struct layer_norm *norm)
{
    int32_t variance, axis;
    const int32_t root = tare_pass_made_by(graph, tensor, TARE_OP_SQRT, 1);
    if (root < 0 || !tare_pass_group_add(&norm->group, root)) return false;
    const int32_t add =
        tare_pass_made_by(graph, graph->nodes[root].inputs[0], TARE_OP_ADD, 1);
    if (add < 0 ||
        !tare_pass_with_scalar(graph, &graph->nodes[add], &variance, &norm->epsilon) ||
        !(norm->epsilon >= 0) || !tare_pass_group_add(&norm->group, add))
        return false;
    const int32_t square = read_mean(graph, variance, &axis, &norm->group);
    return square >= 0 && axis == norm->axis &&
           is_square(graph, square, d, &norm->group);
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

/* Take along the node behind that multiplies by, or adds, one constant for each of the
 * elements of a row; the constant, or -1. */
static int32_t take_row(const struct tare_graph *graph, enum tare_op op,
                        struct layer_norm *norm)
{
    const struct tare_dims row = inner_dims(graph, norm);
    const int32_t made = graph->nodes[norm->last].outputs[0];
    const int32_t next = tare_pass_read_by(graph, made, op);
    if (next < 0) return -1;
    const int32_t *in = graph->nodes[next].inputs;
    const int32_t constant = in[in[0] == made ? 1 : 0];
    if (!tare_pass_is_float_const(graph, constant)) return -1;
    const struct tare_dims *dims = &graph->tensors[constant].dims;
    const int32_t more = dims->rank - row.rank;
    if (more < 0 || dims->rank > graph->tensors[norm->x].dims.rank ||
        tare_dims_count(dims) != tare_dims_count(&row))
        return -1;
    for (int32_t i = 0; i < row.rank; i++)
        if (dims->d[more + i] != row.d[i]) return -1;
    if (!tare_pass_group_add(&norm->group, next)) return -1;
    norm->last = next;
    return constant;
}

static bool read(const struct tare_graph *graph, int32_t id, struct layer_norm *norm)
{
    const struct tare_node *div = &graph->nodes[id];
    *norm = (struct layer_norm){.last = id, .group = {.nodes = {id}, .n = 1}};
    if (div->dead || div->op != TARE_OP_DIV || !tare_fused_is_none(&div->fused) ||
        !read_difference(graph, div->inputs[0], norm) ||
        !read_deviation(graph, div->inputs[1], div->inputs[0], norm))
        return false;
    norm->scale = take_row(graph, TARE_OP_MUL, norm);
    norm->shift = take_row(graph, TARE_OP_ADD, norm);
    return true;
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
                                   TARE_OP_LAYER_NORMALIZATION, inputs,
                                   has_shift ? 3 : 2, err);
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
