/* Run an engine in streams, and report on it. */
#include <math.h>
#include <stdlib.h>

#include "tools/exec.h"
#include "tools/report.h"
#include "tools/stream_inputs.h"

/* stream_open() fills all inputs; --loadInputs takes some over. */
static void print_bindings(const struct tare_engine *engine, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tare_binding binding;
        char dims[128];
        tare_engine_binding(engine, i, &binding);
        if (binding.is_input && !exec_flags.load_inputs)
            exec_info("Using random values for input %s", binding.name);
        const char *shape = binding.dims.rank < 0 ? "that a run tells"
                                                  : report_dims(&binding.dims, dims);
        exec_info("%s binding for %s with dimensions %s is created.",
                  binding.is_input ? "Input" : "Output", binding.name, shape);
    }
}

static void note_input(const char *file, const char *input)
{
    exec_info("Using values loaded from %s for input %s", file, input);
}

static enum tare_status open_streams(const struct exec_settings *settings,
                                     const struct tare_engine *engine,
                                     struct stream *streams, size_t n,
                                     struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        st = stream_open(&streams[i], engine, settings->n_threads, NULL, err);
        if (st == TARE_OK && exec_flags.load_inputs)
            st = stream_load_inputs(engine, &streams[i], exec_flags.load_inputs,
                                    "--loadInputs", note_input, err);
    }
    if (st == TARE_OK) print_bindings(engine, streams[0].n_bindings);
    return st;
}

/* What the streams' hook needs: it profiles the first of them. */
struct watch {
    struct exec_profile profile;
    const struct stream *first;
};

static bool watch_run(void *ctx, struct stream *s)
{
    struct watch *watch = ctx;
    return s != watch->first || exec_profile_add(&watch->profile, s->context);
}

static enum tare_status run(struct watch *watch, struct stream *streams, size_t n,
                            bool profiles, struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    const struct stream_options options = {
        .warmup_ms = f->warmup_ms,
        .duration_s = f->duration_s < 0.0 ? HUGE_VAL : f->duration_s,
        .iterations = (size_t)f->iterations,
        .idle_ms = f->idle_ms,
        .after = profiles ? watch_run : NULL,
        .ctx = watch,
    };
    tare_context_set_profiling(streams[0].context, profiles);
    const enum tare_status st = streams_run(streams, n, &options, err);
    tare_context_set_profiling(streams[0].context, false);
    return st;
}

static enum tare_status report_profile(const struct exec_profile *profile,
                                       struct tare_error *err)
{
    if (exec_flags.dump_profile) exec_profile_print(profile);
    if (!exec_flags.export_profile) return TARE_OK;
    return exec_profile_write(profile, exec_flags.export_profile, err);
}

static enum tare_status infer(const struct exec_settings *settings,
                              const struct tare_engine *engine, struct watch *watch,
                              struct stream *streams, size_t n, struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    const bool profiles = f->dump_profile || f->export_profile;
    enum tare_status st = open_streams(settings, engine, streams, n, err);
    if (st == TARE_OK && profiles)
        st = exec_profile_open(&watch->profile, tare_context_engine(streams[0].context),
                               err);
    if (st != TARE_OK) return st;
    report_sleep(f->sleep_ms);
    exec_info("Starting inference");
    st = run(watch, streams, n, profiles && !f->separate_profile, err);
    if (st == TARE_OK) st = exec_report_times(settings, streams, n, err);
    if (st == TARE_OK) st = exec_dump_tensors(engine, &streams[0], err);
    if (st == TARE_OK && profiles && f->separate_profile)
        st = run(watch, streams, 1, true, err);
    if (st == TARE_OK && profiles) st = report_profile(&watch->profile, err);
    return st;
}

static enum tare_status run_streams(const struct exec_settings *settings,
                                    const struct tare_engine *engine,
                                    struct tare_error *err)
{
    const size_t n = (size_t)exec_flags.streams;
    struct stream *streams = calloc(n, sizeof *streams);
    if (!streams) return report_error(err, TARE_E_NOMEM, "no memory for the streams");
    struct watch watch = {.first = streams};
    const enum tare_status st = infer(settings, engine, &watch, streams, n, err);
    for (size_t i = 0; i < n; i++)
        stream_close(&streams[i]);
    exec_profile_free(&watch.profile);
    free(streams);
    return st;
}

enum tare_status exec_infer(const struct exec_settings *settings,
                            const struct tare_engine *engine, struct tare_error *err)
{
    struct tare_engine *fixed = NULL;
    enum tare_status st = exec_fix_shapes(settings, engine, &fixed, err);
    if (st == TARE_OK) st = run_streams(settings, fixed ? fixed : engine, err);
    tare_engine_destroy(fixed);
    return st;
}
