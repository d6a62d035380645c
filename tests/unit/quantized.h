/* tests/unit/quantized.h - QuantizeLinear and DequantizeLinear in graphs made by hand.
 */
#ifndef TARE_TESTS_QUANTIZED_H
#define TARE_TESTS_QUANTIZED_H

#include "net.h"

/** Constants "<name>.scale" and "<name>.zero" of this type. */
static inline void net_quantization(struct tare_graph *graph, const char *name,
                                    float scale, enum tare_dtype dtype, int zero)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s.scale", name);
    net_scalar(graph, text, scale);
    (void)snprintf(text, sizeof text, "%s.zero", name);
    *(uint8_t *)net_const(graph, text, dtype, (struct tare_dims){0}) = (uint8_t)zero;
}

/** QuantizeLinear "<y>.q" and DequantizeLinear "<y>.dq" from x to y, with the constants
 *  of `like`. */
static inline void net_rounded(struct tare_graph *graph, const char *x, const char *y,
                               const char *like)
{
    char node[64], inputs[200], levels[64];
    (void)snprintf(node, sizeof node, "%s.q", y);
    (void)snprintf(levels, sizeof levels, "%s.levels", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s.scale %s.zero", x, like, like);
    net_node(graph, TARE_OP_QUANTIZE_LINEAR, node, inputs, levels);
    (void)snprintf(node, sizeof node, "%s.dq", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s.scale %s.zero", levels, like, like);
    net_node(graph, TARE_OP_DEQUANTIZE_LINEAR, node, inputs, y);
}

/** The same with a scale and zero point of its own. */
static inline void net_pair(struct tare_graph *graph, const char *x, const char *y,
                            float scale, enum tare_dtype dtype, int zero)
{
    net_quantization(graph, y, scale, dtype, zero);
    net_rounded(graph, x, y, y);
}

/** Conv with int8 weights, a scale a channel, that a DequantizeLinear makes; "same"
 *  padding. @param axis  of the scales: 0, or -1 for one scale */
static inline struct tare_node *net_quantized_conv(struct tare_graph *graph,
                                                   const char *name, const char *x,
                                                   const char *y, int in_c, int out_c,
                                                   int kernel, int axis, uint64_t *seed)
{
    char w[64], levels[64], scale[64], inputs[200];
    (void)snprintf(w, sizeof w, "%s.w", name);
    (void)snprintf(levels, sizeof levels, "%s.w8", name);
    (void)snprintf(scale, sizeof scale, "%s.ws", name);
    const int n = out_c * in_c * kernel * kernel;
    int8_t *q =
        net_const(graph, levels, TARE_S8, NET_DIMS(out_c, in_c, kernel, kernel));
    for (int i = 0; i < n; i++)
        q[i] = (int8_t)(127.0F * net_uniform(seed));
    if (axis == 0)
        net_weights(graph, scale, NET_DIMS(out_c), 0.004F, 0.012F, seed);
    else
        net_scalar(graph, scale, 0.0071F);
    (void)snprintf(inputs, sizeof inputs, "%s %s", levels, scale);
    struct tare_node *node = net_node(graph, TARE_OP_DEQUANTIZE_LINEAR, w, inputs, w);
    if (axis == 0) net_int(node, "axis", 0);
    (void)snprintf(inputs, sizeof inputs, "%s %s", x, w);
    node = net_node(graph, TARE_OP_CONV, name, inputs, y);
    const int pad = kernel / 2;
    net_ints(node, "pads", 4, pad, pad, pad, pad);
    return node;
}

#endif /* TARE_TESTS_QUANTIZED_H */
