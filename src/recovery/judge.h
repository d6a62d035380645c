/* recovery/judge.h - how well an INT8 network does on samples that are held back. */
#ifndef TARE_RECOVERY_JUDGE_H
#define TARE_RECOVERY_JUDGE_H

#include "base/threads.h"
#include "graph/graph.h"
#include "tare/builder.h"

/** What FP32 says about the samples. */
struct tare_judge {
    const struct tare_model *model;
    struct tare_pool *pool;
    void *const *inputs; /* [n] */
    size_t n;
    char **names;  /* [n_judged] tensors: the outputs, or what a Softmax there reads */
    size_t *sizes; /* [n_judged] elements */
    size_t n_judged;
    float **reference; /* [n] the judged tensors of a sample, back to back */
    struct tare_plan *fp32;
    size_t n_rows; /* of the first judged tensor: single samples, a class each */
    const int64_t *labels; /* [n * n_rows], borrowed; NULL or < 0: not known */
};

/** How like FP32 an INT8 network is, over some samples. */
struct tare_judged {
    double sqnr_db;    /* over all samples and judged tensors; signal: a tensor less its
                          mean over the sample; INFINITY: no noise */
    double typical_db; /* mean over the samples of each one's own SQNR, which the few
                          that make most of the noise do not dominate */
    double agreement;  /* percent of samples of the same best class; NaN: no classes */
    double top1;       /* percent of labelled samples that are right; NaN: none */
    struct tare_judged_sums {
        double signal, noise, decibels;
        size_t n_samples, n_classified, n_agreeing, n_labelled, n_right;
    } sums; /* what these follow from */
};

/** What is judged in the place of an output: a Softmax saturates, and what it reads
 * tells more. */
int32_t tare_judged_tensor(const struct tare_graph *graph, int32_t output);

/** Add what was found on other samples. */
void tare_judged_add(struct tare_judged *judged, const struct tare_judged *other);

/** Run FP32. tare_judge_release() it in any case. @param inputs  [n], borrowed */
enum tare_status tare_judge_open(struct tare_judge *judge,
                                 const struct tare_model *model, const char *isa,
                                 struct tare_pool *pool, void *const *inputs, size_t n,
                                 struct tare_error *err);
void tare_judge_release(struct tare_judge *judge);

/** Judge an INT8 build. */
enum tare_status tare_judge_build(const struct tare_judge *judge,
                                  const struct tare_build_options *build,
                                  struct tare_judged *judged, struct tare_error *err);
/** Judge FP32 with one tensor quantized, and nothing else. */
enum tare_status tare_judge_tensor(const struct tare_judge *judge, const char *tensor,
                                   const struct tare_quant *quant,
                                   struct tare_judged *judged, struct tare_error *err);

#endif /* TARE_RECOVERY_JUDGE_H */
