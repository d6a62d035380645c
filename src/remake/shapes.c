/* Contexts that change their shapes: the engine that runs is made anew, or was. */
#include "base/dims.h"
#include "base/mem.h"
#include "base/recorder.h"
#include "engine/context.h"
#include "engine/specials.h"
#include "remake/remake.h"

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
        st = tare_special_borrow(s->base, s->profile, s->dims, tare_remake_engine,
                                 &special, err);
    if (st != TARE_OK) return st;
    st = tare_context_use(context, special ? special->engine : s->base, special, err);
    struct tare_special *const unused = st == TARE_OK ? old : special;
    if (unused) tare_special_return(s->base->specials, unused);
    s->is_stale = st != TARE_OK;
    return st;
}

static enum tare_status set_profile(struct tare_context *context, size_t profile,
                                    struct tare_error *err)
{
    struct tare_context_shapes *s = tare_context_shapes(context);
    const enum tare_status st = tare_profile_exists(s->base, profile, err);
    if (st != TARE_OK || !s->dims) return st;
    s->profile = profile;
    tare_profile_opt(s->base, profile, s->dims);
    s->is_stale = true;
    return TARE_OK;
}

static enum tare_status set_shape(struct tare_context *context, size_t i,
                                  const struct tare_dims *dims, struct tare_error *err)
{
    struct tare_context_shapes *s = tare_context_shapes(context);
    TARE_FAIL_IF(i >= s->base->header->n_inputs, err, TARE_E_ARG,
                 "context: shape of input %zu, want below %u", i,
                 s->base->header->n_inputs);
    const enum tare_status st = tare_profile_admits(s->base, s->profile, i, dims, err);
    if (st != TARE_OK || !s->dims || tare_dims_equal(&s->dims[i], dims)) return st;
    s->dims[i] = *dims;
    s->is_stale = true;
    return TARE_OK;
}

static enum tare_status set_shapes(struct tare_context *context, const char *shapes,
                                   struct tare_error *err)
{
    const size_t n = tare_context_shapes(context)->base->header->n_inputs;
    struct tare_dims *dims = tare_alloc_array(n, sizeof *dims);
    TARE_FAIL_IF(!dims, err, TARE_E_NOMEM, "context: no memory");
    enum tare_status st =
        tare_profile_parse(tare_context_shapes(context)->base, shapes, dims, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        if (dims[i].rank >= 0) st = set_shape(context, i, &dims[i], err);
    tare_free(dims);
    return st;
}

static enum tare_status get_binding(struct tare_context *context, size_t i,
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

static enum tare_status run(struct tare_context *context, struct tare_error *err)
{
    const enum tare_status st = settle(context, err);
    return st == TARE_OK ? tare_context_run_layers(context, err) : st;
}

/* The functions of the API: the above, and the context's recorder is told. */

static enum tare_status note(const struct tare_context *context, enum tare_status st,
                             const struct tare_error *said)
{
    return tare_recorder_note(tare_context_recorder(context), st, said);
}

enum tare_status tare_context_set_profile(struct tare_context *context, size_t profile,
                                          struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return note(context, set_profile(context, profile, said), said);
}

enum tare_status tare_context_set_shape(struct tare_context *context, size_t i,
                                        const struct tare_dims *dims,
                                        struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return note(context, set_shape(context, i, dims, said), said);
}

enum tare_status tare_context_set_shapes(struct tare_context *context,
                                         const char *shapes, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return note(context, set_shapes(context, shapes, said), said);
}

enum tare_status tare_context_binding(struct tare_context *context, size_t i,
                                      struct tare_binding *binding,
                                      struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return note(context, get_binding(context, i, binding, said), said);
}

enum tare_status tare_context_run(struct tare_context *context, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return note(context, run(context, said), said);
}
