/* tools/ddmin.h - delta debugging: the least that still has a property. */
#ifndef TARE_TOOLS_DDMIN_H
#define TARE_TOOLS_DDMIN_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/status.h"

/** Whether a subset has the property. @param in  [n] */
typedef enum tare_status ddmin_test(void *ctx, const bool *in, bool *holds,
                                    struct tare_error *err);

/**
 * Minimise a set that has a property which the empty set lacks: the result has it, and
 * loses it with any one of its elements (1-minimal). Algorithm ddmin of Zeller and
 * Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2),
 * 2002, figure 4. No subset is tested twice; the tests depend on nothing but the
 * results.
 * @param[in,out] set  [n] has the property; smaller then.
 * @param[out] n_tests  tests that were made.
 * @return what a test that failed returned.
 */
enum tare_status ddmin(bool *set, size_t n, ddmin_test *test, void *ctx,
                       size_t *n_tests, struct tare_error *err);

#endif /* TARE_TOOLS_DDMIN_H */
