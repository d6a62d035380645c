/* recovery/sweep.h - one walk over the INT8 layers in order of execution, the FP32
 * network in step with the INT8 one, each layer's inputs as the corrections so far make
 * them. */
#ifndef TARE_RECOVERY_SWEEP_H
#define TARE_RECOVERY_SWEEP_H

#include "api/recovery.h"
#include "recovery/replicas.h"

/** An INT8 weighted layer of a sweep: the next one to run in both networks. */
struct tare_sweep_layer {
    const char *name;     /* of its output tensor, as the model has it */
    const float *factors; /* [n_channels] that INT8 divides its channels by, or NULL */
    struct tare_weighted weighted;
    size_t fp32, int8; /* its numbers in the two engines */
    size_t n_channels, n_weights;
    float *bias;     /* [n_channels] as it now is */
    int8_t *weights; /* [n_channels, n_weights]; NULL: rounded to nearest */
    float *scales;   /* [n_channels] beside weights */
};

struct tare_sweep {
    struct tare_pool *pool;
    struct tare_replicas fp32, int8;
};

/** Rewrite the layer in the INT8 engine from bias, weights and scales. */
enum tare_status tare_sweep_patch(struct tare_sweep *s,
                                  const struct tare_sweep_layer *layer,
                                  struct tare_error *err);

/** Choose layer->weights, and set layer->bias so that the means before the activation
 *  agree. The FP32 network has run up to the layer. Leaves them as they are, with a
 * line to the log, when the layer is too large. (rounding.c) */
enum tare_status tare_sweep_round(struct tare_sweep *s, struct tare_sweep_layer *layer,
                                  struct tare_error *err);

/** Correct layer->bias, and leave the INT8 network behind the layer. Both networks have
 *  run up to the layer, FP32 through it. (bias.c) */
enum tare_status tare_sweep_correct(struct tare_sweep *s,
                                    struct tare_sweep_layer *layer,
                                    struct tare_error *err);

/** What a sweep wants. @param[out] n_samples  that it may take, for the memory of all
 *  their activations at a time  @param[out] n_layers  that it will walk over
 *  @param[out] passes  enum tare_recover_passes that find something to do */
enum tare_status tare_sweep_measure(const struct tare_model *model,
                                    const struct tare_build_options *build,
                                    struct tare_pool *pool, size_t *n_samples,
                                    size_t *n_layers, unsigned *passes,
                                    struct tare_error *err);

/**
 * A whole sweep: factors of channels first, for the passes that choose them; then the
 * layers of the network that is rescaled so, for those that change biases or weights.
 * @param inputs  [n] samples
 * @param tick    called after each layer
 * @param[in,out] recovery  gets the layers
 */
enum tare_status tare_sweep_run(const struct tare_model *model,
                                const struct tare_build_options *build, unsigned passes,
                                struct tare_pool *pool, void *const *inputs, size_t n,
                                void (*tick)(void *ctx), void *ctx,
                                struct tare_recovery *recovery, struct tare_error *err);

#endif /* TARE_RECOVERY_SWEEP_H */
