/* default.c - one calibrator for the whole network, with and without recovery: the one
 * that does best on samples that its recovery has not seen. The order of calibrators by
 * their SQNR before recovery is not that after it, and only the latter matters. */
#include <math.h>

#include "tuning/tuning.h"

/* Rounding is dear: only the best few ranges get it. */
#define MAX_FINALISTS 2
/* Calibrators whose networks differ less are taken for the same network. */
#define ALIKE_DB 0.01

/* The likeliest to do well first: that order decides among equals. */
static const struct {
    const char *name, *calibrator;
    double percentile;
} candidates[TARE_TUNING_CALIBRATORS] = {
    {"mse", "mse", 0.0},
    {"percentile 99.999", "percentile", 99.999},
    {"minmax", "minmax", 0.0},
    {"entropy2", "entropy2", 0.0},
    {"percentile 99.99", "percentile", 99.99},
};

/* What all candidates are tried with; returns how many there are. */
static size_t first_passes(const struct tare_tuner *t, unsigned passes[2])
{
    size_t n = 0;
    if (!t->options->always || t->passes == 0) passes[n++] = 0;
    if (t->passes == TARE_RECOVER_BIAS || (t->passes && !t->options->always))
        passes[n++] = t->passes & TARE_RECOVER_BIAS;
    if (n == 2 && passes[1] == 0) n = 1;
    return n;
}

static size_t n_finalists(const struct tare_tuner *t)
{
    if (!(t->passes & TARE_RECOVER_ROUNDING)) return 0;
    return t->options->always ? TARE_TUNING_CALIBRATORS : MAX_FINALISTS;
}

size_t tare_default_ticks(const struct tare_tuner *t)
{
    unsigned passes[2];
    const size_t n = first_passes(t, passes);
    size_t ticks = n_finalists(t) * (1 + 2 * t->n_layers);
    for (size_t i = 0; i < n; i++)
        ticks += TARE_TUNING_CALIBRATORS * (1 + (passes[i] ? 2 * t->n_layers : 0));
    return ticks;
}

enum tare_status tare_default_ranges(struct tare_tuner *t, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < TARE_TUNING_CALIBRATORS; i++) {
        struct tare_ranges *r = &t->tuning->ranges[t->tuning->n_ranges++];
        const struct tare_calibrator_options options = {.percentile =
                                                            candidates[i].percentile};
        r->name = candidates[i].name;
        st = tare_calibration_create(t->observations, candidates[i].calibrator,
                                     &options, &r->calibration, err);
        if (st == TARE_OK)
            st = tare_calibration_cache(r->calibration, t->options->header, &r->cache,
                                        err);
    }
    return st;
}

/* The best SQNR of each calibrator's trials so far. */
static void best_of(const struct tare_tuning *tuning,
                    double best[TARE_TUNING_CALIBRATORS])
{
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++)
        best[r] = -(double)INFINITY;
    for (size_t k = 0; k < tuning->n_trials; k++) {
        const struct tare_trial *trial = &tuning->trials[k];
        best[trial->ranges] = fmax(best[trial->ranges], trial->judged.sqnr_db);
    }
}

/* Is it as good as one of those that have been picked, and so likely the same? */
static bool is_alike(const double *best, const size_t *picked, size_t n, size_t r)
{
    for (size_t i = 0; i < n; i++)
        if (picked[i] == r || fabs(best[picked[i]] - best[r]) < ALIKE_DB) return true;
    return false;
}

/* Calibrators for the dear trials, best first; all of them when there are no others. */
static size_t pick_finalists(const struct tare_tuner *t,
                             size_t picked[TARE_TUNING_CALIBRATORS])
{
    double best[TARE_TUNING_CALIBRATORS];
    const size_t most = n_finalists(t);
    size_t n = 0;
    best_of(t->tuning, best);
    while (n < most) {
        size_t next = TARE_TUNING_CALIBRATORS;
        for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++)
            if (!is_alike(best, picked, n, r) &&
                (next == TARE_TUNING_CALIBRATORS || best[r] > best[next]))
                next = r;
        if (next == TARE_TUNING_CALIBRATORS) break;
        picked[n++] = next;
    }
    return n;
}

enum tare_status tare_tune_default(struct tare_tuner *t, struct tare_error *err)
{
    unsigned passes[2];
    const size_t n_passes = first_passes(t, passes);
    size_t finalists[TARE_TUNING_CALIBRATORS];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < TARE_TUNING_CALIBRATORS; i++)
        for (size_t k = 0; st == TARE_OK && k < n_passes; k++)
            st = tare_tuner_try(t, i, passes[k], err);
    const size_t n_last = st == TARE_OK ? pick_finalists(t, finalists) : 0;
    for (size_t i = 0; st == TARE_OK && i < n_last; i++)
        st = tare_tuner_try(t, finalists[i], t->passes, err);
    if (st == TARE_OK) tare_tuner_choose(t);
    return st;
}
