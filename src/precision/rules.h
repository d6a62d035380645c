/* precision/rules.h - how each operator can compute in INT8: one line each in rules.c.
 */
#ifndef TARE_PRECISION_RULES_H
#define TARE_PRECISION_RULES_H

#include "graph/graph.h"

enum tare_rule {
    TARE_RULE_FLOAT,   /* not at all */
    TARE_RULE_PRODUCT, /* multiplies by int8 weights, or two activations; the output may
                          be float all the same */
    TARE_RULE_SAME_SCALE, /* moves or picks values: the output has the input's scale */
    TARE_RULE_CONCAT, /* bytes as they are from inputs that have the output's scale */
    TARE_RULE_OWN_SCALE, /* arithmetic on bytes; the output has a scale of its own */
    TARE_RULE_TABLE,     /* a table of 256 entries; likewise */
    TARE_RULE_POLE /* the same of a function with a pole, on request alone: near it, a
                      step of the input is more than the output's range */
};

#define TARE_REASON_BYTES 192

/**
 * The rule for one node, its operator, attributes, constants and shapes considered.
 * @param[out] reason  for TARE_RULE_FLOAT: why, "its weights are not constant".
 */
enum tare_rule tare_rule_find(const struct tare_graph *graph,
                              const struct tare_node *node,
                              char reason[TARE_REASON_BYTES]);

/** How many inputs carry activations, a fused residual among them. */
size_t tare_rule_n_data(const struct tare_graph *graph, const struct tare_node *node);
/** The tensor of the i-th of them; the residual is the last. */
int32_t tare_rule_data(const struct tare_graph *graph, const struct tare_node *node,
                       size_t i);
/** The second matrix of a MatMul of two activations, whose bytes stand in for int8
 *  weights and so must be signed; or TARE_NO_TENSOR. */
int32_t tare_rule_signed(const struct tare_graph *graph, const struct tare_node *node);

#endif /* TARE_PRECISION_RULES_H */
