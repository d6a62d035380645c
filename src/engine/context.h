/* engine/context.h - run the layers of a context one by one. */
#ifndef TARE_ENGINE_CONTEXT_H
#define TARE_ENGINE_CONTEXT_H

#include "engine/engine.h"
#include "engine/regions.h"

struct tare_special;

/** What a context is to run. */
struct tare_context_shapes {
    const struct tare_engine *base; /* the user's engine */
    struct tare_special *special;   /* whose engine runs; NULL: base itself */
    size_t profile;
    struct tare_dims *dims; /* [n_inputs] that are wanted; NULL: the engine has one
                               shape */
    bool is_stale;          /* another engine runs yet */
};
struct tare_context_shapes *tare_context_shapes(struct tare_context *context);

/** Run another engine from now on, which has the same bindings. @param special  that it
 *  is of, or NULL. After a failure the context is as it was. */
enum tare_status tare_context_use(struct tare_context *context,
                                  const struct tare_engine *engine,
                                  struct tare_special *special, struct tare_error *err);

/** tare_context_run() of the engine that runs. */
enum tare_status tare_context_run_layers(struct tare_context *context,
                                         struct tare_error *err);

/** The layers [first, end) of it. The bindings that they touch need an address, all of
 *  them from the first layer on. */
enum tare_status tare_context_run_part(struct tare_context *context, size_t first,
                                       size_t end, struct tare_error *err);

/** Threads that work on it, its caller among them. */
int tare_context_n_threads(const struct tare_context *context);

/** Who is told of failures, or NULL. */
struct tare_recorder *tare_context_recorder(const struct tare_context *context);

/** The first error of a layer since the context was made, or since this was asked. */
enum tare_status tare_context_failure(struct tare_context *context,
                                      struct tare_error *err);

/** Run layer `i` alone. Its inputs must be there, from the layers in front; a layer may
 *  run again as long as no later one has run. All bindings need an address. */
void tare_context_run_layer(struct tare_context *context, size_t i);

/** Run a region, its streams side by side. As a layer it may run again, though what it
 *  then reads may not be what was there. */
void tare_context_run_region(struct tare_context *context,
                             const struct tare_region *region);

/** Where operand `k` of layer `i` is: its inputs, then its outputs. What an arena holds
 *  there is the layer's from the time it runs until the next one does. */
const void *tare_context_operand(const struct tare_context *context, size_t i,
                                 size_t k);
/** The same place to write to; NULL: a weight's. */
void *tare_context_place(const struct tare_context *c, size_t i, size_t k);

/** Run layer `i` as `changed` says, a prepared copy with another kernel or other
 *  parameters, into `output`; NULL: where the layer's own outputs go. */
void tare_context_run_changed(struct tare_context *context, size_t i,
                              const struct tare_layer *changed, void *output);

/** Show the tap of tare_context_set_tap() some tensors alone: showing costs a
 * conversion.
 *  @param wanted  [taps of the engine], borrowed */
void tare_context_limit_tap(struct tare_context *context, const bool *wanted);

#endif /* TARE_ENGINE_CONTEXT_H */
