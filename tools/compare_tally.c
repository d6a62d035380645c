#include "tools/compare_tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tally_layout tally_layout(const struct tare_dims *dims, size_t batch)
{
    size_t n_elems = 1;
    for (int i = 0; i < dims->rank; i++)
        n_elems *= (size_t)dims->d[i];
    struct tally_layout l = {n_elems / batch, 1, n_elems / batch};
    const int axis = dims->rank == 3 ? 2 : 1;
    if (dims->rank < 2 || (size_t)dims->d[0] != batch || dims->d[axis] < 1) return l;
    l.n_channels = (size_t)dims->d[axis];
    l.inner = 1;
    for (int i = axis + 1; i < dims->rank; i++)
        l.inner *= (size_t)dims->d[i];
    return l;
}

bool tally_open(struct tally *t, const struct tally_grid *grid,
                const struct tally_layout *layout)
{
    *t = (struct tally){.grid = *grid, .layout = *layout};
    histogram_begin(&t->histogram, grid->step);
    t->shift = calloc(layout->n_channels, sizeof *t->shift);
    t->channel_amax = calloc(layout->n_channels, sizeof *t->channel_amax);
    return t->shift && t->channel_amax;
}

void tally_close(struct tally *t)
{
    free(t->shift);
    free(t->channel_amax);
    *t = (struct tally){0};
}

/* The value as the engine would hold it. */
static float held(const struct tally_grid *g, float value)
{
    const double v = rint((double)value / g->step) * g->step;
    return (float)fmin(fmax(v, g->lowest), g->highest);
}

/* What the grid does to a sample of the reference. */
static void add_grid(struct tally *t, const float *reference)
{
    const struct tally_grid *g = &t->grid;
    double rounding = 0.0, clipping = 0.0;
    /* half a step beyond the last level still rounds to it */
    const double low = g->lowest - 0.5 * g->step, high = g->highest + 0.5 * g->step;
    for (size_t i = 0; i < t->layout.n_elems; i++) {
        const double d = (double)held(g, reference[i]) - (double)reference[i];
        const bool is_clipped =
            (double)reference[i] < low || (double)reference[i] > high;
        *(is_clipped ? &clipping : &rounding) += d * d;
        t->n_clipped += is_clipped;
    }
    exact_sum_add(&t->sums[TALLY_ROUNDING], rounding);
    exact_sum_add(&t->sums[TALLY_CLIPPING], clipping);
}

static void add_channels(struct tally *t, const float *reference)
{
    const struct tally_layout *l = &t->layout;
    for (size_t i = 0, at = 0; at < l->n_elems; i++) {
        float *most = &t->channel_amax[i % l->n_channels];
        for (size_t k = 0; k < l->inner; k++, at++)
            if (fabsf(reference[at]) > *most) *most = fabsf(reference[at]);
    }
}

static void add_squares(struct exact_sum sums[TALLY_SUMS], const float *reference,
                        const float *test, size_t n)
{
    double signal = 0.0, test2 = 0.0, product = 0.0, error = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double a = (double)reference[i], b = (double)test[i], d = b - a;
        signal += a * a;
        test2 += b * b;
        product += a * b;
        error += d * d;
    }
    exact_sum_add(&sums[TALLY_SIGNAL], signal);
    exact_sum_add(&sums[TALLY_TEST2], test2);
    exact_sum_add(&sums[TALLY_PRODUCT], product);
    exact_sum_add(&sums[TALLY_ERROR], error);
}

/* A sample that nothing but the grid changes. */
static void add_held(struct tally *t, const float *reference)
{
    enum { PART = 1024 };
    float part[PART];
    for (size_t at = 0; at < t->layout.n_elems; at += PART) {
        const size_t left = t->layout.n_elems - at;
        const size_t n = left < PART ? left : PART;
        for (size_t i = 0; i < n; i++)
            part[i] = held(&t->grid, reference[at + i]);
        add_squares(t->sums, reference + at, part, n);
        histogram_add(&t->histogram, HISTOGRAM_ENGINE, part, n);
    }
    t->sums[TALLY_ISOLATED] = t->sums[TALLY_ERROR];
}

void tally_add(struct tally *t, const float *reference, const float *test,
               size_t n_samples)
{
    const size_t n = t->layout.n_elems;
    for (size_t s = 0; s < n_samples; s++, reference += n) {
        t->n_values += n;
        histogram_add(&t->histogram, HISTOGRAM_FLOAT, reference, n);
        add_channels(t, reference);
        if (t->grid.step > 0.0) add_grid(t, reference);
        if (!test) {
            add_held(t, reference);
            continue;
        }
        add_squares(t->sums, reference, test + s * n, n);
        histogram_add(&t->histogram, HISTOGRAM_ENGINE, test + s * n, n);
    }
}

void tally_add_isolated(struct tally *t, const float *reference, const float *test,
                        size_t n_samples)
{
    const struct tally_layout *l = &t->layout;
    for (size_t s = 0; s < n_samples;
         s++, reference += l->n_elems, test += l->n_elems) {
        double error = 0.0;
        for (size_t i = 0, at = 0; at < l->n_elems; i++) {
            double shift = 0.0;
            for (size_t k = 0; k < l->inner; k++, at++) {
                const double d = (double)test[at] - (double)reference[at];
                shift += d;
                error += d * d;
            }
            exact_sum_add(&t->shift[i % l->n_channels], shift);
        }
        exact_sum_add(&t->sums[TALLY_ISOLATED], error);
    }
}

void tally_merge(struct tally *t, const struct tally *other)
{
    for (int i = 0; i < TALLY_SUMS; i++)
        exact_sum_merge(&t->sums[i], &other->sums[i]);
    t->n_values += other->n_values;
    t->n_clipped += other->n_clipped;
    histogram_merge(&t->histogram, &other->histogram);
    for (size_t c = 0; c < t->layout.n_channels; c++) {
        exact_sum_merge(&t->shift[c], &other->shift[c]);
        if (other->channel_amax[c] > t->channel_amax[c])
            t->channel_amax[c] = other->channel_amax[c];
    }
}

/* Magnitudes are ordered as their bits are. */
static enum tare_status gather_amax(struct tally *t, const struct tare_comm *comm,
                                    struct tare_error *err)
{
    enum { PART = 512 };
    enum tare_status st = TARE_OK;
    for (size_t at = 0; st == TARE_OK && at < t->layout.n_channels; at += PART) {
        int64_t most[PART];
        const size_t left = t->layout.n_channels - at, n = left < PART ? left : PART;
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &t->channel_amax[at + i], sizeof bits);
            most[i] = bits;
        }
        st = comm->max_i64(comm->ctx, most, n, err);
        for (size_t i = 0; i < n; i++) {
            const uint32_t bits = (uint32_t)most[i];
            memcpy(&t->channel_amax[at + i], &bits, sizeof bits);
        }
    }
    return st;
}

static enum tare_status gather_sums(struct exact_sum *sums, size_t n,
                                    const struct tare_comm *comm,
                                    struct tare_error *err)
{
    void *words = sums; /* nothing but words */
    return comm->sum_u64(comm->ctx, words, n * (sizeof *sums / sizeof(uint64_t)), err);
}

enum tare_status tally_gather(struct tally *t, const struct tare_comm *comm,
                              struct tare_error *err)
{
    if (comm->size <= 1) return TARE_OK;
    enum tare_status st = gather_sums(t->sums, TALLY_SUMS, comm, err);
    if (st == TARE_OK) st = gather_sums(t->shift, t->layout.n_channels, comm, err);
    if (st == TARE_OK) st = comm->sum_u64(comm->ctx, &t->n_values, 1, err);
    if (st == TARE_OK) st = comm->sum_u64(comm->ctx, &t->n_clipped, 1, err);
    if (st == TARE_OK) st = histogram_gather(&t->histogram, comm, err);
    return st == TARE_OK ? gather_amax(t, comm, err) : st;
}

double tally_sum(const struct tally *t, enum tally_sum sum)
{
    return exact_sum_value(&t->sums[sum]);
}

double tally_shift(const struct tally *t)
{
    double power = 0.0;
    const double n = (double)t->n_values / (double)t->layout.n_channels;
    for (size_t c = 0; n > 0.0 && c < t->layout.n_channels; c++) {
        const double sum = exact_sum_value(&t->shift[c]);
        power += sum * sum / n;
    }
    return power;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

struct tally_spread tally_spread(float *magnitudes, size_t n)
{
    size_t n_zero = 0;
    qsort(magnitudes, n, sizeof *magnitudes, ascending);
    while (n_zero < n && magnitudes[n_zero] <= 0.0F)
        n_zero++;
    if (n_zero == n) return (struct tally_spread){0};
    return (struct tally_spread){
        .most = (double)magnitudes[n - 1],
        .median = (double)magnitudes[n_zero + (n - n_zero) / 2],
        .least = (double)magnitudes[n_zero],
    };
}

struct tally_spread tally_channels(struct tally *t)
{
    return tally_spread(t->channel_amax, t->layout.n_channels);
}
