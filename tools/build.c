/* tare build: optimise a model, choose precisions, write an engine. */
#include <stdio.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/engine.h"
#include "tools/config.h"
#include "tools/config_run.h"
#include "tools/data.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/layers.h"
#include "tools/march.h"
#include "tools/plugins.h"
#include "tools/progress.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/synthetic.h"
#include "tools/tactics.h"
#include "tools/tool.h"

static struct flags {
    const char *config, *march;
    const char *onnx, *cache, *engine, *constraints, *layer_precisions, *output_types;
    const char *isa, *json, *input_formats, *output_formats;
    struct option_list min_shapes, opt_shapes, max_shapes;
    const char *timing_cache, *tactic_sources, *save_tactics, *load_tactics, *bans;
    bool int8, fp16, bf16, best, fast_perf, dump_passes, no_recovery;
    bool refit, strip_weights, version_compatible;
    int64_t batch, level, aux_streams;
} flags = {.level = -1, .aux_streams = TARE_AUX_STREAMS_AUTO};

static const struct option options[] = {
    {"config", OPTION_TEXT, &flags.config, "FILE.yaml",
     "calibrate and build as hb_mapper's configuration says; other flags here go "
     "before "
     "it",
     0},
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"engine", OPTION_TEXT, &flags.engine, "OUT", "the engine file to write", 0},
    {"int8", OPTION_SWITCH, &flags.int8, NULL,
     "allow INT8; needs --cache, unless the model is quantized itself", 0},
    {"fp16", OPTION_SWITCH, &flags.fp16, NULL,
     "allow FP16, for layers that ask (--layer-precisions)", 0},
    {"bf16", OPTION_SWITCH, &flags.bf16, NULL,
     "allow BF16, for layers that ask or where it is faster", 0},
    {"best", OPTION_SWITCH, &flags.best, NULL,
     "allow every precision; measured times choose where it is in doubt", 0},
    {"cache", OPTION_TEXT, &flags.cache, "FILE",
     "calibration cache, TensorRT's format; FILE.recovery is used when it is there", 0},
    {"no-recovery", OPTION_SWITCH, &flags.no_recovery, NULL,
     "leave FILE.recovery alone", 0},
    {"fast-perf", OPTION_SWITCH, &flags.fast_perf, NULL,
     "INT8 with ranges that are made up, to time the engine: its results are worthless",
     0},
    {"precision-constraints", OPTION_TEXT, &flags.constraints, "none|prefer|obey",
     "what layer precisions mean (default: none)", 0},
    {"layer-precisions", OPTION_TEXT, &flags.layer_precisions, "SPEC",
     "layer:precision[,...]; * matches; fp32, int8, fp16, bf16", 0},
    {"layer-output-types", OPTION_TEXT, &flags.output_types, "SPEC",
     "layer:type[+type][,...] for the layers' outputs", 0},
    {"input-formats", OPTION_TEXT, &flags.input_formats, "TYPE:FORMAT[,...]",
     "what the inputs are given as, one entry each or one for all: fp32, fp16, bf16, "
     "int8, "
     "uint8; chw, hwc, chw2, chw4, chw16, chw32, hwc8, hwc16, dhwc, dhwc8, cdhw32 "
     "(default: the model's type, chw)",
     0},
    {"output-formats", OPTION_TEXT, &flags.output_formats, "TYPE:FORMAT[,...]",
     "what the outputs are wanted as, likewise", 0},
    {"opt-shapes", OPTION_LIST, &flags.opt_shapes, "NAME:1x3x224x224[,...]",
     "shapes of inputs that the model leaves open, which kernels are chosen for; give "
     "it and the next two again for each further optimization profile",
     0},
    {"min-shapes", OPTION_LIST, &flags.min_shapes, "SPEC",
     "the least that the engine has to take (default: --opt-shapes); 0: empty tensors",
     0},
    {"max-shapes", OPTION_LIST, &flags.max_shapes, "SPEC",
     "the most, likewise. An engine of more than one shape carries the model's "
     "constants as well",
     0},
    {"batch", OPTION_COUNT, &flags.batch, "N",
     "length of a first axis that the model leaves open (default: 1)", 1},
    {"isa", OPTION_TEXT, &flags.isa,
     "native|portable|ref|avx2|avxvnni|avx512|vnni|bf16|amx|amx16|neon|dotprod|i8mm",
     "most that the kernels may use; portable: what there is where it runs (default: "
     "native)",
     0},
    {"march", OPTION_TEXT, &flags.march, MARCH_NAMES,
     "hb_mapper's processors: sets --isa to avx2, vnni or amx, or native where this "
     "processor has less",
     0},
    {"optimization-level", OPTION_COUNT, &flags.level, "0..5",
     "effort to find each layer's fastest kernel; 0 and 1 time nothing (default: 3)",
     0},
    {"timing-cache", OPTION_TEXT, &flags.timing_cache, "FILE",
     "times of kernels: used when it is there, and what is timed is added", 0},
    {"tactic-sources", OPTION_TEXT, &flags.tactic_sources, "+own,+onednn,...",
     "libraries that kernels may come from: own, onednn, onednn-int8, openblas "
     "(default: +own)",
     0},
    {"ban-tactic", OPTION_TEXT, &flags.bans, "NAME[,NAME]",
     "kernels, or other libraries, that no layer may run", 0},
    {"save-tactics", OPTION_TEXT, &flags.save_tactics, "FILE",
     "write which kernel each layer runs", 0},
    {"load-tactics", OPTION_TEXT, &flags.load_tactics, "FILE",
     "run those, and time nothing: the same engine on any machine", 0},
    {"max-aux-streams", OPTION_COUNT, &flags.aux_streams, "N",
     "streams that may run beside another one, each a branch of the network; 0: one "
     "layer after another (default: what pays, timed with --threads=2 or more)",
     0},
    {"dump-passes", OPTION_SWITCH, &flags.dump_passes, NULL,
     "layer counts after each optimizer pass", 0},
    {"refit", OPTION_SWITCH, &flags.refit, NULL,
     "the engine carries what it is made from: `tare refit` gives it other weights", 0},
    {"strip-weights", OPTION_SWITCH, &flags.strip_weights, NULL,
     "leave the weights out: the engine runs when `tare refit` has given it some", 0},
    {"version-compatible", OPTION_SWITCH, &flags.version_compatible, NULL,
     "as --refit: a tare with another engine format makes the engine anew from it", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE",
     "layers: requested, got, why, of outputs too; tactics: candidates, times, why", 0},
};

static const struct usage usage = {
    "build",
    "--onnx=MODEL --engine=OUT [--int8 [--cache=FILE]] [flags]\n"
    "       tare build --config=FILE.yaml [--fast-perf] [flags]",
    "Optimise a network, choose each layer's precision and write an engine file. FP32 "
    "is\n"
    "always allowed. The same inputs give the same bytes; where kernels are timed, "
    "with "
    "the\n"
    "same timing cache. --threads is the number of threads that they are timed with\n"
    "(default: 1).",
    "  tare build --onnx=resnet.onnx --engine=resnet-fp32.tare\n"
    "  tare build --onnx=resnet.onnx --int8 --cache=resnet.cache --engine=resnet.tare\n"
    "  tare build --onnx=net-qdq.onnx --int8 --engine=net.tare\n"
    "  tare build --onnx=net.onnx --engine=net.tare --timing-cache=times --verbose\n"
    "  tare build --onnx=net.onnx --engine=net.tare --min-shapes=x:1x3x224x224 \\\n"
    "      --opt-shapes=x:8x3x224x224 --max-shapes=x:32x3x224x224\n"
    "  tare build --onnx=net.onnx --int8 --cache=net.cache --engine=net.tare \\\n"
    "      --precision-constraints=obey --layer-precisions='conv1:fp32,head*:fp32'\n"
    "  tare build --onnx=net.onnx --engine=net.tare --save-tactics=net.tactics\n"
    "  tare build --onnx=net.onnx --int8 --cache=net.cache --engine=net.tare \\\n"
    "      --input-formats=int8:hwc --output-formats=fp16:chw\n"
    "  tare build --config=resnet_config.yaml\n"
    "  tare build --onnx=net.onnx --fast-perf --engine=net.tare\n",
};

/* The profiles of the flags, as many as the flag has that was given most often; false:
 * another was given, but not as often. */
static bool list_profiles(struct tare_profile profiles[OPTION_LIST_MAX], size_t *n)
{
    const struct option_list *lists[] = {&flags.min_shapes, &flags.opt_shapes,
                                         &flags.max_shapes};
    *n = 0;
    for (int i = 0; i < 3; i++)
        if (lists[i]->n > *n) *n = lists[i]->n;
    for (int i = 0; i < 3; i++)
        if (lists[i]->n > 0 && lists[i]->n < *n) return false;
    for (size_t p = 0; p < *n; p++)
        profiles[p] =
            (struct tare_profile){flags.min_shapes.items[p], flags.opt_shapes.items[p],
                                  flags.max_shapes.items[p]};
    return true;
}

/* What the model is bound to: the first profile's opt. */
static const char *first_shapes(const struct tare_build_options *build_options)
{
    if (build_options->n_profiles == 0) return NULL;
    const struct tare_profile *p = &build_options->profiles[0];
    return p->opt ? p->opt : p->max ? p->max : p->min;
}

/* @param recovered  the recovery file that was used, or NULL */
static void print_report(const struct tare_plan *plan, const struct tare_engine *engine,
                         const char *recovered)
{
    struct tare_engine_info info;
    char size[32], memory[128];
    size_t n_int8 = 0, n_half = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < tare_plan_n_rows(plan); i++) {
        struct tare_build_row row;
        tare_plan_row(plan, i, &row);
        n_int8 += strcmp(row.got, "INT8") == 0;
        n_half += strcmp(row.got, "FP16") == 0 || strcmp(row.got, "BF16") == 0;
        if (common_options.verbose) layers_print(&row);
    }
    if (common_options.verbose) tactics_print(plan);
    printf("Engine        %s (%s)\n", flags.engine,
           report_bytes((double)info.file_bytes, size));
    if (info.is_stripped) {
        printf("Weights       stripped: `tare refit --engine=%s --onnx=MODEL` gives it "
               "some\n",
               flags.engine);
        return;
    }
    printf("Layers        %zu, with reformats %zu; %zu in INT8", tare_plan_n_rows(plan),
           info.n_layers, n_int8);
    if (n_half > 0) printf(", %zu in FP16 or BF16", n_half);
    printf("\n");
    if (recovered)
        printf("Recovery      %s (%zu layers)\n", recovered,
               tare_plan_n_recovered(plan));
    if (tare_engine_n_profiles(engine) > 0)
        printf("Profiles      %zu\n", tare_engine_n_profiles(engine));
    if (info.n_regions > 0)
        printf("Branches      %zu regions of layers that run side by side, in %zu "
               "streams at the most\n",
               info.n_regions, info.n_streams);
    printf("Activations   %s\n", report_activations(&info, memory));
    printf("Kernels       %s%s\n", info.isa, report_exactness(&info));
}

/* The plan's files; the engine is the last one. */
static enum tare_status save(const struct tare_plan *plan, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (flags.save_tactics) st = tare_plan_save_tactics(plan, flags.save_tactics, err);
    return st == TARE_OK ? tare_plan_save(plan, flags.engine, err) : st;
}

static cJSON *report_json(const struct tare_plan *plan)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *layers = root ? cJSON_AddArrayToObject(root, "layers") : NULL;
    for (size_t i = 0; layers && i < tare_plan_n_rows(plan); i++) {
        struct tare_build_row row;
        tare_plan_row(plan, i, &row);
        layers_add(layers, &row);
    }
    if (root) tactics_add(plan, root);
    return root;
}

static enum tare_status make_ranges(const struct tare_model *model,
                                    struct tare_cache **cache, struct tare_error *err)
{
    (void)fputs(
        "tare: WARNING: --fast-perf: the ranges are those of random numbers; the "
        "engine is for timing, its results are worthless\n",
        stderr);
    return synthetic_ranges(model, cache, err);
}

static enum tare_status build(struct tare_build_options *build_options,
                              struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_cache *cache = NULL;
    struct tare_recovery *recovery = NULL;
    struct tare_tactics *tactics = NULL;
    struct tare_plan *plan = NULL;
    struct tare_engine *engine = NULL;
    char recovery_path[RECOVER_PATH_BYTES];
    enum tare_status st = plugins_load_model(flags.onnx, &model, err);
    if (st == TARE_OK)
        st = tare_model_bind(model, first_shapes(build_options),
                             flags.batch ? flags.batch : 1, NULL, err);
    if (st == TARE_OK && flags.best && tare_model_is_quantized(model))
        build_options->int8 = true;
    if (st == TARE_OK && flags.cache) st = tare_cache_read(flags.cache, &cache, err);
    if (st == TARE_OK && flags.fast_perf && !tare_model_is_quantized(model))
        st = make_ranges(model, &cache, err);
    if (st == TARE_OK && build_options->int8 && flags.cache && !flags.no_recovery)
        st = recover_read_beside(flags.cache, recovery_path, &recovery, err);
    build_options->cache = cache;
    build_options->recovery = recovery;
    if (st == TARE_OK && flags.load_tactics)
        st = tare_tactics_read(flags.load_tactics, &tactics, err);
    build_options->tactics = tactics;
    if (st == TARE_OK) st = tare_build(model, build_options, &plan, err);
    if (st == TARE_OK && interrupt_came())
        st = report_error(err, TARE_E_CANCELLED, "cancelled: nothing is written");
    if (st == TARE_OK) st = tare_plan_open(plan, &engine, err);
    if (st == TARE_OK) st = save(plan, err);
    if (st == TARE_OK && flags.json)
        st = json_write(report_json(plan), flags.json, err);
    if (st == TARE_OK) {
        if (flags.dump_passes) printf("%s", tare_plan_passes(plan));
        print_report(plan, engine, recovery ? recovery_path : NULL);
    }
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
    tare_tactics_destroy(tactics);
    tare_recovery_destroy(recovery);
    tare_cache_destroy(cache);
    tare_model_destroy(model);
    return st;
}

/* What contradicts itself; EXIT_DONE: nothing. */
static int check_flags(void)
{
    const char *level;
    if (!flags.onnx || !flags.engine)
        return usage_error(&usage, "--%s is missing", flags.onnx ? "engine" : "onnx");
    if (flags.fast_perf && flags.cache)
        return usage_error(&usage, "--fast-perf makes ranges up: leave --cache out");
    if (flags.march && flags.isa)
        return usage_error(&usage, "--march and --isa exclude each other");
    if (flags.march && !config_is_one_of(flags.march, MARCH_NAMES))
        return usage_error(&usage, "--march=%s, want " MARCH_NAMES, flags.march);
    if (flags.march) flags.isa = march_isa(flags.march, &level);
    if (flags.level > 5)
        return usage_error(&usage, "--optimization-level: want 0 to 5");
    if (flags.level >= 0 && flags.load_tactics)
        return usage_error(&usage, "--load-tactics times nothing: leave "
                                   "--optimization-level out");
    return EXIT_DONE;
}

int tool_build(int argc, char **argv)
{
    const struct option_group group = {"Build", options,
                                       sizeof options / sizeof options[0]};
    int status;
    if (!options_parse(&usage, &group, 1, argc, argv, &status)) return status;
    if (flags.config && (flags.onnx || flags.cache))
        return usage_error(&usage,
                           "--config names the model and the cache: leave --%s out",
                           flags.onnx ? "onnx" : "cache");
    if (flags.config) {
        const struct flags given = flags;
        flags = (struct flags){.level = -1, .aux_streams = TARE_AUX_STREAMS_AUTO};
        return config_run(given.config, given.fast_perf, argc, argv);
    }
    status = check_flags();
    if (status != EXIT_DONE) return status;

    const bool int8 = flags.int8 || flags.fast_perf || (flags.best && flags.cache);
    struct tare_build_options build_options = {
        .int8 = int8,
        .fp16 = flags.fp16 || flags.best,
        .bf16 = flags.bf16 || flags.best,
        .layer_precisions = flags.layer_precisions,
        .layer_output_types = flags.output_types,
        .input_formats = flags.input_formats,
        .output_formats = flags.output_formats,
        .isa = flags.isa,
        .optimization_level = flags.level < 0 ? 3 : (int)flags.level,
        .timing_threads = (int)common_options.threads,
        .timing_cache = flags.timing_cache,
        .max_aux_streams = flags.aux_streams < TARE_MAX_AUX_STREAMS
                               ? (int)flags.aux_streams
                               : TARE_MAX_AUX_STREAMS,
        .tactic_sources = flags.tactic_sources,
        .refit = flags.refit,
        .strip_weights = flags.strip_weights,
        .version_compatible = flags.version_compatible,
        .ban_tactics = flags.bans,
        .monitor = &progress_monitor,
        .fastest_precisions = flags.best,
    };
    struct tare_profile profiles[OPTION_LIST_MAX];
    build_options.profiles = profiles;
    if (!layers_constraints(flags.constraints, &build_options.constraints))
        return usage_error(&usage,
                           "--precision-constraints=%s, want none, prefer or obey",
                           flags.constraints);
    if (!list_profiles(profiles, &build_options.n_profiles))
        return usage_error(&usage,
                           "--min-shapes, --opt-shapes and --max-shapes: give each of "
                           "them once for each of %zu profiles, or not at all",
                           build_options.n_profiles);

    struct tare_error err = {0};
    interrupt_defer();
    if (build(&build_options, &err) != TARE_OK) status = report_failure(&err);
    interrupt_resume();
    return status;
}
