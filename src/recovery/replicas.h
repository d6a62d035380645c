/* recovery/replicas.h - one engine in step on many samples: a context each, so that
 * every layer can be looked at, and run again, on all samples before the next one. */
#ifndef TARE_RECOVERY_REPLICAS_H
#define TARE_RECOVERY_REPLICAS_H

#include "base/threads.h"
#include "engine/build/weighted.h"
#include "engine/context.h"
#include "tare/builder.h"

struct tare_replicas {
    struct tare_pool *pool; /* borrowed */
    struct tare_graph *graph;
    uint8_t *bytes; /* of the engine; layers can be patched here */
    struct tare_engine *engine;
    struct tare_context **contexts; /* [n] */
    uint8_t **outputs;              /* [n] all output bindings, back to back */
    size_t n;
    size_t n_done; /* layers that have run */
};

/** Build an engine and open it. tare_replicas_release() it in any case. */
enum tare_status tare_replicas_build(struct tare_replicas *r, struct tare_pool *pool,
                                     const struct tare_model *model,
                                     const struct tare_build_options *options,
                                     struct tare_error *err);
/** Bytes that one sample's context needs. */
size_t tare_replicas_bytes(const struct tare_replicas *r);
/** A context for each of `n` samples. @param inputs  [n] of the network's one input. */
enum tare_status tare_replicas_start(struct tare_replicas *r, void *const *inputs,
                                     size_t n, struct tare_error *err);
void tare_replicas_release(struct tare_replicas *r);

/** The layer that makes a tensor, by name; SIZE_MAX: none does. */
size_t tare_replicas_layer(const struct tare_replicas *r, const char *output);
/** Run all layers in front of `layer`, on all samples. */
void tare_replicas_advance(struct tare_replicas *r, size_t layer);
/** Run `layer`, which is next or has just run, on all samples. */
void tare_replicas_run(struct tare_replicas *r, size_t layer);

/** Put a recovered bias or weights into an INT8 weighted layer. */
enum tare_status tare_replicas_patch(struct tare_replicas *r, size_t layer,
                                     const struct tare_weighted *weighted,
                                     const struct tare_recovered *recovered,
                                     struct tare_error *err);

#endif /* TARE_RECOVERY_REPLICAS_H */
