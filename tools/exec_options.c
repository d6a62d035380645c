/* The sections of tare exec's log that say what was asked for, in trtexec's words. */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tare/cpu.h"
#include "tare/version.h"
#include "tools/exec.h"
#include "tools/report.h"

static const char *enabled(bool on)
{
    return on ? "Enabled" : "Disabled";
}

static const char *text(const char *value, const char *otherwise)
{
    return value ? value : otherwise;
}

static void print_model(const struct exec_flags *f)
{
    exec_info("=== Model Options ===");
    exec_info("Format: %s", f->onnx ? "ONNX" : "*");
    exec_info("Model: %s", text(f->onnx, ""));
    exec_info("Output:");
}

static void print_precision(const struct exec_flags *f)
{
    exec_info("Precision: FP32%s%s%s%s", f->fp16 || f->best ? "+FP16" : "",
              f->bf16 || f->best ? "+BF16" : "", f->int8 || f->best ? "+INT8" : "",
              f->constraints && strcmp(f->constraints, "none") != 0
                  ? strcmp(f->constraints, "obey") == 0
                        ? " (obey precision constraints)"
                        : " (prefer precision constraints)"
                  : "");
    exec_info("LayerPrecisions: %s", text(f->layer_precisions, ""));
    exec_info("Layer Output Types: %s", text(f->output_types, ""));
    exec_info("Layer Device Types: %s", text(f->device_types, ""));
    exec_info("Calibration: %s", text(f->calib, f->int8 ? "none" : ""));
}

static void print_build(const struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    exec_info("=== Build Options ===");
    if (f->load) exec_info("The engine is loaded: build options do nothing");
    exec_info("Memory Pools: workspace: default");
    print_precision(f);
    exec_info("Refit: %s", enabled(f->refit));
    exec_info("Strip weights: %s", enabled(f->strip));
    exec_info("Version Compatible: %s", enabled(f->version_compatible));
    exec_info("Hardware Compatibility: %s", text(f->hardware, "Disabled"));
    exec_info("Skip inference: %s", enabled(f->skip_inference));
    exec_info("Save engine: %s", text(f->save, ""));
    exec_info("Load engine: %s", text(f->load, ""));
    exec_info("Profiling verbosity: %s", text(f->verbosity, "layer_names_only"));
    exec_info("Tactic sources: %s",
              text(settings->tactic_sources, "Using default tactic sources"));
    exec_info("timingCacheMode: %s", f->no_timing_cache ? "disable"
                                     : f->timing_cache  ? "global"
                                                        : "local");
    exec_info("timingCacheFile: %s", text(f->timing_cache, ""));
    exec_info("BuilderOptimizationLevel: %d", (int)f->level);
    exec_info("Input(s) format: %s", text(f->input_formats, "the model's, CHW"));
    exec_info("Output(s) format: %s", text(f->output_formats, "the model's, CHW"));
    if (settings->n_profiles == 0) exec_info("Input build shapes: model");
    for (size_t i = 0; i < settings->n_profiles; i++) {
        const struct exec_shapes *p = &settings->profiles[i];
        exec_info("Input build shapes (profile %zu): %s+%s+%s", i, text(p->min, p->opt),
                  text(p->opt, ""), text(p->max, p->opt));
    }
    exec_info("Input calibration shapes: %s", text(settings->calib_shapes, "model"));
}

static void print_inference(const struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    exec_info("=== Inference Options ===");
    exec_info("Batch: Explicit");
    exec_info("Input inference shapes: %s",
              text(settings->run_shapes, text(settings->profiles[0].opt, "model")));
    exec_info("Iterations: %lld", (long long)f->iterations);
    if (f->duration_s < 0.0)
        exec_info("Duration: until stopped (+ %gms warm up)", f->warmup_ms);
    else
        exec_info("Duration: %gs (+ %gms warm up)", f->duration_s, f->warmup_ms);
    exec_info("Sleep time: %gms", f->sleep_ms);
    exec_info("Idle time: %gms", f->idle_ms);
    exec_info("Inference Streams: %lld", (long long)f->streams);
    exec_info("Threads per stream: %d", settings->n_threads);
    exec_info("Data transfers: none, an engine works where inputs and outputs are");
    exec_info("Separate profiling: %s", enabled(f->separate_profile));
    exec_info("Time Deserialize: %s", enabled(f->time_deserialize));
    exec_info("Time Refit: %s", enabled(f->time_refit));
    exec_info("Optimization Profile Index: %lld", (long long)f->use_profile);
    exec_info("Inputs: %s", text(f->load_inputs, ""));
}

static void print_reporting(const struct exec_flags *f)
{
    const bool profiles = f->dump_profile || f->export_profile;
    exec_info("=== Reporting Options ===");
    exec_info("Verbose: %s", enabled(f->verbose));
    exec_info("Averages: %lld inferences", (long long)f->avg_runs);
    exec_info("Percentiles: %s", text(f->percentiles, "90,95,99"));
    exec_info("Dump refittable layers: %s", enabled(f->dump_refit));
    exec_info("Dump output: %s", enabled(f->dump_output));
    exec_info("Profile: %s", enabled(profiles));
    exec_info("Export timing to JSON file: %s", text(f->export_times, ""));
    exec_info("Export output to JSON file: %s", text(f->export_output, ""));
    exec_info("Export profile to JSON file: %s", text(f->export_profile, ""));
    exec_info("Export layer information to JSON file: %s", text(f->export_layers, ""));
}

void exec_print_options(const struct exec_settings *settings)
{
    print_model(&exec_flags);
    print_build(settings);
    exec_info("=== System Options ===");
    exec_info("Device: 0");
    exec_info("Plugins:");
    for (size_t i = 0; i < exec_flags.plugins.n; i++)
        exec_info("  %s", exec_flags.plugins.items[i]);
    print_inference(settings);
    print_reporting(&exec_flags);
    exec_info("%s", "");
    for (size_t i = 0; i < settings->notes.n; i++)
        exec_warn("%s", settings->notes.items[i]);
}

void exec_print_device(void)
{
    struct utsname system;
    const char *name = tare_cpu_name();
    const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    exec_info("=== Device Information ===");
    exec_info("Selected Device: %s", *name ? name : "CPU");
    if (uname(&system) == 0) exec_info("Architecture: %s", system.machine);
    exec_info("Instruction Set: %s", tare_cpu_isa());
    exec_info("Threads: %d", tare_cpu_threads());
    if (pages > 0 && page_bytes > 0)
        exec_info("Device Global Memory: %.0f MiB",
                  (double)pages * (double)page_bytes / 1048576.0);
    exec_info("%s", "");
    exec_info("tare version: %s", TARE_VERSION);
}
