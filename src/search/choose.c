/* Predictions are right to a few percent only: the last word have engines. */
#include "api/timed.h"
#include "base/mem.h"
#include "search/search.h"

#define MOST_TIMED 5
#define MS_EACH    400.0 /* of timing a finalist: they differ by little */

/* An engine of something that holds, as it will be used. */
struct finalist {
    size_t tried;
    char *spec;
    struct tare_plan *plan;
};

static bool holds(const struct tare_searcher *s, const struct tare_search_point *p)
{
    return p->n_int8 > 0 && p->search.drop <= s->options->drop &&
           p->held_back.drop <= s->options->drop;
}

static enum tare_status build_finalist(struct tare_searcher *s, struct finalist *f,
                                       struct tare_error *err)
{
    struct tare_build_options build;
    const struct tare_assignment *a = &s->search->tried.items[f->tried];
    tare_search_fill_nodes(s, a);
    const enum tare_status st =
        tare_costs_build(&s->costs, s->by_node, &build, &f->spec, err);
    if (st != TARE_OK) return st;
    return tare_build(s->model, &build, &f->plan, err);
}

static enum tare_status time_finalists(struct tare_searcher *s,
                                       const struct finalist *f, size_t n,
                                       struct tare_error *err)
{
    struct tare_search *search = s->search;
    struct tare_timed timed[2 + MOST_TIMED] = {{0}};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n + 2; i++)
        st = tare_timed_open(&timed[i],
                             i == 0   ? s->costs.fp32
                             : i == 1 ? s->costs.int8
                                      : f[i - 2].plan,
                             s->options->n_threads, false, s->samples.fit[0], err);
    if (st == TARE_OK) st = tare_timed_run(timed, n + 2, TARE_TIMED_RUNS, MS_EACH, err);
    search->fp32.measured_ms = timed[0].network_ms;
    search->int8.measured_ms = timed[1].network_ms;
    for (size_t i = 0; i < n; i++)
        search->tried.items[f[i].tried].point.measured_ms = timed[i + 2].network_ms;
    for (size_t i = 0; i < n + 2; i++)
        tare_timed_close(&timed[i]);
    return st;
}

static size_t fastest_of(const struct tare_search *search, const struct finalist *f,
                         size_t n)
{
    const struct tare_assignment *items = search->tried.items;
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (items[f[i].tried].point.measured_ms <
            items[f[best].tried].point.measured_ms)
            best = i;
    return best;
}

/* Its engine and layers are the search's. */
static void take(struct tare_search *search, struct finalist *f)
{
    search->chosen = f->tried;
    search->tried.items[f->tried].point.is_chosen = true;
    search->plan = f->plan;
    search->precisions = f->spec;
    *f = (struct finalist){0};
}

/* No layer in INT8: what is exact is taken where nothing is faster. */
static enum tare_status add_fp32(struct tare_searcher *s, struct finalist *f,
                                 struct tare_error *err)
{
    struct tare_search *search = s->search;
    struct tare_assignments *tried = &search->tried;
    enum tare_status st = tare_assignments_add(tried, search->n_rows, NULL, err);
    if (st != TARE_OK) return st;
    struct tare_assignment *a = &tried->items[tried->n - 1];
    for (size_t row = 0; row < search->n_rows; row++)
        a->precision[row] = TARE_PRECISION_FP32;
    a->point = search->fp32;
    f->tried = tried->n - 1;
    return build_finalist(s, f, err);
}

static bool is_all_int8(const struct tare_searcher *s, const struct tare_assignment *a)
{
    for (size_t row = 0; row < s->search->n_rows; row++)
        if (a->precision[row] != TARE_PRECISION_INT8) return false;
    return true;
}

/* The fastest predictions, and all layers in INT8 in any case. */
static size_t pick(const struct tare_searcher *s, struct finalist *f)
{
    const struct tare_assignments *tried = &s->search->tried;
    size_t n = 0;
    for (size_t i = 0; i < tried->n && n == 0; i++)
        if (holds(s, &tried->items[i].point) && is_all_int8(s, &tried->items[i]))
            f[n++].tried = i;
    for (size_t i = 0; i < tried->n && n < MOST_TIMED; i++)
        if (holds(s, &tried->items[i].point) && !is_all_int8(s, &tried->items[i]))
            f[n++].tried = i;
    return n;
}

enum tare_status tare_search_choose(struct tare_searcher *s, struct tare_error *err)
{
    struct finalist f[MOST_TIMED] = {{0}}, fp32 = {0};
    const size_t n = pick(s, f);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = build_finalist(s, &f[i], err);
    if (st == TARE_OK) st = time_finalists(s, f, n, err);
    if (st == TARE_OK && n > 0) {
        struct finalist *best = &f[fastest_of(s->search, f, n)];
        const struct tare_assignment *a = &s->search->tried.items[best->tried];
        if (s->search->fp32.measured_ms < a->point.measured_ms) {
            st = add_fp32(s, &fp32, err);
            best = &fp32;
        }
        if (st == TARE_OK) take(s->search, best);
    }
    tare_plan_destroy(fp32.plan);
    tare_free(fp32.spec);
    for (size_t i = 0; i < n; i++) {
        tare_plan_destroy(f[i].plan);
        tare_free(f[i].spec);
    }
    return st;
}
