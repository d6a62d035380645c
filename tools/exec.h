/* tools/exec.h - tare exec: trtexec's command line, log and files. */
#ifndef TARE_TOOLS_EXEC_H
#define TARE_TOOLS_EXEC_H

#include <stdbool.h>

#include "tare/builder.h"
#include "tare/engine.h"
#include "tools/options.h"
#include "tools/stream.h"
#include "tools/words.h"

/** What the flags of exec_flags.inc say. */
struct exec_flags {
    const char *onnx, *caffe_model, *caffe_deploy;
    struct option_list outputs;
    struct tare_profile shapes; /**< of the profile that flags speak of */
    int64_t profile;            /**< its number */
    struct tare_profile calib_shapes;
    const char *run_shapes;
    const char *input_formats, *output_formats, *pools, *verbosity, *runtime, *sparsity;
    const char *constraints, *layer_precisions, *output_types, *device_types;
    const char *calib, *calibrator, *save, *load, *engine;
    const char *tactic_sources, *timing_cache, *preview, *tempfiles;
    bool fp16, bf16, int8, best, strongly_typed, direct_io;
    bool refit, strip, version_compatible;
    bool skip_inference, plan_version, no_timing_cache, heuristic;
    const char *hardware, *platform, *allocation;
    int64_t level, timing, aux_streams, tactics, tiling;
    double workspace;

    const char *load_inputs;
    int64_t batch, iterations, streams, cpu_threads, use_profile, calib_profile;
    double warmup_ms, duration_s, sleep_ms, idle_ms, cache_ratio;
    bool time_deserialize, time_refit, refit_from_onnx, separate_profile;

    bool verbose, dump_refit, dump_output, dump_raw, dump_profile, dump_layers,
        dump_profiles;
    int64_t avg_runs;
    const char *percentiles;
    const char *export_times, *export_output, *export_profile, *export_layers;

    int64_t device, dla_core;
    struct option_list plugins, kept_plugins;
    bool noted; /**< switches that do nothing but say so */
    const char *noted_text;
};
extern struct exec_flags exec_flags;

enum { EXEC_MAX_PERCENTILES = 16, EXEC_MAX_PROFILES = 16 };
/** What is left of them when they are checked. */
struct exec_settings {
    double percentiles[EXEC_MAX_PERCENTILES];
    size_t n_percentiles;
    enum tare_constraints constraints;
    char *tactic_sources; /**< those that tare has; NULL: the default */
    struct words data;    /**< flags of data and preprocessing, as they were given */
    struct words notes;   /**< one a flag that is about something else than a CPU */
    int n_threads;        /**< of one context */
    /** [n_profiles] of shapes, without the quotes that names may stand in, owned; of
     *  --shapes where that is all there is. */
    struct exec_shapes {
        char *min, *opt, *max;
    } profiles[EXEC_MAX_PROFILES];
    size_t n_profiles;
    char *run_shapes, *calib_shapes; /**< likewise; NULL: none */
};

/** Fill exec_flags and the settings from the command line, and check what needs no
 *  file. Prints help or what is wrong. @return true: go on; false: end with *status. */
bool exec_parse(int argc, char **argv, struct exec_settings *settings, int *status);
void exec_settings_free(struct exec_settings *settings);

/** Lines of the log: "[date-time] [I] ..."; information on standard output, warnings
 *  and errors on standard error. Verbose ones want --verbose. */
void exec_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void exec_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void exec_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void exec_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** The library's messages go to the same log. */
void exec_start_log(void);

/** The sections of the log that say what was asked for, and of what. */
void exec_print_options(const struct exec_settings *settings);
void exec_print_device(void);

/** An engine, and what it was made from. exec_engine_close() it. */
struct exec_engine {
    struct tare_plan *plan; /**< NULL: loaded */
    struct tare_engine *engine;
};
/** Build, and save where that is asked for; or load. */
enum tare_status exec_engine_open(const struct exec_settings *settings,
                                  struct exec_engine *out, struct tare_error *err);
void exec_engine_close(struct exec_engine *engine);
/** --timeDeserialize. */
enum tare_status exec_time_load(const struct exec_engine *engine,
                                struct tare_error *err);

/** --refitFromOnnx, and what an engine without weights needs before it runs: the
 *  weights of --onnx. Does nothing where neither is the case. */
enum tare_status exec_refit(struct exec_engine *engine, struct tare_error *err);
/** --dumpRefit and --timeRefit. */
enum tare_status exec_report_refit(const struct tare_engine *engine,
                                   struct tare_error *err);

/** The cache of --calib: read; or made from the samples, and written; or of random
 *  numbers. @param[out] cache  NULL: there is none; tare_cache_destroy() it. */
enum tare_status exec_calibrate(const struct exec_settings *settings,
                                const struct tare_model *model,
                                struct tare_cache **cache, struct tare_error *err);

/** --dumpOptimizationProfile. */
void exec_print_profiles(const struct tare_engine *engine);
/** An engine of the shapes to run with: --shapes; or those of the build; or, of an
 *  engine that was loaded, 1 for every open axis, which is said.
 *  @param[out] fixed  tare_engine_destroy() it; NULL: `engine` itself is. */
enum tare_status exec_fix_shapes(const struct exec_settings *settings,
                                 const struct tare_engine *engine,
                                 struct tare_engine **fixed, struct tare_error *err);

/** --inputIOFormats and --outputIOFormats against what the engine binds. */
enum tare_status exec_check_formats(const struct tare_engine *engine,
                                    struct tare_error *err);

/** --directIO: nothing is converted or reordered at the engine's border. */
enum tare_status exec_check_direct(const struct tare_engine *engine,
                                   struct tare_error *err);

/** Time the layers of the first stream while it runs. */
struct exec_profile {
    const struct tare_engine *engine;
    size_t n_layers, n_runs, capacity;
    double *sums; /**< [n_layers] milliseconds up to the last run */
    float *times; /**< [n_runs][n_layers] milliseconds of each run */
};
/** Zero-initialise; free it with exec_profile_free(). */
enum tare_status exec_profile_open(struct exec_profile *profile,
                                   const struct tare_engine *engine,
                                   struct tare_error *err);
/** After a run of the profiled context. @return false: no memory */
bool exec_profile_add(struct exec_profile *profile, const struct tare_context *context);
void exec_profile_print(const struct exec_profile *profile);
enum tare_status exec_profile_write(const struct exec_profile *profile,
                                    const char *path, struct tare_error *err);
void exec_profile_free(struct exec_profile *profile);

/** Open the streams, run them, and report on them as the flags say. */
enum tare_status exec_infer(const struct exec_settings *settings,
                            const struct tare_engine *engine, struct tare_error *err);

/** Trace and summary of the measured runs, and --exportTimes. */
enum tare_status exec_report_times(const struct exec_settings *settings,
                                   const struct stream *streams, size_t n_streams,
                                   struct tare_error *err);

/** --dumpLayerInfo and --exportLayerInfo. */
enum tare_status exec_layer_info(const struct tare_engine *engine,
                                 struct tare_error *err);

/** --dumpOutput, --dumpRawBindingsToFile and --exportOutput, of the last run. */
enum tare_status exec_dump_tensors(const struct tare_engine *engine,
                                   const struct stream *s, struct tare_error *err);

#endif /* TARE_TOOLS_EXEC_H */
