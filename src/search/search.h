/* search/search.h - what a search works with. */
#ifndef TARE_SEARCH_SEARCH_H
#define TARE_SEARCH_SEARCH_H

#include "base/threads.h"
#include "recovery/judge.h"
#include "recovery/samples.h"
#include "search/costs.h"
#include "tare/search.h"

/** One assignment of precisions to layers, in the order of the sensitivity's rows. */
struct tare_assignment {
    uint8_t *precision; /* [rows] of enum tare_precision */
    /* over signal at the outputs: the sum of what the INT8 layers make alone, as if
     * they did not know each other; 16-bit floats count as exact, which judgements see
     */
    double noise;
    struct tare_search_point point;
};

/** Assignments; own what they hold. */
struct tare_assignments {
    struct tare_assignment *items;
    size_t n, capacity;
};

struct tare_search {
    struct tare_sensitivity *sensitivity;
    size_t n_rows;
    struct tare_assignments tried; /* and judged */
    struct tare_search_point fp32, int8;
    size_t chosen; /* of `tried`; SIZE_MAX: none */
    struct tare_plan *plan;
    char *precisions;
    size_t n_samples[2]; /* searched on, held back */
    bool is_slow[2];     /* FP16, BF16 */
};

/** Samples to search on, or held back. */
struct tare_slice {
    int64_t *labels;
    struct tare_judge judge;
    struct tare_judged fp32;
};

struct tare_searcher {
    const struct tare_model *model;
    const struct tare_build_options *build;
    const struct tare_search_options *options;
    struct tare_pool *pool;
    struct tare_samples samples;
    struct tare_slice slices[2]; /* searched on, held back */
    struct tare_costs costs;
    size_t *nodes;    /* [rows] of the costs' graph */
    double *noise;    /* [rows] of one layer in INT8, over signal */
    uint8_t *by_node; /* [graph nodes] precisions, room for an assignment */
    struct tare_assignments path;
    size_t n_done, n_planned; /* judgements, for the progress */
    struct tare_search *search;
};

/** An assignment like another one (NULL: all in INT8), with its own arrays. */
enum tare_status tare_assignments_add(struct tare_assignments *list, size_t n_rows,
                                      const struct tare_assignment *like,
                                      struct tare_error *err);
void tare_assignments_release(struct tare_assignments *list);

/** Write the assignment to s->by_node. */
void tare_search_fill_nodes(struct tare_searcher *s, const struct tare_assignment *a);
/** Fill in predicted time, INT8 layers and noise. */
enum tare_status tare_search_predict(struct tare_searcher *s, struct tare_assignment *a,
                                     struct tare_error *err);
/** Build and run: does it hold the budget? What is judged goes to search->tried.
 *  @param both  judge the samples that are held back even if the others do not hold */
enum tare_status tare_search_judge(struct tare_searcher *s, struct tare_assignment *a,
                                   bool both, bool *holds, struct tare_error *err);

/** The path from all layers in INT8 to all in FP32: at each step that one leaves INT8
 *  which frees most noise for the time it costs, or, by noise alone, most noise. For an
 *  empty s->path. (path.c) */
enum tare_status tare_search_walk_path(struct tare_searcher *s, bool by_noise,
                                       struct tare_error *err);
/** Exchange single layers of an assignment that holds, as long as that makes it faster
 *  and it holds. (exchange.c) */
enum tare_status tare_search_exchange(struct tare_searcher *s,
                                      struct tare_assignment *a,
                                      struct tare_error *err);

/** Judgements that exchanges may take. */
#define TARE_SEARCH_EXCHANGES 16

/** Sort what was tried by predicted time, each once, and mark the front. (result.c) */
void tare_search_sort(struct tare_search *search);
/** Build and time the fastest predictions of those that hold, beside FP32 and INT8; the
 *  fastest of them is chosen. There may be none. (choose.c) */
enum tare_status tare_search_choose(struct tare_searcher *s, struct tare_error *err);

#endif /* TARE_SEARCH_SEARCH_H */
