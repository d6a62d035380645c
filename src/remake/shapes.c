/* Contexts that change their shapes: the engine that runs is made anew, or was. */
#include "base/dims.h"
#include "base/mem.h"
#include "base/shape_list.h"
#include "engine/context.h"
#include "engine/specials.h"
#include "remake/remake.h"

static enum tare_status make(const struct tare_engine *base, size_t profile,
                             const struct tare_dims *dims,
                             const struct tare_weight_index *index, uint8_t **bytes,
                             size_t *n_bytes, struct tare_error *err)
{
    struct tare_source source;
    enum tare_status st =
        tare_source_read(base->source, base->source_bytes, base->header->isa,
                         base->plugins, &source, err);
    if (st == TARE_OK && source.graph->n_inputs != base->header->n_inputs)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "engine: its source has other inputs: build the engine "
                            "again with `tare build`");
    if (st == TARE_OK)
        st = tare_remake(&source, dims, profile, index, bytes, n_bytes, err);
    tare_source_release(&source);
    return st;
}

static bool is_base(const struct tare_context_shapes *s)
{
    const struct tare_engine *e = s->base;
    bool same = s->profile == 0;
    for (size_t i = 0; same && i < e->header->n_inputs; i++)
        same = tare_dims_equal(&s->dims[i], &e->tensors[e->ids[i]].dims);
    return same;
}

/* Run the engine of the shapes that are wanted. */
static enum tare_status settle(struct tare_context *context, struct tare_error *err)
{
    struct tare_context_shapes *s = tare_context_shapes(context);
    struct tare_special *special = NULL, *const old = s->special;
    if (!s->is_stale) return TARE_OK;
    enum tare_status st = TARE_OK;
    if (!is_base(s))
        st = tare_special_borrow(s->base, s->profile, s->dims, make, &special, err);
    if (st != TARE_OK) return st;
    st = tare_context_use(context, special ? special->engine : s->base, special, err);
    struct tare_special *const unused = st == TARE_OK ? old : special;
    if (unused) tare_special_return(s->base->specials, unused);
    s->is_stale = st != TARE_OK;
    return st;
}

enum tare_status tare_context_set_profile(struct tare_context *context, size_t profile,
                                          struct tare_error *err)
{
    struct tare_context_shapes *s = tare_context_shapes(context);
    const size_t n = tare_engine_n_profiles(s->base);
    TARE_FAIL_IF(profile > 0 && profile >= n, err, TARE_E_ARG,
                 "context: profile %zu, the engine has %zu: build it with more triples "
                 "of --min-shapes, --opt-shapes and --max-shapes",
                 profile, n);
    if (n == 0) return TARE_OK;
    s->profile = profile;
    for (size_t i = 0; i < s->base->header->n_inputs; i++) {
        struct tare_shape_range range;
        tare_engine_profile(s->base, profile, i, &range);
        s->dims[i] = range.opt;
    }
    s->is_stale = true;
    return TARE_OK;
}

/* Of an engine that has one shape. */
static enum tare_status check_fixed(const struct tare_engine *e, size_t i,
                                    const struct tare_dims *dims,
                                    struct tare_error *err)
{
    const struct tare_plan_tensor *t = &e->tensors[e->ids[i]];
    char want[TARE_DIMS_TEXT];
    TARE_FAIL_IF(!tare_dims_equal(dims, &t->dims), err, TARE_E_ARG,
                 "input '%.80s': the engine was built for %s alone; for other shapes "
                 "build it with --min-shapes and --max-shapes",
                 tare_engine_string(e, t->name), tare_dims_print(&t->dims, want));
    return TARE_OK;
}

enum tare_status tare_context_set_shape(struct tare_context *context, size_t i,
                                        const struct tare_dims *dims,
                                        struct tare_error *err)
{
    struct tare_context_shapes *s = tare_context_shapes(context);
    TARE_FAIL_IF(i >= s->base->header->n_inputs, err, TARE_E_ARG,
                 "context: shape of input %zu, want below %u", i,
                 s->base->header->n_inputs);
    if (!s->dims) return check_fixed(s->base, i, dims, err);
    const enum tare_status st = tare_profile_admits(s->base, s->profile, i, dims, err);
    if (st != TARE_OK || tare_dims_equal(&s->dims[i], dims)) return st;
    s->dims[i] = *dims;
    s->is_stale = true;
    return TARE_OK;
}

static enum tare_status set_shapes(struct tare_context *context, const char **names,
                                   struct tare_dims *dims, size_t n, const char *shapes,
                                   struct tare_error *err)
{
    const struct tare_engine *e = tare_context_shapes(context)->base;
    for (size_t i = 0; i < n; i++)
        names[i] = tare_engine_string(e, e->tensors[e->ids[i]].name);
    enum tare_status st = tare_shape_list_parse(shapes, names, n, 0, dims, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        if (dims[i].rank >= 0) st = tare_context_set_shape(context, i, &dims[i], err);
    return st;
}

enum tare_status tare_context_set_shapes(struct tare_context *context,
                                         const char *shapes, struct tare_error *err)
{
    const size_t n = tare_context_shapes(context)->base->header->n_inputs;
    const char **names = tare_alloc_array(n, sizeof *names);
    struct tare_dims *dims = tare_alloc_array(n, sizeof *dims);
    const enum tare_status st =
        names && dims ? set_shapes(context, names, dims, n, shapes, err)
                      : tare_error_set(err, TARE_E_NOMEM, "context: no memory");
    tare_free(names);
    tare_free(dims);
    return st;
}

enum tare_status tare_context_binding(struct tare_context *context, size_t i,
                                      struct tare_binding *binding,
                                      struct tare_error *err)
{
    const enum tare_status st = settle(context, err);
    if (st != TARE_OK) return st;
    const struct tare_engine *e = tare_context_engine(context);
    const size_t n = (size_t)e->header->n_inputs + e->header->n_outputs;
    TARE_FAIL_IF(i >= n, err, TARE_E_ARG, "context: binding %zu, want below %zu", i, n);
    tare_engine_own_binding(e, i, binding);
    return TARE_OK;
}

enum tare_status tare_context_run(struct tare_context *context, struct tare_error *err)
{
    const enum tare_status st = settle(context, err);
    return st == TARE_OK ? tare_context_run_layers(context, err) : st;
}
