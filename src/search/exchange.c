/* The local step: a layer back into INT8, or one back for another one out. */
#include "base/mem.h"
#include "search/search.h"

/* Of the network's time; less is not worth a judgement. */
#define LEAST_GAIN 0.003

/* A change of one or two layers; SIZE_MAX: none. */
struct exchange {
    size_t back, out;
    double ms, noise; /* of the network then */
};

static void apply(struct tare_assignment *a, const struct exchange *x)
{
    a->is_fp32[x->back] = !a->is_fp32[x->back];
    if (x->out != SIZE_MAX) a->is_fp32[x->out] = !a->is_fp32[x->out];
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
    apply(a, x);
    a->point = point;
    a->noise = noise;
    return st;
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
        if (!a->is_fp32[back]) continue;
        struct exchange x = {.back = back, .out = SIZE_MAX};
        enum tare_status st = predict(s, a, &x, err);
        if (st != TARE_OK) return st;
        if (x.ms >= best->ms) continue; /* with another layer out it takes longer yet */
        if (!refused[back * (n + 1) + n]) *best = x;
        for (size_t out = 0; out < n; out++) {
            struct exchange y = {.back = back, .out = out};
            if (a->is_fp32[out] || refused[back * (n + 1) + out] ||
                s->noise[out] < s->noise[back])
                continue;
            st = predict(s, a, &y, err);
            if (st != TARE_OK) return st;
            if (y.ms < best->ms && y.noise <= a->noise) *best = y;
        }
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
        apply(a, &x);
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
