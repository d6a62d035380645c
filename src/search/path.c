#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "search/search.h"

/* Layers that are tried in each step: those that promise most. */
#define MOST_TRIED 32
/* Less than this is no time: of the whole network's. */
#define LEAST_TIME 1e-5

/* Noise freed for the time that it costs. */
static double worth(double noise, double ms, double all_ms)
{
    return noise / fmax(ms, LEAST_TIME * all_ms);
}

/* What a layer promises by its own times, whatever its neighbours do. */
static double promise_of(const struct tare_searcher *s, size_t row)
{
    const struct tare_node_choice *node = &s->costs.nodes[s->nodes[row]];
    const double *ms = s->costs.times.nodes[s->nodes[row]].ms;
    double least = HUGE_VAL;
    for (int p = 0; p < TARE_N_PRECISIONS; p++)
        if (p != TARE_PRECISION_INT8 && node->can[p]) least = fmin(least, ms[p]);
    return worth(s->noise[row], least - ms[TARE_PRECISION_INT8], s->costs.int8_ms);
}

/* Is the row among the MOST_TRIED best promises of those in INT8? */
static bool is_promising(const struct tare_searcher *s, const struct tare_assignment *a,
                         size_t row)
{
    size_t n_better = 0;
    const double own = promise_of(s, row);
    for (size_t r = 0; r < s->search->n_rows; r++)
        n_better += a->precision[r] == TARE_PRECISION_INT8 && promise_of(s, r) > own;
    return n_better < MOST_TRIED;
}

/* The float in which a row takes least time, its neighbours as they are. */
static enum tare_status find_float(struct tare_searcher *s, struct tare_assignment *a,
                                   size_t row, uint8_t *best, double *ms,
                                   struct tare_error *err)
{
    const uint8_t before = a->precision[row];
    *ms = HUGE_VAL;
    for (uint8_t p = 0; p < TARE_N_PRECISIONS; p++) {
        if (p == TARE_PRECISION_INT8 || !s->costs.nodes[s->nodes[row]].can[p]) continue;
        a->precision[row] = p;
        const enum tare_status st = tare_search_predict(s, a, err);
        a->precision[row] = before;
        if (st != TARE_OK) return st;
        if (a->point.predicted_ms >= *ms) continue;
        *ms = a->point.predicted_ms;
        *best = p;
    }
    return TARE_OK;
}

/* Take the best layer out of INT8. */
static enum tare_status step(struct tare_searcher *s, bool by_noise,
                             struct tare_assignment *a, struct tare_error *err)
{
    const double before = a->point.predicted_ms;
    double most = -1.0;
    size_t best = SIZE_MAX;
    uint8_t best_float = TARE_PRECISION_FP32;
    for (size_t row = 0; row < s->search->n_rows; row++) {
        uint8_t p = TARE_PRECISION_FP32;
        double ms;
        if (a->precision[row] != TARE_PRECISION_INT8 ||
            (!by_noise && !is_promising(s, a, row)))
            continue;
        const enum tare_status st = find_float(s, a, row, &p, &ms, err);
        if (st != TARE_OK) return st;
        const double value = by_noise
                                 ? s->noise[row]
                                 : worth(s->noise[row], ms - before, s->costs.int8_ms);
        if (!(value > most)) continue;
        most = value;
        best = row;
        best_float = p;
    }
    a->precision[best] = best_float;
    return tare_search_predict(s, a, err);
}

enum tare_status tare_search_walk_path(struct tare_searcher *s, bool by_noise,
                                       struct tare_error *err)
{
    struct tare_assignments *path = &s->path;
    enum tare_status st = tare_assignments_add(path, s->search->n_rows, NULL, err);
    if (st == TARE_OK) st = tare_search_predict(s, &path->items[0], err);
    for (size_t i = 1; st == TARE_OK && i < s->search->n_rows; i++) {
        const struct tare_assignment before = path->items[i - 1];
        st = tare_assignments_add(path, s->search->n_rows, &before, err);
        if (st == TARE_OK) st = step(s, by_noise, &path->items[i], err);
    }
    return st;
}
