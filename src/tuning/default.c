/* default.c - one calibrator for the whole network, with and without recovery: the one
 * that does best on what is held back. The order of calibrators by their SQNR before
 * recovery is not that after it, and only the latter matters. */
#include <math.h>

#include "tuning/tuning.h"

/* Rounding is dear: only the best few ranges get it. */
#define MAX_FINALISTS 2

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
    size_t ticks = n_finalists(t) * (1 + t->n_layers);
    for (size_t i = 0; i < n; i++)
        ticks += TARE_TUNING_CALIBRATORS * (1 + (passes[i] ? t->n_layers : 0));
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

/* The `i`-th best ranges by their best trial so far; those within the noise of the best
 * are equal, and of equals the first comes first. */
static size_t ranked(const struct tare_tuning *tuning, size_t i)
{
    double best[TARE_TUNING_CALIBRATORS];
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++)
        best[r] = -(double)INFINITY;
    for (size_t k = 0; k < tuning->n_trials; k++) {
        const struct tare_trial *trial = &tuning->trials[k];
        if (trial->ranges < TARE_TUNING_CALIBRATORS)
            best[trial->ranges] = fmax(best[trial->ranges], trial->judged.sqnr_db);
    }
    double most = best[0];
    for (size_t r = 1; r < TARE_TUNING_CALIBRATORS; r++)
        most = fmax(most, best[r]);
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++)
        if (best[r] >= most - TARE_TUNING_NOISE_DB) best[r] = most;
    for (size_t r = 0; r < TARE_TUNING_CALIBRATORS; r++) {
        size_t n_better = 0;
        for (size_t k = 0; k < TARE_TUNING_CALIBRATORS; k++)
            n_better += best[k] > best[r] || (best[k] == best[r] && k < r);
        if (n_better == i) return r;
    }
    return i;
}

enum tare_status tare_tune_default(struct tare_tuner *t, struct tare_error *err)
{
    unsigned passes[2];
    const size_t n_passes = first_passes(t, passes), n_last = n_finalists(t);
    size_t finalists[TARE_TUNING_CALIBRATORS];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < TARE_TUNING_CALIBRATORS; i++)
        for (size_t k = 0; st == TARE_OK && k < n_passes; k++)
            st = tare_tuner_try(t, i, passes[k], err);
    for (size_t i = 0; i < n_last; i++)
        finalists[i] = ranked(t->tuning, i);
    for (size_t i = 0; st == TARE_OK && i < n_last; i++)
        st = tare_tuner_try(t, finalists[i], t->passes, err);
    if (st == TARE_OK) tare_tuner_choose(t);
    return st;
}
