/* tare_recover(): samples, passes, and whether they help. */
#include <math.h>

#include "api/model.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "recovery/judge.h"
#include "recovery/sweep.h"

#define MOST_SAMPLES  128
#define LEAST_SAMPLES 16
#define HELD_BACK     8 /* of so many samples one */

struct job {
    const struct tare_model *model;
    struct tare_build_options build; /* recovery: what is kept so far */
    const struct tare_recover_options *options;
    struct tare_pool *pool;
    float **fit, **held; /* inputs: to correct on, to judge by */
    size_t n_fit, n_held;
    struct tare_judge judge;
    struct tare_recovery *kept;
    struct tare_judged judged; /* with what is kept */
    tare_progress_fn *progress;
    void *progress_ctx;
    size_t n_ticks, most_ticks;
};

static void tick(void *ctx)
{
    struct job *job = ctx;
    job->n_ticks++;
    if (job->progress) job->progress(job->progress_ctx, job->n_ticks, job->most_ticks);
}

/* How many samples to use; counts the layers on the way. */
static enum tare_status choose_size(struct job *job, size_t available, size_t *n,
                                    struct tare_error *err)
{
    const unsigned passes = job->options->passes;
    size_t n_layers;
    const enum tare_status st =
        tare_sweep_measure(job->model, &job->build, job->pool, n, &n_layers, err);
    if (st != TARE_OK) return st;
    if (*n < LEAST_SAMPLES) *n = LEAST_SAMPLES;
    if (*n > MOST_SAMPLES) *n = MOST_SAMPLES;
    if (*n > available) *n = available;
    job->most_ticks = (passes & TARE_RECOVER_BIAS ? n_layers : 0) +
                      (passes & TARE_RECOVER_ROUNDING ? n_layers : 0);
    TARE_FAIL_IF(n_layers == 0, err, TARE_E_ARG,
                 "recovery: no layer with weights is in INT8, so there is nothing to "
                 "recover");
    return TARE_OK;
}

/* Spread over the whole source, whose samples may be sorted by class. */
static enum tare_status take_samples(struct job *job,
                                     const struct tare_sample_source *source, size_t n,
                                     struct tare_error *err)
{
    struct tare_model_value input;
    size_t n_elems = 1;
    tare_model_input(job->model, 0, &input);
    for (int i = 0; i < input.dims.rank; i++)
        n_elems *= (size_t)input.dims.d[i];
    job->fit = tare_alloc_array(n, sizeof *job->fit);
    job->held = tare_alloc_array(n, sizeof *job->held);
    TARE_FAIL_IF(!job->fit || !job->held, err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t i = 0; i < n; i++) {
        float *data = tare_alloc_array(n_elems, sizeof *data);
        TARE_FAIL_IF(!data, err, TARE_E_NOMEM, "recovery: no memory for a sample");
        if (i % HELD_BACK == HELD_BACK - 1 || (n < HELD_BACK && i == n - 1))
            job->held[job->n_held++] = data;
        else
            job->fit[job->n_fit++] = data;
        const enum tare_status st =
            source->fill(source->ctx, i * source->n_samples / n, data, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status prepare(struct job *job,
                                const struct tare_sample_source *source,
                                struct tare_error *err)
{
    size_t n;
    uint64_t model, ranges;
    enum tare_status st = choose_size(job, source->n_samples, &n, err);
    if (st == TARE_OK) st = take_samples(job, source, n, err);
    if (st == TARE_OK)
        st = tare_judge_open(&job->judge, job->model, job->build.isa, job->pool,
                             job->held, job->n_held, err);
    if (st == TARE_OK)
        st = tare_judge_build(&job->judge, &job->build, &job->judged, err);
    if (st == TARE_OK) st = tare_recovery_hash_model(job->model->graph, &model, err);
    if (st == TARE_OK) st = tare_recovery_hash_ranges(job->build.cache, &ranges, err);
    if (st != TARE_OK) return st;
    job->kept = tare_recovery_create(model, ranges);
    TARE_FAIL_IF(!job->kept, err, TARE_E_NOMEM, "recovery: no memory");
    return TARE_OK;
}

/* Sweep with `passes`, and keep the result in the place of what there was, or not. */
static enum tare_status try_passes(struct job *job, unsigned passes, const char *name,
                                   struct tare_recover_row *row, struct tare_error *err)
{
    const double start = tare_clock_ms();
    struct tare_recovery *made =
        tare_recovery_create(job->kept->model, job->kept->ranges);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "recovery: no memory");
    struct tare_judged judged = {0};
    *row = (struct tare_recover_row){.pass = name, .before_db = job->judged.sqnr_db};
    enum tare_status st = tare_sweep_run(job->model, &job->build, passes, job->pool,
                                         job->fit, job->n_fit, tick, job, made, err);
    job->build.recovery = made;
    if (st == TARE_OK) st = tare_judge_build(&job->judge, &job->build, &judged, err);
    row->after_db = judged.sqnr_db;
    row->n_layers = made->n_layers;
    row->kept = st == TARE_OK &&
                (!job->options->only_if_better || row->after_db > row->before_db);
    row->seconds = (tare_clock_ms() - start) / 1000.0;
    struct tare_recovery *lost = row->kept ? job->kept : made;
    if (row->kept) {
        job->kept = made;
        job->judged = judged;
    }
    job->build.recovery = job->kept;
    tare_recovery_destroy(lost);
    return st;
}

static enum tare_status recover(struct job *job,
                                const struct tare_sample_source *source,
                                struct tare_recover_row *rows, size_t *n_rows,
                                struct tare_error *err)
{
    const unsigned passes = job->options->passes;
    enum tare_status st = prepare(job, source, err);
    if (st == TARE_OK && (passes & TARE_RECOVER_BIAS))
        st = try_passes(job, TARE_RECOVER_BIAS, "bias", &rows[(*n_rows)++], err);
    if (st == TARE_OK && (passes & TARE_RECOVER_ROUNDING))
        st = try_passes(job, passes, "rounding", &rows[(*n_rows)++], err);
    return st;
}

static void release(struct job *job)
{
    for (size_t i = 0; i < job->n_fit; i++)
        tare_free(job->fit[i]);
    for (size_t i = 0; i < job->n_held; i++)
        tare_free(job->held[i]);
    tare_free(job->fit);
    tare_free(job->held);
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
