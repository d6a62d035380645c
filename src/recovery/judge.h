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
    float *const *inputs; /* [n] */
    size_t n;
    char **names;  /* [n_judged] tensors: the outputs, or what a Softmax there reads */
    size_t *sizes; /* [n_judged] elements */
    size_t n_judged;
    float **reference; /* [n] the judged tensors of a sample, back to back */
};

/** Run FP32. tare_judge_release() it in any case. @param inputs  [n], borrowed */
enum tare_status tare_judge_open(struct tare_judge *judge,
                                 const struct tare_model *model, const char *isa,
                                 struct tare_pool *pool, float *const *inputs, size_t n,
                                 struct tare_error *err);
void tare_judge_release(struct tare_judge *judge);

/** SQNR in dB of an INT8 build over all samples and judged tensors; signal: a tensor
 *  less its mean over the sample. */
enum tare_status tare_judge_sqnr(const struct tare_judge *judge,
                                 const struct tare_build_options *build, double *sqnr,
                                 struct tare_error *err);

#endif /* TARE_RECOVERY_JUDGE_H */
