#include "tools/config_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/command.h"
#include "tools/config_model.h"
#include "tools/march.h"
#include "tools/options.h"
#include "tools/report.h"

/* What is to be done. */
struct job {
    struct config config;
    bool fast_perf, calibrates;
    char prefix[CONFIG_PATH_BYTES - 32]; /* of every file that is written */
    char model[CONFIG_PATH_BYTES];       /* cut, where that is asked for */
    struct words calibrate, build;       /* argv of either command */
};

/* The folder and those above it. */
static enum tare_status make_folders(const char *path, struct tare_error *err)
{
    char part[CONFIG_PATH_BYTES];
    const size_t length = strlen(path);
    for (size_t i = 1; i <= length && length < sizeof part; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        (void)snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return report_error(err, TARE_E_IO, "%.120s: cannot make the folder: %s",
                                part, strerror(errno));
    }
    return TARE_OK;
}

static enum tare_status choose_prefix(struct job *job, struct tare_error *err)
{
    const char *folder = config_text(&job->config, CONFIG_working_dir);
    const char *name = config_text(&job->config, CONFIG_output_model_file_prefix);
    if (!folder) folder = "model_output";
    if (!name) name = "model";
    const int n = snprintf(job->prefix, sizeof job->prefix, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof job->prefix)
        return config_error(&job->config, job->config.values[CONFIG_working_dir], err,
                            "the path is too long");
    return make_folders(folder, err);
}

/* The model that is calibrated: as it is, or cut. `listed` describes it. */
static enum tare_status prepare_model(struct job *job, struct config_model *whole,
                                      struct config_model *cut, struct tare_error *err)
{
    const char *path = config_text(&job->config, CONFIG_onnx_model);
    (void)snprintf(job->model, sizeof job->model, "%s", path);
    enum tare_status st = config_model_open(&job->config, path, NULL, whole, err);
    if (st != TARE_OK || !config_wants_cut(&job->config)) return st;
    (void)snprintf(job->model, sizeof job->model, "%s_cut.onnx", job->prefix);
    st = config_cut(&job->config, whole, job->model, err);
    return st == TARE_OK ? config_model_open(&job->config, job->model,
                                             whole->network.input_names, cut, err)
                         : st;
}

static enum tare_status plan_calibrate(struct job *job,
                                       const struct config_model *model,
                                       const struct config_layers *layers,
                                       struct tare_error *err)
{
    struct words *flags = &job->calibrate;
    words_add(flags, "calibrate");
    words_add(flags, "--onnx=%s", job->model);
    if (model->shapes) words_add(flags, "--opt-shapes=%s", model->shapes);
    enum tare_status st = config_data(&job->config, &model->network, flags, err);
    if (st == TARE_OK) st = config_calibrator(&job->config, layers, flags, err);
    if (config_text(&job->config, CONFIG_debug_mode))
        words_add(flags, "--observations=%s.h5", job->prefix);
    if (config_text(&job->config, CONFIG_jobs))
        words_add(flags, "--threads=%lld", config_count(&job->config, CONFIG_jobs, 1));
    words_add(flags, "--cache=%s.cache", job->prefix);
    return st;
}

/* The processor, and where it is another one. */
static void plan_isa(struct job *job)
{
    struct config *config = &job->config;
    const char *march = config_text(config, CONFIG_march), *level = NULL;
    if (!march) return;
    const char *isa = march_isa(march, &level);
    words_add(&job->build, "--isa=%s", isa ? isa : march);
    if (isa)
        config_note(config, config->values[CONFIG_march],
                    "%s stands for the instruction set %s%s", march, level,
                    strcmp(isa, level) == 0 ? ""
                                            : ", which this processor lacks: native");
}

/* What compiler_parameters says. */
static void plan_compiler(struct job *job)
{
    static const char *const levels[] = {"O0", "O1", "O2", "O3"};
    static const int efforts[] = {0, 2, 3, 5};
    struct config *config = &job->config;
    const char *level = config_text(config, CONFIG_optimize_level);
    const char *mode = config_text(config, CONFIG_compile_mode);
    const char *cache = config_text(config, CONFIG_cache_mode);
    const char *path = config_text(config, CONFIG_cache_path);
    const struct tree_node *source = config->values[CONFIG_input_source];
    for (int i = 0; level && i < 4; i++)
        if (strcmp(level, levels[i]) == 0)
            words_add(&job->build, "--optimization-level=%d", efforts[i]);
    if (mode && strcmp(mode, "latency") != 0)
        config_note(config, config->values[CONFIG_compile_mode],
                    "%s: kernels are chosen by their times alone, as for latency",
                    mode);
    if (config_is_on(config, CONFIG_debug))
        words_add(&job->build, "--json=%s.json", job->prefix);
    if (cache && strcmp(cache, "force_overwrite") == 0)
        config_note(config, config->values[CONFIG_cache_mode],
                    "times are kept, and not measured again: remove the file to do so");
    if (path && !(cache && strcmp(cache, "disable") == 0))
        words_add(&job->build, "--timing-cache=%s", path);
    else if (cache && strcmp(cache, "disable") != 0)
        words_add(&job->build, "--timing-cache=%s.times", job->prefix);
    const struct tree_node *place =
        source && source->kind == TREE_MAP ? source->first : source;
    for (; place; place = place == source ? NULL : place->next)
        if (place->kind != TREE_TEXT || strcmp(place->text, "ddr") != 0)
            config_note(config, place, "an engine reads its input from memory (ddr)");
}

static enum tare_status plan_precisions(struct job *job,
                                        const struct config_layers *layers,
                                        struct tare_error *err)
{
    char *precisions = words_join(&layers->precisions, ',');
    char *types = words_join(&layers->output_types, ',');
    const bool lost = layers->precisions.failed || layers->output_types.failed ||
                      (layers->precisions.n && !precisions) ||
                      (layers->output_types.n && !types);
    if (precisions || types) words_add(&job->build, "--precision-constraints=prefer");
    if (precisions) words_add(&job->build, "--layer-precisions=%s", precisions);
    if (types) words_add(&job->build, "--layer-output-types=%s", types);
    if (layers->fp16) words_add(&job->build, "--fp16");
    if (layers->bf16) words_add(&job->build, "--bf16");
    free(precisions);
    free(types);
    return lost ? report_error(err, TARE_E_NOMEM, "no memory") : TARE_OK;
}

static enum tare_status plan_build(struct job *job, const struct config_model *model,
                                   const struct config_layers *layers,
                                   struct tare_error *err)
{
    const long long batch = config_count(&job->config, CONFIG_input_batch, 1);
    struct words *flags = &job->build;
    char path[CONFIG_PATH_BYTES];
    char *shapes = NULL;
    (void)snprintf(path, sizeof path, "%s", job->model);
    enum tare_status st = TARE_OK;
    if (batch > 1) {
        (void)snprintf(path, sizeof path, "%s_batch%lld.onnx", job->prefix, batch);
        st = config_set_batch(job->model, batch, path, err);
    }
    if (st == TARE_OK)
        st = config_shapes(&job->config, &model->network, batch, &shapes, err);
    words_add(flags, "build");
    words_add(flags, "--onnx=%s", path);
    if (shapes) words_add(flags, "--opt-shapes=%s", shapes);
    free(shapes);
    words_add(flags, "--int8");
    if (job->fast_perf) words_add(flags, "--fast-perf");
    if (job->calibrates) words_add(flags, "--cache=%s.cache", job->prefix);
    words_add(flags, "--engine=%s.tare", job->prefix);
    if (st == TARE_OK) st = plan_precisions(job, layers, err);
    plan_isa(job);
    plan_compiler(job);
    return st;
}

static enum tare_status plan(struct job *job, struct tare_error *err)
{
    const char *type = config_text(&job->config, CONFIG_calibration_type);
    struct config_model whole = {0}, cut = {0};
    struct config_layers layers = {0};
    job->fast_perf |= type && strcmp(type, "skip") == 0;
    job->calibrates = !job->fast_perf && !(type && strcmp(type, "load") == 0);
    enum tare_status st = choose_prefix(job, err);
    if (st == TARE_OK) st = prepare_model(job, &whole, &cut, err);
    const struct config_model *model = cut.model ? &cut : &whole;
    if (st == TARE_OK) st = config_layers(&job->config, &model->network, &layers, err);
    if (st == TARE_OK && job->calibrates) st = plan_calibrate(job, model, &layers, err);
    if (st == TARE_OK) st = plan_build(job, model, &layers, err);
    config_layers_free(&layers);
    config_model_close(&cut);
    config_model_close(&whole);
    if (st == TARE_OK &&
        (job->calibrate.failed || job->build.failed || job->config.notes.failed))
        st = report_error(err, TARE_E_NOMEM, "no memory for the flags");
    return st;
}

static bool is_shapes(const char *flag)
{
    return strncmp(flag, "--min-shapes=", 13) == 0 ||
           strncmp(flag, "--opt-shapes=", 13) == 0 ||
           strncmp(flag, "--max-shapes=", 13) == 0;
}

/* The user's own flags behind the file's; shapes, of which each counts, in their place.
 */
static void add_own(struct job *job, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (is_shapes(argv[i])) words_remove(&job->build, "--opt-shapes=");
    for (int i = 1; i < argc; i++) {
        const size_t length = strcspn(argv[i], "=");
        char name[32];
        (void)snprintf(name, sizeof name, "%.*s", length > 30 ? 30 : (int)length,
                       argv[i]);
        if (strcmp(name, "--config") == 0 || strcmp(name, "--fast-perf") == 0) continue;
        words_add(&job->build, "%s", argv[i]);
        if (job->calibrates &&
            config_is_one_of(name, "--threads|--quiet|--verbose|--log-level|--plugin"))
            words_add(&job->calibrate, "%s", argv[i]);
    }
}

static void print_command(const struct words *words)
{
    char *text = command_text(words);
    if (text) (void)fprintf(stderr, "tare: runs: %s\n", text);
    free(text);
}

int config_run(const char *path, bool fast_perf, int argc, char **argv)
{
    struct tare_error err = {0};
    struct job job = {.fast_perf = fast_perf};
    struct tree_node *root;
    const bool is_quiet = common_options.quiet;
    enum tare_status st = tree_read(path, &root, &err);
    if (st == TARE_OK) st = config_open(&job.config, path, root, &err);
    if (st == TARE_OK) st = plan(&job, &err);
    for (size_t i = 0; st == TARE_OK && !is_quiet && i < job.config.notes.n; i++)
        (void)fprintf(stderr, "tare: %s\n", job.config.notes.items[i]);
    if (st == TARE_OK) add_own(&job, argc, argv);
    int status = st == TARE_OK ? EXIT_DONE : report_failure(&err);
    if (status == EXIT_DONE && job.calibrates) {
        if (!is_quiet) print_command(&job.calibrate);
        status = command_run(tool_calibrate, &job.calibrate);
    }
    if (status == EXIT_DONE) {
        if (!is_quiet) print_command(&job.build);
        status = command_run(tool_build, &job.build);
    }
    config_close(&job.config);
    words_free(&job.calibrate);
    words_free(&job.build);
    return status;
}
