/* tare_recover(): samples, passes, and whether they help. */
#include <math.h>

#include "api/model.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "recovery/judge.h"
#include "recovery/rescaling.h"
#include "recovery/samples.h"
#include "recovery/sweep.h"

#define MOST_SAMPLES  128
#define LEAST_SAMPLES 16
#define HELD_BACK     8 /* of so many samples one */

struct job {
    const struct tare_model *model;
    struct tare_build_options build; /* without a recovery */
    const struct tare_recover_options *options;
    unsigned possible; /* passes that find something to do */
    struct tare_pool *pool;
    struct tare_samples samples;
    struct tare_judge judge;
    struct tare_recovery *kept;
    unsigned kept_passes;      /* that made it */
    struct tare_judged judged; /* with it */
    tare_progress_fn *progress;
    void *progress_ctx;
    size_t n_ticks, most_ticks;
    size_t n_layers; /* of a sweep */
};

/* In the order in which they are tried: what rescales does so with corrected biases,
 * without which the noise of networks that need it is another; rounding comes last, as
 * it makes up for what all others leave. */
static const struct {
    unsigned pass;
    const char *name;
} passes_in_order[TARE_RECOVER_MAX_ROWS] = {
    {TARE_RECOVER_BIAS, "bias"},
    {TARE_RECOVER_EQUALIZE, "equalize"},
    {TARE_RECOVER_SMOOTH, "smooth"},
    {TARE_RECOVER_ROUNDING, "rounding"},
};

static void show(const struct job *job)
{
    if (job->progress) job->progress(job->progress_ctx, job->n_ticks, job->most_ticks);
}

static void tick(void *ctx)
{
    struct job *job = ctx;
    job->n_ticks++;
    show(job);
}

/* `n` sweeps are done; those of passes without a walk over the layers had no ticks. */
static void tick_sweeps(struct job *job, size_t n)
{
    job->n_ticks = n * job->n_layers;
    show(job);
}

/* How many samples to use; counts the layers on the way. */
static enum tare_status choose_size(struct job *job, size_t available, size_t *n,
                                    struct tare_error *err)
{
    const enum tare_status st = tare_sweep_measure(
        job->model, &job->build, job->pool, n, &job->n_layers, &job->possible, err);
    if (st != TARE_OK) return st;
    if (*n < LEAST_SAMPLES) *n = LEAST_SAMPLES;
    if (*n > MOST_SAMPLES) *n = MOST_SAMPLES;
    if (*n > available) *n = available;
    job->most_ticks = job->n_layers; /* of the last sweep, over all samples */
    for (size_t i = 0; i < TARE_RECOVER_MAX_ROWS; i++)
        if (job->options->passes & passes_in_order[i].pass)
            job->most_ticks += job->n_layers;
    TARE_FAIL_IF(job->n_layers == 0, err, TARE_E_ARG,
                 "recovery: no layer with weights is in INT8, so there is nothing to "
                 "recover");
    return TARE_OK;
}

static enum tare_status prepare(struct job *job,
                                const struct tare_sample_source *source,
                                struct tare_error *err)
{
    size_t n;
    uint64_t model, ranges;
    enum tare_status st = choose_size(job, source->n_samples, &n, err);
    const size_t n_held = st == TARE_OK && n > HELD_BACK ? n / HELD_BACK : 1;
    if (st == TARE_OK)
        st = tare_samples_take(&job->samples, job->model, source, n - n_held, n_held,
                               err);
    if (st == TARE_OK)
        st = tare_judge_open(&job->judge, job->model, job->build.isa, job->pool,
                             job->samples.held, job->samples.n_held, err);
    if (st == TARE_OK)
        st = tare_judge_build(&job->judge, &job->build, &job->judged, err);
    if (st == TARE_OK) st = tare_recovery_hash_model(job->model->graph, &model, err);
    if (st == TARE_OK) st = tare_recovery_hash_ranges(job->build.cache, &ranges, err);
    if (st != TARE_OK) return st;
    job->kept = tare_recovery_create(model, ranges);
    TARE_FAIL_IF(!job->kept, err, TARE_E_NOMEM, "recovery: no memory");
    return TARE_OK;
}

/* A sweep with `passes` over some samples. */
static enum tare_status sweep(struct job *job, unsigned passes, void *const *inputs,
                              size_t n, struct tare_recovery **made,
                              struct tare_error *err)
{
    *made = tare_recovery_create(job->kept->model, job->kept->ranges);
    TARE_FAIL_IF(!*made, err, TARE_E_NOMEM, "recovery: no memory");
    return tare_sweep_run(job->model, &job->build, passes, job->pool, inputs, n, tick,
                          job, *made, err);
}

/* `made` takes the place of what there was. */
static void keep(struct job *job, unsigned passes, struct tare_recovery *made)
{
    tare_recovery_destroy(job->kept);
    job->kept = made;
    job->kept_passes = passes;
}

/* Layers that a pass has a part of. */
static size_t n_changed(const struct tare_recovery *recovery, unsigned pass)
{
    size_t n = 0;
    for (size_t i = 0; i < recovery->n_layers; i++) {
        const struct tare_recovered_layer *layer = &recovery->layers[i];
        n +=
            pass & TARE_RESCALING_PASSES ? layer->factors != NULL : layer->bias != NULL;
    }
    return n;
}

/* Factors are kept only where they help: unlike the other passes, which bring the
 * network nearer to FP32, they trade the steps of some channels for others'. */
static bool is_kept(const struct job *job, unsigned pass,
                    const struct tare_judged *judged)
{
    if (!job->options->only_if_better && !(pass & TARE_RESCALING_PASSES)) return true;
    return judged->sqnr_db > job->judged.sqnr_db;
}

/* Sweep with a pass beside those that are kept, and keep the result or not. */
static enum tare_status try_pass(struct job *job, unsigned pass, const char *name,
                                 struct tare_recover_row *row, struct tare_error *err)
{
    const double start = tare_clock_ms();
    struct tare_recovery *made;
    unsigned passes = job->kept_passes | pass;
    if (pass == TARE_RECOVER_ROUNDING)
        passes |= job->options->passes & TARE_RECOVER_BIAS;
    *row = (struct tare_recover_row){.pass = name,
                                     .before_db = job->judged.sqnr_db,
                                     .after_db = job->judged.sqnr_db};
    if (!(job->possible & pass)) return TARE_OK;
    struct tare_judged judged = {0};
    enum tare_status st =
        sweep(job, passes, job->samples.fit, job->samples.n_fit, &made, err);
    struct tare_build_options build = job->build;
    build.recovery = made;
    if (st == TARE_OK) st = tare_judge_build(&job->judge, &build, &judged, err);
    if (st != TARE_OK) {
        tare_recovery_destroy(made);
        return st;
    }
    row->after_db = judged.sqnr_db;
    row->kept = is_kept(job, pass, &judged);
    row->n_layers = n_changed(made, pass);
    row->seconds = (tare_clock_ms() - start) / 1000.0;
    if (row->kept) {
        keep(job, passes, made);
        job->judged = judged;
    } else {
        tare_recovery_destroy(made);
    }
    return TARE_OK;
}

/* The judge has spoken: what helps is done again, with the samples that were held back
 * too, all in their own order, so that tuning makes the same of the same samples. */
static enum tare_status use_all_samples(struct job *job, struct tare_error *err)
{
    const struct tare_samples *samples = &job->samples;
    const size_t n = samples->n_fit + samples->n_held;
    struct tare_recovery *made = NULL;
    void **all = tare_alloc_array(n, sizeof *all);
    TARE_FAIL_IF(!all, err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t fit = 0, held = 0; fit + held < n;) {
        const bool is_fit = held == samples->n_held ||
                            (fit < samples->n_fit &&
                             samples->fit_index[fit] < samples->held_index[held]);
        all[fit + held] = is_fit ? samples->fit[fit] : samples->held[held];
        *(is_fit ? &fit : &held) += 1;
    }
    const enum tare_status st = sweep(job, job->kept_passes, all, n, &made, err);
    tare_free(all);
    if (st == TARE_OK)
        keep(job, job->kept_passes, made);
    else
        tare_recovery_destroy(made);
    return st;
}

static enum tare_status recover(struct job *job,
                                const struct tare_sample_source *source,
                                struct tare_recover_row *rows, size_t *n_rows,
                                struct tare_error *err)
{
    enum tare_status st = prepare(job, source, err);
    for (size_t i = 0; st == TARE_OK && i < TARE_RECOVER_MAX_ROWS; i++) {
        if (!(job->options->passes & passes_in_order[i].pass)) continue;
        st = try_pass(job, passes_in_order[i].pass, passes_in_order[i].name,
                      &rows[(*n_rows)++], err);
        if (st == TARE_OK) tick_sweeps(job, *n_rows);
    }
    if (st == TARE_OK && job->kept_passes) st = use_all_samples(job, err);
    return st;
}

static void release(struct job *job)
{
    tare_samples_release(&job->samples);
    tare_judge_release(&job->judge);
    tare_recovery_destroy(job->kept);
    tare_pool_destroy(job->pool);
}

enum tare_status
tare_recover(const struct tare_model *model, const struct tare_build_options *build,
             const struct tare_sample_source *source,
             const struct tare_recover_options *options, tare_progress_fn *progress,
             void *progress_ctx, struct tare_recovery **recovery,
             struct tare_recover_row *rows, size_t *n_rows, struct tare_error *err)
{
    *recovery = NULL;
    *n_rows = 0;
    TARE_FAIL_IF(!build->int8 || !build->cache, err, TARE_E_ARG,
                 "recovery: want an INT8 build with a cache");
    TARE_FAIL_IF(source->n_samples < 2, err, TARE_E_ARG,
                 "recovery: %zu samples, want at least 2: some to correct on, some to "
                 "judge by",
                 source->n_samples);
    TARE_FAIL_IF(tare_model_n_inputs(model) != 1, err, TARE_E_ARG,
                 "recovery: the model has %zu inputs, want 1",
                 tare_model_n_inputs(model));
    struct job job = {.model = model,
                      .build = *build,
                      .options = options,
                      .progress = progress,
                      .progress_ctx = progress_ctx};
    job.build.recovery = NULL;
    enum tare_status st = tare_pool_create(options->n_threads, &job.pool, err);
    if (st == TARE_OK) st = recover(&job, source, rows, n_rows, err);
    if (st == TARE_OK) {
        *recovery = job.kept;
        job.kept = NULL;
    }
    release(&job);
    return st;
}
