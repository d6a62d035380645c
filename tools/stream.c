#include "tools/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tools/report.h"
#include "tools/synthetic.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the measurement");
}

enum tare_status stream_open(struct stream *s, const struct tare_engine *engine,
                             int n_threads, double *context_ms, struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    const double before = report_clock();
    enum tare_status st = tare_context_create(engine, n_threads, &s->context, err);
    if (context_ms) *context_ms = (report_clock() - before) * 1e3;
    if (st != TARE_OK) return st;
    s->n_bindings = info.n_bindings;
    s->buffers = calloc(info.n_bindings, sizeof *s->buffers);
    if (!s->buffers) return no_memory(err);
    for (size_t i = 0; st == TARE_OK && i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (binding.dims.rank < 0) continue;
        s->buffers[i] = calloc(1, binding.n_bytes);
        if (!s->buffers[i]) return no_memory(err);
        if (binding.is_input) synthetic_fill(&binding, s->buffers[i]);
        st = tare_context_set_address(s->context, i, s->buffers[i], err);
    }
    return st;
}

void stream_close(struct stream *s)
{
    tare_context_destroy(s->context);
    for (size_t i = 0; s->buffers && i < s->n_bindings; i++)
        free(s->buffers[i]);
    free(s->buffers);
    free(s->runs);
}

static bool add_run(struct stream *s, double start, double end)
{
    if (s->n_runs == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 1024;
        struct stream_run *grown = realloc(s->runs, capacity * sizeof *grown);
        if (!grown) return false;
        s->runs = grown;
        s->capacity = capacity;
    }
    s->runs[s->n_runs++] = (struct stream_run){start, end};
    return true;
}

static void rest(const struct stream *s)
{
    const double seconds = s->options->idle_ms * 1e-3;
    if (seconds <= 0.0) return;
    const struct timespec idle = {
        .tv_sec = (time_t)seconds,
        .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
    };
    (void)nanosleep(&idle, NULL);
}

/* Streams start to measure within a run of each other, so that all are busy while one
 * measures, but for the last run. */
static void *measure(void *arg)
{
    struct stream *s = arg;
    const struct stream_options *o = s->options;
    while (s->status == TARE_OK && (report_clock() - s->begin) * 1e3 < o->warmup_ms) {
        s->status = tare_context_run(s->context, &s->error);
        s->n_warmup++;
        rest(s);
    }
    const double first = report_clock();
    double end = first;
    while (s->status == TARE_OK &&
           (end - first < o->duration_s || s->n_runs < s->n_least || !s->n_runs)) {
        if (s->n_runs) rest(s);
        const double start = report_clock();
        s->status = tare_context_run(s->context, &s->error);
        end = report_clock();
        if (s->status == TARE_OK &&
            (!add_run(s, start, end) || (o->after && !o->after(o->ctx, s))))
            s->status = no_memory(&s->error);
    }
    return NULL;
}

enum tare_status streams_run(struct stream *streams, size_t n,
                             const struct stream_options *options,
                             struct tare_error *err)
{
    pthread_t *threads = calloc(n, sizeof *threads);
    if (!threads) return no_memory(err);
    const double begin = report_clock();
    size_t n_started = 1;
    for (size_t i = 0; i < n; i++) {
        streams[i].begin = begin;
        streams[i].options = options;
        streams[i].n_least = options->frames
                                 ? options->frames / n + (i < options->frames % n)
                                 : options->iterations;
    }
    while (n_started < n &&
           pthread_create(&threads[n_started], NULL, measure, &streams[n_started]) == 0)
        n_started++;
    (void)measure(&streams[0]);
    for (size_t i = 1; i < n_started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (n_started < n)
        return report_error(err, TARE_E_IO, "cannot start %zu streams", n);
    for (size_t i = 0; i < n; i++)
        if (streams[i].status != TARE_OK) {
            *err = streams[i].error;
            return streams[i].status;
        }
    return TARE_OK;
}

double streams_wall_s(const struct stream *streams, size_t n)
{
    double start = streams[0].runs[0].start, end = start;
    for (size_t i = 0; i < n; i++) {
        const struct stream *s = &streams[i];
        if (s->runs[0].start < start) start = s->runs[0].start;
        if (s->runs[s->n_runs - 1].end > end) end = s->runs[s->n_runs - 1].end;
    }
    return end - start;
}
