#include "tools/histogram.h"

#include <math.h>
#include <string.h>

enum { HALF = HISTOGRAM_BINS / 2 };

void histogram_begin(struct histogram *h, double step)
{
    memset(h, 0, sizeof *h);
    h->step = step;
    h->origin = -0.5 * step;
    h->per_real = step > 0.0 ? HISTOGRAM_PER_STEP / step : ldexp(1.0, 100);
}

/* Bins twice as wide. Those at the middle stay where they are, so that this can be done
 * in place from there outwards. */
static void widen(struct histogram *h, int level)
{
    for (; h->level < level; h->level++)
        for (int k = 0; k < HISTOGRAM_KINDS; k++) {
            uint64_t *up = h->counts[k] + HALF, *down = up - 1;
            for (int i = 0; i < HALF; i++) {
                const int from = 2 * i;
                up[i] = from < HALF ? up[from] + up[from + 1] : 0;
                down[-i] = from < HALF ? down[-from] + down[-from - 1] : 0;
            }
        }
}

static int fits(double at, int level)
{
    const double bin = floor(ldexp(at, -level));
    return bin >= -HALF && bin < HALF;
}

void histogram_add(struct histogram *h, enum histogram_kind kind, const float *values,
                   size_t n)
{
    uint64_t *counts = h->counts[kind] + HALF;
    double scale = ldexp(1.0, -h->level);
    for (size_t i = 0; i < n; i++) {
        const double at = floor(((double)values[i] - h->origin) * h->per_real);
        double bin = floor(at * scale);
        if (!isfinite(at)) continue;
        if (bin < -HALF || bin >= HALF) {
            int level = h->level;
            while (!fits(at, level)) /* the least one: all orders come to the same */
                level++;
            widen(h, level);
            scale = ldexp(1.0, -h->level);
            bin = floor(at * scale);
        }
        counts[(int)bin]++;
    }
}

void histogram_merge(struct histogram *h, const struct histogram *other)
{
    widen(h, other->level);
    const int finer = h->level - other->level;
    for (int k = 0; k < HISTOGRAM_KINDS; k++)
        for (int i = -HALF; i < HALF; i++) {
            const int64_t width = INT64_C(1) << (finer < 62 ? finer : 62);
            const int64_t bin = i >= 0 ? i / width : -((-i - 1) / width) - 1;
            h->counts[k][HALF + bin] += other->counts[k][HALF + i];
        }
}

enum tare_status histogram_gather(struct histogram *h, const struct tare_comm *comm,
                                  struct tare_error *err)
{
    int64_t level = h->level;
    enum tare_status st = comm->max_i64(comm->ctx, &level, 1, err);
    if (st != TARE_OK) return st;
    widen(h, (int)level);
    for (int k = 0; st == TARE_OK && k < HISTOGRAM_KINDS; k++)
        st = comm->sum_u64(comm->ctx, h->counts[k], HISTOGRAM_BINS, err);
    return st;
}

static double edge_of(const struct histogram *h, int bin)
{
    return h->origin + ldexp((double)bin, h->level) / h->per_real;
}

double histogram_quantile(const struct histogram *h, enum histogram_kind kind,
                          double share)
{
    const uint64_t *counts = h->counts[kind];
    uint64_t total = 0, inside = 0;
    for (int i = 0; i < HISTOGRAM_BINS; i++)
        total += counts[i];
    if (total == 0) return 0.0;
    /* from zero outwards, one bin of each side at a time */
    for (int i = 0; i < HALF; i++) {
        inside += counts[HALF + i] + counts[HALF - 1 - i];
        if ((double)inside >= share * (double)total)
            return fmax(fabs(edge_of(h, i + 1)), fabs(edge_of(h, -1 - i)));
    }
    return fabs(edge_of(h, -HALF));
}

/* The bins from first to last that have counts; false: none has. */
static int find_used(const struct histogram *h, int *first, int *last)
{
    int n = 0;
    for (int i = -HALF; i < HALF; i++) {
        if (!h->counts[0][HALF + i] && !h->counts[1][HALF + i]) continue;
        if (n++ == 0) *first = i;
        *last = i;
    }
    return n > 0;
}

void histogram_draw(const struct histogram *h, struct histogram_bars *bars)
{
    int first = 0, last = 0;
    memset(bars, 0, sizeof *bars);
    if (!find_used(h, &first, &last)) return;
    /* a bar holds whole levels: all bins of one are in the same bar */
    int width = h->step > 0.0 && h->level < 2 ? HISTOGRAM_PER_STEP >> h->level : 1;
    const int unit = width;
    while ((last - first) / width + 2 > HISTOGRAM_MAX_BARS)
        width += unit;
    const int start = (int)floor((double)first / unit) * unit;
    bars->low = edge_of(h, start);
    bars->width = edge_of(h, width) - edge_of(h, 0);
    for (int i = first; i <= last; i++) {
        const size_t bar = (size_t)((i - start) / width);
        for (int k = 0; k < HISTOGRAM_KINDS; k++)
            bars->counts[k][bar] += h->counts[k][HALF + i];
        bars->n = bar + 1;
    }
}
