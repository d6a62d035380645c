/* GELU as exporters spell it: 0.5 * x * (1 + erf(x / sqrt(2))) and
 * 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))), the products in any order.
 */
#include <string.h>

#include "base/mem.h"
#include "optimizer/pass.h"

#define SQRT_2       1.4142135623730951
#define SQRT_2_PI    0.7978845608028654 /* of 2 / pi */
#define CUBIC_FACTOR 0.044715

/* x of the tensor x * value, or -1. */
static int32_t read_scaled(const struct tare_graph *graph, int32_t tensor, double value,
                           struct tare_pass_group *group)
{
    double factor;
    const int32_t x = tare_pass_scaled(graph, tensor, &factor, group);
    return x >= 0 && tare_pass_is_close(factor, value) ? x : -1;
}

/* x of sqrt(2 / pi) * (x + 0.044715 * x^3), or -1. */
static int32_t read_tanh(const struct tare_graph *graph, int32_t tensor,
                         struct tare_pass_group *group)
{
    const int32_t sum = read_scaled(graph, tensor, SQRT_2_PI, group);
    const int32_t add = sum < 0 ? -1 : tare_pass_made_by(graph, sum, TARE_OP_ADD, 1);
    if (add < 0 || !tare_pass_group_add(group, add)) return -1;
    for (size_t i = 0; i < 2; i++) {
        struct tare_pass_group inner = *group;
        const int32_t x = graph->nodes[add].inputs[i];
        const int32_t cube =
            read_scaled(graph, graph->nodes[add].inputs[1 - i], CUBIC_FACTOR, &inner);
        if (cube >= 0 && tare_pass_power_base(graph, cube, 3, &inner) == x) {
            *group = inner;
            return x;
        }
    }
    return -1;
}

/* Is the tensor x, or x times a constant? The constant is multiplied to the factor. */
static bool is_multiple(const struct tare_graph *graph, int32_t tensor, int32_t x,
                        double *factor, struct tare_pass_group *group)
{
    double v = 1;
    if (tensor != x && tare_pass_scaled(graph, tensor, &v, group) != x) return false;
    *factor *= v;
    return true;
}

/* From the tensor 1 + erf(...) on, multiplications by x and constants until they are
 * x / 2. The last of them, or -1. */
static int32_t read_products(const struct tare_graph *graph, int32_t tensor, int32_t x,
                             struct tare_pass_group *group)
{
    double factor = 1;
    bool has_x = false;
    for (;;) {
        double v;
        int32_t other;
        const int32_t id = tare_pass_only_reader(graph, tensor);
        if (id < 0) return -1;
        const struct tare_node *node = &graph->nodes[id];
        if (!tare_fused_is_none(&node->fused) ||
            (node->op != TARE_OP_MUL && node->op != TARE_OP_DIV) ||
            !tare_pass_group_add(group, id))
            return -1;
        if (tare_pass_with_scalar(graph, node, &other, &v) && other == tensor) {
            factor *= node->op == TARE_OP_DIV ? 1 / v : v;
        } else if (node->op == TARE_OP_MUL && !has_x) {
            other = node->inputs[node->inputs[0] == tensor ? 1 : 0];
            if (!is_multiple(graph, other, x, &factor, group)) return -1;
            has_x = true;
        } else {
            return -1;
        }
        if (has_x && tare_pass_is_close(factor, 0.5)) return id;
        tensor = node->outputs[0];
    }
}

static enum tare_status fuse(struct tare_graph *graph, int32_t id, bool *changed,
                             struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[id];
    const bool is_tanh = node->op == TARE_OP_TANH;
    struct tare_pass_group group = {.nodes = {id}, .n = 1};
    double one;
    int32_t plain;
    const int32_t add = tare_pass_read_by(graph, node->outputs[0], TARE_OP_ADD);
    if (add < 0 || !tare_pass_with_scalar(graph, &graph->nodes[add], &plain, &one) ||
        one != 1 || !tare_pass_group_add(&group, add))
        return TARE_OK;
    const int32_t x = is_tanh ? read_tanh(graph, node->inputs[0], &group)
                              : read_scaled(graph, node->inputs[0], 1 / SQRT_2, &group);
    if (x < 0 || graph->tensors[x].dtype != TARE_F32 || !tare_pass_has_shape(graph, x))
        return TARE_OK;
    const int32_t last = read_products(graph, graph->nodes[add].outputs[0], x, &group);
    if (last < 0) return TARE_OK;
    *changed = true;
    enum tare_status status =
        tare_pass_replace(graph, last, &group, TARE_OP_GELU, &x, 1, err);
    if (status != TARE_OK || !is_tanh) return status;
    const struct tare_attr attr = {.type = TARE_ATTR_STRING, .s = tare_strdup("tanh")};
    TARE_FAIL_IF(!attr.s, err, TARE_E_NOMEM, "optimizer: no memory");
    return tare_node_add_attr(&graph->nodes[last], "approximate", attr, err);
}

enum tare_status tare_pass_gelu(struct tare_graph *graph, bool *changed,
                                struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || (node->op != TARE_OP_ERF && node->op != TARE_OP_TANH) ||
            !tare_fused_is_none(&node->fused))
            continue;
        const enum tare_status status = fuse(graph, (int32_t)i, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
