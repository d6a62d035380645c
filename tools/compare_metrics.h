/* tools/compare_metrics.h - figures beside top-1: of score distributions, of
 * segmentation, of detection, and those of a user's library. */
#ifndef TARE_TOOLS_COMPARE_METRICS_H
#define TARE_TOOLS_COMPARE_METRICS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "tare/dataset.h"
#include "tare/metric.h"
#include "tools/options.h"
#include "tools/ranks.h"

/** The networks that are compared. */
enum { COMPARE_REFERENCE, COMPARE_TEST, COMPARE_NETWORKS };

/** What is asked for; strings are borrowed. */
struct metrics_options {
    struct option_list libraries;
    const char *masks;       /* folder of class maps */
    const char *annotations; /* COCO's JSON */
    const char *detections;  /* "BOXES,SCORES[,CLASSES]": names of outputs */
    const char *box_format;  /* NULL: xyxy */
    bool relative_boxes;     /* 0 to 1 of the network's input, else its pixels */
    bool class_ids;          /* classes are ids of categories, else their numbers */
    int64_t first_class;     /* the number of the first category */
};

/** A figure of both networks. */
struct metrics_figure {
    const char *name;
    double value[COMPARE_NETWORKS]; /* NaN: has none */
};

/** One kind of figure. `both` are the sample as the two networks left it. */
struct metric_source {
    const char *name;
    size_t n_values;
    void *ctx;
    enum tare_status (*measure)(void *ctx, const struct tare_metric_sample *both,
                                size_t network, double *values, struct tare_error *err);
    double (*finish)(void *ctx, size_t network, const double *sums, size_t n_samples);
};

/** Opaque. */
struct metrics;

/**
 * Open what the options name. metrics_close() it.
 * @param dataset    borrowed
 * @param n_classes  values of the first output; 0: it is no scores
 * @param outputs    [n_outputs] their names and shapes
 * @param[out] metrics  NULL when there is nothing to measure.
 */
enum tare_status metrics_open(const struct metrics_options *options,
                              const struct tare_dataset *dataset, size_t n_classes,
                              const struct tare_metric_output *outputs,
                              size_t n_outputs, const struct tare_comm *comm,
                              struct metrics **metrics, struct tare_error *err);
void metrics_close(struct metrics *metrics);

/** Measure one sample; by any thread, each sample once. */
enum tare_status metrics_measure(struct metrics *metrics,
                                 const struct tare_metric_sample both[COMPARE_NETWORKS],
                                 struct tare_error *err);
/** The figures, when all samples have been measured; a collective call. */
enum tare_status metrics_finish(struct metrics *metrics, const struct tare_comm *comm,
                                struct tare_error *err);
/** @return [*n], as long as the metrics */
const struct metrics_figure *metrics_figures(const struct metrics *metrics, size_t *n);

/** KL divergence of the scores' distributions. */
struct metric_source metrics_divergence(size_t *n_classes);

/** Mean overlap of the classes' regions, with the maps of a folder and of both networks
 * with each other. compare_segment.c; segmentation_close() it. */
struct segmentation;
enum tare_status segmentation_open(const char *masks,
                                   const struct tare_metric_output *output,
                                   struct segmentation **segmentation,
                                   struct tare_error *err);
void segmentation_close(struct segmentation *segmentation);
struct metric_source segmentation_with_truth(struct segmentation *segmentation);
struct metric_source segmentation_with_reference(struct segmentation *segmentation);

/** Mean average precision at an overlap of 0.5. compare_detect.c */
struct detections;
enum tare_status detections_open(const struct metrics_options *options,
                                 const struct tare_dataset *dataset,
                                 const struct tare_metric_output *outputs,
                                 size_t n_outputs, struct detections **detections,
                                 struct tare_error *err);
void detections_close(struct detections *detections);
enum tare_status
detections_measure(struct detections *detections,
                   const struct tare_metric_sample both[COMPARE_NETWORKS],
                   struct tare_error *err);
enum tare_status detections_finish(struct detections *detections,
                                   double percent[COMPARE_NETWORKS],
                                   struct tare_error *err);

#endif /* TARE_TOOLS_COMPARE_METRICS_H */
