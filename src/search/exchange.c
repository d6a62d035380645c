/* The local step: a layer back into INT8, or one back for another one out. */
#include "base/mem.h"
#include "search/search.h"

/* Of the network's time; less is not worth a judgement. */
#define LEAST_GAIN 0.003

/* A change of one or two layers; SIZE_MAX: none. */
struct exchange {
    size_t back, out;
    uint8_t from, to; /* what `back` was in, what `out` goes to */
    double ms, noise; /* of the network then */
};

static void apply(struct tare_assignment *a, const struct exchange *x)
{
    a->precision[x->back] = TARE_PRECISION_INT8;
    if (x->out != SIZE_MAX) a->precision[x->out] = x->to;
}

static void undo(struct tare_assignment *a, const struct exchange *x)
{
    if (x->out != SIZE_MAX) a->precision[x->out] = TARE_PRECISION_INT8;
    a->precision[x->back] = x->from;
}

static enum tare_status predict(struct tare_searcher *s, struct tare_assignment *a,
                                struct exchange *x, struct tare_error *err)
{
    const struct tare_search_point point = a->point;
    const double noise = a->noise;
    apply(a, x);
    const enum tare_status st = tare_search_predict(s, a, err);
    x->ms = a->point.predicted_ms;
    x->noise = a->noise;
    undo(a, x);
    a->point = point;
    a->noise = noise;
    return st;
}

/* `back` for one that leaves INT8 and makes no less noise. */
static enum tare_status find_partner(struct tare_searcher *s, struct tare_assignment *a,
                                     const bool *refused, size_t back,
                                     struct exchange *best, struct tare_error *err)
{
    const size_t n = s->search->n_rows;
    for (size_t out = 0; out < n; out++) {
        if (a->precision[out] != TARE_PRECISION_INT8 || refused[out] ||
            s->noise[out] < s->noise[back])
            continue;
        for (uint8_t to = 0; to < TARE_N_PRECISIONS; to++) {
            struct exchange x = {back, out, a->precision[back], to, 0.0, 0.0};
            if (to == TARE_PRECISION_INT8 || !s->costs.nodes[s->nodes[out]].can[to])
                continue;
            const enum tare_status st = predict(s, a, &x, err);
            if (st != TARE_OK) return st;
            if (x.ms < best->ms && x.noise <= a->noise) *best = x;
        }
    }
    return TARE_OK;
}

/* The fastest exchange that was not refused: `back` alone may add noise, which only a
 * judgement can allow; two layers must not. */
static enum tare_status find_best(struct tare_searcher *s, struct tare_assignment *a,
                                  const bool *refused, struct exchange *best,
                                  struct tare_error *err)
{
    const size_t n = s->search->n_rows;
    best->back = SIZE_MAX;
    best->ms = a->point.predicted_ms - LEAST_GAIN * s->costs.int8_ms;
    for (size_t back = 0; back < n; back++) {
        struct exchange x = {.back = back, .out = SIZE_MAX, .from = a->precision[back]};
        if (x.from == TARE_PRECISION_INT8) continue;
        enum tare_status st = predict(s, a, &x, err);
        if (st != TARE_OK) return st;
        if (x.ms >= best->ms) continue; /* with another layer out it takes longer yet */
        const bool *of_back = &refused[back * (n + 1)];
        if (!of_back[n]) *best = x;
        st = find_partner(s, a, of_back, back, best, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status run(struct tare_searcher *s, struct tare_assignment *a,
                            bool *refused, struct tare_error *err)
{
    const size_t n = s->search->n_rows;
    for (size_t i = 0; i < TARE_SEARCH_EXCHANGES; i++) {
        struct exchange x;
        bool holds;
        enum tare_status st = find_best(s, a, refused, &x, err);
        if (st != TARE_OK || x.back == SIZE_MAX) return st;
        refused[x.back * (n + 1) + (x.out == SIZE_MAX ? n : x.out)] = true;
        const struct tare_search_point before = a->point;
        const double noise = a->noise;
        apply(a, &x);
        st = tare_search_predict(s, a, err);
        if (st == TARE_OK) st = tare_search_judge(s, a, false, &holds, err);
        if (st != TARE_OK) return st;
        if (holds) continue;
        undo(a, &x);
        a->point = before;
        a->noise = noise;
    }
    return TARE_OK;
}

enum tare_status tare_search_exchange(struct tare_searcher *s,
                                      struct tare_assignment *a, struct tare_error *err)
{
    const size_t n = s->search->n_rows;
    bool *refused = tare_alloc_array(n, n + 1); /* [back][out; n: none] */
    TARE_FAIL_IF(!refused, err, TARE_E_NOMEM, "search: no memory");
    const enum tare_status st = run(s, a, refused, err);
    tare_free(refused);
    return st;
}
