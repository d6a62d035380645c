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

/** Take n_fit and n_held samples, both spread over the whole source, whose samples may
 * be sorted by class. tare_samples_release() them in any case. @param[in] model  with
 * one input */
enum tare_status tare_samples_take(struct tare_samples *samples,
                                   const struct tare_model *model,
                                   const struct tare_sample_source *source,
                                   size_t n_fit, size_t n_held, struct tare_error *err);
void tare_samples_release(struct tare_samples *samples);
/** The labels of samples `index` [n] out of those of the whole source. @param rows
 *  labels a sample  @param[out] taken  tare_free() it; NULL when `labels` is. */
enum tare_status tare_samples_labels(const int64_t *labels, const size_t *index,
                                     size_t n, size_t rows, int64_t **taken,
                                     struct tare_error *err);

#endif /* TARE_RECOVERY_SAMPLES_H */
