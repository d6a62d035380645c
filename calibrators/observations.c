/* observations.c - run the samples over several threads and observe every tensor.
 *
 * A worker observes into histograms of its own, which are merged at the end. Merging is
 * exact and order does not matter, so neither threads nor their timing show in the
 * result, and memory does not grow with the samples. */
#include "calibrators/observations.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "calibrators/tally.h"

/* What one worker saw of one tensor. */
struct local {
    size_t first_odd[TARE_ODD_KINDS]; /* samples; SIZE_MAX: none */
    struct tare_tally tally;
};

struct job {
    const struct tare_forward *forward;
    struct tare_observations *result;
    size_t first, n_samples; /* to run */
    size_t batch;            /* samples a run */
    struct local *local;     /* [n_workers][n_tensors] */

    pthread_mutex_t lock; /* of the result and of what follows, but first_failed */
    tare_progress_fn *progress;
    void *progress_ctx;
    size_t n_done;
    _Atomic size_t first_failed; /* SIZE_MAX: none */
    struct tare_error failure;
};

/* What the forward sees as observe_ctx. */
struct visit {
    struct job *job;
    struct local *local; /* [n_tensors] */
    size_t stray;        /* a tensor number that does not exist; SIZE_MAX: none */
};

static bool follows(const struct job *job, size_t tensor)
{
    return job->forward->origins && job->forward->origins[tensor].follows;
}

/* Where the values of tensors that follow from this one are cut; INFINITY: nowhere. */
static float cut_of(const struct tare_forward *forward, size_t tensor)
{
    float cut = INFINITY;
    for (size_t i = tensor + 1; forward->origins && i < forward->n_tensors; i++) {
        const struct tare_origin *o = &forward->origins[i];
        if (o->follows && o->tensor == tensor && o->is_clipped)
            cut = fminf(cut, o->upper);
    }
    return cut;
}

static void note_first(struct tare_observed_tensor *t, size_t sample)
{
    if (sample < t->first_bad_sample) t->first_bad_sample = sample;
}

static void settle_clipped(const struct local *local, float upper,
                           struct tare_observed_tensor *t)
{
    tare_tally_observe_clipped(&local->tally, upper, &t->observer);
    note_first(t, local->first_odd[TARE_ODD_NAN]);
    if (isinf(upper)) note_first(t, local->first_odd[TARE_ODD_PLUS]);
}

static void settle_all(const struct local *local, struct tare_observed_tensor *t)
{
    tare_tally_observe(&local->tally, &t->observer);
    for (int k = 0; k < TARE_ODD_KINDS; k++)
        note_first(t, local->first_odd[k]);
}

/* Into the result, where it belongs to a tensor and to those that follow from it. */
static void settle(struct job *job, struct local *local, size_t tensor)
{
    struct tare_observed_tensor *tensors = job->result->tensors;
    const struct tare_origin *origins = job->forward->origins;
    pthread_mutex_lock(&job->lock);
    settle_all(local, &tensors[tensor]);
    for (size_t i = tensor + 1; i < job->result->n_tensors; i++) {
        if (!follows(job, i) || origins[i].tensor != tensor) continue;
        if (origins[i].is_clipped)
            settle_clipped(local, origins[i].upper, &tensors[i]);
        else
            settle_all(local, &tensors[i]);
    }
    pthread_mutex_unlock(&job->lock);
    tare_tally_init(&local->tally, local->tally.cut);
}

/* Note in which samples the values are that are not finite. */
static void find_odd(struct local *local, const struct tare_shown *shown)
{
    for (size_t i = 0; i < shown->n; i++) {
        const float x = shown->data[i];
        enum tare_odd kind = x > 0.0F ? TARE_ODD_PLUS : TARE_ODD_MINUS;
        if (isfinite(x)) continue;
        if (isnan(x)) kind = TARE_ODD_NAN;
        const size_t sample = shown->sample + (shown->first + i) / shown->sample_elems;
        if (sample < local->first_odd[kind]) local->first_odd[kind] = sample;
    }
}

static uint64_t count_odd(const struct tare_tally *tally)
{
    uint64_t n = 0;
    for (int k = 0; k < TARE_ODD_KINDS; k++)
        n += tally->n_odd[k];
    return n;
}

static void observe(void *observe_ctx, const struct tare_shown *shown)
{
    struct visit *visit = observe_ctx;
    struct job *job = visit->job;
    const size_t tensor = shown->tensor, n = shown->n;
    if (tensor >= job->result->n_tensors) {
        visit->stray = tensor;
        return;
    }
    if (follows(job, tensor)) return;
    struct local *local = &visit->local[tensor];
    bool is_odd = false;
    for (size_t done = 0; done < n;) {
        if (local->tally.n_values == TARE_TALLY_MOST) settle(job, local, tensor);
        const size_t room = TARE_TALLY_MOST - (size_t)local->tally.n_values;
        const size_t m = n - done < room ? n - done : room;
        const uint64_t n_odd = count_odd(&local->tally);
        tare_tally_add(&local->tally, shown->data + done, m);
        is_odd = is_odd || count_odd(&local->tally) != n_odd;
        done += m;
    }
    if (is_odd) find_odd(local, shown);
}

static void run_sample(struct job *job, size_t sample, int worker)
{
    struct tare_error error = {TARE_OK, ""};
    struct visit visit = {job, &job->local[(size_t)worker * job->result->n_tensors],
                          SIZE_MAX};
    enum tare_status st =
        job->forward->run(job->forward->ctx, worker, sample, observe, &visit, &error);
    if (st == TARE_OK && visit.stray != SIZE_MAX)
        st = tare_error_set(&error, TARE_E_ARG, "tensor %zu was shown, want below %zu",
                            visit.stray, job->result->n_tensors);
    pthread_mutex_lock(&job->lock);
    if (st == TARE_OK) {
        const size_t left = job->first + job->n_samples - sample;
        job->n_done += left < job->batch ? left : job->batch;
        if (job->progress)
            job->progress(job->progress_ctx, job->n_done, job->n_samples);
    } else if (sample < atomic_load(&job->first_failed)) {
        atomic_store(&job->first_failed, sample);
        error.code = st;
        job->failure = error;
    }
    pthread_mutex_unlock(&job->lock);
}

/* Samples are taken in their order, so every sample before a failed one is run to its
 * end, and the failure that is kept is that of the first sample that fails at all. */
static void run_samples(void *arg, int64_t begin, int64_t end, int worker)
{
    struct job *job = arg;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        const size_t sample = job->first + i * job->batch;
        if (sample < atomic_load(&job->first_failed)) run_sample(job, sample, worker);
    }
}

static enum tare_status run_job(struct job *job, struct tare_error *err)
{
    struct tare_pool *pool;
    const enum tare_status st = tare_pool_create(job->forward->n_workers, &pool, err);
    if (st != TARE_OK) return st;
    const size_t n_runs =
        job->n_samples / job->batch + (job->n_samples % job->batch != 0);
    tare_pool_run(pool, (int64_t)n_runs, 1, run_samples, job);
    tare_pool_destroy(pool);

    const size_t failed = atomic_load(&job->first_failed);
    if (failed == SIZE_MAX) return TARE_OK;
    if (err) *err = job->failure;
    const size_t end = job->first + job->n_samples;
    if (job->batch == 1)
        tare_error_wrap(err, "sample %zu of %zu", failed, end);
    else
        tare_error_wrap(err, "samples %zu to %zu of %zu", failed,
                        (end - failed < job->batch ? end : failed + job->batch) - 1,
                        end);
    return job->failure.code;
}

static enum tare_status observe_all(const struct tare_forward *forward, size_t first,
                                    size_t n_samples, tare_progress_fn *progress,
                                    void *progress_ctx,
                                    struct tare_observations *result,
                                    struct tare_error *err)
{
    struct job job = {.forward = forward,
                      .result = result,
                      .first = first,
                      .n_samples = n_samples,
                      .batch = forward->batch ? forward->batch : 1,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .progress = progress,
                      .progress_ctx = progress_ctx,
                      .first_failed = SIZE_MAX};
    const size_t n_tensors = result->n_tensors;
    const size_t n_local = n_tensors * (size_t)forward->n_workers;
    size_t n_bytes;
    if (tare_mul_size(n_local, sizeof *job.local, &n_bytes))
        job.local = tare_alloc_huge(n_bytes);
    TARE_FAIL_IF(!job.local, err, TARE_E_NOMEM,
                 "no memory for the observers of %d workers", forward->n_workers);
    for (size_t i = 0; i < n_local; i++) {
        for (int k = 0; k < TARE_ODD_KINDS; k++)
            job.local[i].first_odd[k] = SIZE_MAX;
        tare_tally_init(&job.local[i].tally, cut_of(forward, i % n_tensors));
    }
    const enum tare_status st = run_job(&job, err);
    for (size_t i = 0; i < n_local && st == TARE_OK; i++)
        if (!follows(&job, i % n_tensors)) settle(&job, &job.local[i], i % n_tensors);
    tare_free(job.local);
    return st;
}

static enum tare_status check_origins(const struct tare_forward *forward,
                                      struct tare_error *err)
{
    for (size_t i = 0; forward->origins && i < forward->n_tensors; i++) {
        const struct tare_origin *o = &forward->origins[i];
        if (!o->follows) continue;
        bool ok = o->tensor < i && !forward->origins[o->tensor].follows;
        if (ok && o->is_clipped)
            ok = o->upper > 0.0F &&
                 (isinf(o->upper) || o->upper == cut_of(forward, o->tensor));
        TARE_FAIL_IF(!ok, err, TARE_E_ARG,
                     "calibration: tensor %zu cannot follow from tensor %zu", i,
                     o->tensor);
    }
    return TARE_OK;
}

/* A name that no cache can hold is better refused before hours of running. */
static enum tare_status check_names(const struct tare_forward *forward,
                                    struct tare_error *err)
{
    struct tare_cache *trial;
    enum tare_status st = tare_cache_create(NULL, "Trial", &trial, err);
    for (size_t i = 0; i < forward->n_tensors && st == TARE_OK; i++) {
        st = tare_cache_set(trial, forward->names[i], 0.0F, err);
        if (st == TARE_OK && tare_cache_count(trial) != i + 1)
            st = tare_error_set(err, TARE_E_ARG, "tensor '%s' is listed twice",
                                forward->names[i]);
    }
    tare_cache_destroy(trial);
    return st;
}

static enum tare_status make_tensors(const struct tare_forward *forward,
                                     struct tare_observations *result)
{
    result->tensors = tare_alloc_array(forward->n_tensors, sizeof *result->tensors);
    if (!result->tensors) return TARE_E_NOMEM;
    result->n_tensors = forward->n_tensors;
    for (size_t i = 0; i < result->n_tensors; i++) {
        struct tare_observed_tensor *t = &result->tensors[i];
        t->name = tare_strdup(forward->names[i]);
        if (!t->name) return TARE_E_NOMEM;
        t->first_bad_sample = SIZE_MAX;
        tare_observer_init(&t->observer);
    }
    return TARE_OK;
}

void tare_observations_report(const struct tare_observations *observations,
                              tare_sample_name_fn *sample_name, void *ctx)
{
    for (size_t i = 0; i < observations->n_tensors; i++) {
        const struct tare_observed_tensor *t = &observations->tensors[i];
        if (t->first_bad_sample == SIZE_MAX) continue;
        const char *name = sample_name ? sample_name(ctx, t->first_bad_sample) : NULL;
        tare_log(TARE_LOG_WARN,
                 "tensor '%s': %llu NaN and %llu infinite of %llu values, first in "
                 "sample %zu%s%s%s; its range leaves them out",
                 t->name, (unsigned long long)t->observer.n_nan,
                 (unsigned long long)t->observer.n_inf,
                 (unsigned long long)t->observer.count, t->first_bad_sample,
                 name ? " (" : "", name ? name : "", name ? ")" : "");
    }
}

enum tare_status tare_observations_start(const struct tare_forward *forward,
                                         uint64_t source,
                                         struct tare_observations **observations,
                                         struct tare_error *err)
{
    *observations = NULL;
    TARE_FAIL_IF(forward->n_tensors < 1, err, TARE_E_ARG,
                 "calibration: no tensor to observe, want at least 1");
    TARE_FAIL_IF(forward->n_workers < 1 || forward->n_workers > 1024, err, TARE_E_ARG,
                 "calibration: %d workers, want 1 to 1024", forward->n_workers);
    TARE_TRY(check_names(forward, err), err, "calibration");
    const enum tare_status st = check_origins(forward, err);
    if (st != TARE_OK) return st;

    struct tare_observations *result = tare_alloc_array(1, sizeof *result);
    if (!result || make_tensors(forward, result) != TARE_OK) {
        tare_observations_destroy(result);
        return tare_error_set(err, TARE_E_NOMEM,
                              "calibration: no memory to observe %zu tensors",
                              forward->n_tensors);
    }
    result->source = source;
    *observations = result;
    return TARE_OK;
}

enum tare_status tare_observations_run(struct tare_observations *observations,
                                       const struct tare_forward *forward, size_t first,
                                       size_t n_samples, tare_progress_fn *progress,
                                       void *progress_ctx, struct tare_error *err)
{
    TARE_FAIL_IF(n_samples < 1 || n_samples > (size_t)INT64_MAX, err, TARE_E_ARG,
                 "calibration: %zu samples, want at least 1", n_samples);
    const enum tare_status st = observe_all(forward, first, n_samples, progress,
                                            progress_ctx, observations, err);
    if (st == TARE_OK) observations->n_samples += n_samples;
    return st;
}

enum tare_status tare_observations_create(const struct tare_forward *forward,
                                          size_t n_samples, tare_progress_fn *progress,
                                          void *progress_ctx,
                                          struct tare_observations **observations,
                                          struct tare_error *err)
{
    enum tare_status st = tare_observations_start(forward, 0, observations, err);
    if (st == TARE_OK)
        st = tare_observations_run(*observations, forward, 0, n_samples, progress,
                                   progress_ctx, err);
    if (st == TARE_OK) {
        tare_observations_report(*observations, NULL, NULL);
        return TARE_OK;
    }
    tare_observations_destroy(*observations);
    *observations = NULL;
    return st;
}

/* The tensor of the same name; most likely it has the same number. */
static struct tare_observed_tensor *find(struct tare_observations *observations,
                                         const char *name, size_t guess)
{
    if (guess < observations->n_tensors &&
        strcmp(observations->tensors[guess].name, name) == 0)
        return &observations->tensors[guess];
    for (size_t i = 0; i < observations->n_tensors; i++)
        if (strcmp(observations->tensors[i].name, name) == 0)
            return &observations->tensors[i];
    return NULL;
}

enum tare_status tare_observations_merge(struct tare_observations *observations,
                                         const struct tare_observations *other,
                                         struct tare_error *err)
{
    TARE_FAIL_IF(other->n_tensors != observations->n_tensors, err, TARE_E_ARG,
                 "observations of %zu and of %zu tensors cannot be merged",
                 observations->n_tensors, other->n_tensors);
    for (size_t i = 0; i < other->n_tensors; i++)
        TARE_FAIL_IF(!find(observations, other->tensors[i].name, i), err, TARE_E_ARG,
                     "observations of different networks: only one has tensor '%.100s'",
                     other->tensors[i].name);
    for (size_t i = 0; i < other->n_tensors; i++) {
        const struct tare_observed_tensor *from = &other->tensors[i];
        struct tare_observed_tensor *to = find(observations, from->name, i);
        tare_observer_merge(&to->observer, &from->observer);
        if (to->first_bad_sample == SIZE_MAX && from->first_bad_sample != SIZE_MAX)
            to->first_bad_sample = observations->n_samples + from->first_bad_sample;
    }
    observations->n_samples += other->n_samples;
    return TARE_OK;
}

uint64_t tare_observations_source(const struct tare_observations *observations)
{
    return observations->source;
}

void tare_observations_destroy(struct tare_observations *observations)
{
    if (!observations) return;
    for (size_t i = 0; i < observations->n_tensors; i++) {
        tare_free(observations->tensors[i].name);
        tare_free(observations->tensors[i].exact);
    }
    tare_free(observations->tensors);
    tare_free(observations);
}

size_t tare_observations_count(const struct tare_observations *observations)
{
    return observations->n_tensors;
}

size_t tare_observations_samples(const struct tare_observations *observations)
{
    return observations->n_samples;
}

void tare_observations_get(const struct tare_observations *observations, size_t i,
                           struct tare_observed *observed)
{
    const struct tare_observed_tensor *t = &observations->tensors[i];
    const struct tare_observer *o = &t->observer;
    const bool any = tare_observer_n_finite(o) > 0;
    *observed = (struct tare_observed){
        .name = t->name,
        .min = any ? o->min : 0.0F,
        .max = any ? o->max : 0.0F,
        .amax = tare_observer_amax(o),
        .count = o->count,
        .n_zeros = o->n_zeros,
        .n_nan = o->n_nan,
        .n_inf = o->n_inf,
        .first_bad_sample = t->first_bad_sample,
    };
    tare_observer_moments(o, &observed->mean_abs, &observed->rms);
}
