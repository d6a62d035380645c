/* Shapes as trtexec spells them, name:1x3x224x224 with the name in quotes or not. */
#include <stdlib.h>
#include <string.h>

#include "tools/exec_parse.h"
#include "tools/report.h"

/* Without quotes; NULL: there are none, or no memory. */
static char *plain(const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    char *to = copy;
    for (const char *at = copy; copy && *at; at++)
        if (*at != '\'') *to++ = *at;
    if (copy) *to = '\0';
    return copy;
}

/* Either the one in the middle or all three, as trtexec wants it. */
static int check_triple(const struct tare_profile *p, const char *suffix)
{
    if ((!p->min && !p->max) || (p->min && p->opt && p->max)) return EXIT_DONE;
    return usage_error(&exec_usage,
                       "give either --optShapes%s alone, or all of --minShapes%s, "
                       "--optShapes%s and --maxShapes%s",
                       suffix, suffix, suffix, suffix);
}

static int take_profiles(const struct tare_profile *shapes,
                         struct exec_settings *settings)
{
    for (size_t i = 0; i < EXEC_MAX_PROFILES; i++) {
        const struct tare_profile *p = &shapes[i];
        if (check_triple(p, "") != EXIT_DONE) return EXIT_USAGE;
        if (!p->opt) continue;
        if (settings->n_profiles < i)
            return usage_error(&exec_usage, "--profile=%zu: profile %zu has no shapes",
                               i, settings->n_profiles);
        settings->profiles[settings->n_profiles++] =
            (struct exec_shapes){plain(p->min), plain(p->opt), plain(p->max)};
    }
    return EXIT_DONE;
}

int exec_take_shapes(const struct tare_profile *shapes, struct exec_settings *settings)
{
    const struct exec_flags *f = &exec_flags;
    if (check_triple(&f->calib_shapes, "Calib") != EXIT_DONE ||
        take_profiles(shapes, settings) != EXIT_DONE)
        return EXIT_USAGE;
    settings->run_shapes = plain(f->run_shapes);
    if (settings->n_profiles == 0 && f->run_shapes && f->onnx)
        settings->profiles[settings->n_profiles++].opt = plain(f->run_shapes);
    if (f->calib_profile > 0 && (size_t)f->calib_profile >= settings->n_profiles)
        return usage_error(&exec_usage, "--calibProfile=%lld: there is no such profile",
                           (long long)f->calib_profile);
    settings->calib_shapes =
        plain(f->calib_shapes.opt ? f->calib_shapes.opt : shapes[f->calib_profile].opt);
    if (!settings->calib_shapes) settings->calib_shapes = plain(f->run_shapes);
    return EXIT_DONE;
}

void exec_print_profiles(const struct tare_engine *engine)
{
    const size_t n_profiles = tare_engine_n_profiles(engine);
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    exec_info("Optimization Profile Information:");
    if (n_profiles == 0) exec_info("All shapes are fixed");
    for (size_t p = 0; p < n_profiles; p++)
        for (size_t i = 0; i < info.n_bindings; i++) {
            struct tare_binding binding;
            struct tare_shape_range range;
            char min[128], opt[128], max[128];
            tare_engine_binding(engine, i, &binding);
            if (!binding.is_input) continue;
            tare_engine_profile(engine, p, i, &range);
            exec_info("Optimization Profile %zu: %s: min=%s, opt=%s, max=%s", p,
                      binding.name, report_dims(&range.min, min),
                      report_dims(&range.opt, opt), report_dims(&range.max, max));
        }
}

/* "name:1x3x224x224" for one input of a loaded engine: 1 for its open axes, or the
 * least that they may be. */
static void add_default(const struct tare_engine *engine, size_t i,
                        const struct tare_binding *binding, struct words *words)
{
    struct tare_shape_range range;
    struct tare_dims dims = binding->dims;
    char text[128];
    tare_engine_profile(engine, (size_t)exec_flags.use_profile, i, &range);
    for (int axis = 0; axis < dims.rank; axis++)
        if (dims.d[axis] < 0)
            dims.d[axis] = range.min.d[axis] > 1 ? range.min.d[axis] : 1;
    exec_warn("Shape missing for input with dynamic shape: %s. Automatically setting "
              "shape to: %s",
              binding->name, report_dims(&dims, text));
    words_add(words, "%s:%s", binding->name, text);
}

/* Shapes of the inputs of a loaded engine, where --shapes does not say them. */
static void add_defaults(const struct tare_engine *engine, struct words *words)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        bool is_open = false;
        tare_engine_binding(engine, i, &binding);
        for (int axis = 0; axis < binding.dims.rank; axis++)
            is_open |= binding.dims.d[axis] < 0;
        if (binding.is_input && is_open) add_default(engine, i, &binding, words);
    }
}

enum tare_status exec_fix_shapes(const struct exec_settings *settings,
                                 const struct tare_engine *engine,
                                 struct tare_engine **fixed, struct tare_error *err)
{
    const size_t n_profiles = tare_engine_n_profiles(engine);
    const size_t profile = (size_t)exec_flags.use_profile;
    struct words words = {0};
    if (profile && profile >= n_profiles)
        return report_error(err, TARE_E_ARG,
                            "--useProfile=%zu: the engine has %zu profiles", profile,
                            n_profiles);
    if (settings->run_shapes)
        words_add(&words, "%s", settings->run_shapes);
    else if (n_profiles && exec_flags.load)
        add_defaults(engine, &words);
    char *shapes = words_join(&words, ',');
    const enum tare_status st =
        words.failed || (words.n && !shapes)
            ? report_error(err, TARE_E_NOMEM, "no memory for the shapes")
            : tare_engine_fix(engine, profile, shapes, fixed, err);
    free(shapes);
    words_free(&words);
    return st;
}
