/* The frame: sums in the samples' order, whatever threads and ranks measured. */
#include "tools/compare_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/report.h"

enum { MOST_SOURCES = OPTION_LIST_MAX + 3 };

struct metrics {
    struct metric_source sources[MOST_SOURCES];
    size_t n_sources;
    size_t offsets[MOST_SOURCES]; /* into a sample's values of one network */
    size_t n_values;              /* of a sample and a network */
    size_t n_samples, n_classes;
    double *values; /* [sample][network][n_values] */
    struct segmentation *segmentation;
    struct detections *detections;
    struct metrics_figure figures[MOST_SOURCES + 1];
    size_t n_figures;
};

static void add(struct metrics *m, struct metric_source source)
{
    m->offsets[m->n_sources] = m->n_values;
    m->n_values += source.n_values;
    m->sources[m->n_sources++] = source;
}

static enum tare_status measure_by_library(void *ctx,
                                           const struct tare_metric_sample *both,
                                           size_t network, double *values,
                                           struct tare_error *err)
{
    const struct tare_metric *metric = ctx;
    const char *wrong = metric->measure(&both[network], values);
    if (!wrong) return TARE_OK;
    return report_error(err, TARE_E_ARG, "metric '%.60s': %.100s: %.200s", metric->name,
                        both[network].name, wrong);
}

static double finish_by_library(void *ctx, size_t network, const double *sums,
                                size_t n_samples)
{
    const struct tare_metric *metric = ctx;
    (void)network;
    return metric->finish(sums, n_samples);
}

static enum tare_status add_library(struct metrics *m, const char *path,
                                    struct tare_error *err)
{
    const struct tare_metric *metric;
    const enum tare_status st = tare_metric_load(path, &metric, err);
    if (st != TARE_OK) return st;
    add(m, (struct metric_source){.name = metric->name,
                                  .n_values = metric->n_values,
                                  .ctx = (void *)(uintptr_t)metric,
                                  .measure = measure_by_library,
                                  .finish = finish_by_library});
    return TARE_OK;
}

/* Logarithms of the probabilities: of scores by softmax, else of the values. */
static double log_probability(const float *scores, size_t c, bool is_done, double most,
                              double log_sum)
{
    if (is_done) return log(fmax((double)scores[c], 1e-30));
    return (double)scores[c] - most - log_sum;
}

/* Does a distribution come out already? Then what to take off to normalise. */
static bool is_distribution(const float *scores, size_t n, double *most,
                            double *log_sum)
{
    double sum = 0.0, exponentials = 0.0;
    bool is_positive = true;
    *most = -(double)INFINITY;
    for (size_t c = 0; c < n; c++) {
        sum += (double)scores[c];
        is_positive = is_positive && scores[c] >= 0.0F;
        *most = fmax(*most, (double)scores[c]);
    }
    for (size_t c = 0; c < n; c++)
        exponentials += exp((double)scores[c] - *most);
    *log_sum = log(exponentials);
    return is_positive && fabs(sum - 1.0) < 1e-3;
}

static enum tare_status measure_divergence(void *ctx,
                                           const struct tare_metric_sample *both,
                                           size_t network, double *values,
                                           struct tare_error *err)
{
    const size_t n = *(const size_t *)ctx;
    const float *p = both[COMPARE_REFERENCE].outputs[0].data;
    const float *q = both[COMPARE_TEST].outputs[0].data;
    double most[2], log_sum[2];
    (void)err;
    if (network == COMPARE_REFERENCE) return TARE_OK;
    const bool p_done = is_distribution(p, n, &most[0], &log_sum[0]);
    const bool q_done = is_distribution(q, n, &most[1], &log_sum[1]);
    for (size_t c = 0; c < n; c++) {
        const double log_p = log_probability(p, c, p_done, most[0], log_sum[0]);
        const double log_q = log_probability(q, c, q_done, most[1], log_sum[1]);
        values[0] += exp(log_p) * (log_p - log_q);
    }
    return TARE_OK;
}

static double finish_divergence(void *ctx, size_t network, const double *sums,
                                size_t n_samples)
{
    (void)ctx;
    if (network == COMPARE_REFERENCE || n_samples == 0) return (double)NAN;
    return sums[0] / (double)n_samples;
}

struct metric_source metrics_divergence(size_t *n_classes)
{
    return (struct metric_source){.name = "KL of scores",
                                  .n_values = 1,
                                  .ctx = n_classes,
                                  .measure = measure_divergence,
                                  .finish = finish_divergence};
}

static enum tare_status open_all(struct metrics *m,
                                 const struct metrics_options *options,
                                 const struct tare_dataset *dataset,
                                 const struct tare_metric_output *outputs,
                                 size_t n_outputs, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (m->n_classes > 1) add(m, metrics_divergence(&m->n_classes));
    if (options->masks) {
        st = segmentation_open(options->masks, &outputs[0], &m->segmentation, err);
        if (st != TARE_OK) return st;
        add(m, segmentation_with_truth(m->segmentation));
        add(m, segmentation_with_reference(m->segmentation));
    }
    for (size_t i = 0; st == TARE_OK && i < options->libraries.n; i++)
        st = add_library(m, options->libraries.items[i], err);
    if (st == TARE_OK && options->annotations)
        st = detections_open(options, dataset, outputs, n_outputs, &m->detections, err);
    return st;
}

enum tare_status metrics_open(const struct metrics_options *options,
                              const struct tare_dataset *dataset, size_t n_classes,
                              const struct tare_metric_output *outputs,
                              size_t n_outputs, const struct tare_comm *comm,
                              struct metrics **metrics, struct tare_error *err)
{
    *metrics = NULL;
    if (options->annotations && comm->size > 1)
        return report_error(err, TARE_E_UNSUPPORTED, "%s",
                            "--annotations: average precision ranks the detections of "
                            "all samples; run it without mpirun");
    struct metrics *m = calloc(1, sizeof *m);
    if (!m) return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    m->n_samples = (size_t)tare_dataset_count(dataset);
    m->n_classes = n_classes;
    enum tare_status st = open_all(m, options, dataset, outputs, n_outputs, err);
    if (st == TARE_OK && (m->n_sources || m->detections)) {
        const size_t n = m->n_values * COMPARE_NETWORKS;
        m->values = calloc(m->n_samples, (n ? n : 1) * sizeof *m->values);
        if (!m->values)
            st = report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    }
    if (st != TARE_OK || !m->values) {
        metrics_close(m);
        return st;
    }
    *metrics = m;
    return TARE_OK;
}

void metrics_close(struct metrics *m)
{
    if (!m) return;
    segmentation_close(m->segmentation);
    detections_close(m->detections);
    free(m->values);
    free(m);
}

static double *values_of(const struct metrics *m, size_t sample, size_t network)
{
    return m->values + (sample * COMPARE_NETWORKS + network) * m->n_values;
}

enum tare_status metrics_measure(struct metrics *m,
                                 const struct tare_metric_sample both[COMPARE_NETWORKS],
                                 struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < m->n_sources * COMPARE_NETWORKS; i++) {
        const struct metric_source *source = &m->sources[i / COMPARE_NETWORKS];
        const size_t network = i % COMPARE_NETWORKS;
        double *values = values_of(m, both[network].index, network) +
                         m->offsets[i / COMPARE_NETWORKS];
        st = source->measure(source->ctx, both, network, values, err);
    }
    if (st == TARE_OK && m->detections)
        st = detections_measure(m->detections, both, err);
    return st;
}

static enum tare_status finish_source(struct metrics *m, size_t i,
                                      struct tare_error *err)
{
    const struct metric_source *source = &m->sources[i];
    struct metrics_figure *figure = &m->figures[m->n_figures++];
    double *sums = calloc(source->n_values, sizeof *sums);
    if (!sums)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "metrics");
    figure->name = source->name;
    for (size_t network = 0; network < COMPARE_NETWORKS; network++) {
        memset(sums, 0, source->n_values * sizeof *sums);
        for (size_t s = 0; s < m->n_samples; s++)
            for (size_t k = 0; k < source->n_values; k++)
                sums[k] += values_of(m, s, network)[m->offsets[i] + k];
        figure->value[network] =
            source->finish(source->ctx, network, sums, m->n_samples);
    }
    free(sums);
    return TARE_OK;
}

enum tare_status metrics_finish(struct metrics *m, const struct tare_comm *comm,
                                struct tare_error *err)
{
    const size_t n = m->n_samples * COMPARE_NETWORKS * m->n_values;
    enum tare_status st = ranks_gather(comm, m->values, n * sizeof *m->values, err);
    for (size_t i = 0; st == TARE_OK && i < m->n_sources; i++)
        st = finish_source(m, i, err);
    if (st != TARE_OK || !m->detections) return st;
    struct metrics_figure *figure = &m->figures[m->n_figures++];
    figure->name = "mAP@0.5 (%)";
    return detections_finish(m->detections, figure->value, err);
}

const struct metrics_figure *metrics_figures(const struct metrics *m, size_t *n)
{
    *n = m ? m->n_figures : 0;
    return m ? m->figures : NULL;
}
