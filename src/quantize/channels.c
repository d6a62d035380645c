#include "quantize/quantize.h"

/* Where a ConvTranspose with groups has its output channels, [in_c, out_c / groups,
 * ...]: an input channel alone where each group makes one, else one for all groups. */
static int32_t axis_of(const struct tare_graph *graph, const struct tare_node *node)
{
    const struct tare_dims *dims = &graph->tensors[node->inputs[1]].dims;
    switch (node->op) {
    case TARE_OP_CONV: return 0;
    case TARE_OP_CONV_TRANSPOSE:
        return tare_node_int(node, "group", 1) > 1 && dims->d[1] == 1 ? 0 : 1;
    case TARE_OP_GEMM: return tare_node_int(node, "transB", 0) ? 0 : 1;
    default: return 1;
    }
}

struct tare_quantize_channels tare_quantize_channels(const struct tare_graph *graph,
                                                     const struct tare_node *node)
{
    const struct tare_dims *dims = &graph->tensors[node->inputs[1]].dims;
    struct tare_quantize_channels channels = {.axis = axis_of(graph, node), .inner = 1};
    channels.n_channels = (size_t)dims->d[channels.axis];
    channels.n = 1;
    for (int32_t i = 0; i < dims->rank; i++) {
        if (i != channels.axis) channels.n *= (size_t)dims->d[i];
        if (i > channels.axis) channels.inner *= (size_t)dims->d[i];
    }
    return channels;
}

size_t tare_quantize_index(const struct tare_quantize_channels *channels, size_t c,
                           size_t i)
{
    const size_t inner = channels->inner;
    return (i / inner * channels->n_channels + c) * inner + i % inner;
}
