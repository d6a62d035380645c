/* tare_tuning_create(): samples, trials, the choice. */
#include <math.h>
#include <string.h>

#include "tuning/tuning.h"

#include "api/model.h"
#include "api/recovery.h"
#include "base/clock.h"
#include "base/mem.h"
#include "recovery/sweep.h"

#define HELD_BACK  4 /* of so many samples one */
#define LEAST_HELD 16
#define MOST_HELD  128
#define MOST_FIT   256

void tare_tuner_tick(void *tuner)
{
    struct tare_tuner *t = tuner;
    t->n_ticks++;
    if (t->progress) t->progress(t->progress_ctx, t->n_ticks, t->most_ticks);
}

static enum tare_status sweep(struct tare_tuner *t,
                              const struct tare_build_options *build, unsigned passes,
                              float *const *inputs, size_t n,
                              struct tare_recovery **recovery, struct tare_error *err)
{
    uint64_t hash;
    const enum tare_status st = tare_recovery_hash_ranges(build->cache, &hash, err);
    if (st != TARE_OK) return st;
    *recovery = tare_recovery_create(t->model_hash, hash);
    TARE_FAIL_IF(!*recovery, err, TARE_E_NOMEM, "tuning: no memory");
    return tare_sweep_run(t->model, build, passes, t->pool, inputs, n, tare_tuner_tick,
                          t, *recovery, err);
}

enum tare_status tare_tuner_try(struct tare_tuner *t, size_t ranges, unsigned passes,
                                struct tare_error *err)
{
    const double start = tare_clock_ms();
    struct tare_trial *trial = &t->tuning->trials[t->tuning->n_trials++];
    struct tare_build_options build = t->build;
    enum tare_status st = TARE_OK;
    *trial = (struct tare_trial){.ranges = ranges, .passes = passes};
    build.cache = t->tuning->ranges[ranges].cache;
    if (passes) {
        st = sweep(t, &build, passes, t->samples.fit, t->samples.n_fit,
                   &trial->recovery, err);
        build.recovery = trial->recovery;
    }
    if (st == TARE_OK) st = tare_judge_build(&t->judge, &build, &trial->judged, err);
    trial->seconds = (tare_clock_ms() - start) / 1000.0;
    tare_tuner_tick(t);
    return st;
}

/* NaN, which stands for not known, equals everything. */
static int compare(double a, double b)
{
    return a > b ? 1 : a < b ? -1 : 0;
}

/* Between trials that are equal but for noise. */
static int compare_trials(const struct tare_tuning *tuning, const struct tare_trial *a,
                          const struct tare_trial *b, const char **reason)
{
    int order = compare(a->judged.top1, b->judged.top1);
    *reason = "most labels hit among those within 0.5 dB of the highest SQNR";
    if (order) return order;
    order = compare(a->judged.agreement, b->judged.agreement);
    *reason = "most agreement with FP32 among those within 0.5 dB of the highest SQNR";
    if (order) return order;
    const bool any_mixed =
        tuning->ranges[a->ranges].is_mixed || tuning->ranges[b->ranges].is_mixed;
    *reason = "the usual best of those within 0.5 dB of the highest SQNR";
    if (a->ranges != b->ranges && !any_mixed) return a->ranges < b->ranges ? 1 : -1;
    *reason = "highest SQNR";
    return compare(a->judged.sqnr_db, b->judged.sqnr_db);
}

void tare_tuner_choose(struct tare_tuner *t)
{
    struct tare_tuning *tuning = t->tuning;
    size_t highest = 0;
    for (size_t i = 1; i < tuning->n_trials; i++)
        if (tuning->trials[i].judged.sqnr_db > tuning->trials[highest].judged.sqnr_db)
            highest = i;
    const double least = tuning->trials[highest].judged.sqnr_db - TARE_TUNING_NOISE_DB;
    tuning->chosen = highest;
    tuning->reason = "highest SQNR";
    for (size_t i = 0; i < tuning->n_trials; i++) {
        const char *reason;
        const struct tare_trial *trial = &tuning->trials[i];
        if (trial->judged.sqnr_db < least ||
            compare_trials(tuning, trial, &tuning->trials[tuning->chosen], &reason) <=
                0)
            continue;
        tuning->chosen = i;
        tuning->reason = reason;
    }
}

/* How many samples to use for what, and whether there is anything to recover. */
static enum tare_status plan_samples(struct tare_tuner *t, size_t available,
                                     size_t *n_fit, size_t *n_held,
                                     struct tare_error *err)
{
    struct tare_build_options build = t->build;
    size_t most;
    build.cache = t->tuning->ranges[0].cache;
    const enum tare_status st =
        tare_sweep_measure(t->model, &build, t->pool, &most, &t->n_layers, err);
    if (st != TARE_OK) return st;
    t->passes = t->n_layers ? t->options->passes : 0;
    *n_held = available / HELD_BACK;
    if (*n_held < LEAST_HELD) *n_held = LEAST_HELD;
    if (*n_held > MOST_HELD) *n_held = MOST_HELD;
    if (*n_held > available / 2) *n_held = available / 2;
    if (most < LEAST_HELD) most = LEAST_HELD;
    t->most_samples = most;
    if (most > MOST_FIT) most = MOST_FIT;
    *n_fit = available - *n_held < most ? available - *n_held : most;
    return TARE_OK;
}

static enum tare_status find_labels(struct tare_tuner *t, struct tare_error *err)
{
    struct tare_model_value input;
    if (!t->options->labels) return TARE_OK;
    tare_model_input(t->model, 0, &input);
    const size_t batch = input.dims.rank ? (size_t)input.dims.d[0] : 1;
    t->held_labels = tare_alloc_array(t->samples.n_held * batch, sizeof(int64_t));
    TARE_FAIL_IF(!t->held_labels, err, TARE_E_NOMEM, "tuning: no memory for labels");
    for (size_t i = 0; i < t->samples.n_held; i++)
        memcpy(t->held_labels + i * batch,
               t->options->labels + t->samples.held_index[i] * batch,
               batch * sizeof(int64_t));
    t->judge.labels = t->held_labels;
    return TARE_OK;
}

static enum tare_status prepare(struct tare_tuner *t,
                                const struct tare_sample_source *source,
                                struct tare_error *err)
{
    size_t n_fit = 0, n_held = 0;
    enum tare_status st = tare_pool_create(t->options->n_threads, &t->pool, err);
    if (st == TARE_OK)
        st = tare_recovery_hash_model(t->model->graph, &t->model_hash, err);
    if (st == TARE_OK) st = tare_default_ranges(t, err);
    if (st == TARE_OK) st = plan_samples(t, source->n_samples, &n_fit, &n_held, err);
    if (st == TARE_OK)
        st = tare_samples_take(&t->samples, t->model, source, n_fit, n_held, err);
    if (st == TARE_OK)
        st = tare_judge_open(&t->judge, t->model, t->build.isa, t->pool,
                             t->samples.held, n_held, err);
    if (st == TARE_OK) st = find_labels(t, err);
    t->tuning->n_fit = n_fit;
    t->tuning->n_held = n_held;
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

/* All has been judged: the chosen recovery is made again, with the samples that were
 * held back too. */
static enum tare_status use_all_samples(struct tare_tuner *t, struct tare_error *err)
{
    struct tare_trial *trial = &t->tuning->trials[t->tuning->chosen];
    struct tare_build_options build = t->build;
    struct tare_recovery *recovery = NULL;
    const struct tare_samples *samples = &t->samples;
    size_t n = samples->n_fit + samples->n_held;
    if (!trial->passes) return TARE_OK;
    float **inputs = tare_alloc_array(n, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "tuning: no memory");
    for (size_t i = 0; i < n; i++)
        inputs[i] =
            i < samples->n_fit ? samples->fit[i] : samples->held[i - samples->n_fit];
    if (n > t->most_samples) n = t->most_samples;
    build.cache = t->tuning->ranges[trial->ranges].cache;
    const enum tare_status st =
        sweep(t, &build, trial->passes, inputs, n, &recovery, err);
    tare_free(inputs);
    struct tare_recovery *lost = st == TARE_OK ? trial->recovery : recovery;
    if (st == TARE_OK) trial->recovery = recovery;
    tare_recovery_destroy(lost);
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
    if (st == TARE_OK) st = use_all_samples(t, err);
    return st == TARE_OK ? conclude(t, err) : st;
}

static void release(struct tare_tuner *t)
{
    tare_judge_release(&t->judge);
    tare_samples_release(&t->samples);
    tare_free(t->held_labels);
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
