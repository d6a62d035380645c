/* tools/compare.h - what `tare compare` measures, and its parts: compare.c opens
 * everything, compare_judge.c and compare_layers.c judge batches, compare_tally.c
 * counts, compare_stored.c reads what is compared with, compare_diagnose.c asks
 * compare_cause.c for the causes, compare_report.c, compare_json.c and compare_html.c
 * tell. */
#ifndef TARE_TOOLS_COMPARE_H
#define TARE_TOOLS_COMPARE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/builder.h"
#include "tare/npy.h"
#include "tools/compare_cause.h"
#include "tools/compare_metrics.h"
#include "tools/compare_tally.h"
#include "tools/engine_graph.h"
#include "tools/feed.h"
#include "tools/html.h"
#include "tools/ranks.h"
#include "tools/shaped.h"

/** SQNR of equal tensors: printed for anything above as well. */
#define COMPARE_MAX_DB 200.0

/** Sums over the elements of a tensor in one sample, or over samples. */
struct compare_sums {
    double signal; /* sum of squares of the reference; of an output: less its mean */
    double error;  /* sum of squares of the difference */
    double reference2, test2, product;
    double max_abs;
    double peak; /* the largest magnitude of the reference */
    double n_values;
};

void compare_sums_add(struct compare_sums *total, const struct compare_sums *part);
/** 10 log10(signal / error), at most COMPARE_MAX_DB; NaN when a value was. */
double compare_sqnr(const struct compare_sums *sums);
double compare_cosine(const struct compare_sums *sums);
/** 10 log10(peak^2 / mean squared error), at most COMPARE_MAX_DB. */
double compare_psnr(const struct compare_sums *sums);

double compare_percent(size_t part, size_t whole);

/** One network's hits against the labels. */
struct compare_hits {
    size_t top1, top5;
};

/** A tensor that both networks make; or an input that the engine quantizes. */
struct compare_layer {
    const char *name; /* of the tensor */
    const char *layer, *type, *precision;
    size_t number;       /* of the layer that makes it in the engine */
    bool is_input;       /* that layer quantizes it; others make it */
    bool is_requantized; /* its maker leaves floats, a reader wants them in 8 bits */
    struct tally tally;
    struct compare_sums accumulated; /* its inputs as the engine made them */
    struct compare_sums isolated;    /* its inputs as the reference made them */
    struct cause_tensor held;
    struct cause_text cause;
};

/** An output in one sample, or in several. */
struct compare_values {
    struct compare_sums sums; /* float32 */
    bool is_exact;            /* of another type: equal or not */
    size_t n_values, n_equal; /* exact ones */
    size_t n_misshapen;       /* samples whose shapes or types differ */
};

struct compare_output {
    const char *name;
    struct compare_values values;
};

/** A sample, and the classes that the networks choose; -1: none. */
struct compare_sample {
    const char *name;
    double sqnr_db; /* of the first output */
    int64_t label, reference, test;
};
enum { COMPARE_MAX_WORST = 10 };

struct compare_result {
    size_t n_samples;
    size_t n_labelled; /* samples with a label */
    bool is_classifier;
    struct compare_hits reference, test;
    size_t agree;
    size_t n_outputs, n_layers;
    struct compare_output *outputs;
    struct compare_layer *layers;                   /* in the order of the engine */
    struct compare_sample worst[COMPARE_MAX_WORST]; /* first where classes differ */
    size_t n_worst;
    double latency_ms[2]; /* of reference and engine, on a thread; 0: not timed */
    const struct metrics_figure *figures;
    size_t n_figures;
};

/** One comparison. Slots per sample make the sums independent of threads and ranks. */
struct compare_job {
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *fp32;            /* of the plan */
    struct shaped opened[2];             /* other engines: reference, test */
    const struct tare_engine *reference; /* NULL: its outputs are stored */
    const struct tare_engine *test;
    const char *stored_in;         /* the folder of stored outputs, or NULL */
    struct tare_npy_array *stored; /* [outputs] of all samples, one after the other;
                                      empty: one by one, where only runs tell shapes */
    struct tare_dataset *dataset;
    struct feed feed; /* reference, if any, then test */
    struct compare_result result;
    struct metrics *metrics;
    size_t n_classes; /* values of the first output in one sample, as far as known */
    bool with_layers;
    size_t *partner; /* [test taps] tap of the reference, or SIZE_MAX */
    size_t *row;     /* [test taps] layer of the result, or SIZE_MAX */
    size_t *offset;  /* [reference taps] into a worker's values */
    size_t n_values;
    struct engine_graph graph;            /* of the test engine, with layers */
    struct compare_values *output_values; /* [sample][output] */
    struct {
        int64_t reference, test;  /* best class; -1: a score is NaN */
    } * best;                     /* [sample] */
    struct compare_hits *hits[2]; /* [sample] of reference, test */
};

/** What one sample has of an output. */
struct compare_view {
    struct tare_dims dims; /* without meaning where both networks' shapes are known */
    enum tare_dtype dtype;
    const void *data;
    size_t n_bytes;
};

/** Read the stored outputs that `tare run --output` wrote, or another program in its
 *  way. */
enum tare_status compare_read_stored(struct compare_job *job, struct tare_error *err);
/** Sample `sample` of a stored output. @param[in,out] own  to hold it, when it is read
 *  now; tare_npy_release() it. */
enum tare_status compare_stored_view(const struct compare_job *job, size_t output,
                                     int64_t sample, struct tare_npy_array *own,
                                     struct compare_view *view, struct tare_error *err);

void compare_values_add(struct compare_values *total,
                        const struct compare_values *part);
/** Sums of one tensor. @param centred  the signal is what differs from the mean. */
struct compare_sums compare_sums_of(const float *reference, const float *test, size_t n,
                                    bool centred);

/** Slots for the outputs, and the rows of their table. */
enum tare_status compare_prepare_outputs(struct compare_job *job,
                                         struct tare_error *err);
/** Open the metrics that are asked for. */
enum tare_status compare_open_metrics(struct compare_job *job,
                                      const struct metrics_options *options,
                                      const struct tare_comm *comm,
                                      struct tare_error *err);
/** Judge the outputs of a batch that has run. */
enum tare_status compare_judge_outputs(struct compare_job *job,
                                       const struct feed_worker *w, int64_t first,
                                       int64_t n, struct tare_error *err);
/** The rows of the layer table, and each worker's tallies. */
enum tare_status compare_prepare_layers(struct compare_job *job,
                                        struct tare_error *err);
void compare_release_layers(struct compare_job *job);
/** A feed_fn: run a batch and judge its outputs, and layers if job->with_layers. */
feed_fn compare_judge;
enum tare_status compare_judge_layers(struct compare_job *job, struct feed_worker *w,
                                      int64_t first, int64_t n, struct tare_error *err);
/** The slots of all ranks to every rank, then their sums into job->result. */
enum tare_status compare_add_up(struct compare_job *job, const struct tare_comm *comm,
                                struct tare_error *err);

/** The tallies of all workers and ranks into the rows. */
enum tare_status compare_add_layers(struct compare_job *job,
                                    const struct tare_comm *comm,
                                    struct tare_error *err);
/** Figures and causes of the rows, when all has been added up. */
enum tare_status compare_diagnose(struct compare_job *job, struct tare_error *err);
/** Rows by what they do to the network by themselves, worst first. @return [n_layers]
 * to free(), or NULL. */
size_t *compare_rank_layers(const struct compare_result *result);
/** The samples that came out worst, into the result. */
enum tare_status compare_rank_samples(struct compare_job *job, struct tare_error *err);
/** Median time of a run of two engines, on one thread. */
enum tare_status compare_time(struct compare_job *job, struct tare_error *err);

/** Print the tables. @param reference  how the reference is called: "FP32". */
void compare_print(const struct compare_result *result, const char *reference);
/** The keys of docs/user-guide.md. NULL: no memory. */
cJSON *compare_json(const struct compare_result *result);

/** What the HTML report says of where its figures come from. */
struct compare_names {
    const char *reference; /* "FP32" or "Reference" */
    const char *reference_path, *engine_path;
};
/** One page that needs nothing but itself, written complete or not at all. */
enum tare_status compare_write_html(const struct compare_job *job,
                                    const struct compare_names *names, const char *path,
                                    struct tare_error *err);
/** Its parts about layers: the network as a graph, the table, the distributions. */
void compare_html_graph(struct html *html, const struct compare_job *job);
void compare_html_table(struct html *html, const struct compare_result *result);
void compare_html_details(struct html *html, const struct compare_result *result);

#endif /* TARE_TOOLS_COMPARE_H */
