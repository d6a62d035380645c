/* tare_tuning_create(): samples, trials, the choice. */
#include <math.h>
#include <string.h>

#include "tuning/tuning.h"

#include "api/model.h"
#include "api/recovery.h"
#include "base/clock.h"
#include "base/mem.h"
#include "recovery/rescaling.h"
#include "recovery/sweep.h"

#define LEAST_SAMPLES 16
#define MOST_SAMPLES  384

void tare_tuner_tick(void *tuner)
{
    struct tare_tuner *t = tuner;
    t->n_ticks++;
    if (t->progress) t->progress(t->progress_ctx, t->n_ticks, t->most_ticks);
}

enum tare_status tare_tuner_recover(struct tare_tuner *t,
                                    const struct tare_build_options *build,
                                    unsigned passes, void *const *inputs, size_t n,
                                    struct tare_recovery **recovery,
                                    struct tare_error *err)
{
    uint64_t hash;
    const enum tare_status st = tare_recovery_hash_ranges(build->cache, &hash, err);
    if (st != TARE_OK) return st;
    *recovery = tare_recovery_create(t->model_hash, hash);
    TARE_FAIL_IF(!*recovery, err, TARE_E_NOMEM, "tuning: no memory");
    return tare_sweep_run(t->model, build, passes, t->pool, inputs, n, tare_tuner_tick,
                          t, *recovery, err);
}

static enum tare_status try_fold(struct tare_tuner *t, struct tare_trial *trial,
                                 size_t fold, struct tare_error *err)
{
    const struct tare_fold *other = &t->folds[1 - fold];
    struct tare_recovery *recovery = NULL;
    struct tare_build_options build = t->build;
    enum tare_status st = TARE_OK;
    build.cache = t->tuning->ranges[trial->ranges].cache;
    if (trial->passes)
        st = tare_tuner_recover(t, &build, trial->passes, other->inputs, other->n,
                                &recovery, err);
    build.recovery = recovery;
    if (st == TARE_OK)
        st = tare_judge_build(&t->folds[fold].judge, &build, &trial->folds[fold], err);
    if (st == TARE_OK) tare_judged_add(&trial->judged, &trial->folds[fold]);
    tare_recovery_destroy(recovery);
    return st;
}

enum tare_status tare_tuner_try(struct tare_tuner *t, size_t ranges, unsigned passes,
                                struct tare_error *err)
{
    const double start = tare_clock_ms();
    struct tare_trial *trial = &t->tuning->trials[t->tuning->n_trials++];
    *trial = (struct tare_trial){.ranges = ranges, .passes = passes};
    enum tare_status st = TARE_OK;
    for (size_t fold = 0; st == TARE_OK && fold < 2; fold++)
        st = try_fold(t, trial, fold, err);
    trial->seconds = (tare_clock_ms() - start) / 1000.0;
    tare_tuner_tick(t);
    return st;
}

/* NaN, which stands for not known, equals everything. */
static int compare(double a, double b)
{
    return a > b ? 1 : a < b ? -1 : 0;
}

/* Rounding counts most, then biases, then factors, which have shown that they help. */
static double extent_of(const struct tare_trial *trial)
{
    const unsigned factors = trial->passes & TARE_RESCALING_PASSES;
    return (double)(trial->passes & ~factors) * (TARE_RESCALING_PASSES + 1) +
           (double)factors;
}

/* Rates of two trials in percent. Where the trials choose other classes than each
 * other, each is as likely right: a difference counts beyond two standard errors of as
 * many coin flips as there can be such samples, those where one of them differs from
 * FP32. */
static int compare_rates(const struct tare_trial *a, const struct tare_trial *b,
                         double rate_a, double rate_b)
{
    const double differ = 200.0 - a->judged.agreement - b->judged.agreement;
    const double n = (double)a->judged.sums.n_classified;
    const double noise = 2.0 * 100.0 * sqrt(differ / 100.0 / n);
    return fabs(rate_a - rate_b) > noise ? compare(rate_a, rate_b) : 0;
}

/* Between trials that are equal but for noise. More passes come first: the recovery is
 * made again on twice as many samples, and rounding gains most by that. */
static int compare_trials(const struct tare_trial *a, const struct tare_trial *b,
                          const char **reason)
{
    int order = compare(extent_of(a), extent_of(b));
    *reason = "most recovery among those within 0.3 dB of the highest SQNR";
    if (order) return order;
    order = compare_rates(a, b, a->judged.top1, b->judged.top1);
    *reason = "most labels hit among those within 0.3 dB of the highest SQNR";
    if (order) return order;
    order = compare_rates(a, b, a->judged.agreement, b->judged.agreement);
    *reason = "most agreement with FP32 among those within 0.3 dB of the highest SQNR";
    if (order) return order;
    *reason = "the usual best of those within 0.3 dB of the highest SQNR";
    if (a->ranges != b->ranges) return a->ranges < b->ranges ? 1 : -1;
    *reason = "highest SQNR";
    return compare(a->judged.sqnr_db, b->judged.sqnr_db);
}

void tare_tuner_choose(struct tare_tuner *t)
{
    struct tare_tuning *tuning = t->tuning;
    size_t highest = 0; /* the first has no factors that could be rejected */
    for (size_t i = 1; i < tuning->n_trials; i++)
        if (!tuning->trials[i].rejected &&
            tuning->trials[i].judged.sqnr_db > tuning->trials[highest].judged.sqnr_db)
            highest = i;
    const double least = tuning->trials[highest].judged.sqnr_db - TARE_TUNING_NOISE_DB;
    tuning->chosen = highest;
    tuning->reason = "highest SQNR";
    for (size_t i = 0; i < tuning->n_trials; i++) {
        const char *reason;
        const struct tare_trial *trial = &tuning->trials[i];
        if (trial->rejected || trial->judged.sqnr_db < least ||
            compare_trials(trial, &tuning->trials[tuning->chosen], &reason) <= 0)
            continue;
        tuning->chosen = i;
        tuning->reason = reason;
    }
}

/* How many samples to use, and whether there is anything to recover. */
static enum tare_status plan_samples(struct tare_tuner *t, size_t available,
                                     struct tare_error *err)
{
    struct tare_build_options build = t->build;
    size_t n;
    unsigned possible;
    build.cache = t->tuning->ranges[0].cache;
    const enum tare_status st =
        tare_sweep_measure(t->model, &build, t->pool, &n, &t->n_layers, &possible, err);
    if (st != TARE_OK) return st;
    t->passes = t->options->passes & possible;
    if (n < LEAST_SAMPLES) n = LEAST_SAMPLES;
    if (n > MOST_SAMPLES) n = MOST_SAMPLES;
    t->tuning->n_samples = n < available ? n : available;
    return TARE_OK;
}

static enum tare_status open_fold(struct tare_tuner *t, struct tare_fold *fold,
                                  const size_t *index, struct tare_error *err)
{
    struct tare_model_value input;
    enum tare_status st = tare_judge_open(&fold->judge, t->model, t->build.isa, t->pool,
                                          fold->inputs, fold->n, err);
    tare_model_input(t->model, 0, &input);
    const size_t batch = input.dims.rank ? (size_t)input.dims.d[0] : 1;
    if (st == TARE_OK)
        st = tare_samples_labels(t->options->labels, index, fold->n, batch,
                                 &fold->labels, err);
    fold->judge.labels = fold->labels;
    return st;
}

static enum tare_status prepare(struct tare_tuner *t,
                                const struct tare_sample_source *source,
                                struct tare_error *err)
{
    struct tare_samples *samples = &t->samples;
    enum tare_status st = tare_pool_create(t->options->n_threads, &t->pool, err);
    if (st == TARE_OK)
        st = tare_recovery_hash_model(t->model->graph, &t->model_hash, err);
    if (st == TARE_OK) st = tare_default_ranges(t, err);
    if (st == TARE_OK) st = plan_samples(t, source->n_samples, err);
    if (st != TARE_OK) return st;
    const size_t n = t->tuning->n_samples;
    st = tare_samples_take(samples, t->model, source, n - n / 2, n / 2, err);
    t->folds[0] = (struct tare_fold){.inputs = samples->fit, .n = samples->n_fit};
    t->folds[1] = (struct tare_fold){.inputs = samples->held, .n = samples->n_held};
    if (st == TARE_OK) st = open_fold(t, &t->folds[0], samples->fit_index, err);
    if (st == TARE_OK) st = open_fold(t, &t->folds[1], samples->held_index, err);
    return st;
}

/* The choice under the name of the method that was asked for. */
static enum tare_status conclude(struct tare_tuner *t, struct tare_error *err)
{
    struct tare_tuning *tuning = t->tuning;
    const struct tare_ranges *chosen =
        &tuning->ranges[tuning->trials[tuning->chosen].ranges];
    const struct tare_calibration *part = chosen->calibration;
    const char *method = chosen->is_mixed ? NULL : chosen->name;
    size_t *choice = tare_alloc_array(tare_calibration_count(part), sizeof *choice);
    TARE_FAIL_IF(!choice, err, TARE_E_NOMEM, "tuning: no memory");
    const enum tare_status st = tare_calibration_combine(
        &part, &method, choice, t->options->mix ? "mix" : "default",
        &tuning->calibration, err);
    tare_free(choice);
    return st;
}

/* All has been judged: the chosen recovery, on all samples. */
static enum tare_status recover_chosen(struct tare_tuner *t, struct tare_error *err)
{
    const struct tare_trial *trial = &t->tuning->trials[t->tuning->chosen];
    struct tare_build_options build = t->build;
    const size_t n = t->tuning->n_samples;
    if (!trial->passes) return TARE_OK;
    void **inputs = tare_alloc_array(n, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "tuning: no memory");
    for (size_t i = 0; i < n; i++)
        inputs[i] = t->folds[i % 2 == 1].inputs[i / 2];
    build.cache = t->tuning->ranges[trial->ranges].cache;
    const enum tare_status st = tare_tuner_recover(t, &build, trial->passes, inputs, n,
                                                   &t->tuning->recovery, err);
    tare_free(inputs);
    return st;
}

static enum tare_status tune(struct tare_tuner *t,
                             const struct tare_sample_source *source,
                             struct tare_error *err)
{
    enum tare_status st = prepare(t, source, err);
    if (st != TARE_OK) return st;
    t->most_ticks =
        t->n_layers + tare_default_ticks(t) + (t->options->mix ? tare_mix_ticks(t) : 0);
    st = tare_tune_default(t, err);
    if (st == TARE_OK && t->options->mix) st = tare_tune_mix(t, err);
    if (st == TARE_OK) st = recover_chosen(t, err);
    return st == TARE_OK ? conclude(t, err) : st;
}

static void release(struct tare_tuner *t)
{
    for (size_t i = 0; i < 2; i++) {
        tare_judge_release(&t->folds[i].judge);
        tare_free(t->folds[i].labels);
    }
    tare_samples_release(&t->samples);
    tare_pool_destroy(t->pool);
}

enum tare_status tare_tuning_create(const struct tare_model *model,
                                    const struct tare_observations *observations,
                                    const struct tare_sample_source *source,
                                    const struct tare_tuning_options *options,
                                    tare_progress_fn *progress, void *progress_ctx,
                                    struct tare_tuning **tuning, struct tare_error *err)
{
    *tuning = NULL;
    TARE_FAIL_IF(source->n_samples < 2, err, TARE_E_ARG,
                 "tuning: %zu samples, want at least 2: some to correct on, some to "
                 "judge by",
                 source->n_samples);
    TARE_FAIL_IF(tare_model_n_inputs(model) != 1, err, TARE_E_ARG,
                 "tuning: the model has %zu inputs, want 1",
                 tare_model_n_inputs(model));
    struct tare_tuning *result = tare_alloc_array(1, sizeof *result);
    TARE_FAIL_IF(!result, err, TARE_E_NOMEM, "tuning: no memory");
    struct tare_tuner tuner = {.model = model,
                               .observations = observations,
                               .options = options,
                               .build = {.int8 = true, .isa = options->isa},
                               .progress = progress,
                               .progress_ctx = progress_ctx,
                               .tuning = result};
    const enum tare_status st = tune(&tuner, source, err);
    release(&tuner);
    if (st == TARE_OK)
        *tuning = result;
    else
        tare_tuning_destroy(result);
    return st;
}
