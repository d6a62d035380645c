#include "tools/feed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/progress.h"
#include "tools/report.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the networks' buffers");
}

size_t feed_n_outputs(const struct feed *feed, size_t e)
{
    struct tare_engine_info info;
    tare_engine_info(feed->engines[e], &info);
    return info.n_bindings - feed->n_inputs;
}

struct tare_result feed_result(const struct feed *feed, const struct feed_worker *w,
                               size_t e, size_t i)
{
    struct tare_result result;
    tare_context_result(w->contexts[e], feed->n_inputs + i, &result);
    if (result.data == w->outputs[e][i] || !w->outputs[e][i]) return result;
    struct tare_binding own;
    bound_as_model(feed->engines[e], feed->n_inputs + i, &own);
    return (struct tare_result){own.dims, own.dtype, w->outputs[e][i], own.n_bytes};
}

enum tare_status feed_execute(const struct feed *feed, const struct feed_worker *w,
                              size_t e, struct tare_error *err)
{
    const size_t n_outputs = feed_n_outputs(feed, e);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < feed->n_inputs; i++)
        st = bound_put(&w->bound[e], i, w->inputs[i], err);
    if (st == TARE_OK) st = tare_context_run(w->contexts[e], err);
    for (size_t i = 0; st == TARE_OK && i < n_outputs; i++)
        st = bound_get(&w->bound[e], feed->n_inputs + i, w->outputs[e][i], err);
    return st;
}

static enum tare_status open_context(struct feed *feed, struct feed_worker *w, size_t e,
                                     struct tare_error *err)
{
    enum tare_status st =
        tare_context_create(feed->engines[e], 1, &w->contexts[e], err);
    if (st == TARE_OK) st = bound_open(&w->bound[e], feed->engines[e], err);
    for (size_t i = 0; st == TARE_OK && i < feed->n_inputs; i++)
        st = tare_context_set_address(w->contexts[e], i,
                                      bound_place(&w->bound[e], i, w->inputs[i]), err);
    if (st != TARE_OK) return st;
    const size_t n_outputs = feed_n_outputs(feed, e);
    w->outputs[e] = calloc(n_outputs, sizeof *w->outputs[e]);
    if (!w->outputs[e]) return no_memory(err);
    for (size_t i = 0; st == TARE_OK && i < n_outputs; i++) {
        struct tare_binding binding;
        bound_as_model(feed->engines[e], feed->n_inputs + i, &binding);
        if (binding.dims.rank < 0) continue; /* the context holds what a run makes */
        w->outputs[e][i] = malloc(binding.n_bytes);
        if (!w->outputs[e][i]) return no_memory(err);
        const size_t k = feed->n_inputs + i;
        st = tare_context_set_address(
            w->contexts[e], k, bound_place(&w->bound[e], k, w->outputs[e][i]), err);
    }
    return st;
}

static enum tare_status open_inputs(const struct feed *feed, struct feed_worker *w,
                                    struct tare_error *err)
{
    w->inputs = calloc(feed->n_inputs, sizeof *w->inputs);
    w->sample = malloc(tare_dataset_bytes(feed->dataset));
    if (!w->inputs || !w->sample) return no_memory(err);
    for (size_t i = 0; i < feed->n_inputs; i++) {
        w->inputs[i] = calloc((size_t)feed->batch, feed->input_bytes[i]);
        if (!w->inputs[i]) return no_memory(err);
    }
    return TARE_OK;
}

static enum tare_status open_workers(struct feed *feed, struct tare_error *err)
{
    feed->workers = calloc((size_t)feed->n_workers, sizeof *feed->workers);
    if (!feed->workers) return no_memory(err);
    for (int i = 0; i < feed->n_workers; i++) {
        struct feed_worker *w = &feed->workers[i];
        const enum tare_status opened = open_inputs(feed, w, err);
        if (opened != TARE_OK) return opened;
        for (size_t e = 0; e < feed->n_engines; e++) {
            const enum tare_status st = open_context(feed, w, e, err);
            if (st != TARE_OK) return st;
        }
    }
    return TARE_OK;
}

/* The batch is the first axis of the first input; each input holds as many samples. */
static enum tare_status measure_inputs(struct feed *feed, struct tare_error *err)
{
    struct tare_engine_info info;
    struct tare_binding input;
    size_t total = 0;
    tare_engine_info(feed->engines[0], &info);
    feed->input_bytes = calloc(info.n_bindings, sizeof *feed->input_bytes);
    if (!feed->input_bytes) return no_memory(err);
    for (size_t i = 0; i < info.n_bindings; i++) {
        bound_as_model(feed->engines[0], i, &input);
        if (!input.is_input) break;
        const int64_t batch = input.dims.rank > 0 ? input.dims.d[0] : 1;
        if (i == 0) feed->batch = batch;
        if (batch != feed->batch)
            return report_error(err, TARE_E_UNSUPPORTED,
                                "input '%.80s' holds %lld samples, the first input "
                                "%lld: want as many",
                                input.name, (long long)batch, (long long)feed->batch);
        feed->input_bytes[i] = input.n_bytes / (size_t)batch;
        total += feed->input_bytes[i] / (size_t)tare_dtype_bytes(input.dtype);
        feed->n_inputs++;
    }
    if (total == tare_dataset_elems(feed->dataset)) return TARE_OK;
    return report_error(err, TARE_E_ARG,
                        "a sample has %zu values, the network reads %zu",
                        tare_dataset_elems(feed->dataset), total);
}

enum tare_status feed_open(struct feed *feed, const struct tare_engine *const *engines,
                           size_t n_engines, const struct tare_dataset *dataset,
                           int n_workers, struct tare_error *err)
{
    memset(feed, 0, sizeof *feed);
    for (size_t e = 0; e < n_engines; e++)
        feed->engines[e] = engines[e];
    feed->n_engines = n_engines;
    feed->dataset = dataset;
    const enum tare_status st = measure_inputs(feed, err);
    if (st != TARE_OK) return st;
    feed->n_samples = (size_t)tare_dataset_count(dataset);
    feed->n_runs = (feed->n_samples + (size_t)feed->batch - 1) / (size_t)feed->batch;
    feed->n_workers = (size_t)n_workers < feed->n_runs ? n_workers : (int)feed->n_runs;
    return open_workers(feed, err);
}

void feed_close(struct feed *feed)
{
    for (int i = 0; feed->workers && i < feed->n_workers; i++) {
        struct feed_worker *w = &feed->workers[i];
        for (size_t e = 0; e < feed->n_engines; e++) {
            tare_context_destroy(w->contexts[e]);
            bound_close(&w->bound[e]);
            for (size_t o = 0; w->outputs[e] && o < feed_n_outputs(feed, e); o++)
                free(w->outputs[e][o]);
            free(w->outputs[e]);
        }
        for (size_t k = 0; w->inputs && k < feed->n_inputs; k++)
            free(w->inputs[k]);
        free(w->inputs);
        free(w->sample);
    }
    free(feed->workers);
    free(feed->input_bytes);
    memset(feed, 0, sizeof *feed);
}

struct feed_share feed_share(const struct feed *feed, int rank, int size)
{
    const size_t batch = (size_t)feed->batch;
    struct feed_share share = {feed->n_runs * (size_t)rank / (size_t)size * batch,
                               feed->n_runs * (size_t)(rank + 1) / (size_t)size *
                                   batch};
    if (share.end > feed->n_samples) share.end = feed->n_samples;
    return share;
}

static char *place_of(const struct feed *feed, const struct feed_worker *w, size_t i,
                      int64_t n)
{
    return (char *)w->inputs[i] + (size_t)n * feed->input_bytes[i];
}

/* What a short batch of `n` lacks. */
static void clear_rest(const struct feed *feed, struct feed_worker *w, int64_t n)
{
    for (size_t i = 0; i < feed->n_inputs; i++)
        memset(place_of(feed, w, i, n), 0,
               (size_t)(feed->batch - n) * feed->input_bytes[i]);
}

/* Sample `n` of the batch to its place in each input. */
static void place(const struct feed *feed, struct feed_worker *w, int64_t n,
                  const void *sample)
{
    const size_t alignment = TARE_SAMPLE_ALIGNMENT;
    const char *at = sample;
    for (size_t i = 0; i < feed->n_inputs; i++) {
        memcpy(place_of(feed, w, i, n), at, feed->input_bytes[i]);
        at += (feed->input_bytes[i] + alignment - 1) / alignment * alignment;
    }
}

enum tare_status feed_read(struct feed *feed, int worker, int64_t first, int64_t *n,
                           struct tare_error *err)
{
    struct feed_worker *w = &feed->workers[worker];
    for (*n = 0; *n < feed->batch && first + *n < (int64_t)feed->n_samples; ++*n) {
        const enum tare_status st =
            tare_dataset_read(feed->dataset, first + *n, w->sample, err);
        if (st != TARE_OK) return st;
        place(feed, w, *n, w->sample);
    }
    clear_rest(feed, w, *n);
    return TARE_OK;
}

/* The next batch of the loader: consecutive samples, since the lock is held. */
static enum tare_status take(struct feed *feed, struct feed_worker *w, int64_t *first,
                             int64_t *n, struct tare_error *err)
{
    *first = 0;
    for (*n = 0; *n < feed->batch; ++*n) {
        int64_t index;
        const void *sample;
        const enum tare_status st =
            tare_loader_next(feed->loader, &index, &sample, err);
        if (st != TARE_OK) return st;
        if (!sample) break;
        if (*n == 0) *first = index;
        place(feed, w, *n, sample);
        tare_loader_release(feed->loader, index);
    }
    clear_rest(feed, w, *n);
    return TARE_OK;
}

/* All workers of one feed_run(). */
struct crew {
    struct feed *feed;
    feed_fn *fn;
    void *ctx;
    pthread_mutex_t taking;
    size_t n_samples;
    pthread_mutex_t lock; /* of what follows */
    size_t n_done;
    enum tare_status status;
    struct tare_error err;
};

struct member {
    struct crew *crew;
    int worker;
};

/* Note one batch or an error; false: stop. */
static bool note(struct crew *crew, int64_t n, enum tare_status st,
                 const struct tare_error *err)
{
    pthread_mutex_lock(&crew->lock);
    if (st != TARE_OK && crew->status == TARE_OK) {
        crew->status = st;
        crew->err = *err;
    }
    crew->n_done += (size_t)n;
    if (st == TARE_OK && n) progress_show(NULL, crew->n_done, crew->n_samples);
    const bool go_on = crew->status == TARE_OK && n > 0;
    pthread_mutex_unlock(&crew->lock);
    return go_on;
}

static void *work(void *arg)
{
    const struct member *member = arg;
    struct crew *crew = member->crew;
    for (;;) {
        struct tare_error err = {0};
        int64_t first, n = 0;
        pthread_mutex_lock(&crew->taking);
        enum tare_status st =
            take(crew->feed, &crew->feed->workers[member->worker], &first, &n, &err);
        pthread_mutex_unlock(&crew->taking);
        if (st == TARE_OK && n > 0)
            st = crew->fn(crew->ctx, crew->feed, member->worker, first, n, &err);
        if (!note(crew, n, st, &err)) return NULL;
    }
}

static enum tare_status start_crew(struct crew *crew, struct tare_error *err)
{
    struct feed *feed = crew->feed;
    pthread_t *threads = calloc((size_t)feed->n_workers, sizeof *threads);
    struct member *members = calloc((size_t)feed->n_workers, sizeof *members);
    if (!threads || !members) {
        free(threads);
        free(members);
        return no_memory(err);
    }
    int n_started = 1;
    for (int i = 1; i < feed->n_workers; i++)
        members[i] = (struct member){crew, i};
    while (n_started < feed->n_workers &&
           pthread_create(&threads[n_started], NULL, work, &members[n_started]) == 0)
        n_started++;
    struct member own = {crew, 0};
    (void)work(&own);
    for (int i = 1; i < n_started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    free(members);
    if (crew->status != TARE_OK) *err = crew->err;
    return crew->status;
}

enum tare_status feed_run(struct feed *feed, struct feed_share share, const char *what,
                          feed_fn *fn, void *ctx, struct tare_error *err)
{
    struct crew crew = {.feed = feed,
                        .fn = fn,
                        .ctx = ctx,
                        .n_samples = share.end - share.first,
                        .taking = PTHREAD_MUTEX_INITIALIZER,
                        .lock = PTHREAD_MUTEX_INITIALIZER};
    enum tare_status st = tare_loader_create(
        feed->dataset, (int64_t)share.first, (int64_t)(share.end - share.first),
        feed->n_workers, 2 * feed->n_workers + 2, &feed->loader, err);
    if (st != TARE_OK) return st;
    progress_start(what);
    st = start_crew(&crew, err);
    progress_clear();
    tare_loader_destroy(feed->loader);
    feed->loader = NULL;
    pthread_mutex_destroy(&crew.taking);
    pthread_mutex_destroy(&crew.lock);
    return st;
}
