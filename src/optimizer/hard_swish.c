/* HardSigmoid and HardSwish as exporters spell them: x * clip(x + 3, 0, 6) / 6 in any
 * order, clip(x * a + b, 0, 1), x * HardSigmoid(x). */
#include <math.h>

#include "graph/params.h"
#include "optimizer/pass.h"

#define UNBOUND ((double)INFINITY)

/* y = clip(slope * x + shift, low, high), and the nodes that compute it. */
struct ramp {
    int32_t x;
    double slope, shift, low, high;
    struct tare_pass_group group;
};

static bool is_clip(const struct tare_node *node)
{
    return node->op == TARE_OP_CLIP || node->op == TARE_OP_RELU ||
           node->op == TARE_OP_HARD_SIGMOID;
}

/* Put y' = clip(factor * y + term, low, high) behind the ramp. */
static void compose(struct ramp *ramp, double factor, double term, double low,
                    double high)
{
    ramp->slope *= factor;
    ramp->shift = ramp->shift * factor + term;
    ramp->low = fmin(fmax(ramp->low * factor + term, low), high);
    ramp->high = fmin(fmax(ramp->high * factor + term, low), high);
}

/* One node behind the ramp; false when it is not of this kind. */
static bool compose_node(const struct tare_graph *graph, const struct tare_node *node,
                         struct ramp *ramp)
{
    int32_t x;
    double v;
    float low, high;
    switch (node->op) {
    case TARE_OP_ADD:
    case TARE_OP_SUB:
        if (!tare_pass_with_scalar(graph, node, &x, &v)) return false;
        compose(ramp, 1, node->op == TARE_OP_SUB ? -v : v, -UNBOUND, UNBOUND);
        return true;
    case TARE_OP_MUL:
    case TARE_OP_DIV:
        if (!tare_pass_with_scalar(graph, node, &x, &v) || v <= 0) return false;
        compose(ramp, node->op == TARE_OP_DIV ? 1 / v : v, 0, -UNBOUND, UNBOUND);
        return true;
    case TARE_OP_RELU: compose(ramp, 1, 0, 0, UNBOUND); return true;
    case TARE_OP_CLIP:
        if (!tare_node_clip_is_fixed(graph, node) ||
            tare_node_clip_bounds(graph, node, &low, &high, NULL) != TARE_OK ||
            !(low <= high))
            return false;
        compose(ramp, 1, 0, (double)low, (double)high);
        return true;
    case TARE_OP_HARD_SIGMOID:
        compose(ramp, (double)tare_node_float(node, "alpha", 0.2F),
                (double)tare_node_float(node, "beta", 0.5F), 0, 1);
        return true;
    default: return false;
    }
}

/* The tensor that a node of a ramp continues from, or -1. */
static int32_t input_of(const struct tare_graph *graph, const struct tare_node *node)
{
    int32_t x;
    double v;
    if (!tare_fused_is_none(&node->fused)) return -1;
    if (is_clip(node)) return node->inputs[0];
    return (node->op == TARE_OP_ADD || node->op == TARE_OP_SUB ||
            node->op == TARE_OP_MUL || node->op == TARE_OP_DIV) &&
                   tare_pass_with_scalar(graph, node, &x, &v)
               ? x
               : -1;
}

/* Read the ramp that ends in node `last`, backwards to `root` (-1: as far as it goes
 * with two bounds, of which Relu is one). */
static bool read_ramp(const struct tare_graph *graph, int32_t last, int32_t root,
                      struct ramp *ramp)
{
    int n_clips = 0;
    *ramp = (struct ramp){.x = -1, .slope = 1, .low = -UNBOUND, .high = UNBOUND};
    for (int32_t id = last; id >= 0;) {
        const struct tare_node *node = &graph->nodes[id];
        const int32_t x = input_of(graph, node);
        if (x < 0 || !tare_pass_has_shape(graph, node->outputs[0]) ||
            (is_clip(node) && ++n_clips > 2))
            break;
        if (!tare_pass_group_add(&ramp->group, id)) break;
        ramp->x = x;
        if (x == root) break;
        const int32_t maker = tare_pass_producer(graph, x);
        id = maker < 0 ? -1 : tare_pass_made_by(graph, x, graph->nodes[maker].op, 1);
    }
    if (ramp->group.n == 0 || n_clips == 0) return false;
    for (size_t i = ramp->group.n; i > 0; i--)
        if (!compose_node(graph, &graph->nodes[ramp->group.nodes[i - 1]], ramp))
            return false;
    return root < 0 || ramp->x == root;
}

/* x, or x times a positive constant. */
static int32_t strip_factor(const struct tare_graph *graph, int32_t tensor,
                            double *factor, struct tare_pass_group *group)
{
    struct tare_pass_group with = *group;
    const int32_t x = tare_pass_scaled(graph, tensor, factor, &with);
    if (x < 0 || *factor <= 0) {
        *factor = 1;
        return tensor;
    }
    *group = with;
    return x;
}

/* Mul `id` as factor * HardSwish(x). */
static bool read_product(const struct tare_graph *graph, int32_t id, struct ramp *ramp,
                         double *factor)
{
    const struct tare_node *mul = &graph->nodes[id];
    if (mul->dead || mul->op != TARE_OP_MUL || !tare_fused_is_none(&mul->fused))
        return false;
    for (size_t side = 0; side < 2; side++) {
        struct tare_pass_group group = {0};
        const int32_t bound = mul->inputs[1 - side];
        const int32_t maker = tare_pass_producer(graph, bound);
        if (maker < 0 || tare_graph_n_uses(graph, bound) != 1) continue;
        const int32_t x = strip_factor(graph, mul->inputs[side], factor, &group);
        if (!read_ramp(graph, maker, x, ramp) || ramp->low != 0 || !(ramp->high > 0))
            continue;
        const double high = ramp->high;
        if (!tare_pass_is_close(ramp->slope / high, 1.0 / 6) ||
            !tare_pass_is_close(ramp->shift / high, 0.5))
            continue;
        *factor *= high;
        return group.n == 0 || tare_pass_group_add(&ramp->group, group.nodes[0]);
    }
    return false;
}

static enum tare_status fuse_product(struct tare_graph *graph, int32_t id,
                                     bool *changed, struct tare_error *err)
{
    struct ramp ramp;
    double factor, v;
    int32_t x, last = id;
    if (!read_product(graph, id, &ramp, &factor)) return TARE_OK;
    if (!tare_pass_is_close(factor, 1)) { /* a division by 6 must follow */
        last = tare_pass_only_reader(graph, graph->nodes[id].outputs[0]);
        if (last < 0) return TARE_OK;
        const struct tare_node *next = &graph->nodes[last];
        if ((next->op != TARE_OP_MUL && next->op != TARE_OP_DIV) ||
            !tare_pass_with_scalar(graph, next, &x, &v) ||
            !tare_pass_is_close(next->op == TARE_OP_DIV ? factor / v : factor * v, 1) ||
            !tare_pass_group_add(&ramp.group, id))
            return TARE_OK;
    }
    *changed = true;
    return tare_pass_replace(graph, last, &ramp.group, TARE_OP_HARD_SWISH, &ramp.x, 1,
                             err);
}

static enum tare_status fuse_ramp(struct tare_graph *graph, int32_t id, bool *changed,
                                  struct tare_error *err)
{
    struct ramp ramp;
    if (graph->nodes[id].dead || !read_ramp(graph, id, -1, &ramp) || ramp.group.n < 2 ||
        !tare_pass_is_close(ramp.low, 0) || !tare_pass_is_close(ramp.high, 1) ||
        graph->tensors[ramp.x].dtype != TARE_F32)
        return TARE_OK;
    enum tare_status status = tare_pass_replace(graph, id, &ramp.group,
                                                TARE_OP_HARD_SIGMOID, &ramp.x, 1, err);
    const struct tare_attr alpha = {.type = TARE_ATTR_FLOAT, .f = (float)ramp.slope};
    const struct tare_attr beta = {.type = TARE_ATTR_FLOAT, .f = (float)ramp.shift};
    struct tare_node *node = &graph->nodes[id];
    if (status == TARE_OK) status = tare_node_add_attr(node, "alpha", alpha, err);
    if (status == TARE_OK) status = tare_node_add_attr(node, "beta", beta, err);
    *changed = true;
    return status;
}

enum tare_status tare_pass_hard_swish(struct tare_graph *graph, bool *changed,
                                      struct tare_error *err)
{
    enum tare_status status = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes && status == TARE_OK; i++)
        status = fuse_product(graph, (int32_t)i, changed, err);
    for (size_t i = graph->n_nodes; i > 0 && status == TARE_OK; i--)
        status = fuse_ramp(graph, (int32_t)(i - 1), changed, err);
    return status;
}
