/* remake/recovery.h - what a recovery holds, and how it gets into a graph. */
#ifndef TARE_REMAKE_RECOVERY_H
#define TARE_REMAKE_RECOVERY_H

#include "graph/graph.h"
#include "tare/recovery.h"

/** One layer; owns what `now` points to. */
struct tare_recovered_layer {
    char *name;
    size_t n_channels, n_weights;
    float *bias;
    int8_t *weights;
    float *scales;
    float *factors;            /* what the tensor's channels are divided by */
    char *rescaled;            /* the tensor's name then; beside factors */
    struct tare_recovered now; /* bias, weights and scales, for a node */
};

struct tare_recovery {
    uint64_t model, ranges;
    struct tare_recovered_layer *layers; /* [n_layers] */
    size_t n_layers, capacity;
};

/** An empty recovery for a model and its ranges; NULL: no memory. */
struct tare_recovery *tare_recovery_create(uint64_t model, uint64_t ranges);
struct tare_recovery *tare_recovery_clone(const struct tare_recovery *recovery);

/** The layer of that name, or NULL. */
struct tare_recovered_layer *tare_recovery_find(const struct tare_recovery *recovery,
                                                const char *name);
/** The layer whose rescaled tensor has that name, or NULL. */
const struct tare_recovered_layer *
tare_recovery_find_rescaled(const struct tare_recovery *recovery, const char *name);
/** That layer, made with empty parts when it is not there; NULL: no memory. Moves the
 *  others. */
struct tare_recovered_layer *tare_recovery_add(struct tare_recovery *recovery,
                                               const char *name, size_t n_channels,
                                               size_t n_weights);
/** Copy parts into a layer. @param bias  [n_channels] or NULL: leave it
 *  @param weights  [n_channels * n_weights] or NULL  @param scales  beside weights */
bool tare_recovered_set(struct tare_recovered_layer *layer, const float *bias,
                        const int8_t *weights, const float *scales);
/** Copy factors [n_channels] into a layer; NULL takes them away. */
bool tare_recovered_rescale(struct tare_recovered_layer *layer, const float *factors);

/** What a recovery file holds. @param path  for what goes wrong
 *  @param[out] bytes  tare_free() them. */
enum tare_status tare_recovery_encode(const char *path,
                                      const struct tare_recovery *recovery,
                                      uint8_t **bytes, size_t *n_bytes,
                                      struct tare_error *err);
/** From such bytes, perhaps damaged or forged. */
enum tare_status tare_recovery_decode(const char *path, const void *bytes,
                                      size_t n_bytes, struct tare_recovery **recovery,
                                      struct tare_error *err);

/**
 * Let the INT8 nodes of an annotated graph use a recovery, which must outlive the
 * graph. A layer that is not there, not in INT8 or of another shape is left out with a
 * warning. A rescaled tensor gets another name, since it no longer holds what the
 * model's tensor does.
 * @param[out] n_applied  layers of the recovery that are used.
 */
enum tare_status tare_recovery_apply(const struct tare_recovery *recovery,
                                     struct tare_graph *graph, size_t *n_applied,
                                     struct tare_error *err);

#endif /* TARE_REMAKE_RECOVERY_H */
