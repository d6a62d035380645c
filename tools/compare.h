/* tools/compare.h - what `tare compare` measures. */
#ifndef TARE_TOOLS_COMPARE_H
#define TARE_TOOLS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/status.h"

/** SQNR of equal tensors: printed for anything above as well. */
#define COMPARE_MAX_DB 200.0

/** Sums over the elements of a tensor in one sample, or over samples. */
struct compare_sums {
    double signal; /* sum of squares of the reference; of an output: less its mean */
    double error;  /* sum of squares of the difference */
    double reference2, test2, product;
    double max_abs;
};

void compare_sums_add(struct compare_sums *total, const struct compare_sums *part);
/** 10 log10(signal / error), at most COMPARE_MAX_DB. */
double compare_sqnr(const struct compare_sums *sums);
double compare_cosine(const struct compare_sums *sums);

/** One network's hits against the labels. */
struct compare_hits {
    size_t top1, top5;
};

struct compare_layer {
    const char *name; /* of the tensor that the layer makes */
    const char *layer;
    const char *precision;
    struct compare_sums accumulated; /* its inputs as the engine made them */
    struct compare_sums isolated;    /* its inputs as the reference made them */
};

struct compare_output {
    const char *name;
    struct compare_sums sums;
};

struct compare_result {
    size_t n_samples;
    size_t n_labelled; /* samples with a label */
    bool is_classifier;
    struct compare_hits reference, test;
    size_t agree;
    size_t n_outputs, n_layers;
    struct compare_output *outputs;
    struct compare_layer *layers;
};

/** Print the tables. @param reference  how the reference is called: "FP32". */
void compare_print(const struct compare_result *result, const char *reference);
/** The keys of docs/user-guide.md. */
enum tare_status compare_write_json(const struct compare_result *result,
                                    const char *path, struct tare_error *err);

#endif /* TARE_TOOLS_COMPARE_H */
