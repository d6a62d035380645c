/* Samples through the walk, several at a time; sums are added in the samples' order. */
#include "search/sensitivity.h"

#include <math.h>
#include <pthread.h>

#include "api/model.h"
#include "base/mem.h"
#include "recovery/samples.h"
#include "search/walk.h"

/* Of what runs behind the layers, for the damage at the outputs: ResNet-50 on 10
 * samples. */
#define MACS_BUDGET       2.3e12
#define LEAST_FOR_OUTPUTS 8

struct row {
    char *name, *type, *output;
    struct tare_damage_sums alone, accumulated;
};

struct tare_sensitivity {
    struct row *rows; /* [n] */
    size_t n;
    size_t n_samples, n_for_outputs;
};

struct job {
    struct tare_probe probe;
    struct tare_walker *walkers; /* [n_workers] */
    size_t n_workers;
    void *const *inputs; /* [n] */
    size_t n, n_for_outputs;
    struct tare_damage_sums *sums; /* [n][candidates][2] */
    struct tare_error *errors;     /* [n] */
    pthread_mutex_t lock;          /* of what follows */
    size_t n_done;
    tare_progress_fn *progress;
    void *progress_ctx;
};

/* Spread over all of them. */
static bool is_for_outputs(const struct job *job, size_t sample)
{
    return (sample + 1) * job->n_for_outputs / job->n >
           sample * job->n_for_outputs / job->n;
}

static size_t affordable_samples(const struct tare_model *model, const struct job *job)
{
    double macs = 1.0;
    for (size_t i = 0; i < tare_model_n_nodes(model); i++) {
        struct tare_model_node node;
        tare_model_get_node(model, i, &node);
        macs += (double)node.macs;
    }
    /* twice for each layer, half of the network on average */
    const double n = MACS_BUDGET / (macs * (double)job->probe.n);
    return (size_t)fmin(fmax(n, LEAST_FOR_OUTPUTS), (double)job->n);
}

static void walk_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    struct job *job = arg;
    for (int64_t i = begin; i < end; i++) {
        (void)tare_walk(&job->walkers[worker], job->inputs[i],
                        is_for_outputs(job, (size_t)i),
                        &job->sums[2 * job->probe.n * (size_t)i], &job->errors[i]);
        (void)pthread_mutex_lock(&job->lock);
        job->n_done++;
        if (job->progress) job->progress(job->progress_ctx, job->n_done, job->n);
        (void)pthread_mutex_unlock(&job->lock);
    }
}

static enum tare_status open_job(struct job *job, struct tare_pool *pool,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build,
                                 struct tare_error *err)
{
    struct tare_build_options int8 = *build;
    int8.fp16 = int8.bf16 = false;
    enum tare_status st = tare_probe_open(&job->probe, pool, model, &int8, err);
    if (st != TARE_OK) return st;
    job->n_for_outputs = affordable_samples(model, job);
    job->n_workers = (size_t)tare_pool_size(pool);
    if (job->n_workers > job->n) job->n_workers = job->n;
    void **first = tare_alloc_array(2 * job->n_workers, sizeof *first);
    size_t n_sums;
    if (first && tare_mul_size(job->n, 2 * job->probe.n, &n_sums)) {
        job->walkers = tare_alloc_array(job->n_workers, sizeof *job->walkers);
        job->sums = tare_alloc_array(n_sums, sizeof *job->sums);
        job->errors = tare_alloc_array(job->n, sizeof *job->errors);
    }
    for (size_t i = 0; first && i < 2 * job->n_workers; i++)
        first[i] = job->inputs[0];
    if (!job->walkers || !job->sums || !job->errors)
        st = tare_error_set(err, TARE_E_NOMEM, "sensitivity: no memory");
    if (st == TARE_OK)
        st = tare_replicas_start(&job->probe.fp32, first, 2 * job->n_workers, err);
    if (st == TARE_OK)
        st = tare_replicas_start(&job->probe.int8, first, 2 * job->n_workers, err);
    for (size_t i = 0; st == TARE_OK && i < job->n_workers; i++)
        st = tare_walker_open(&job->walkers[i], &job->probe, i, err);
    tare_free(first);
    return st;
}

static void close_job(struct job *job)
{
    for (size_t i = 0; job->walkers && i < job->n_workers; i++)
        tare_walker_release(&job->walkers[i]);
    tare_free(job->walkers);
    tare_free(job->sums);
    tare_free(job->errors);
    tare_probe_release(&job->probe);
    (void)pthread_mutex_destroy(&job->lock);
}

static void add_damage(struct tare_damage_sums *sums,
                       const struct tare_damage_sums *more)
{
    tare_sums_add(&sums->layer, &more->layer);
    tare_sums_add(&sums->outputs, &more->outputs);
}

static enum tare_status conclude(const struct job *job, struct tare_sensitivity *s,
                                 struct tare_error *err)
{
    const struct tare_probe *p = &job->probe;
    for (size_t i = 0; i < job->n; i++)
        if (job->errors[i].code != TARE_OK) {
            if (err) *err = job->errors[i];
            return job->errors[i].code;
        }
    s->rows = tare_alloc_array(p->n, sizeof *s->rows);
    TARE_FAIL_IF(!s->rows, err, TARE_E_NOMEM, "sensitivity: no memory");
    s->n = p->n;
    s->n_samples = job->n;
    s->n_for_outputs = job->n_for_outputs;
    for (size_t c = 0; c < p->n; c++) {
        struct row *row = &s->rows[c];
        row->name = tare_strdup(p->candidates[c].name);
        row->type = tare_strdup(p->candidates[c].type);
        row->output = tare_strdup(p->candidates[c].output);
        TARE_FAIL_IF(!row->name || !row->type || !row->output, err, TARE_E_NOMEM,
                     "sensitivity: no memory");
        for (size_t i = 0; i < job->n; i++) {
            const struct tare_damage_sums *sums = &job->sums[2 * (i * p->n + c)];
            add_damage(&row->alone, &sums[0]);
            add_damage(&row->accumulated, &sums[1]);
        }
    }
    return TARE_OK;
}

enum tare_status tare_sensitivity_measure(
    const struct tare_model *model, const struct tare_build_options *build,
    struct tare_pool *pool, void *const *inputs, size_t n, tare_progress_fn *progress,
    void *progress_ctx, struct tare_sensitivity **sensitivity, struct tare_error *err)
{
    *sensitivity = NULL;
    struct tare_sensitivity *s = tare_alloc_array(1, sizeof *s);
    TARE_FAIL_IF(!s, err, TARE_E_NOMEM, "sensitivity: no memory");
    struct job job = {
        .inputs = inputs, .n = n, .progress = progress, .progress_ctx = progress_ctx};
    if (pthread_mutex_init(&job.lock, NULL) != 0) {
        tare_free(s);
        return tare_error_set(err, TARE_E_NOMEM, "sensitivity: no memory for a lock");
    }
    enum tare_status st = open_job(&job, pool, model, build, err);
    if (st == TARE_OK) {
        tare_pool_run(pool, (int64_t)n, 1, walk_samples, &job);
        st = conclude(&job, s, err);
    }
    close_job(&job);
    if (st == TARE_OK)
        *sensitivity = s;
    else
        tare_sensitivity_destroy(s);
    return st;
}

enum tare_status tare_sensitivity_create(const struct tare_model *model,
                                         const struct tare_build_options *build,
                                         const struct tare_sample_source *source,
                                         const struct tare_sensitivity_options *options,
                                         tare_progress_fn *progress, void *progress_ctx,
                                         struct tare_sensitivity **sensitivity,
                                         struct tare_error *err)
{
    *sensitivity = NULL;
    TARE_FAIL_IF(source->n_samples == 0, err, TARE_E_ARG, "sensitivity: no sample");
    TARE_FAIL_IF(tare_model_n_inputs(model) != 1, err, TARE_E_ARG,
                 "sensitivity: the model has %zu inputs, want 1",
                 tare_model_n_inputs(model));
    struct tare_pool *pool;
    struct tare_samples samples;
    enum tare_status st = tare_pool_create(options->n_threads, &pool, err);
    if (st != TARE_OK) return st;
    const size_t n = source->n_samples < TARE_SENSITIVITY_SAMPLES
                         ? source->n_samples
                         : TARE_SENSITIVITY_SAMPLES;
    st = tare_samples_take(&samples, model, source, n, 0, err);
    if (st == TARE_OK)
        st = tare_sensitivity_measure(model, build, pool, samples.fit, n, progress,
                                      progress_ctx, sensitivity, err);
    tare_samples_release(&samples);
    tare_pool_destroy(pool);
    return st;
}

void tare_sensitivity_destroy(struct tare_sensitivity *s)
{
    if (!s) return;
    for (size_t i = 0; s->rows && i < s->n; i++) {
        tare_free(s->rows[i].name);
        tare_free(s->rows[i].type);
        tare_free(s->rows[i].output);
    }
    tare_free(s->rows);
    tare_free(s);
}

size_t tare_sensitivity_count(const struct tare_sensitivity *s)
{
    return s->n;
}

size_t tare_sensitivity_n_samples(const struct tare_sensitivity *s, bool outputs)
{
    return outputs ? s->n_for_outputs : s->n_samples;
}

static struct tare_likeness likeness_of(const struct tare_sums *s)
{
    return (struct tare_likeness){
        s->noise > 0.0 ? 10.0 * log10(s->signal / s->noise) : (double)INFINITY,
        s->aa > 0.0 && s->bb > 0.0 ? s->ab / sqrt(s->aa * s->bb) : (double)NAN,
    };
}

static struct tare_damage damage_of(const struct tare_damage_sums *s)
{
    return (struct tare_damage){likeness_of(&s->layer), likeness_of(&s->outputs)};
}

void tare_sensitivity_get(const struct tare_sensitivity *s, size_t i,
                          struct tare_sensitivity_row *row)
{
    const struct row *r = &s->rows[i];
    *row = (struct tare_sensitivity_row){
        .name = r->name,
        .type = r->type,
        .output = r->output,
        .alone = damage_of(&r->alone),
        .accumulated = damage_of(&r->accumulated),
    };
}
