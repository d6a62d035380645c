/* Segmentation: how far the regions of each class coincide, |A and B| / |A or B|. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tare/mask.h"
#include "tools/compare_metrics.h"
#include "tools/report.h"

/* Of maps of integers, which do not say how many classes there are. */
#define MOST_CLASSES 256

struct segmentation {
    const char *masks;
    size_t n_classes;
    int64_t height, width;
    bool is_scored; /* [n_classes, height, width] of float32, else a map of classes */
    enum tare_dtype dtype;
};

enum tare_status segmentation_open(const char *masks,
                                   const struct tare_metric_output *output,
                                   struct segmentation **segmentation,
                                   struct tare_error *err)
{
    const struct tare_dims *d = &output->dims;
    const bool is_scored = output->dtype == TARE_F32 && d->rank == 4 && d->d[1] > 1;
    const bool is_map = (output->dtype == TARE_S32 || output->dtype == TARE_S64 ||
                         output->dtype == TARE_U8) &&
                        (d->rank == 3 || (d->rank == 4 && d->d[1] == 1));
    *segmentation = NULL;
    if (!is_scored && !is_map)
        return report_error(err, TARE_E_ARG,
                            "--masks: output '%.80s' is no segmentation: want float32 "
                            "[batch, classes, height, width] or integers [batch, "
                            "height, width]",
                            output->name);
    struct segmentation *s = calloc(1, sizeof *s);
    if (!s) return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    *s = (struct segmentation){masks,
                               is_scored ? (size_t)d->d[1] : MOST_CLASSES,
                               d->d[d->rank - 2],
                               d->d[d->rank - 1],
                               is_scored,
                               output->dtype};
    *segmentation = s;
    return TARE_OK;
}

void segmentation_close(struct segmentation *s)
{
    free(s);
}

static int64_t integer_at(enum tare_dtype dtype, const void *values, size_t i)
{
    switch (dtype) {
    case TARE_U8:
    case TARE_BOOL: return ((const uint8_t *)values)[i];
    case TARE_S8: return ((const int8_t *)values)[i];
    case TARE_S16: return ((const int16_t *)values)[i];
    case TARE_U16: return ((const uint16_t *)values)[i];
    case TARE_S32: return ((const int32_t *)values)[i];
    case TARE_U32: return ((const uint32_t *)values)[i];
    case TARE_S64: return ((const int64_t *)values)[i];
    default: return -1;
    }
}

/* The class of pixel i; of equal scores the lower. */
static int64_t class_at(const struct segmentation *s,
                        const struct tare_metric_sample *sample, size_t i)
{
    const void *data = sample->outputs[0].data;
    if (!s->is_scored) return integer_at(s->dtype, data, i);
    const size_t plane = (size_t)(s->height * s->width);
    const float *scores = data;
    size_t best = 0;
    for (size_t c = 1; c < s->n_classes; c++)
        if (scores[c * plane + i] > scores[best * plane + i]) best = c;
    return (int64_t)best;
}

/* Pixels of both, then of either. */
static void count(const struct segmentation *s, int64_t a, int64_t b, double *values)
{
    const int64_t n = (int64_t)s->n_classes;
    const bool a_counts = a >= 0 && a < n, b_counts = b >= 0 && b < n;
    if (a_counts && a == b) values[a]++;
    if (a_counts) values[n + a]++;
    if (b_counts && a != b) values[n + b]++;
}

static enum tare_status find_mask(const struct segmentation *s, const char *sample,
                                  char *path, size_t size, struct tare_error *err)
{
    const char *slash = strrchr(sample, '/');
    const char *name = slash ? slash + 1 : sample, *dot = strrchr(name, '.');
    const int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    static const char *const kinds[] = {"png", "npy"};
    for (size_t i = 0; i < 2; i++) {
        const int n =
            snprintf(path, size, "%s/%.*s.%s", s->masks, length, name, kinds[i]);
        if (n > 0 && (size_t)n < size && access(path, F_OK) == 0) return TARE_OK;
    }
    return report_error(err, TARE_E_IO, "--masks: there is no %.150s/%.*s.png or .npy",
                        s->masks, length > 80 ? 80 : length, name);
}

static enum tare_status measure_truth(void *ctx, const struct tare_metric_sample *both,
                                      size_t network, double *values,
                                      struct tare_error *err)
{
    const struct segmentation *s = ctx;
    const struct tare_metric_sample *sample = &both[network];
    struct tare_npy_array mask;
    char path[4096];
    enum tare_status st = find_mask(s, sample->name, path, sizeof path, err);
    if (st == TARE_OK) st = tare_mask_read(path, &mask, err);
    if (st != TARE_OK) return st;
    if (mask.dims.d[0] != s->height || mask.dims.d[1] != s->width)
        st = report_error(err, TARE_E_ARG,
                          "%.150s: %lldx%lld pixels (height x width), the network's "
                          "output has %lldx%lld",
                          path, (long long)mask.dims.d[0], (long long)mask.dims.d[1],
                          (long long)s->height, (long long)s->width);
    for (size_t i = 0; st == TARE_OK && i < mask.n_elems; i++) {
        const int64_t truth = integer_at(mask.dtype, mask.values, i);
        if (truth < 0 || (truth == TARE_MASK_IGNORED && mask.dtype == TARE_U8))
            continue;
        if (truth < (int64_t)s->n_classes)
            count(s, truth, class_at(s, sample, i), values);
        else
            st = report_error(err, TARE_E_ARG, "%.150s: class %lld, want 0 to %zu",
                              path, (long long)truth, s->n_classes - 1);
    }
    tare_npy_release(&mask);
    return st;
}

static enum tare_status measure_agreement(void *ctx,
                                          const struct tare_metric_sample *both,
                                          size_t network, double *values,
                                          struct tare_error *err)
{
    const struct segmentation *s = ctx;
    (void)err;
    if (network == COMPARE_REFERENCE) return TARE_OK;
    for (size_t i = 0; i < (size_t)(s->height * s->width); i++)
        count(s, class_at(s, &both[COMPARE_REFERENCE], i),
              class_at(s, &both[COMPARE_TEST], i), values);
    return TARE_OK;
}

/* Percent, over the classes that are there at all. */
static double mean_overlap(void *ctx, size_t network, const double *sums,
                           size_t n_samples)
{
    const struct segmentation *s = ctx;
    double sum = 0.0, n = 0.0;
    (void)network;
    (void)n_samples;
    for (size_t c = 0; c < s->n_classes; c++) {
        if (!(sums[s->n_classes + c] > 0.0)) continue;
        sum += sums[c] / sums[s->n_classes + c];
        n += 1.0;
    }
    return n > 0.0 ? 100.0 * sum / n : (double)NAN;
}

struct metric_source segmentation_with_truth(struct segmentation *s)
{
    return (struct metric_source){.name = "mIoU (%)",
                                  .n_values = 2 * s->n_classes,
                                  .ctx = s,
                                  .measure = measure_truth,
                                  .finish = mean_overlap};
}

struct metric_source segmentation_with_reference(struct segmentation *s)
{
    return (struct metric_source){.name = "mIoU with the reference (%)",
                                  .n_values = 2 * s->n_classes,
                                  .ctx = s,
                                  .measure = measure_agreement,
                                  .finish = mean_overlap};
}
