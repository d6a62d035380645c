/* recovery/samples.h - samples to correct on, and samples to judge by. */
#ifndef TARE_RECOVERY_SAMPLES_H
#define TARE_RECOVERY_SAMPLES_H

#include "tare/model.h"
#include "tare/recovery.h"

struct tare_samples {
    void **fit, **held;             /* inputs of the network */
    size_t *fit_index, *held_index; /* [n_fit], [n_held] in the source */
    size_t n_fit, n_held;
};

/** Take n_fit and n_held samples, at least one of each, both spread over the whole
 *  source, whose samples may be sorted by class. tare_samples_release() them in any
 *  case. @param[in] model  with one input */
enum tare_status tare_samples_take(struct tare_samples *samples,
                                   const struct tare_model *model,
                                   const struct tare_sample_source *source,
                                   size_t n_fit, size_t n_held, struct tare_error *err);
void tare_samples_release(struct tare_samples *samples);

#endif /* TARE_RECOVERY_SAMPLES_H */
