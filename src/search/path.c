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
    const struct tare_node_cost *node = &s->costs.nodes[s->nodes[row]];
    return worth(s->noise[row], node->fp32_ms - node->int8_ms, s->costs.int8_ms);
}

/* Is the row among the MOST_TRIED best promises of those in INT8? */
static bool is_promising(const struct tare_searcher *s, const struct tare_assignment *a,
                         size_t row)
{
    size_t n_better = 0;
    const double own = promise_of(s, row);
    for (size_t r = 0; r < s->search->n_rows; r++)
        n_better += !a->is_fp32[r] && promise_of(s, r) > own;
    return n_better < MOST_TRIED;
}

/* Take the best layer out of INT8. */
static enum tare_status step(struct tare_searcher *s, struct tare_assignment *a,
                             struct tare_error *err)
{
    const double before = a->point.predicted_ms;
    double most = -1.0;
    size_t best = SIZE_MAX;
    for (size_t row = 0; row < s->search->n_rows; row++) {
        if (a->is_fp32[row] || !is_promising(s, a, row)) continue;
        a->is_fp32[row] = true;
        const enum tare_status st = tare_search_predict(s, a, err);
        a->is_fp32[row] = false;
        if (st != TARE_OK) return st;
        const double value =
            worth(s->noise[row], a->point.predicted_ms - before, s->costs.int8_ms);
        if (!(value > most)) continue;
        most = value;
        best = row;
    }
    a->is_fp32[best] = true;
    return tare_search_predict(s, a, err);
}

enum tare_status tare_search_walk_path(struct tare_searcher *s, struct tare_error *err)
{
    struct tare_assignments *path = &s->path;
    enum tare_status st = tare_assignments_add(path, s->search->n_rows, NULL, err);
    if (st == TARE_OK) st = tare_search_predict(s, &path->items[0], err);
    for (size_t i = 1; st == TARE_OK && i < s->search->n_rows; i++) {
        const struct tare_assignment before = path->items[i - 1];
        st = tare_assignments_add(path, s->search->n_rows, &before, err);
        if (st == TARE_OK) st = step(s, &path->items[i], err);
    }
    return st;
}
