/* refit/strip_plan.h - an engine file without its weights. */
#ifndef TARE_REFIT_STRIP_PLAN_H
#define TARE_REFIT_STRIP_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tare_plugins;

/**
 * The file of the stripped engine: bindings, profiles, and a source without the values
 * of weights. A recovery, which has weights in it, is dropped with a warning.
 * @param bytes      of an engine that carries its source, aligned to TARE_ALIGN.
 * @param plugins    that it may want; may be NULL.
 * @param[out] bare  tare_free() it.
 */
enum tare_status tare_strip_plan(const uint8_t *bytes, size_t n_bytes,
                                 const struct tare_plugins *plugins, uint8_t **bare,
                                 size_t *n_bare, struct tare_error *err);

#endif /* TARE_REFIT_STRIP_PLAN_H */
