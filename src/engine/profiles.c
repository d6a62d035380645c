/* Optimization profiles: which shapes the inputs may have. */
#include "base/dims.h"
#include "base/mem.h"
#include "base/shape_list.h"
#include "engine/engine.h"

size_t tare_engine_n_profiles(const struct tare_engine *engine)
{
    return engine->n_profiles;
}

static const struct tare_shape_range *range_of(const struct tare_engine *e,
                                               size_t profile, size_t input)
{
    return &e->ranges[profile * e->header->n_inputs + input];
}

void tare_engine_profile(const struct tare_engine *engine, size_t profile, size_t input,
                         struct tare_shape_range *range)
{
    *range = *range_of(engine, profile, input);
}

enum tare_status tare_profile_exists(const struct tare_engine *engine, size_t profile,
                                     struct tare_error *err)
{
    TARE_FAIL_IF(profile > 0 && profile >= engine->n_profiles, err, TARE_E_ARG,
                 "profile %zu: the engine has %zu: build it with more triples of "
                 "--min-shapes, --opt-shapes and --max-shapes",
                 profile, engine->n_profiles);
    return TARE_OK;
}

static const struct tare_plan_tensor *input_of(const struct tare_engine *e, size_t i)
{
    return &e->tensors[e->ids[i]];
}

void tare_profile_opt(const struct tare_engine *engine, size_t profile,
                      struct tare_dims *dims)
{
    for (size_t i = 0; i < engine->header->n_inputs; i++)
        dims[i] = engine->n_profiles ? range_of(engine, profile, i)->opt
                                     : input_of(engine, i)->dims;
}

enum tare_status tare_profile_parse(const struct tare_engine *engine,
                                    const char *shapes, struct tare_dims *dims,
                                    struct tare_error *err)
{
    const size_t n = engine->header->n_inputs;
    const char **names = tare_alloc_array(n, sizeof *names);
    TARE_FAIL_IF(!names, err, TARE_E_NOMEM, "engine: no memory");
    for (size_t i = 0; i < n; i++)
        names[i] = tare_engine_string(engine, input_of(engine, i)->name);
    const enum tare_status st = tare_shape_list_parse(shapes, names, n, 0, dims, err);
    tare_free(names);
    return st;
}

/* Of an engine that has one shape. */
static enum tare_status check_own(const struct tare_engine *e, size_t i,
                                  const struct tare_dims *dims, struct tare_error *err)
{
    const struct tare_plan_tensor *t = input_of(e, i);
    char want[TARE_DIMS_TEXT];
    TARE_FAIL_IF(!tare_dims_equal(dims, &t->dims), err, TARE_E_ARG,
                 "input '%.80s': the engine was built for %s alone; for other shapes "
                 "build it with --min-shapes and --max-shapes",
                 tare_engine_string(e, t->name), tare_dims_print(&t->dims, want));
    return TARE_OK;
}

enum tare_status tare_profile_admits(const struct tare_engine *engine, size_t profile,
                                     size_t i, const struct tare_dims *dims,
                                     struct tare_error *err)
{
    if (engine->n_profiles == 0) return check_own(engine, i, dims, err);
    const struct tare_shape_range *r = range_of(engine, profile, i);
    const char *name = tare_engine_string(engine, input_of(engine, i)->name);
    TARE_FAIL_IF(dims->rank != r->opt.rank, err, TARE_E_ARG,
                 "input '%.80s': a shape of %d axes, want %d", name, dims->rank,
                 r->opt.rank);
    for (int32_t k = 0; k < dims->rank; k++)
        TARE_FAIL_IF(dims->d[k] < r->min.d[k] || dims->d[k] > r->max.d[k], err,
                     TARE_E_ARG,
                     "input '%.80s': axis %d is %lld, profile %zu takes %lld to %lld",
                     name, k, (long long)dims->d[k], profile, (long long)r->min.d[k],
                     (long long)r->max.d[k]);
    return TARE_OK;
}

/* Ranks agree, lengths ascend, and the largest shape is one. */
static bool range_ok(const struct tare_shape_range *r, const struct tare_plan_tensor *t)
{
    size_t n_bytes;
    if (r->min.rank != t->dims.rank || r->opt.rank != t->dims.rank ||
        r->max.rank != t->dims.rank)
        return false;
    for (int32_t k = 0; k < t->dims.rank; k++)
        if (r->min.d[k] < 0 || r->opt.d[k] < 1 || r->opt.d[k] < r->min.d[k] ||
            r->max.d[k] < r->opt.d[k])
            return false;
    return tare_dims_bytes(&r->max, (enum tare_dtype)t->dtype, &n_bytes);
}

/* Axes of an input whose length is not the same everywhere. */
static uint32_t open_axes(const struct tare_engine *e, size_t input)
{
    uint32_t open = 0;
    const struct tare_plan_tensor *t = input_of(e, input);
    for (size_t p = 0; p < e->n_profiles; p++)
        for (int32_t k = 0; k < t->dims.rank; k++) {
            const struct tare_shape_range *r = range_of(e, p, input);
            if (r->min.d[k] != t->dims.d[k] || r->max.d[k] != t->dims.d[k])
                open |= UINT32_C(1) << k;
        }
    return open;
}

static bool input_ok(const struct tare_engine *e, size_t input)
{
    const struct tare_plan_tensor *t = input_of(e, input);
    bool ok = true;
    for (size_t p = 0; ok && p < e->n_profiles; p++)
        ok = range_ok(range_of(e, p, input), t);
    if (ok && e->n_profiles > 0)
        ok = tare_dims_equal(&range_of(e, 0, input)->opt, &t->dims);
    return ok && t->open_axes == open_axes(e, input);
}

enum tare_status tare_profiles_check(const struct tare_engine *e,
                                     struct tare_error *err)
{
    const size_t n_inputs = e->header->n_inputs;
    const size_t n_bindings = n_inputs + e->header->n_outputs;
    bool ok = e->n_profiles == 0 || e->source_bytes > 0;
    for (size_t i = 0; ok && i < n_inputs; i++)
        ok = input_ok(e, i);
    for (size_t i = 0; ok && i < e->n_tensors; i++) {
        const struct tare_plan_tensor *t = &e->tensors[i];
        const bool may = e->n_profiles > 0 && t->storage == TARE_IN_BINDING &&
                         t->offset < n_bindings && e->ids[t->offset] == (int32_t)i;
        ok = t->open_axes == 0 || (may && t->open_axes >> t->dims.rank == 0);
    }
    TARE_FAIL_IF(!ok, err, TARE_E_FORMAT,
                 "engine: its profiles are invalid: build the engine again with `tare "
                 "build`");
    return TARE_OK;
}
