/* default.c - one calibrator for the whole network, with and without recovery: the one
 * that does best on samples that its recovery has not seen. The order of calibrators by
 * their SQNR before recovery is not that after it, and only the latter matters. */
#include <math.h>

#include "recovery/rescaling.h"
#include "tuning/tuning.h"

/* Rounding is dear, and so are factors, with biases that follow them: only the best few
 * ranges get them. */
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

/* The passes that choose factors must show that they help, whatever is asked for. */
static const unsigned rescaling[] = {TARE_RECOVER_EQUALIZE, TARE_RECOVER_SMOOTH};
enum { N_RESCALING = sizeof rescaling / sizeof rescaling[0] };

static unsigned other_passes(const struct tare_tuner *t)
{
    return t->passes & ~TARE_RESCALING_PASSES;
}

/* What all candidates are tried with; returns how many there are. */
static size_t first_passes(const struct tare_tuner *t, unsigned passes[2])
{
    const unsigned wanted = other_passes(t);
    size_t n = 0;
    if (!t->options->always || wanted == 0) passes[n++] = 0;
    if (wanted == TARE_RECOVER_BIAS || (wanted && !t->options->always))
        passes[n++] = wanted & TARE_RECOVER_BIAS;
    if (n == 2 && passes[1] == 0) n = 1;
    return n;
}

static size_t n_finalists(const struct tare_tuner *t)
{
    if (!(t->passes & (TARE_RECOVER_ROUNDING | TARE_RESCALING_PASSES))) return 0;
    return t->options->always ? TARE_TUNING_CALIBRATORS : MAX_FINALISTS;
}

/* Trials of a finalist, at most. */
static size_t n_last_trials(const struct tare_tuner *t)
{
    size_t n = (t->passes & TARE_RECOVER_ROUNDING) != 0;
    for (size_t i = 0; i < N_RESCALING; i++)
        n += (t->passes & rescaling[i]) != 0;
    return n;
}

size_t tare_default_ticks(const struct tare_tuner *t)
{
    unsigned passes[2];
    const size_t n = first_passes(t, passes);
    size_t ticks = n_finalists(t) * n_last_trials(t) * (1 + 2 * t->n_layers);
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

static const struct tare_trial *find_trial(const struct tare_tuning *tuning,
                                           size_t ranges, unsigned passes)
{
    for (size_t i = 0; i < tuning->n_trials; i++)
        if (tuning->trials[i].ranges == ranges && tuning->trials[i].passes == passes)
            return &tuning->trials[i];
    return NULL;
}

/* The trial, made unless it is there. */
static enum tare_status find_or_try(struct tare_tuner *t, size_t ranges,
                                    unsigned passes, const struct tare_trial **trial,
                                    struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *trial = find_trial(t->tuning, ranges, passes);
    if (!*trial) st = tare_tuner_try(t, ranges, passes, err);
    if (st == TARE_OK) *trial = find_trial(t->tuning, ranges, passes);
    return st;
}

/* The passes that choose factors, one after the other, each kept when both halves gain;
 * then rounding on top. */
static enum tare_status try_finalist(struct tare_tuner *t, size_t ranges,
                                     struct tare_error *err)
{
    const unsigned wanted = other_passes(t);
    const struct tare_trial *best, *other;
    unsigned passes = t->options->always ? wanted : wanted & TARE_RECOVER_BIAS;
    enum tare_status st = find_or_try(t, ranges, passes, &best, err);
    for (size_t i = 0; st == TARE_OK && i < N_RESCALING; i++) {
        if (!(t->passes & rescaling[i])) continue;
        st = tare_tuner_try(t, ranges, passes | rescaling[i], err);
        if (st != TARE_OK) return st;
        struct tare_trial *trial = &t->tuning->trials[t->tuning->n_trials - 1];
        trial->rejected = !(trial->folds[0].sqnr_db > best->folds[0].sqnr_db) ||
                          !(trial->folds[1].sqnr_db > best->folds[1].sqnr_db);
        if (trial->rejected) continue;
        passes |= rescaling[i];
        best = trial;
    }
    if (st == TARE_OK) st = find_or_try(t, ranges, passes | wanted, &other, err);
    return st;
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
        st = try_finalist(t, finalists[i], err);
    if (st == TARE_OK) tare_tuner_choose(t);
    return st;
}
