#include "tools/shaped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/plugins.h"
#include "tools/report.h"

static struct {
    const char *shapes;
    int64_t profile;
} flags;

static const struct option options[] = {
    {"shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "shapes of the inputs, of an engine with profiles (default: the profile's opt)",
     0},
    {"optimization-profile", OPTION_COUNT, &flags.profile, "N",
     "the optimization profile that they are in (default: 0)", 0},
};
const struct option_group shaped_group = {"Shapes", options,
                                          sizeof options / sizeof options[0]};

bool shaped_given(void)
{
    return flags.shapes || flags.profile;
}

/* Room for the shapes of all inputs. */
struct text {
    char data[8192];
    size_t used;
};

static void add(struct text *text, const char *name, const struct tare_dims *dims)
{
    char shape[128];
    const size_t room = sizeof text->data - text->used;
    const int n = snprintf(text->data + text->used, room, "%s%s:%s",
                           text->used ? "," : "", name, report_dims(dims, shape));
    if (n > 0) text->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* Does --shapes say what the input's shape is? */
static bool is_named(const char *name, size_t n_inputs)
{
    const size_t length = strlen(name);
    if (!flags.shapes) return false;
    if (n_inputs == 1) return true;
    for (const char *at = flags.shapes; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && at[length] == ':') return true;
    }
    return false;
}

static size_t count_inputs(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    struct tare_binding binding;
    size_t n = 0;
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        tare_engine_binding(engine, i, &binding);
        n += binding.is_input;
    }
    return n;
}

/* --shapes, and the opt shapes of other inputs with --batch in front. */
static enum tare_status choose_shapes(const struct tare_engine *engine, int64_t batch,
                                      struct text *text, struct tare_error *err)
{
    const size_t n_inputs = count_inputs(engine);
    bool taken = batch == 0;
    if (flags.shapes)
        text->used =
            (size_t)snprintf(text->data, sizeof text->data, "%s", flags.shapes);
    if (text->used >= sizeof text->data)
        return report_error(err, TARE_E_ARG, "%s", "--shapes is too long");
    for (size_t i = 0; i < n_inputs; i++) {
        struct tare_binding binding;
        struct tare_shape_range range;
        tare_engine_binding(engine, i, &binding);
        const int64_t first = binding.dims.rank > 0 ? binding.dims.d[0] : 0;
        taken = taken || first == batch || is_named(binding.name, n_inputs);
        if (batch == 0 || first >= 0 || is_named(binding.name, n_inputs)) continue;
        tare_engine_profile(engine, (size_t)flags.profile, i, &range);
        range.opt.d[0] = batch;
        add(text, binding.name, &range.opt);
        taken = true;
    }
    if (taken) return TARE_OK;
    return report_error(err, TARE_E_ARG,
                        "--batch=%lld: the engine was built for another batch alone; "
                        "build it with --min-shapes and --max-shapes",
                        (long long)batch);
}

static enum tare_status fix(struct shaped *shaped, const char *path, size_t profile,
                            const char *shapes, struct tare_error *err)
{
    const enum tare_status st =
        tare_engine_fix(shaped->loaded, profile, shapes, &shaped->fixed, err);
    shaped->engine = shaped->fixed ? shaped->fixed : shaped->loaded;
    if (st == TARE_OK) return st;
    const struct tare_error cause = *err;
    return report_error(err, st, "%.200s: %.700s", path, cause.text);
}

enum tare_status shaped_open(struct shaped *shaped, const char *path, int64_t batch,
                             struct tare_error *err)
{
    struct text text = {.used = 0};
    enum tare_status st = plugins_load_engine(path, &shaped->loaded, err);
    if (st != TARE_OK) return st;
    const size_t n = tare_engine_n_profiles(shaped->loaded);
    if (flags.profile < (int64_t)n || flags.profile == 0)
        st = choose_shapes(shaped->loaded, batch, &text, err);
    return st == TARE_OK ? fix(shaped, path, (size_t)flags.profile, text.data, err)
                         : st;
}

enum tare_status shaped_open_as(struct shaped *shaped, const char *path,
                                const char *shapes, struct tare_error *err)
{
    const enum tare_status st = plugins_load_engine(path, &shaped->loaded, err);
    return st == TARE_OK ? fix(shaped, path, 0, shapes, err) : st;
}

void shaped_close(struct shaped *shaped)
{
    tare_engine_destroy(shaped->fixed);
    tare_engine_destroy(shaped->loaded);
    *shaped = (struct shaped){0};
}
