/* Assignments: copies, what they would take, and how they do. */
#include <math.h>

#include "base/mem.h"
#include "search/search.h"

enum tare_status tare_assignments_add(struct tare_assignments *list, size_t n_rows,
                                      const struct tare_assignment *like,
                                      struct tare_error *err)
{
    uint8_t *precision = tare_alloc_array(n_rows, sizeof *precision);
    if (!precision ||
        !tare_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items)) {
        tare_free(precision);
        return tare_error_set(err, TARE_E_NOMEM, "search: no memory");
    }
    struct tare_assignment *a = &list->items[list->n++];
    *a = like ? *like : (struct tare_assignment){0};
    a->precision = precision;
    for (size_t row = 0; row < n_rows; row++)
        precision[row] = like ? like->precision[row] : TARE_PRECISION_INT8;
    return TARE_OK;
}

void tare_assignments_release(struct tare_assignments *list)
{
    for (size_t i = 0; i < list->n; i++)
        tare_free(list->items[i].precision);
    tare_free(list->items);
    *list = (struct tare_assignments){0};
}

void tare_search_fill_nodes(struct tare_searcher *s, const struct tare_assignment *a)
{
    for (size_t row = 0; row < s->search->n_rows; row++)
        s->by_node[s->nodes[row]] = a->precision[row];
}

enum tare_status tare_search_predict(struct tare_searcher *s, struct tare_assignment *a,
                                     struct tare_error *err)
{
    const struct tare_search_accuracy unknown = {(double)NAN, (double)NAN, (double)NAN,
                                                 (double)NAN};
    a->point = (struct tare_search_point){
        .measured_ms = (double)NAN, .search = unknown, .held_back = unknown};
    a->noise = 0.0;
    for (size_t row = 0; row < s->search->n_rows; row++)
        a->noise += a->precision[row] == TARE_PRECISION_INT8 ? s->noise[row] : 0.0;
    tare_search_fill_nodes(s, a);
    return tare_costs_predict(&s->costs, s->by_node, &a->point.predicted_ms,
                              &a->point.n_int8, err);
}

static double drop_of(const struct tare_searcher *s, const struct tare_slice *slice,
                      const struct tare_judged *judged)
{
    switch (s->options->metric) {
    case TARE_SEARCH_TOP1: return slice->fp32.top1 - judged->top1;
    case TARE_SEARCH_AGREEMENT: return 100.0 - judged->agreement;
    default: return 10.0 * log10(1.0 + judged->sums.noise / judged->sums.signal);
    }
}

static enum tare_status judge_slice(struct tare_searcher *s,
                                    struct tare_build_options build, int held,
                                    struct tare_search_accuracy *accuracy,
                                    struct tare_error *err)
{
    struct tare_judged judged;
    struct tare_slice *slice = &s->slices[held];
    build.optimization_level = 0; /* all kernels give the same bytes */
    build.timing_cache = NULL;
    const enum tare_status st = tare_judge_build(&slice->judge, &build, &judged, err);
    if (st != TARE_OK) return st;
    *accuracy = (struct tare_search_accuracy){
        .drop = drop_of(s, slice, &judged),
        .top1 = judged.top1,
        .agreement = judged.agreement,
        .sqnr_db = judged.sqnr_db,
    };
    s->n_done++;
    if (s->options->progress)
        s->options->progress(s->options->ctx,
                             s->n_done < s->n_planned ? s->n_done : s->n_planned,
                             s->n_planned);
    return TARE_OK;
}

enum tare_status tare_search_judge(struct tare_searcher *s, struct tare_assignment *a,
                                   bool both, bool *holds, struct tare_error *err)
{
    char *spec;
    struct tare_build_options build;
    tare_search_fill_nodes(s, a);
    enum tare_status st = tare_costs_build(&s->costs, s->by_node, &build, &spec, err);
    if (st == TARE_OK) st = judge_slice(s, build, 0, &a->point.search, err);
    *holds = st == TARE_OK && a->point.search.drop <= s->options->drop;
    if (st == TARE_OK && (*holds || both)) {
        st = judge_slice(s, build, 1, &a->point.held_back, err);
        *holds = *holds && st == TARE_OK && a->point.held_back.drop <= s->options->drop;
    }
    tare_free(spec);
    if (st != TARE_OK) return st;
    return tare_assignments_add(&s->search->tried, s->search->n_rows, a, err);
}
