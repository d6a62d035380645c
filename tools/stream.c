#include "tools/stream.h"

#include <pthread.h>
#include <stdlib.h>

#include "tare/cpu.h"
#include "tools/report.h"
#include "tools/synthetic.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the measurement");
}

int stream_threads(size_t n, int64_t asked)
{
    if (asked > 0) return (int)asked;
    const int share = tare_cpu_threads() / (int)n;
    return share > 0 ? share : 1;
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
        s->buffers[i] = calloc(1, binding.n_bytes ? binding.n_bytes : 1);
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

static bool add_run(struct stream *s, const struct stream_run *run)
{
    if (s->n_runs == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 1024;
        struct stream_run *grown = realloc(s->runs, capacity * sizeof *grown);
        if (!grown) return false;
        s->runs = grown;
        s->capacity = capacity;
    }
    s->runs[s->n_runs++] = *run;
    return true;
}

/* One run. @return false: it failed, or what follows it did. */
static bool run_once(struct stream *s, struct stream_run *run)
{
    const struct stream_options *o = s->options;
    run->start = report_clock();
    s->status = tare_context_run(s->context, &s->error);
    run->end = report_clock();
    if (s->status == TARE_OK && o->after && !o->after(o->ctx, s))
        s->status = no_memory(&s->error);
    return s->status == TARE_OK;
}

/* Streams start to measure within a run of each other, so that all are busy while one
 * measures, but for the last run. */
static void *measure(void *arg)
{
    struct stream *s = arg;
    const struct stream_options *o = s->options;
    struct stream_run run;
    while ((report_clock() - s->begin) * 1e3 < o->warmup_ms) {
        if (!run_once(s, &run)) return NULL;
        s->n_warmup++;
        report_sleep(o->idle_ms);
    }
    do {
        if (s->n_runs) report_sleep(o->idle_ms);
        if (!run_once(s, &run)) return NULL;
        if (!add_run(s, &run)) {
            s->status = no_memory(&s->error);
            return NULL;
        }
    } while (run.end - s->runs[0].start < o->duration_s || s->n_runs < s->n_least);
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
        streams[i].n_runs = streams[i].n_warmup = 0;
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
