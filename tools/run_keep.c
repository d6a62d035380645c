#include "tools/run_keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tools/feed.h"
#include "tools/options.h"
#include "tools/report.h"

/* What the tap of one worker's context works with. */
struct tap {
    struct job *job;
    int64_t first, n; /* samples of the run */
    enum tare_status status;
    struct tare_error err;
};

struct job {
    const struct run_wants *wants;
    struct run_kept *kept;
    struct feed *feed;
    pthread_mutex_t opening; /* of arrays of inner tensors */
    struct tap *taps;        /* [n_workers] */
};

static bool is_output(const struct run_kept *kept, const char *name)
{
    for (size_t i = 0; i < kept->outputs.n; i++)
        if (strcmp(kept->outputs.items[i].name, name) == 0) return true;
    return false;
}

static enum tare_status keep_inner(struct tap *tap, const struct tare_tapped *tensor)
{
    struct run_arrays *inner = &tap->job->kept->inner;
    const size_t i = tensor->index;
    enum tare_status st = TARE_OK;
    pthread_mutex_lock(&tap->job->opening);
    if (!inner->items[i].name)
        st = run_array_open(inner, i, tensor->name, &tensor->dims, TARE_F32, &tap->err);
    pthread_mutex_unlock(&tap->job->opening);
    const struct tare_result result = {tensor->dims, TARE_F32, tensor->data,
                                       tensor->n_elems * sizeof(float)};
    return st == TARE_OK
               ? run_array_put(inner, i, tap->first, tap->n, &result, &tap->err)
               : st;
}

static const float *see(void *ctx, const struct tare_tapped *tensor)
{
    struct tap *tap = ctx;
    const bool is_inner =
        tensor->layer != SIZE_MAX && !is_output(tap->job->kept, tensor->name);
    if (is_inner && tap->status == TARE_OK) tap->status = keep_inner(tap, tensor);
    return NULL;
}

static enum tare_status keep_inputs(struct job *job, const struct feed_worker *w,
                                    int64_t first, int64_t n, struct tare_error *err)
{
    struct run_arrays *inputs = &job->kept->inputs;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < inputs->n; i++) {
        const struct tare_result result = {.data = w->inputs[i]};
        st = run_array_put(inputs, i, first, n, &result, err);
    }
    return st;
}

/* An output of the other runtime, which must be as large as the engine's. */
static enum tare_status keep_other(struct run_arrays *others, size_t i, int64_t first,
                                   int64_t n, const struct tare_result *result,
                                   struct tare_error *err)
{
    const struct run_array *array = &others->items[i];
    const size_t wanted = array->sample_bytes * (size_t)others->batch;
    if (array->data && (result->dtype != array->dtype || result->n_bytes != wanted))
        return report_error(err, TARE_E_ARG,
                            "onnxruntime's '%.80s' is %s and has %zu bytes, the "
                            "engine's is %s and has %zu",
                            array->name, tare_dtype_name(result->dtype),
                            result->n_bytes, tare_dtype_name(array->dtype), wanted);
    return run_array_put(others, i, first, n, result, err);
}

/* A tensor inside, where the tap of the same name is. */
static enum tare_status keep_other_inner(struct job *job, const char *name,
                                         int64_t first, int64_t n,
                                         const struct tare_result *result,
                                         struct tare_error *err)
{
    struct run_arrays *inner = &job->kept->other_inner;
    const struct tare_engine *engine = job->feed->engines[0];
    size_t i = 0;
    while (i < inner->n && strcmp(tare_engine_tap_name(engine, i), name) != 0)
        i++;
    if (i == inner->n) return TARE_OK;
    enum tare_status st = TARE_OK;
    pthread_mutex_lock(&job->opening);
    if (!inner->items[i].name)
        st = run_array_open(inner, i, name, &result->dims, result->dtype, err);
    pthread_mutex_unlock(&job->opening);
    return st == TARE_OK ? keep_other(inner, i, first, n, result, err) : st;
}

/* What the other runtime makes of the same inputs. */
static enum tare_status run_other(struct job *job, const struct feed_worker *w,
                                  int64_t first, int64_t n, struct tare_error *err)
{
    const struct words *more = job->wants->other_inner;
    const size_t n_outputs = job->kept->others.n;
    struct onnxruntime_run *run;
    enum tare_status st = onnxruntime_run(job->wants->other, w->inputs, &run, err);
    for (size_t i = 0; st == TARE_OK && i < n_outputs + (more ? more->n : 0); i++) {
        struct tare_result result;
        st = onnxruntime_result(run, i, &result, err);
        if (st == TARE_OK && i < n_outputs)
            st = keep_other(&job->kept->others, i, first, n, &result, err);
        else if (st == TARE_OK)
            st = keep_other_inner(job, more->items[i - n_outputs], first, n, &result,
                                  err);
    }
    onnxruntime_release(run);
    return st;
}

static enum tare_status keep(void *ctx, struct feed *feed, int worker, int64_t first,
                             int64_t n, struct tare_error *err)
{
    struct job *job = ctx;
    const struct feed_worker *w = &feed->workers[worker];
    struct tap *tap = &job->taps[worker];
    tap->first = first;
    tap->n = n;
    enum tare_status st = feed_execute(feed, w, 0, err);
    if (st == TARE_OK && tap->status != TARE_OK) {
        *err = tap->err;
        return tap->status;
    }
    if (st == TARE_OK) st = keep_inputs(job, w, first, n, err);
    for (size_t i = 0; st == TARE_OK && i < job->kept->outputs.n; i++) {
        const struct tare_result result = feed_result(feed, w, 0, i);
        st = run_array_put(&job->kept->outputs, i, first, n, &result, err);
    }
    if (st == TARE_OK && job->wants->other) st = run_other(job, w, first, n, err);
    return st;
}

/* A set with room for bindings [first, first + n) of the engine. */
static enum tare_status open_bindings(struct run_arrays *arrays,
                                      const struct feed *feed, size_t first, size_t n,
                                      struct tare_error *err)
{
    enum tare_status st =
        run_arrays_create(arrays, n, feed->n_samples, feed->batch, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_binding binding;
        bound_as_model(feed->engines[0], first + i, &binding);
        /* a sample of one value: its axis tells it from an axis of samples */
        for (; binding.is_input && binding.dims.rank < 2; binding.dims.rank++)
            binding.dims.d[binding.dims.rank] = 1;
        st = run_array_open(arrays, i, binding.name, &binding.dims, binding.dtype, err);
    }
    return st;
}

static enum tare_status open_taps(struct job *job, struct tare_error *err)
{
    const struct feed *feed = job->feed;
    enum tare_status st = TARE_OK;
    job->taps = calloc((size_t)feed->n_workers, sizeof *job->taps);
    if (!job->taps)
        return report_error(err, TARE_E_NOMEM, "no memory for %d workers",
                            feed->n_workers);
    for (int i = 0; i < feed->n_workers; i++)
        job->taps[i].job = job;
    if (!job->wants->inner) return TARE_OK;
    st = run_arrays_create(&job->kept->inner, tare_engine_n_taps(feed->engines[0]),
                           feed->n_samples, feed->batch, err);
    for (int i = 0; st == TARE_OK && i < feed->n_workers; i++)
        st = tare_context_set_tap(feed->workers[i].contexts[0], see, &job->taps[i],
                                  true, err);
    return st;
}

static enum tare_status open_all(struct job *job, struct tare_error *err)
{
    const struct feed *feed = job->feed;
    const size_t n_outputs = feed_n_outputs(feed, 0);
    struct run_kept *kept = job->kept;
    enum tare_status st =
        open_bindings(&kept->outputs, feed, feed->n_inputs, n_outputs, err);
    if (st == TARE_OK && job->wants->inputs)
        st = open_bindings(&kept->inputs, feed, 0, feed->n_inputs, err);
    if (st == TARE_OK && job->wants->other)
        st = open_bindings(&kept->others, feed, feed->n_inputs, n_outputs, err);
    if (st == TARE_OK && job->wants->other_inner)
        st = run_arrays_create(&kept->other_inner, tare_engine_n_taps(feed->engines[0]),
                               feed->n_samples, feed->batch, err);
    return st == TARE_OK ? open_taps(job, err) : st;
}

enum tare_status run_keep(const struct tare_engine *engine,
                          const struct tare_dataset *dataset,
                          const struct run_wants *wants, struct run_kept *kept,
                          struct tare_error *err)
{
    struct feed feed;
    struct job job = {wants, kept, &feed, PTHREAD_MUTEX_INITIALIZER, NULL};
    *kept = (struct run_kept){0};
    enum tare_status st = feed_open(&feed, &engine, 1, dataset, option_threads(), err);
    if (st == TARE_OK) st = open_all(&job, err);
    if (st == TARE_OK)
        st = feed_run(&feed, feed_share(&feed, 0, 1), "running", keep, &job, err);
    if (st == TARE_OK) st = run_arrays_join(&kept->outputs, err);
    if (st == TARE_OK) st = run_arrays_join(&kept->others, err);
    feed_close(&feed);
    free(job.taps);
    pthread_mutex_destroy(&job.opening);
    return st;
}

void run_kept_release(struct run_kept *kept)
{
    run_arrays_release(&kept->inputs);
    run_arrays_release(&kept->inner);
    run_arrays_release(&kept->outputs);
    run_arrays_release(&kept->others);
    run_arrays_release(&kept->other_inner);
}
