#include "tools/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tare/relay.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/report.h"

/* Seconds between checkpoints, and runs a worker between two looks at the clock. */
#define CHECKPOINT_SECONDS 2.0
enum { RUNS_A_WORKER = 16 };

/* Samples of a relay: more read the weights hardly less often. */
enum { MOST_AT_ONCE = 4 };

/* FNV-1a, 64 bits. */
static uint64_t add_hash(uint64_t hash, const void *data, size_t n_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001B3);
    return hash;
}

uint64_t observe_source(const void *plan, size_t n_bytes, const char *preprocess,
                        const struct tare_dataset *dataset)
{
    uint64_t hash = add_hash(UINT64_C(0xCBF29CE484222325), plan, n_bytes);
    hash = add_hash(hash, preprocess, strlen(preprocess));
    for (int64_t i = 0; i < tare_dataset_count(dataset); i++) {
        const char *name = tare_dataset_sample_name(dataset, i);
        hash = add_hash(hash, name, strlen(name) + 1);
    }
    return hash;
}

/* What calls of run_sample() have in common. */
struct runs {
    struct feed *feed;
    struct tare_relay **relays; /* [n_workers], or NULL: each sample, or batch, alone */
    size_t at_once;             /* samples that one call takes */
    size_t end;                 /* of this rank's samples */
};

/* The tap hands each tensor on, less what belongs to missing samples. */
struct observing {
    tare_observe_fn *observe;
    void *ctx;
    size_t sample;            /* the first one in the tensors, which hold */
    int64_t batch, n_samples; /* so many, of which these are there */
    const char *uneven;       /* a tensor that cannot be cut at a sample */
};

static const float *hand_on(void *ctx, const struct tare_tapped *tensor)
{
    struct observing *o = ctx;
    size_t n = tensor->n_elems, all = 1;
    for (int32_t k = 0; k < tensor->dims.rank; k++)
        all *= (size_t)tensor->dims.d[k];
    if (o->n_samples < o->batch) {
        if (tensor->dims.rank == 0 || tensor->dims.d[0] % o->batch != 0)
            o->uneven = tensor->name;
        n = n / (size_t)o->batch * (size_t)o->n_samples;
    }
    const size_t batch = (size_t)o->batch;
    const struct tare_shown shown = {.tensor = tensor->index,
                                     .data = tensor->data,
                                     .n = n,
                                     .sample = o->sample,
                                     .first = tensor->first,
                                     .sample_elems = all / batch + (all % batch != 0)};
    o->observe(o->ctx, &shown);
    return NULL;
}

static enum tare_status run_batch(struct feed *feed, int worker,
                                  struct observing *observing, struct tare_error *err)
{
    struct tare_context *context = feed->workers[worker].contexts[0];
    enum tare_status st =
        feed_read(feed, worker, (int64_t)observing->sample, &observing->n_samples, err);
    if (st == TARE_OK)
        st = tare_context_set_tap(context, hand_on, observing, false, err);
    /* pieces of a short batch could not be cut */
    if (st == TARE_OK && feed->batch == 1) tare_context_split_tap(context);
    if (st == TARE_OK) st = tare_context_run(context, err);
    if (st != TARE_OK || !observing->uneven) return st;
    return report_error(
        err, TARE_E_ARG,
        "the last batch has %lld of %lld samples and tensor '%.80s' cannot be cut: use "
        "--count with a multiple of the batch",
        (long long)observing->n_samples, (long long)feed->batch, observing->uneven);
}

/* All samples of a call: the first leg each, then the second together. */
static enum tare_status run_relay(const struct runs *runs, int worker, size_t sample,
                                  tare_observe_fn *observe_fn, void *observe_ctx,
                                  struct tare_error *err)
{
    struct tare_relay *relay = runs->relays[worker];
    struct tare_context *context = runs->feed->workers[worker].contexts[0];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < runs->at_once; i++) {
        int64_t n;
        struct observing one = {observe_fn, observe_ctx, sample + i, 1, 1, NULL};
        st = feed_read(runs->feed, worker, (int64_t)(sample + i), &n, err);
        if (st == TARE_OK)
            st = tare_context_set_tap(context, hand_on, &one, false, err);
        if (st != TARE_OK) return st;
        tare_context_split_tap(context);
        st = tare_relay_lead(relay, i, err);
    }
    const int64_t n = (int64_t)runs->at_once;
    struct observing all = {observe_fn, observe_ctx, sample, n, n, NULL};
    return st == TARE_OK ? tare_relay_follow(relay, hand_on, &all, err) : st;
}

static enum tare_status run_sample(void *ctx, int worker, size_t sample,
                                   tare_observe_fn *observe_fn, void *observe_ctx,
                                   struct tare_error *err)
{
    const struct runs *runs = ctx;
    const int64_t batch = runs->feed->batch;
    if (runs->relays && runs->end - sample >= runs->at_once)
        return run_relay(runs, worker, sample, observe_fn, observe_ctx, err);
    const size_t n = runs->relays ? runs->end - sample : 1;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct observing one = {observe_fn, observe_ctx, sample + i, batch, 0, NULL};
        st = run_batch(runs->feed, worker, &one, err);
    }
    return st;
}

static void release_relays(struct runs *runs)
{
    for (int i = 0; runs->relays && i < runs->feed->n_workers; i++)
        tare_relay_destroy(runs->relays[i]);
    free(runs->relays);
    runs->relays = NULL;
}

/* A relay for each worker, where the model can have one and there are samples enough
 * that all workers are busy to the end. */
static enum tare_status open_relays(struct runs *runs, size_t n_samples,
                                    struct tare_error *err)
{
    struct feed *feed = runs->feed;
    const size_t n_workers = (size_t)feed->n_workers;
    const size_t fair = n_samples / n_workers / 2;
    const size_t at_once = fair < MOST_AT_ONCE ? fair : MOST_AT_ONCE;
    runs->at_once = (size_t)feed->batch;
    if (feed->batch > 1 || at_once < 2) return TARE_OK;
    runs->relays = calloc(n_workers, sizeof(struct tare_relay *));
    if (!runs->relays) return report_error(err, TARE_E_NOMEM, "no memory for workers");
    for (size_t i = 0; i < n_workers; i++) {
        const enum tare_status st = tare_relay_create(feed->workers[i].contexts[0],
                                                      at_once, &runs->relays[i], err);
        if (st != TARE_OK) return st;
        if (!runs->relays[i]) { /* nor has any other worker one */
            release_relays(runs);
            return TARE_OK;
        }
    }
    runs->at_once = at_once;
    return TARE_OK;
}

/* The samples [begin, end) of this rank, those before `next` done. */
struct share {
    size_t next, end, begin;
};

static void show(void *ctx, size_t done, size_t total)
{
    const struct share *s = ctx;
    (void)total;
    progress_show(NULL, s->next - s->begin + done, s->end - s->begin);
}

/* Continue from the file when it holds the first samples of the same source. */
static enum tare_status resume(const struct observe_options *options,
                               struct tare_observations **observations, struct share *s,
                               struct tare_error *err)
{
    if (!options->resume || access(options->path, F_OK) != 0) return TARE_OK;
    struct tare_observations *earlier;
    const enum tare_status st = tare_observations_read(options->path, &earlier, err);
    if (st != TARE_OK) return st;
    const size_t n = tare_observations_samples(earlier);
    if (tare_observations_source(earlier) != options->source || n > s->end) {
        tare_observations_destroy(earlier);
        return report_error(
            err, TARE_E_ARG,
            "--resume: %.120s is of another model, preprocessing or set of "
            "samples; leave --resume out to start again",
            options->path);
    }
    tare_observations_destroy(*observations);
    *observations = earlier;
    s->next = n;
    return TARE_OK;
}

static enum tare_status run_share(struct feed *feed, const struct tare_forward *forward,
                                  const struct observe_options *options,
                                  struct share *s,
                                  struct tare_observations *observations,
                                  struct tare_error *err)
{
    const size_t piece =
        options->path ? (size_t)feed->n_workers * RUNS_A_WORKER * (size_t)feed->batch
                      : SIZE_MAX;
    double last = report_clock();
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && s->next < s->end) {
        const size_t left = s->end - s->next;
        const size_t n = left < piece ? left : piece;
        st = tare_observations_run(observations, forward, s->next, n, show, s, err);
        s->next += n;
        const bool is_due = report_clock() - last >= CHECKPOINT_SECONDS;
        if (st == TARE_OK && options->path && (is_due || s->next == s->end)) {
            interrupt_defer();
            if (options->comm->size == 1)
                st = tare_observations_write(observations, options->path, err);
            interrupt_resume();
            last = report_clock();
        }
    }
    return st;
}

/* The second pass over this rank's samples; there are no checkpoints of it. */
static enum tare_status run_again(const struct tare_forward *forward,
                                  const struct tare_comm *comm, struct share *s,
                                  struct tare_observations *observations,
                                  struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    progress_start("counting in exact bins");
    s->next = s->begin;
    if (s->begin < s->end)
        st = tare_observations_run_exact(observations, forward, s->begin,
                                         s->end - s->begin, show, s, err);
    return st == TARE_OK ? tare_observations_reduce_exact(observations, comm, err) : st;
}

static const char *sample_name(void *ctx, size_t sample)
{
    const struct feed *feed = ctx;
    return sample < feed->n_samples
               ? tare_dataset_sample_name(feed->dataset, (int64_t)sample)
               : NULL;
}

static enum tare_status
observe_with(const struct tare_forward *forward, struct runs *runs,
             const struct observe_options *options, struct share *share, size_t *n_run,
             struct tare_observations **observations, struct tare_error *err)
{
    enum tare_status st =
        tare_observations_start(forward, options->source, observations, err);
    if (st == TARE_OK) st = resume(options, observations, share, err);
    const size_t n_resumed = share->next - share->begin;
    if (st == TARE_OK)
        st = run_share(runs->feed, forward, options, share, *observations, err);
    if (st == TARE_OK) st = tare_observations_reduce(*observations, options->comm, err);
    if (st == TARE_OK && options->path && options->comm->size > 1 &&
        options->comm->rank == 0)
        st = tare_observations_write(*observations, options->path, err);
    if (st == TARE_OK && options->comm->rank == 0)
        tare_observations_report(*observations, sample_name, runs->feed);
    if (st == TARE_OK && options->exact)
        st = run_again(forward, options->comm, share, *observations, err);
    if (st == TARE_OK) *n_run = tare_observations_samples(*observations) - n_resumed;
    return st;
}

static enum tare_status
observe_named(const char **names, const struct tare_origin *origins, size_t n_names,
              struct feed *feed, const struct observe_options *options, size_t *n_run,
              struct tare_observations **observations, struct tare_error *err)
{
    const struct feed_share all =
        feed_share(feed, options->comm->rank, options->comm->size);
    struct share share = {.begin = all.first, .next = all.first, .end = all.end};
    struct runs runs = {.feed = feed, .end = all.end};
    enum tare_status st = open_relays(&runs, all.end - all.first, err);
    const struct tare_forward forward = {
        .ctx = &runs,
        .n_workers = feed->n_workers,
        .batch = runs.at_once,
        .n_tensors = n_names,
        .names = names,
        .origins = origins,
        .run = run_sample,
    };
    if (st == TARE_OK)
        st = observe_with(&forward, &runs, options, &share, n_run, observations, err);
    release_relays(&runs);
    return st;
}

enum tare_status observe(const struct tare_engine *engine, struct feed *feed,
                         const struct observe_options *options, size_t *n_run,
                         struct tare_observations **observations,
                         struct tare_error *err)
{
    const size_t n = tare_engine_n_taps(engine);
    const char **names = calloc(n, sizeof *names);
    struct tare_origin *origins = calloc(n, sizeof *origins);
    *observations = NULL;
    if (!names || !origins) {
        free(names);
        free(origins);
        return report_error(err, TARE_E_NOMEM, "no memory for %zu tensors", n);
    }
    for (size_t i = 0; i < n; i++)
        names[i] = tare_engine_tap_name(engine, i);
    progress_start("calibrating");
    enum tare_status st = tare_engine_tap_origins(engine, origins, err);
    if (st == TARE_OK)
        st = observe_named(names, origins, n, feed, options, n_run, observations, err);
    progress_clear();
    free(names);
    free(origins);
    if (st == TARE_OK) return TARE_OK;
    tare_observations_destroy(*observations);
    *observations = NULL;
    return st;
}

enum tare_status observe_from_files(const char *paths,
                                    struct tare_observations **observations,
                                    struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *observations = NULL;
    while (st == TARE_OK && *paths) {
        char path[4096];
        const size_t length = strcspn(paths, ",");
        struct tare_observations *next = NULL;
        if (length >= sizeof path) {
            st = report_error(err, TARE_E_ARG, "--from: a path is too long");
            break;
        }
        memcpy(path, paths, length);
        path[length] = '\0';
        st = tare_observations_read(path, &next, err);
        if (st == TARE_OK && *observations) {
            st = tare_observations_merge(*observations, next, err);
            tare_observations_destroy(next);
        } else if (st == TARE_OK) {
            *observations = next;
        }
        paths += length + (paths[length] == ',');
    }
    if (st == TARE_OK) tare_observations_report(*observations, NULL, NULL);
    if (st == TARE_OK) return TARE_OK;
    tare_observations_destroy(*observations);
    *observations = NULL;
    return st;
}
