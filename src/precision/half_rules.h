/* precision/half_rules.h - how each operator can work on 16-bit floats. */
#ifndef TARE_PRECISION_HALF_RULES_H
#define TARE_PRECISION_HALF_RULES_H

#include <stdbool.h>

#include "precision/rules.h"

enum tare_half_rule {
    TARE_HALF_NONE,     /* not at all */
    TARE_HALF_PRODUCT,  /* its weights are 16-bit floats too; sums are float32 */
    TARE_HALF_FUNCTION, /* in float32, from 16-bit floats and rounded to them;
                           constants stay float32 */
    TARE_HALF_MOVE      /* moves values, constants among them */
};

/** Whether a tensor's shape is known, without an empty axis: a program alone makes and
 *  reads others. */
bool tare_half_is_settled(const struct tare_tensor *tensor);

/** The rule for one node, its attributes, constants and shapes considered.
 *  @param[out] reason  for TARE_HALF_NONE: why. */
enum tare_half_rule tare_half_rule_find(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        char reason[TARE_REASON_BYTES]);

#endif /* TARE_PRECISION_HALF_RULES_H */
