/* Where the rules may be wrong. */
#include "base/cpu.h"
#include "base/dims.h"
#include "base/mem.h"
#include "precision/fastest.h"

/* Multiplications that are worth a conversion on every processor that has
 * instructions for them: a few microseconds. */
#define MANY (INT64_C(1) << 18)

static bool has_instructions(uint32_t isa, enum tare_precision precision)
{
    if (precision != TARE_PRECISION_INT8)
        return isa & (TARE_CPU_AVX512BF16 | TARE_CPU_AMXBF16);
    return isa & (TARE_CPU_VNNI | TARE_CPU_AVXVNNI | TARE_CPU_AMX | TARE_CPU_DOTPROD |
                  TARE_CPU_I8MM);
}

/* Multiplications; 0: none, or nobody knows how many. */
static int64_t count_products(const struct tare_graph *g, const struct tare_node *node)
{
    const struct tare_tensor *in = &g->tensors[node->inputs[0]];
    const struct tare_tensor *out = &g->tensors[node->outputs[0]];
    const struct tare_dims *weights;
    int64_t n_terms, n;
    if (!in->has_dims || !out->has_dims || !tare_dims_known(&in->dims) ||
        !tare_dims_known(&out->dims) || in->dims.rank == 0)
        return 0;
    switch (node->op) {
    case TARE_OP_CONV:
    case TARE_OP_CONV_TRANSPOSE:
        weights = &g->tensors[node->inputs[1]].dims;
        if (weights->d[0] == 0) return 0;
        n_terms = tare_dims_count(weights) / weights->d[0];
        n = tare_dims_count(&(node->op == TARE_OP_CONV ? out : in)->dims);
        break;
    case TARE_OP_GEMM:
    case TARE_OP_MATMUL:
        n_terms = in->dims.d[in->dims.rank - 1];
        n = tare_dims_count(&out->dims);
        break;
    default: return 0;
    }
    int64_t products;
    return __builtin_mul_overflow(n, n_terms, &products) ? INT64_MAX : products;
}

static bool is_product(const struct tare_node *node)
{
    return node->op == TARE_OP_CONV || node->op == TARE_OP_CONV_TRANSPOSE ||
           node->op == TARE_OP_GEMM || node->op == TARE_OP_MATMUL;
}

/* One channel makes one: instructions that add products up are of no use in 16 bits. */
static bool is_depthwise(const struct tare_graph *g, const struct tare_node *node)
{
    return node->op == TARE_OP_CONV && tare_node_int(node, "group", 1) > 1 &&
           g->tensors[node->inputs[1]].dims.d[1] == 1;
}

/* Nothing else needs to be known of it. */
static bool is_certain(const struct tare_graph *g, const struct tare_node *node,
                       uint32_t isa)
{
    return has_instructions(isa, node->precision) && count_products(g, node) >= MANY &&
           (node->precision == TARE_PRECISION_INT8 || !is_depthwise(g, node));
}

static bool is_alike(const struct tare_graph *g, int32_t node,
                     enum tare_precision precision)
{
    return node >= 0 && g->nodes[node].precision == precision;
}

/* Does the node read or make something that another precision makes or reads? */
static bool has_border(const struct tare_graph *g, size_t node)
{
    const struct tare_node *own = &g->nodes[node];
    for (size_t i = 0; i < own->n_inputs; i++) {
        if (own->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *in = &g->tensors[own->inputs[i]];
        if (!tare_tensor_is_const(in) && !is_alike(g, in->producer, own->precision))
            return true;
    }
    for (size_t i = 0; i < own->n_outputs; i++) {
        if (own->outputs[i] == TARE_NO_TENSOR) continue;
        if (tare_graph_is_output(g, own->outputs[i])) return true;
        for (size_t n = 0; n < g->n_nodes; n++)
            for (size_t k = 0; !g->nodes[n].dead && k < g->nodes[n].n_inputs; k++)
                if (g->nodes[n].inputs[k] == own->outputs[i] &&
                    !is_alike(g, (int32_t)n, own->precision))
                    return true;
    }
    return false;
}

/* Large products are not; others are, all that are connected, where one of them is a
 * product or has a border. */
enum tare_status tare_fastest_doubts(const struct tare_graph *g, uint32_t isa,
                                     bool *may, struct tare_error *err)
{
    size_t *group = tare_alloc_array(g->n_nodes, sizeof *group);
    bool *asks = tare_alloc_array(g->n_nodes, sizeof *asks);
    if (!group || !asks) {
        tare_free(group);
        tare_free(asks);
        return tare_error_set(err, TARE_E_NOMEM,
                              "precision: no memory to choose by time");
    }
    for (size_t n = 0; n < g->n_nodes; n++)
        may[n] = may[n] && !is_certain(g, &g->nodes[n], isa);
    tare_connected(g, may, group);
    for (size_t n = 0; n < g->n_nodes; n++)
        if (may[n] && (is_product(&g->nodes[n]) || has_border(g, n)))
            asks[group[n]] = true;
    for (size_t n = 0; n < g->n_nodes; n++)
        may[n] = may[n] && asks[group[n]];
    tare_free(group);
    tare_free(asks);
    return TARE_OK;
}
