/* percentile.c - the range that holds so many percent of the values: `percentile`
 * (pytorch-quantization, H. Wu et al., "Integer Quantization for Deep Learning
 * Inference", arXiv 2004.09602), and `max` with a cut (Horizon's max_percentile), whose
 * default is to cut nothing.
 *
 * Exact zeros are values like all others. Only where they alone are so many percent are
 * they left out: every range holds them, and the first bin is no range. */
#include <math.h>

#include "calibrators/calibrator.h"

float tare_seen_quantile(const struct tare_seen *seen, double share, uint64_t zeros)
{
    uint64_t total = zeros;
    for (size_t k = 0; k < seen->n_bins; k++)
        total += seen->bins[k];
    const double wanted = share * (double)total;
    uint64_t held = zeros;
    for (size_t k = 0; k < seen->n_bins; k++) {
        held += seen->bins[k];
        if (held > zeros && (double)held >= wanted)
            return (float)fmin((double)(k + 1) * seen->width, (double)seen->amax);
    }
    return seen->amax;
}

enum tare_status
tare_threshold_percentile(const struct tare_seen *seen,
                          const struct tare_calibrator_options *options,
                          struct tare_threshold *threshold, struct tare_error *err)
{
    (void)err;
    const double share = options->percentile / 100.0;
    uint64_t values = 0;
    for (size_t k = 0; k < seen->n_bins; k++)
        values += seen->bins[k];
    const bool zeros_suffice =
        (double)seen->n_zeros >= share * (double)(seen->n_zeros + values);
    threshold->amax =
        share < 1.0 ? tare_seen_quantile(seen, share, zeros_suffice ? 0 : seen->n_zeros)
                    : seen->amax;
    return TARE_OK;
}
