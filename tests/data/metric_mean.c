/* A metric of a user, for tests/cli/metrics.sh: the mean of the first output. */
#include <math.h>

#include "tare/metric.h"

static const char *measure(const struct tare_metric_sample *sample, double *values)
{
    const struct tare_metric_output *output = &sample->outputs[0];
    const float *scores = output->data;
    const size_t n = output->n_bytes / sizeof(float);
    if (output->dtype != TARE_F32) return "the first output is not float32";
    for (size_t i = 0; i < n; i++)
        values[0] += (double)scores[i] / (double)n;
    return NULL;
}

static double finish(const double *sums, size_t n_samples)
{
    return n_samples ? sums[0] / (double)n_samples : (double)NAN;
}

TARE_API const struct tare_metric *tare_metric_get(void);

const struct tare_metric *tare_metric_get(void)
{
    static const struct tare_metric metric = {TARE_METRIC_ABI, "mean of outputs", 1,
                                              measure, finish};
    return &metric;
}
