/* tare_search_create(): measure, walk, judge, exchange, choose. */
#include <math.h>

#include "base/mem.h"
#include "search/search.h"
#include "search/sensitivity.h"

#define N_COARSE 16 /* points of the path that are judged in any case */

static void begin(const struct tare_searcher *s, const char *what)
{
    if (s->options->phase) s->options->phase(s->options->ctx, what);
}

static enum tare_status open_slice(struct tare_searcher *s, int held,
                                   struct tare_error *err)
{
    struct tare_slice *slice = &s->slices[held];
    struct tare_model_value input;
    const struct tare_build_options fp32 = {.isa = s->build->isa};
    void **inputs = held ? s->samples.held : s->samples.fit;
    const size_t n = held ? s->samples.n_held : s->samples.n_fit;
    tare_model_input(s->model, 0, &input);
    enum tare_status st = tare_judge_open(&slice->judge, s->model, s->build->isa,
                                          s->pool, inputs, n, err);
    if (st == TARE_OK)
        st = tare_samples_labels(
            s->options->labels, held ? s->samples.held_index : s->samples.fit_index, n,
            input.dims.rank ? (size_t)input.dims.d[0] : 1, &slice->labels, err);
    slice->judge.labels = slice->labels;
    if (st == TARE_OK) st = tare_judge_build(&slice->judge, &fp32, &slice->fp32, err);
    s->search->n_samples[held] = n;
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(s->options->metric == TARE_SEARCH_TOP1 && isnan(slice->fp32.top1), err,
                 TARE_E_ARG,
                 "search: top-1 wants classes and labels: give labels, or "
                 "count agreement or SQNR");
    TARE_FAIL_IF(s->options->metric == TARE_SEARCH_AGREEMENT &&
                     isnan(slice->fp32.agreement),
                 err, TARE_E_ARG,
                 "search: the network has no classes to agree on: count "
                 "SQNR");
    return TARE_OK;
}

/* Samples for the sensitivity, spread over those to search on. */
static enum tare_status measure_layers(struct tare_searcher *s, struct tare_error *err)
{
    const size_t all = s->samples.n_fit;
    const size_t n = all < TARE_SENSITIVITY_SAMPLES ? all : TARE_SENSITIVITY_SAMPLES;
    void **inputs = tare_alloc_array(n, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "search: no memory");
    for (size_t i = 0; i < n; i++)
        inputs[i] = s->samples.fit[i * all / n];
    begin(s, "measuring layers");
    const enum tare_status st = tare_sensitivity_measure(
        s->model, s->build, s->pool, inputs, n, s->options->progress, s->options->ctx,
        &s->search->sensitivity, err);
    tare_free(inputs);
    return st;
}

/* Which node a row is, and its noise. */
static enum tare_status read_rows(struct tare_searcher *s, struct tare_error *err)
{
    const size_t n = s->search->n_rows = tare_sensitivity_count(s->search->sensitivity);
    s->nodes = tare_alloc_array(n, sizeof *s->nodes);
    s->noise = tare_alloc_array(n, sizeof *s->noise);
    s->by_node = tare_alloc_array(s->costs.graph->n_nodes, sizeof *s->by_node);
    TARE_FAIL_IF(!s->nodes || !s->noise || !s->by_node, err, TARE_E_NOMEM,
                 "search: no memory");
    for (size_t i = 0; i < s->costs.graph->n_nodes; i++)
        s->by_node[i] = (uint8_t)s->costs.nodes[i].usual;
    s->search->is_slow[0] = s->costs.is_slow[TARE_PRECISION_FP16];
    s->search->is_slow[1] = s->costs.is_slow[TARE_PRECISION_BF16];
    for (size_t i = 0; i < n; i++) {
        struct tare_sensitivity_row row;
        tare_sensitivity_get(s->search->sensitivity, i, &row);
        const int32_t node = tare_graph_find_node(s->costs.graph, row.name);
        TARE_FAIL_IF(node < 0, err, TARE_E_UNSUPPORTED,
                     "search: layer '%.80s' cannot be named", row.name);
        s->nodes[i] = (size_t)node;
        s->noise[i] = pow(10.0, -row.alone.outputs.sqnr_db / 10.0);
    }
    return TARE_OK;
}

static enum tare_status prepare(struct tare_searcher *s,
                                const struct tare_sample_source *source,
                                struct tare_error *err)
{
    const size_t n = source->n_samples;
    begin(s, "timing kernels");
    enum tare_status st =
        tare_samples_take(&s->samples, s->model, source, n - n / 2, n / 2, err);
    if (st == TARE_OK)
        st = tare_costs_open(&s->costs, s->model, s->build, s->options->n_threads,
                             s->samples.fit[0], err);
    if (st == TARE_OK) st = open_slice(s, 0, err);
    if (st == TARE_OK) st = open_slice(s, 1, err);
    if (st == TARE_OK) st = measure_layers(s, err);
    return st == TARE_OK ? read_rows(s, err) : st;
}

/* Judge a point of the path. The first one is judged on both slices in any case. */
static enum tare_status judge_at(struct tare_searcher *s, size_t at, size_t *best,
                                 bool *is_best, struct tare_error *err)
{
    struct tare_assignment *items = s->path.items;
    bool holds;
    const enum tare_status st = tare_search_judge(s, &items[at], at == 0, &holds, err);
    *is_best = st == TARE_OK && holds &&
               (*best == SIZE_MAX ||
                items[at].point.predicted_ms < items[*best].point.predicted_ms);
    if (*is_best) *best = at;
    return st;
}

/* Points along the path, the ends among them; then, between the fastest that holds and
 * the point in front of it, faster ones.
 * @param[out] best  its place; SIZE_MAX: none holds */
static enum tare_status find_best(struct tare_searcher *s, size_t *best,
                                  struct tare_error *err)
{
    const size_t n = s->path.n, n_coarse = n < N_COARSE ? n : N_COARSE;
    size_t first = 0, previous = 0; /* of those between that are not judged */
    bool is_best;
    *best = SIZE_MAX;
    for (size_t i = 0; i < n_coarse; i++) {
        const size_t at = n_coarse > 1 ? i * (n - 1) / (n_coarse - 1) : 0;
        const enum tare_status st = judge_at(s, at, best, &is_best, err);
        if (st != TARE_OK) return st;
        if (is_best) first = previous;
        previous = at + 1;
    }
    while (*best != SIZE_MAX && first < *best) {
        const size_t middle = first + (*best - first) / 2;
        const enum tare_status st = judge_at(s, middle, best, &is_best, err);
        if (st != TARE_OK) return st;
        if (!is_best) first = middle + 1;
    }
    return TARE_OK;
}

static struct tare_search_accuracy exact(const struct tare_judged *fp32)
{
    return (struct tare_search_accuracy){
        0.0, fp32->top1, isnan(fp32->agreement) ? fp32->agreement : 100.0,
        (double)INFINITY};
}

static enum tare_status search(struct tare_searcher *s,
                               const struct tare_sample_source *source,
                               struct tare_error *err)
{
    size_t found = SIZE_MAX;
    enum tare_status st = prepare(s, source, err);
    if (st == TARE_OK) st = tare_search_walk_path(s, false, err);
    if (st != TARE_OK) return st;
    begin(s, "searching");
    s->n_planned = 2 * N_COARSE + TARE_SEARCH_EXCHANGES;
    st = find_best(s, &found, err);
    if (st == TARE_OK && found == SIZE_MAX) { /* the least noise, whatever it costs */
        tare_assignments_release(&s->path);
        s->n_planned += 2 * N_COARSE;
        st = tare_search_walk_path(s, true, err);
        if (st == TARE_OK) st = find_best(s, &found, err);
    }
    if (st != TARE_OK) return st;
    s->search->int8 = s->path.items[0].point;
    s->search->fp32 = (struct tare_search_point){
        .predicted_ms = s->costs.fp32_ms,
        .search = exact(&s->slices[0].fp32),
        .held_back = exact(&s->slices[1].fp32),
    };
    if (found != SIZE_MAX) st = tare_search_exchange(s, &s->path.items[found], err);
    if (st == TARE_OK) tare_search_sort(s->search);
    if (st == TARE_OK) st = tare_search_choose(s, err);
    return st;
}

static void release(struct tare_searcher *s)
{
    for (int i = 0; i < 2; i++) {
        tare_judge_release(&s->slices[i].judge);
        tare_free(s->slices[i].labels);
    }
    tare_assignments_release(&s->path);
    tare_costs_release(&s->costs);
    tare_samples_release(&s->samples);
    tare_free(s->nodes);
    tare_free(s->noise);
    tare_free(s->by_node);
    tare_pool_destroy(s->pool);
}

static enum tare_status check(const struct tare_model *model,
                              const struct tare_build_options *build,
                              const struct tare_sample_source *source,
                              const struct tare_search_options *options,
                              struct tare_error *err)
{
    TARE_FAIL_IF(
        source->n_samples < 2, err, TARE_E_ARG,
        "search: %zu samples, want at least 2: some to search on, some to hold "
        "back",
        source->n_samples);
    TARE_FAIL_IF(tare_model_n_inputs(model) != 1, err, TARE_E_ARG,
                 "search: the model has %zu inputs, want 1",
                 tare_model_n_inputs(model));
    TARE_FAIL_IF(!(options->drop >= 0.0), err, TARE_E_ARG,
                 "search: a budget of %g, want 0 or more", options->drop);
    TARE_FAIL_IF(
        tare_model_is_quantized(model), err, TARE_E_UNSUPPORTED,
        "search: the model says itself how it is quantized: nothing is left to "
        "choose");
    TARE_FAIL_IF(!build->int8 || !build->cache, err, TARE_E_ARG,
                 "search: want an INT8 build with ranges");
    return TARE_OK;
}

enum tare_status tare_search_create(const struct tare_model *model,
                                    const struct tare_build_options *build,
                                    const struct tare_sample_source *source,
                                    const struct tare_search_options *options,
                                    struct tare_search **result, struct tare_error *err)
{
    *result = NULL;
    enum tare_status st = check(model, build, source, options, err);
    if (st != TARE_OK) return st;
    struct tare_searcher s = {.model = model, .build = build, .options = options};
    s.search = tare_alloc_array(1, sizeof *s.search);
    TARE_FAIL_IF(!s.search, err, TARE_E_NOMEM, "search: no memory");
    s.search->chosen = SIZE_MAX;
    st = tare_pool_create(options->n_threads, &s.pool, err);
    if (st == TARE_OK) st = search(&s, source, err);
    release(&s);
    if (st == TARE_OK)
        *result = s.search;
    else
        tare_search_destroy(s.search);
    return st;
}
