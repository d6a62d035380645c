/* tare/relay.h - several samples through an engine in two legs: the layers in front
 * take them one by one, so that activations stay in the caches; those behind, which
 * have more weights than activations, all at once, so that weights are read once for
 * all. */
#ifndef TARE_RELAY_H
#define TARE_RELAY_H

#include <stddef.h>

#include "tare/engine.h"
#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What no relay takes more of. */
#define TARE_RELAY_MOST 1024

/** Serves one thread at a time, which has the context as well. Every value is that of
 *  tare_context_run() with the sample alone, bit by bit. */
struct tare_relay;

/**
 * Divide an engine of one sample (first axes of 1) where it saves the most reading.
 * @param context    of the engine, in its own shape; outlives the relay.
 * @param n_samples  of the second leg, 2 to TARE_RELAY_MOST.
 * @param[out] relay
 *     tare_relay_destroy() it. NULL on failure, and, which is none, where the last
 *     layers are not float32 convolutions, products with weights, pooling, softmax,
 *     reductions, normalization, elementwise layers and views, or their weights are not
 *     256 KiB larger than the activations that they read and write.
 */
TARE_API enum tare_status tare_relay_create(struct tare_context *context,
                                            size_t n_samples, struct tare_relay **relay,
                                            struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_relay_destroy(struct tare_relay *relay);

/** The first layer of the second leg. */
TARE_API size_t tare_relay_cut(const struct tare_relay *relay);

/** Run the first leg on what the context's inputs hold, shown to the context's tap, and
 *  keep what the second needs of it as sample `place`, below n_samples. */
TARE_API enum tare_status tare_relay_lead(struct tare_relay *relay, size_t place,
                                          struct tare_error *err);

/**
 * Run the second leg of all samples, each of which was led since the last time.
 * @param tap  sees the tensors of the second leg as one of a context that is split
 *             (tare_context_split_tap()) does: n_samples samples one after the other,
 * in the engine's own order; NULL: nobody looks. The context's own outputs stay as they
 * are.
 */
TARE_API enum tare_status tare_relay_follow(struct tare_relay *relay, tare_tap *tap,
                                            void *ctx, struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_RELAY_H */
