/* recovery/rescaling.h - passes that give the channels of a tensor other scales: which
 * tensors, which factors. remake/rescale.h has what then happens to the network. */
#ifndef TARE_RECOVERY_RESCALING_H
#define TARE_RECOVERY_RESCALING_H

#include "api/recovery.h"
#include "recovery/replicas.h"

#define TARE_RESCALING_PASSES ((unsigned)(TARE_RECOVER_EQUALIZE | TARE_RECOVER_SMOOTH))

/** A tensor whose channels are to be rescaled. */
struct tare_rescalable {
    const struct tare_graph *graph; /* annotated */
    int32_t tensor;
    size_t n_channels;
    const float *amax; /* [n_channels] largest magnitudes in FP32, not all 0 */
    float most;        /* the largest of them */
};

/** One pass. */
struct tare_rescaling {
    unsigned pass; /* enum tare_recover_passes */
    /** Is it for tensors that this node reads? */
    bool (*is_for)(const struct tare_graph *graph, const struct tare_node *reader);
    /** @param[out] factors  [n_channels]; a factor that is not positive and finite
     *                       becomes 1, and all are then scaled so that the largest
     *                       magnitude of the tensor stays what it is. */
    enum tare_status (*choose)(const struct tare_rescalable *tensor, float *factors,
                               struct tare_error *err);
};
extern const struct tare_rescaling tare_equalize, tare_smooth;

/** Which of the passes find a tensor in an annotated graph. */
enum tare_status tare_rescaling_possible(struct tare_graph *graph, unsigned *passes,
                                         struct tare_error *err);

/** Choose factors for all tensors that `passes` are for.
 *  @param[in,out] fp32      started; has run through afterwards.
 *  @param[in,out] recovery  gets the factors. */
enum tare_status tare_rescaling_choose(struct tare_replicas *fp32,
                                       struct tare_graph *graph, unsigned passes,
                                       struct tare_recovery *recovery,
                                       struct tare_error *err);

#endif /* TARE_RECOVERY_RESCALING_H */
