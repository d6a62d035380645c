/* tools/run_compare.h - outputs beside others of the same samples: statistics, and
 * whether they are within tolerances. */
#ifndef TARE_TOOLS_RUN_COMPARE_H
#define TARE_TOOLS_RUN_COMPARE_H

#include <cjson/cJSON.h>

#include "tools/options.h"
#include "tools/run_arrays.h"
#include "tools/tensor_stats.h"

/** What the flags say. */
struct run_tolerances {
    struct option_list atol, rtol; /**< "1e-3", or "NAME:1e-3" for one tensor; lists */
    const char *stat;              /**< elemwise (NULL), max, mean or median */
};
/** The flags, for a table of options. */
#define RUN_TOLERANCE_OPTIONS(tolerances)                                              \
    {"atol",                                                                           \
     OPTION_LIST,                                                                      \
     &(tolerances)->atol,                                                              \
     "[NAME:]X[,...]",                                                                 \
     "absolute tolerance, of all outputs or of one (default: 1e-5)",                   \
     0},                                                                               \
        {"rtol",                                                                       \
         OPTION_LIST,                                                                  \
         &(tolerances)->rtol,                                                          \
         "[NAME:]X[,...]",                                                             \
         "relative tolerance, likewise (default: 1e-5)",                               \
         0},                                                                           \
    {                                                                                  \
        "check-error-stat", OPTION_TEXT, &(tolerances)->stat,                          \
            "elemwise|max|mean|median",                                                \
            "what must be within them: every element, |a - b| <= atol + rtol |b| "     \
            "(default); or the maximum, mean or median of |a - b| within atol, or of " \
            "|a - b| / |b| within rtol",                                               \
            0                                                                          \
    }

/** Whether the flags can be read. @param[out] wrong  The text that cannot. */
bool run_tolerances_check(const struct run_tolerances *tolerances, const char **wrong);

/** A name of the flags that no tensor of the sets has; NULL: there is none. Into
 * `name`. */
const char *run_tolerances_stray(const struct run_tolerances *tolerances,
                                 const struct run_arrays *const *sets, size_t n_sets,
                                 char name[256]);

/** Whose outputs they are. */
struct run_sides {
    const char *a, *b; /**< "tare", "onnxruntime"; b is the reference */
};

/**
 * Print and judge every tensor of `a` that has one in `b`; its statistics, those of the
 * difference, with --verbose or where it fails histograms as well.
 * @param b  as run_arrays_load() gives it for `a`.
 * @param rows  an array for the figures; NULL: none
 * @param[in,out] n_failed  how many tensors are out of tolerance, or of another shape.
 * @param[in,out] n_compared  how many there are in both.
 */
enum tare_status run_compare(const struct run_arrays *a, const struct run_arrays *b,
                             const struct run_sides *sides,
                             const struct run_tolerances *tolerances, cJSON *rows,
                             size_t *n_compared, size_t *n_failed,
                             struct tare_error *err);

/**
 * Judge every tensor of `a` that has one in `b`, printing nothing.
 * @param[out] passed  all are within the tolerances, and of one shape.
 * @param[out] least_sqnr_db  of the worst tensor; -INFINITY: NaN, Inf or another shape.
 */
enum tare_status run_judge(const struct run_arrays *a, const struct run_arrays *b,
                           const struct run_tolerances *tolerances, bool *passed,
                           double *least_sqnr_db, struct tare_error *err);

/** Print which tensors have NaN or Inf, how many, and where the first is.
 *  @param what  "output", "tensor"  @param[in,out] n_bad  how many tensors. */
enum tare_status run_validate(const struct run_arrays *arrays, const char *what,
                              cJSON *rows, size_t *n_bad, struct tare_error *err);

#endif /* TARE_TOOLS_RUN_COMPARE_H */
