/* What the values of tare exec's flags may be, alone and together. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/exec_parse.h"
#include "tools/layers.h"

/* Is `text` one of "a|b|c"? */
static bool is_one_of(const char *text, size_t length, const char *words)
{
    for (const char *at = words; *at;) {
        const size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, text, n) == 0) return true;
        at += n + (at[n] == '|');
    }
    return false;
}

static int check_word(const char *flag, const char *text, const char *words)
{
    if (!text || is_one_of(text, strlen(text), words)) return EXIT_DONE;
    return usage_error(&exec_usage, "--%s=%s, want %s", flag, text, words);
}

/* A size in MiB, or with a unit: TensorRT 10's B, K, M, G, or as people write them. */
static bool is_size(const char *text)
{
    char *end;
    const double v = strtod(text, &end);
    return end != text && v >= 0.0 &&
           (!*end || is_one_of(end, strlen(end), "B|K|M|G|KB|MB|GB|KiB|MiB|GiB"));
}

/* Entries "key:value[,key:value]"; the last colon counts. @param keys  NULL: any */
static int check_pairs(const char *flag, const char *text, const char *keys,
                       const char *values)
{
    struct words entries = {0};
    int status = EXIT_DONE;
    if (text) words_split(&entries, text, ',');
    for (size_t i = 0; i < entries.n && status == EXIT_DONE; i++) {
        const char *entry = entries.items[i], *colon = strrchr(entry, ':');
        if (!colon || colon == entry ||
            (keys && !is_one_of(entry, (size_t)(colon - entry), keys)) ||
            !(values ? is_one_of(colon + 1, strlen(colon + 1), values)
                     : is_size(colon + 1)))
            status = usage_error(&exec_usage, "--%s: '%s' is not %s:%s", flag, entry,
                                 keys ? keys : "name", values ? values : "size");
    }
    words_free(&entries);
    return status;
}

static int check_signs(const char *flag, const char *text)
{
    struct words entries = {0};
    int status = EXIT_DONE;
    if (text) words_split(&entries, text, ',');
    for (size_t i = 0; i < entries.n && status == EXIT_DONE; i++)
        if (!strchr("+-", entries.items[i][0]) || !entries.items[i][1])
            status = usage_error(&exec_usage, "--%s: '%s' wants a + or - in front",
                                 flag, entries.items[i]);
    words_free(&entries);
    return status;
}

/* A source as it is given, in any case: ours go on to the builder; of TensorRT's a note
 * says that they are not here. @return false: unknown */
static bool take_source(const char *given, struct words *ours, struct words *notes)
{
    static const char theirs[] = "cublas|cublaslt|cublas_lt|cudnn|"
                                 "edge_mask_convolutions|jit_convolutions";
    char name[32];
    (void)snprintf(name, sizeof name, "%s", given + 1);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (is_one_of(name, strlen(name), "own|onednn|onednn-int8|openblas")) {
        words_add(ours, "%c%s", *given, name);
        return true;
    }
    words_add(notes,
              "--tacticSources: there is no %s here; own, onednn, onednn-int8 and "
              "openblas are what kernels may come from",
              given + 1);
    return is_one_of(name, strlen(name), theirs);
}

static int take_sources(struct exec_settings *settings)
{
    struct words entries = {0}, ours = {0};
    int status = check_signs("tacticSources", exec_flags.tactic_sources);
    if (status == EXIT_DONE && exec_flags.tactic_sources)
        words_split(&entries, exec_flags.tactic_sources, ',');
    for (size_t i = 0; i < entries.n && status == EXIT_DONE; i++)
        if (!take_source(entries.items[i], &ours, &settings->notes))
            status = usage_error(&exec_usage,
                                 "--tacticSources: unknown source '%s', want own, "
                                 "onednn, onednn-int8, openblas, or one of TensorRT's",
                                 entries.items[i] + 1);
    settings->tactic_sources = words_join(&ours, ',');
    words_free(&entries);
    words_free(&ours);
    return status;
}

static int take_percentiles(struct exec_settings *settings)
{
    const char *at = exec_flags.percentiles ? exec_flags.percentiles : "90,95,99";
    while (settings->n_percentiles < EXEC_MAX_PERCENTILES) {
        char *end;
        const double p = strtod(at, &end);
        if (end == at || !(p >= 0.0 && p <= 100.0)) break;
        settings->percentiles[settings->n_percentiles++] = p;
        if (!*end) return EXIT_DONE;
        if (*end != ',') break;
        at = end + 1;
    }
    return usage_error(&exec_usage,
                       "--percentile=%s, want up to %d numbers in [0, 100]",
                       exec_flags.percentiles, EXEC_MAX_PERCENTILES);
}

/* Where the engine comes from, and where it goes. */
static int check_engine(void)
{
    struct exec_flags *f = &exec_flags;
    const bool builds = f->onnx && !f->refit_from_onnx;
    const char **engine = builds ? &f->save : &f->load;
    if (f->engine && *engine && strcmp(*engine, f->engine) != 0)
        return usage_error(&exec_usage, "--engine and --%s name two files",
                           builds ? "saveEngine" : "loadEngine");
    if (f->engine) *engine = f->engine;
    if (f->load && f->save)
        return usage_error(&exec_usage, "--loadEngine and --saveEngine exclude each "
                                        "other");
    if (f->load && f->onnx && !f->refit_from_onnx)
        return usage_error(&exec_usage,
                           "--loadEngine runs what was built: leave --onnx out, or say "
                           "--refitFromOnnx");
    if (f->refit_from_onnx && !(f->load && f->onnx))
        return usage_error(&exec_usage,
                           "--refitFromOnnx wants --loadEngine and --onnx");
    if (!f->load && !f->onnx)
        return usage_error(&exec_usage, "no model: give --onnx, or --loadEngine");
    if (f->plan_version && !f->load)
        return usage_error(&exec_usage, "--getPlanVersionOnly wants --loadEngine");
    if (f->runtime && strcmp(f->runtime, "full") != 0 && !f->load)
        return usage_error(&exec_usage,
                           "--useRuntime=%s only runs what was built: it "
                           "wants --loadEngine",
                           f->runtime);
    return EXIT_DONE;
}

static int take_level(struct exec_settings *settings)
{
    struct exec_flags *f = &exec_flags;
    if (f->level > 5)
        return usage_error(&exec_usage, "--builderOptimizationLevel: want 0 to 5");
    if (f->level < 0) f->level = f->heuristic ? 2 : 3;
    if (f->level < 2 && f->timing_cache && !f->no_timing_cache) {
        words_add(&settings->notes,
                  "--timingCacheFile: level %d times nothing: the cache is left alone",
                  (int)f->level);
        f->no_timing_cache = true;
    }
    return EXIT_DONE;
}

static int check_numbers(void)
{
    const struct exec_flags *f = &exec_flags;
    if (f->cache_ratio > 1.0)
        return usage_error(&exec_usage, "--persistentCacheRatio: want 0 to 1");
    if (f->device != 0)
        return usage_error(&exec_usage, "--device=%lld: there is device 0, the CPU",
                           (long long)f->device);
    if (f->streams > 1024 || f->cpu_threads > 1024)
        return usage_error(&exec_usage, "--%s: at most 1024",
                           f->streams > 1024 ? "infStreams" : "cpuThreads");
    return EXIT_DONE;
}

/* What needs a run when there is none. */
static void note_no_run(struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    const struct {
        bool is_given;
        const char *name;
    } needs[] = {
        {f->load_inputs, "loadInputs"},         {f->dump_output, "dumpOutput"},
        {f->dump_raw, "dumpRawBindingsToFile"}, {f->dump_profile, "dumpProfile"},
        {f->export_times, "exportTimes"},       {f->export_output, "exportOutput"},
        {f->export_profile, "exportProfile"}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0] && f->skip_inference; i++)
        if (needs[i].is_given)
            words_add(&settings->notes, "--%s: there is no run, with --skipInference",
                      needs[i].name);
}

/* Samples, and how to choose ranges, are for a new cache. */
static int check_calibration(const struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    const char *extra = settings->data.n ? settings->data.items[0] : "--calibrator";
    const bool is_file = f->calib && strcmp(f->calib, "random") != 0;
    if (is_file || (settings->data.n == 0 && !f->calibrator)) return EXIT_DONE;
    return usage_error(&exec_usage, "%.*s is for calibrating: give --calib=FILE, too",
                       (int)strcspn(extra, "="), extra);
}

/* Values that are words, or lists of them. */
static int check_words(void)
{
    const struct exec_flags *f = &exec_flags;
    int status = check_word("profilingVerbosity", f->verbosity,
                            "layer_names_only|detailed|none|default|verbose");
    if (status == EXIT_DONE)
        status = check_word("useRuntime", f->runtime, "full|lean|dispatch");
    if (status == EXIT_DONE)
        status = check_word("sparsity", f->sparsity, "disable|enable|force");
    if (status == EXIT_DONE)
        status = check_word("runtimePlatform", f->platform, "SameAsBuild");
    if (status == EXIT_DONE)
        status =
            check_word("allocationStrategy", f->allocation, "static|profile|runtime");
    if (status == EXIT_DONE)
        status = check_pairs(
            "memPoolSize", f->pools,
            "workspace|dlaSRAM|dlaLocalDRAM|dlaGlobalDRAM|tacticSharedMem", NULL);
    if (status == EXIT_DONE)
        status = check_pairs("tempfileControls", f->tempfiles, "in_memory|temporary",
                             "allow|deny");
    if (status == EXIT_DONE)
        status = check_pairs("layerDeviceTypes", f->device_types, NULL, "GPU|DLA");
    if (status == EXIT_DONE) status = check_signs("preview", f->preview);
    return status;
}

static int take_constraints(struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    if (!layers_constraints(f->constraints, &settings->constraints))
        return check_word("precisionConstraints", f->constraints, "none|prefer|obey");
    if (!f->layer_precisions && !f->output_types &&
        settings->constraints != TARE_CONSTRAINTS_NONE)
        words_add(&settings->notes,
                  "--precisionConstraints=%s: there is no --layerPrecisions or "
                  "--layerOutputTypes that it could be about",
                  f->constraints);
    return EXIT_DONE;
}

int exec_check(const struct tare_profile *shapes, struct exec_settings *settings)
{
    int status = check_engine();
    if (status == EXIT_DONE) status = take_level(settings);
    if (status == EXIT_DONE) status = check_numbers();
    if (status == EXIT_DONE) status = check_words();
    if (status == EXIT_DONE) status = take_constraints(settings);
    if (status == EXIT_DONE) status = take_percentiles(settings);
    if (status == EXIT_DONE) status = take_sources(settings);
    if (status == EXIT_DONE) status = check_calibration(settings);
    if (status == EXIT_DONE) status = exec_take_shapes(shapes, settings);
    note_no_run(settings);
    return status;
}
