/* The engine of tare exec: built, or loaded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tare/recovery.h"
#include "tools/exec.h"
#include "tools/layers.h"
#include "tools/plugins.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/tactics.h"

/* --hardwareCompatibilityLevel as an instruction set. */
static const char *choose_isa(void)
{
    const char *level = exec_flags.hardware;
    if (!level || strcmp(level, "none") == 0 ||
        strcmp(level, "sameComputeCapability") == 0)
        return NULL;
    const char *isa = strcmp(level, "ampere+") == 0 ? "portable" : level;
    exec_info("--hardwareCompatibilityLevel=%s: as tare build's --isa=%s", level, isa);
    return isa;
}

/* Which precisions are allowed. */
static enum tare_status choose_precisions(const struct tare_model *model,
                                          const struct tare_cache *cache,
                                          struct tare_build_options *options,
                                          struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    const bool is_quantized = tare_model_is_quantized(model);
    options->fp16 = f->fp16 || f->best;
    options->bf16 = f->bf16 || f->best;
    options->int8 = f->int8 || ((f->best || f->strongly_typed) && is_quantized) ||
                    (f->best && cache);
    options->cache = cache;
    if (f->int8 && !cache && !is_quantized)
        return report_error(err, TARE_E_ARG,
                            "--int8 needs ranges: --calib=FILE, with samples where it "
                            "is not there yet (--images=DIR, ...); a quantized model; "
                            "or --calib=random where only times matter");
    if (f->best && !options->int8)
        exec_warn("--best: INT8 is left out, as there are no ranges: see --calib");
    return TARE_OK;
}

static void print_passes(const struct tare_plan *plan)
{
    for (const char *at = tare_plan_passes(plan); *at;) {
        const size_t n = strcspn(at, "\n");
        exec_info("%.*s", (int)n, at);
        at += n + (at[n] == '\n');
    }
}

static void print_engine(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    char text[128];
    tare_engine_info(engine, &info);
    exec_info("Engine size: %s, of which weights %.2f MB",
              report_bytes((double)info.file_bytes, text),
              (double)info.weight_bytes / 1e6);
    exec_info("Activations of a context: %s", report_activations(&info, text));
    exec_info("Peak memory of the process so far: %s",
              report_bytes(report_peak_memory(), text));
    if (info.n_regions > 0)
        exec_info("Branches: %zu regions of layers that run side by side, in %zu "
                  "streams at the most",
                  info.n_regions, info.n_streams);
    exec_info("Layers: %zu; kernels for %s%s", info.n_layers, info.isa,
              report_exactness(&info));
}

static void print_plan(const struct tare_plan *plan)
{
    print_passes(plan);
    for (size_t i = 0; exec_flags.verbose && i < tare_plan_n_rows(plan); i++) {
        struct tare_build_row row;
        tare_plan_row(plan, i, &row);
        layers_print(&row);
    }
    if (exec_flags.verbose) tactics_print(plan);
}

/* Build from a model whose shapes are known. */
static enum tare_status build_bound(const struct exec_settings *settings,
                                    const struct tare_model *model,
                                    struct tare_plan **plan, struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    struct tare_cache *cache = NULL;
    struct tare_recovery *recovery = NULL;
    char path[RECOVER_PATH_BYTES];
    struct tare_build_options options = {
        .constraints = settings->constraints,
        .layer_precisions = f->layer_precisions,
        .layer_output_types = f->output_types,
        .input_formats = f->input_formats,
        .output_formats = f->output_formats,
        .isa = choose_isa(),
        .refit = f->refit,
        .strip_weights = f->strip,
        .version_compatible = f->version_compatible,
        .tactic_sources = settings->tactic_sources,
        .optimization_level = (int)f->level,
        .timing_threads = settings->n_threads,
        .max_aux_streams = f->aux_streams < TARE_MAX_AUX_STREAMS ? (int)f->aux_streams
                                                                 : TARE_MAX_AUX_STREAMS,
        .timing_cache = f->no_timing_cache ? NULL : f->timing_cache,
        .fastest_precisions = f->best,
    };
    enum tare_status st = exec_calibrate(settings, model, &cache, err);
    if (st == TARE_OK) st = choose_precisions(model, cache, &options, err);
    if (st == TARE_OK && cache && strcmp(f->calib, "random") != 0)
        st = recover_read_beside(f->calib, path, &recovery, err);
    if (recovery) exec_info("Recovery: %s", path);
    options.recovery = recovery;
    struct tare_profile profiles[EXEC_MAX_PROFILES];
    for (size_t i = 0; i < settings->n_profiles; i++)
        profiles[i] =
            (struct tare_profile){settings->profiles[i].min, settings->profiles[i].opt,
                                  settings->profiles[i].max};
    options.profiles = profiles;
    options.n_profiles = settings->n_profiles;
    const double before = report_clock();
    if (st == TARE_OK) st = tare_build(model, &options, plan, err);
    if (st == TARE_OK) {
        print_plan(*plan);
        exec_info("Engine built in %g sec.", report_clock() - before);
    }
    tare_recovery_destroy(recovery);
    tare_cache_destroy(cache);
    return st;
}

/* Fix the shapes: those of the first profile. */
static enum tare_status bind(const struct exec_settings *settings,
                             struct tare_model *model, struct tare_error *err)
{
    const int64_t batch = exec_flags.batch ? exec_flags.batch : 1;
    const bool is_said = settings->n_profiles || exec_flags.batch;
    for (size_t i = 0; i < tare_model_n_inputs(model) && !is_said; i++) {
        struct tare_model_value input;
        tare_model_input(model, i, &input);
        if (input.dims.rank > 0 && input.dims.d[0] < 0)
            exec_warn("Dynamic dimensions required for input: %s, but no shapes were "
                      "provided. Automatically setting the first one to 1",
                      input.name);
    }
    return tare_model_bind(model, settings->profiles[0].opt, batch, NULL, err);
}

static enum tare_status check_plan(const struct tare_plan *plan, struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    enum tare_status st = TARE_OK;
    if (!exec_flags.direct_io) return TARE_OK;
    st = tare_plan_open(plan, &engine, err);
    if (st == TARE_OK) st = exec_check_direct(engine, err);
    tare_engine_destroy(engine);
    return st;
}

static enum tare_status build(const struct exec_settings *settings,
                              struct tare_plan **plan, struct tare_error *err)
{
    const struct exec_flags *f = &exec_flags;
    struct tare_model *model = NULL;
    double before = report_clock();
    exec_info("Start parsing network model.");
    enum tare_status st = plugins_load_model(f->onnx, &model, err);
    if (st == TARE_OK)
        exec_info("Finished parsing network model. Parse time: %g",
                  report_clock() - before);
    if (st == TARE_OK) st = bind(settings, model, err);
    if (st == TARE_OK) st = build_bound(settings, model, plan, err);
    if (st == TARE_OK) st = check_plan(*plan, err);
    if (st == TARE_OK && f->save) {
        st = tare_plan_save(*plan, f->save, err);
        if (st == TARE_OK) exec_info("Engine saved to %s", f->save);
    }
    tare_model_destroy(model);
    return st;
}

/* From the plan, or from the file. */
static enum tare_status load(const struct tare_plan *plan, struct tare_engine **engine,
                             struct tare_error *err)
{
    return plan ? tare_plan_open(plan, engine, err)
                : plugins_load_engine(exec_flags.load, engine, err);
}

enum tare_status exec_engine_open(const struct exec_settings *settings,
                                  struct exec_engine *out, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    *out = (struct exec_engine){0};
    if (!exec_flags.load) st = build(settings, &out->plan, err);
    const double before = report_clock();
    if (st == TARE_OK) st = load(out->plan, &out->engine, err);
    if (st != TARE_OK) return st;
    exec_info("Engine deserialized in %g sec.", report_clock() - before);
    st = exec_refit(out, err);
    if (st != TARE_OK) return st;
    print_engine(out->engine);
    return exec_check_formats(out->engine, err);
}

enum tare_status exec_time_load(const struct exec_engine *engine,
                                struct tare_error *err)
{
    enum { N = 20 };
    double total = 0.0, squares = 0.0;
    exec_info("Begin deserialization engine timing...");
    for (int i = 0; i < N; i++) {
        struct tare_engine *again;
        const double before = report_clock();
        const enum tare_status st = load(engine->plan, &again, err);
        const double ms = (report_clock() - before) * 1e3;
        if (st != TARE_OK) return st;
        tare_engine_destroy(again);
        total += ms;
        squares += ms * ms;
    }
    const double mean = total / N, variance = squares / N - mean * mean;
    exec_info("Total deserialization time = %g milliseconds in %d iterations. Average "
              "time = %g milliseconds, standard deviation = %g milliseconds.",
              total, N, mean, variance > 0.0 ? sqrt(variance) : 0.0);
    return TARE_OK;
}

void exec_engine_close(struct exec_engine *engine)
{
    tare_engine_destroy(engine->engine);
    tare_plan_destroy(engine->plan);
}
