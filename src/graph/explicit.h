/* graph/explicit.h - quantization that a model spells out: its QuantizeLinear and
 * DequantizeLinear nodes, and the operators that have both inside (QLinearConv, ...).
 */
#ifndef TARE_GRAPH_EXPLICIT_H
#define TARE_GRAPH_EXPLICIT_H

#include <stdbool.h>

#include "graph/graph.h"

/**
 * What a QuantizeLinear or DequantizeLinear says when a kernel can do it: 8 bits, and
 * one scale and one zero point for the whole tensor, both constant, the scale within
 * what INT8 arithmetic can multiply. int8 is held as uint8, 128 higher.
 * After tare_graph_infer(). @param[out] quant  how the real tensor can be held.
 */
bool tare_node_quant(const struct tare_graph *graph, const struct tare_node *node,
                     struct tare_quant *quant);

/** The same codes for the same values. */
bool tare_quant_equal(const struct tare_quant *a, const struct tare_quant *b);

/** Does a DequantizeLinear with a tare_node_quant() make the tensor, and not from
 *  constants? */
bool tare_is_dequantized(const struct tare_graph *graph, int32_t tensor,
                         struct tare_quant *quant);

/** Does the node only move or pick values of its first input, and add zeros at most, so
 *  that it gives the same whether it moves values or their codes? */
bool tare_node_moves_values(const struct tare_graph *graph,
                            const struct tare_node *node);

/** Are all values of the tensor multiples of one scale that codes stand for: does a
 *  DequantizeLinear make it, or nodes behind it that move, join or rectify values? */
bool tare_has_codes(const struct tare_graph *graph, int32_t tensor,
                    struct tare_quant *quant);

/** A QLinearConv or QLinearMatMul that is DequantizeLinear, Conv or MatMul, and
 *  QuantizeLinear: all scales and zero points are constant, and so are the weights
 *  (the second matrix may be an activation with one scale). */
bool tare_node_is_qlinear(const struct tare_graph *graph, const struct tare_node *node);

/** Does the model say how activations are quantized? Then it is built as it says, and
 *  calibration has nothing to add. After tare_graph_infer(). */
bool tare_graph_is_explicit(const struct tare_graph *graph);

#endif /* TARE_GRAPH_EXPLICIT_H */
