/* What an engine was made from, with other weights in it. */
#include "refit/refitter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/dims.h"
#include "base/log.h"
#include "base/mem.h"
#include "refit/weights.h"
#include "remake/renew.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "refit: no memory");
}

static bool is_stripped(const struct tare_source *source, int32_t tensor)
{
    const struct tare_graph *g = source->graph;
    for (size_t i = g->n_inputs - source->n_stripped; i < g->n_inputs; i++)
        if (g->inputs[i] == tensor) return true;
    return false;
}

static enum tare_status list_slots(struct tare_refitter *r, struct tare_error *err)
{
    const struct tare_graph *g = r->source.graph;
    bool *is_weight = tare_alloc_array(g->n_tensors, sizeof *is_weight);
    r->slots = tare_alloc_array(g->n_tensors, sizeof *r->slots);
    if (!is_weight || !r->slots) {
        tare_free(is_weight);
        return no_memory(err);
    }
    tare_find_weights(g, is_weight);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < g->n_tensors; i++) {
        if (!is_weight[i] && !is_stripped(&r->source, (int32_t)i)) continue;
        char *nodes = tare_weight_readers(g, (int32_t)i);
        if (!nodes) st = no_memory(err);
        r->slots[r->n_slots++] = (struct tare_refit_slot){(int32_t)i, nodes, false};
    }
    tare_free(is_weight);
    return st;
}

enum tare_status tare_refitter_create(const struct tare_engine *engine,
                                      struct tare_refitter **refitter,
                                      struct tare_error *err)
{
    *refitter = NULL;
    TARE_FAIL_IF(engine->source_bytes == 0, err, TARE_E_UNSUPPORTED,
                 "the engine was not built to be refitted: build it with `tare build "
                 "--refit`");
    struct tare_refitter *r = tare_alloc_array(1, sizeof *r);
    if (!r) return no_memory(err);
    r->engine = engine;
    enum tare_status st =
        tare_source_read(engine->source, engine->source_bytes, engine->header->isa,
                         engine->plugins, &r->source, err);
    if (st == TARE_OK) st = list_slots(r, err);
    if (st != TARE_OK) {
        tare_refitter_destroy(r);
        return st;
    }
    *refitter = r;
    return TARE_OK;
}

void tare_refitter_destroy(struct tare_refitter *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n_slots; i++)
        tare_free(r->slots[i].nodes);
    tare_free(r->slots);
    tare_source_release(&r->source);
    tare_free(r);
}

size_t tare_refitter_n_weights(const struct tare_refitter *refitter)
{
    return refitter->n_slots;
}

static const struct tare_tensor *slot_tensor(const struct tare_refitter *r, size_t i)
{
    return &r->source.graph->tensors[r->slots[i].tensor];
}

void tare_refitter_weight(const struct tare_refitter *refitter, size_t i,
                          struct tare_refit_weight *weight)
{
    const struct tare_tensor *t = slot_tensor(refitter, i);
    size_t n_bytes = 0;
    (void)tare_dims_bytes(&t->dims, t->dtype, &n_bytes);
    *weight = (struct tare_refit_weight){
        .name = t->name,
        .dims = t->dims,
        .dtype = t->dtype,
        .n_bytes = n_bytes,
        .nodes = refitter->slots[i].nodes,
        .is_given = refitter->slots[i].is_given,
        .is_missing = !t->data,
    };
}

size_t tare_refitter_n_missing(const struct tare_refitter *refitter)
{
    size_t n = 0;
    for (size_t i = 0; i < refitter->n_slots; i++)
        n += !slot_tensor(refitter, i)->data;
    return n;
}

/* The slot of that name, or n_slots. */
static size_t find_slot(const struct tare_refitter *r, const char *name)
{
    const int32_t id = tare_graph_find_tensor(r->source.graph, name);
    size_t i = 0;
    while (i < r->n_slots && r->slots[i].tensor != id)
        i++;
    return i;
}

/* The one that is spelled most like it. */
static const char *nearest_slot(const struct tare_refitter *r, const char *name)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < r->n_slots; i++) {
        const char *known = slot_tensor(r, i)->name;
        const size_t distance = tare_text_distance(name, known);
        if (distance >= least) continue;
        least = distance;
        nearest = known;
    }
    return nearest;
}

static enum tare_status check_type(const struct tare_tensor *t, enum tare_dtype dtype,
                                   const struct tare_dims *dims, struct tare_error *err)
{
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    TARE_FAIL_IF(dtype != t->dtype || !tare_dims_equal(dims, &t->dims), err, TARE_E_ARG,
                 "weight '%.80s' is given as %s [%s], the engine wants %s [%s]",
                 t->name, tare_dtype_name(dtype), tare_dims_print(dims, have),
                 tare_dtype_name(t->dtype), tare_dims_print(&t->dims, want));
    return TARE_OK;
}

enum tare_status tare_refitter_set_weights(struct tare_refitter *refitter,
                                           const char *name, enum tare_dtype dtype,
                                           const struct tare_dims *dims,
                                           const void *data, struct tare_error *err)
{
    bool changed;
    const size_t i = find_slot(refitter, name);
    TARE_FAIL_IF(i == refitter->n_slots, err, TARE_E_ARG,
                 "the engine has no weight '%.80s'; the nearest name is '%.80s'", name,
                 nearest_slot(refitter, name));
    enum tare_status st = check_type(slot_tensor(refitter, i), dtype, dims, err);
    if (st == TARE_OK)
        st = tare_set_weight(refitter->source.graph, refitter->slots[i].tensor, data,
                             &changed, err);
    if (st != TARE_OK) return st;
    refitter->slots[i].is_given = true;
    refitter->is_changed = refitter->is_changed || changed;
    return TARE_OK;
}

static const char *nearest_range(const struct tare_source *source, const char *name)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < source->make.n_ranges; i++) {
        const size_t distance = tare_text_distance(name, source->ranges[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = source->ranges[i].name;
    }
    return nearest;
}

enum tare_status tare_refitter_set_range(struct tare_refitter *refitter,
                                         const char *name, float amax,
                                         struct tare_error *err)
{
    struct tare_source *source = &refitter->source;
    TARE_FAIL_IF(!isfinite(amax) || amax < 0.0F, err, TARE_E_ARG,
                 "range of '%.80s': amax is %g, want a finite number from 0 on", name,
                 (double)amax);
    for (size_t i = 0; i < source->make.n_ranges; i++) {
        struct tare_range *range = &source->ranges[i];
        if (strcmp(range->name, name) != 0) continue;
        refitter->is_changed = refitter->is_changed || range->amax != (double)amax;
        range->amax = (double)amax;
        return TARE_OK;
    }
    return tare_error_set(err, TARE_E_ARG,
                          "the engine has no range of '%.80s'; the nearest name is "
                          "'%.80s'",
                          name, nearest_range(source, name));
}

/* "57 weights are missing: 'a', 'b', 'c' and 54 more" */
static enum tare_status refuse_missing(const struct tare_refitter *r, size_t n,
                                       struct tare_error *err)
{
    enum { N_NAMED = 3 };
    char names[N_NAMED * 50] = "";
    size_t n_named = 0, length = 0;
    for (size_t i = 0; i < r->n_slots && n_named < N_NAMED; i++) {
        const struct tare_tensor *t = slot_tensor(r, i);
        if (t->data) continue;
        const int more = snprintf(names + length, sizeof names - length, "%s'%.40s'",
                                  n_named++ ? ", " : "", t->name);
        if (more > 0) length += (size_t)more;
    }
    char rest[32] = "";
    if (n > n_named) (void)snprintf(rest, sizeof rest, " and %zu more", n - n_named);
    return tare_error_set(err, TARE_E_ARG, "%zu weight%s missing: %s%s", n,
                          n == 1 ? " is" : "s are", names, rest);
}

static void drop_recovery(struct tare_refitter *r)
{
    struct tare_source *source = &r->source;
    if (!source->make.recovery || !r->is_changed) return;
    tare_log(TARE_LOG_WARN,
             "refit: the engine's recovery (%zu layers), which was made for its own "
             "weights and ranges, is dropped; `tare calibrate --recover` and `tare "
             "build` make one for the new ones",
             tare_recovery_count(source->make.recovery));
    source->make.recovery = NULL;
}

/* With all weights there, they are no inputs any more. */
enum tare_status tare_refitter_complete(struct tare_refitter *r, struct tare_error *err)
{
    struct tare_source *source = &r->source;
    struct tare_graph *g = source->graph;
    const size_t n_missing = tare_refitter_n_missing(r);
    if (n_missing > 0) return refuse_missing(r, n_missing, err);
    if (source->n_stripped == 0) return TARE_OK;
    const enum tare_status st =
        tare_graph_set_inputs(g, g->inputs, g->n_inputs - source->n_stripped, err);
    if (st == TARE_OK) source->n_stripped = 0;
    return st;
}

enum tare_status tare_refitter_refit(struct tare_refitter *refitter,
                                     struct tare_engine **engine,
                                     struct tare_error *err)
{
    const struct tare_engine *old = refitter->engine;
    const struct tare_load_options options = {
        .allocator = old->allocator.alloc ? &old->allocator : NULL,
        .recorder = old->recorder,
        .plugins = old->plugins};
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    *engine = NULL;
    enum tare_status st = tare_refitter_complete(refitter, err);
    if (st != TARE_OK) return st;
    drop_recovery(refitter);
    st = tare_renew(&refitter->source, old->ranges, old->n_profiles, &bytes, &n_bytes,
                    err);
    return st == TARE_OK ? tare_engine_open_own(bytes, n_bytes, &options, engine, err)
                         : st;
}
