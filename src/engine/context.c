#include "engine/context.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/recorder.h"
#include "engine/specials.h"
#include "engine/tap.h"
#include "graph/graph.h"
#include "graph/plugin_instance.h"

/* What hangs on the engine that runs. */
struct tables {
    const void **inputs;          /* [n_ids]: of each id's tensor, to read */
    void **outputs;               /* [n_ids]: to write; NULL: a weight */
    struct tare_graph **programs; /* [n_layers] copies; NULL: another kind of layer */
    struct tare_plugin_instance **plugins; /* [n_layers] likewise */
    struct tare_const *made; /* [n_bindings] outputs that programs keep here */
    double *layer_ms;        /* [n_layers] */
};

/* What one layer at a time has: those of a stream, or all. */
struct lane {
    struct tare_pool *pool;
    char *shared;
    struct tare_error error; /* of the first one that failed */
};

struct tare_context {
    struct tare_allocator allocator;
    struct tare_recorder *recorder;
    const struct tare_engine *engine; /* that runs */
    struct tare_context_shapes shapes;
    struct tare_pool *pool;
    char *room; /* activations first; it grows when an engine wants more */
    size_t room_bytes;
    char *scratch, *shared; /* in it */
    size_t scratch_stride, shared_stride;
    struct lane main, streams[TARE_MAX_STREAMS];
    void **bindings; /* [n_bindings] */
    struct tables tables;
    struct tare_tap_state tap;
    struct tare_layer_watch *watch; /* of the layer that runs, or NULL */
    bool profiling;
};

static size_t n_bindings_of(const struct tare_engine *e)
{
    return (size_t)e->header->n_inputs + e->header->n_outputs;
}

/* NULL for a weight: no layer's output lies there (checked on loading). */
static void *activation_address(const struct tare_context *c,
                                const struct tare_plan_tensor *t)
{
    switch (t->storage) {
    case TARE_IN_ARENA: return c->room + t->offset;
    case TARE_IN_BINDING: return c->bindings[t->offset];
    default: return NULL;
    }
}

static void set_addresses(struct tare_context *c, size_t k)
{
    const struct tare_plan_tensor *t = c->engine->layer_tensors[k];
    const struct tare_engine *holder = t->in_base ? c->engine->base : c->engine;
    c->tables.outputs[k] = activation_address(c, t);
    c->tables.inputs[k] = t->storage == TARE_IN_WEIGHTS ? holder->weights + t->offset
                                                        : c->tables.outputs[k];
}

static void release_tables(const struct tare_allocator *a, struct tables *tables,
                           const struct tare_engine *e)
{
    for (size_t i = 0; tables->programs && i < e->n_layers; i++)
        tare_graph_destroy(tables->programs[i]);
    for (size_t i = 0; tables->plugins && i < e->n_layers; i++)
        tare_plugin_free(tables->plugins[i]);
    for (size_t i = 0; tables->made && i < n_bindings_of(e); i++)
        tare_free(tables->made[i].data);
    tare_free_to(a, tables->inputs);
    tare_free_to(a, tables->outputs);
    tare_free_to(a, tables->programs);
    tare_free_to(a, tables->plugins);
    tare_free_to(a, tables->made);
    tare_free_to(a, tables->layer_ms);
    *tables = (struct tables){0};
}

/* Programs and plugins hold values while they run: each context runs its own copies. */
static enum tare_status copy_programs(struct tables *tables,
                                      const struct tare_engine *e,
                                      struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < e->n_layers; i++) {
        const struct tare_layer *layer = &e->layers[i];
        if (layer->program)
            st = tare_graph_clone(layer->program, &tables->programs[i], err);
        if (layer->plugin)
            st = tare_plugin_layer_instance(layer, &tables->plugins[i], err);
        if (st != TARE_OK) tare_error_wrap(err, "layer %zu '%.80s'", i, layer->name);
    }
    return st;
}

/* @param[out] tables  release_tables() them, also on failure. */
static enum tare_status make_tables(const struct tare_allocator *a,
                                    struct tables *tables, const struct tare_engine *e,
                                    struct tare_error *err)
{
    *tables = (struct tables){
        .inputs = tare_array_from(a, e->n_ids, sizeof *tables->inputs),
        .outputs = tare_array_from(a, e->n_ids, sizeof *tables->outputs),
        .programs = tare_array_from(a, e->n_layers, sizeof(struct tare_graph *)),
        .plugins =
            tare_array_from(a, e->n_layers, sizeof(struct tare_plugin_instance *)),
        .made = tare_array_from(a, n_bindings_of(e), sizeof *tables->made),
        .layer_ms = tare_array_from(a, e->n_layers, sizeof *tables->layer_ms),
    };
    TARE_FAIL_IF(!tables->inputs || !tables->outputs || !tables->programs ||
                     !tables->plugins || !tables->made || !tables->layer_ms,
                 err, TARE_E_NOMEM, "context: no memory");
    return copy_programs(tables, e, err);
}

/* Where scratch and shared begin, behind the activations, and where all ends. */
struct layout {
    size_t scratch, scratch_stride, shared, shared_stride, end;
};

/* @retval false  A size does not fit. */
static bool lay_out(const struct tare_engine *e, size_t n_threads, struct layout *l)
{
    const size_t n_streams = n_threads == 1 ? 1 : e->n_streams;
    size_t scratch_bytes, shared_bytes;
    return tare_align_size((size_t)e->header->arena_bytes, &l->scratch) &&
           tare_align_size(e->scratch_bytes, &l->scratch_stride) &&
           tare_align_size(e->shared_bytes, &l->shared_stride) &&
           tare_mul_size(l->scratch_stride, n_threads, &scratch_bytes) &&
           tare_mul_size(l->shared_stride, n_streams, &shared_bytes) &&
           tare_add_size(l->scratch, scratch_bytes, &l->shared) &&
           tare_add_size(l->shared, shared_bytes, &l->end);
}

/* All in one block, which is large enough for a huge page more often than each alone:
 * page faults are most of the time that a context takes to be made. */
static enum tare_status make_room(struct tare_context *c, const struct tare_engine *e,
                                  struct tare_error *err)
{
    struct layout l;
    TARE_FAIL_IF(
        !lay_out(e, (size_t)tare_pool_size(c->pool), &l), err, TARE_E_NOMEM,
        "context: %llu bytes of activations and scratch of %zu and %zu are too "
        "large together",
        (unsigned long long)e->header->arena_bytes, e->scratch_bytes, e->shared_bytes);
    if (!c->room || l.end > c->room_bytes) {
        char *room = tare_huge_from(&c->allocator, l.end);
        TARE_FAIL_IF(!room, err, TARE_E_NOMEM,
                     "context: no memory for %zu bytes of activations and scratch",
                     l.end);
        tare_free_to(&c->allocator, c->room);
        c->room = room;
        c->room_bytes = l.end;
    }
    c->scratch = c->room + l.scratch;
    c->shared = c->room + l.shared;
    c->scratch_stride = l.scratch_stride;
    c->shared_stride = l.shared_stride;
    c->main.shared = c->shared;
    return TARE_OK;
}

enum tare_status tare_context_use(struct tare_context *context,
                                  const struct tare_engine *engine,
                                  struct tare_special *special, struct tare_error *err)
{
    struct tare_context *c = context;
    struct tables tables;
    enum tare_status st = make_tables(&c->allocator, &tables, engine, err);
    if (st == TARE_OK) st = make_room(c, engine, err);
    if (st != TARE_OK) {
        release_tables(&c->allocator, &tables, engine);
        return st;
    }
    release_tables(&c->allocator, &c->tables, c->engine);
    tare_tap_release(&c->tap);
    c->tables = tables;
    c->engine = engine;
    c->shapes.special = special;
    for (size_t i = 0; i < engine->n_ids; i++)
        set_addresses(c, i);
    return TARE_OK;
}

struct tare_context_shapes *tare_context_shapes(struct tare_context *context)
{
    return &context->shapes;
}

const struct tare_engine *tare_context_engine(const struct tare_context *context)
{
    return context->engine;
}

/* The opt shapes of the first profile, which are the engine's own. */
static enum tare_status make_shapes(struct tare_context *c,
                                    const struct tare_engine *engine,
                                    struct tare_error *err)
{
    const size_t n_inputs = engine->header->n_inputs;
    c->shapes.base = engine;
    c->bindings =
        tare_array_from(&c->allocator, n_bindings_of(engine), sizeof *c->bindings);
    TARE_FAIL_IF(!c->bindings, err, TARE_E_NOMEM, "context: no memory");
    if (engine->n_profiles == 0) return TARE_OK;
    c->shapes.dims = tare_array_from(&c->allocator, n_inputs, sizeof *c->shapes.dims);
    TARE_FAIL_IF(!c->shapes.dims, err, TARE_E_NOMEM, "context: no memory");
    for (size_t i = 0; i < n_inputs; i++)
        c->shapes.dims[i] = engine->tensors[engine->ids[i]].dims;
    return TARE_OK;
}

static enum tare_status create(const struct tare_engine *engine,
                               const struct tare_context_options *options,
                               struct tare_context **context, struct tare_error *err)
{
    struct tare_allocator allocator;
    *context = NULL;
    TARE_FAIL_IF(engine->n_layers == 0, err, TARE_E_UNSUPPORTED, "engine: %s",
                 TARE_STRIPPED);
    enum tare_status st = tare_allocator_take(options->allocator, &allocator, err);
    if (st != TARE_OK) return st;
    struct tare_context *c = tare_array_from(&allocator, 1, sizeof *c);
    TARE_FAIL_IF(!c, err, TARE_E_NOMEM, "context: no memory");
    c->allocator = allocator;
    c->recorder = options->recorder ? options->recorder : engine->recorder;
    c->tap.allocator = &c->allocator;
    c->engine = engine;
    st = tare_pool_create_from(&c->allocator, options->n_threads, &c->pool, err);
    c->main.pool = c->pool;
    if (st == TARE_OK) st = make_shapes(c, engine, err);
    if (st == TARE_OK) st = tare_context_use(c, engine, NULL, err);
    if (st != TARE_OK) {
        tare_context_destroy(c);
        return st;
    }
    *context = c;
    return TARE_OK;
}

enum tare_status tare_context_create_with(const struct tare_engine *engine,
                                          const struct tare_context_options *options,
                                          struct tare_context **context,
                                          struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(options->recorder ? options->recorder : engine->recorder,
                              create(engine, options, context, said), said);
}

enum tare_status tare_context_create(const struct tare_engine *engine, int n_threads,
                                     struct tare_context **context,
                                     struct tare_error *err)
{
    const struct tare_context_options options = {.n_threads = n_threads};
    return tare_context_create_with(engine, &options, context, err);
}

void tare_context_destroy(struct tare_context *context)
{
    if (!context) return;
    const struct tare_allocator allocator = context->allocator, *const a = &allocator;
    tare_pool_destroy(context->pool);
    release_tables(a, &context->tables, context->engine);
    tare_free_to(a, context->room);
    tare_free_to(a, context->bindings);
    tare_free_to(a, context->shapes.dims);
    tare_tap_release(&context->tap);
    if (context->shapes.special)
        tare_special_return(context->shapes.base->specials, context->shapes.special);
    tare_free_to(a, context);
}

int tare_context_n_threads(const struct tare_context *context)
{
    return tare_pool_size(context->pool);
}

struct tare_recorder *tare_context_recorder(const struct tare_context *context)
{
    return context->recorder;
}

static enum tare_status set_address(struct tare_context *context, size_t i, void *data,
                                    struct tare_error *err)
{
    const struct tare_engine *e = context->engine;
    const size_t n = n_bindings_of(e);
    TARE_FAIL_IF(i >= n, err, TARE_E_ARG, "context: binding %zu, want below %zu", i, n);
    const struct tare_plan_tensor *binding = &e->tensors[e->ids[i]];
    const size_t align = (size_t)tare_dtype_bytes((enum tare_dtype)binding->dtype);
    TARE_FAIL_IF(binding->storage == TARE_IN_CONTEXT && !context->shapes.dims, err,
                 TARE_E_ARG,
                 "context: the shape of binding %zu is not known before a run: ask "
                 "tare_context_result() behind it",
                 i);
    TARE_FAIL_IF((uintptr_t)data % align != 0, err, TARE_E_ARG,
                 "context: the address of binding %zu is not aligned to %zu", i, align);
    context->bindings[i] = data;
    for (size_t k = 0; k < e->n_ids; k++) {
        const struct tare_plan_tensor *t = e->layer_tensors[k];
        if (t->storage == TARE_IN_BINDING && t->offset == i) set_addresses(context, k);
    }
    return TARE_OK;
}

enum tare_status tare_context_set_address(struct tare_context *context, size_t i,
                                          void *data, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(context->recorder, set_address(context, i, data, said),
                              said);
}

static void run_as(struct tare_context *c, struct lane *lane, size_t i,
                   const struct tare_layer *layer, void *const *outputs)
{
    struct tare_error error = {0};
    const struct tare_layer_run run = {
        .pool = lane->pool,
        .inputs = c->tables.inputs + layer->record->first_id,
        .outputs = outputs,
        .scratch = c->scratch,
        .scratch_stride = c->scratch_stride,
        .shared = lane->shared,
        .program = c->tables.programs[i],
        .plugin = c->tables.plugins[i],
        .made = c->tables.made,
        .err = &error,
        .watch = c->watch,
    };
    const double start = c->profiling ? tare_clock_ms() : 0.0;
    layer->run(layer, &run);
    if (c->profiling) c->tables.layer_ms[i] += tare_clock_ms() - start;
    if (error.code == TARE_OK || lane->error.code != TARE_OK) return;
    lane->error = error;
    tare_error_wrap(&lane->error, "layer %zu '%.80s'", i, layer->name);
}

enum tare_status tare_context_failure(struct tare_context *context,
                                      struct tare_error *err)
{
    struct tare_error *const error = &context->main.error;
    const enum tare_status st = error->code;
    if (err && st != TARE_OK) *err = *error;
    *error = (struct tare_error){0};
    return st;
}

static void run_layer(struct tare_context *c, struct lane *lane, size_t i)
{
    const struct tare_layer *layer = &c->engine->layers[i];
    run_as(c, lane, i, layer,
           c->tables.outputs + layer->record->first_id + layer->n_inputs);
}

void tare_context_run_layer(struct tare_context *c, size_t i)
{
    run_layer(c, &c->main, i);
}

void tare_context_run_changed(struct tare_context *c, size_t i,
                              const struct tare_layer *changed, void *output)
{
    void *const *own =
        c->tables.outputs + changed->record->first_id + changed->n_inputs;
    run_as(c, &c->main, i, changed, output ? &output : own);
}

struct region_job {
    struct tare_context *context;
    const struct tare_region *region;
};

static void run_streams(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct region_job *job = arg;
    struct tare_context *c = job->context;
    for (int64_t s = begin; s < end; s++) {
        struct lane *lane = &c->streams[s];
        *lane = (struct lane){.pool = tare_pool_lane(c->pool, (int)s, worker),
                              .shared = c->shared + (size_t)s * c->shared_stride};
        for (size_t i = job->region->first; i < job->region->end; i++)
            if (c->engine->records[i].stream == s && lane->error.code == TARE_OK)
                run_layer(c, lane, i);
    }
}

void tare_context_run_region(struct tare_context *c, const struct tare_region *region)
{
    struct region_job job = {c, region};
    tare_pool_run(c->pool, region->n_streams, 1, run_streams, &job);
    for (uint32_t s = 0; s < region->n_streams; s++)
        if (c->main.error.code == TARE_OK) c->main.error = c->streams[s].error;
}

const void *tare_context_operand(const struct tare_context *c, size_t i, size_t k)
{
    return c->tables.inputs[c->engine->layers[i].record->first_id + k];
}

void *tare_context_place(const struct tare_context *c, size_t i, size_t k)
{
    return c->tables.outputs[c->engine->layers[i].record->first_id + k];
}

/* Taps follow each other in the order of the layers: where those of this one end. */
static size_t taps_end(const struct tare_engine *e, size_t next, size_t layer)
{
    while (next < e->n_taps && e->tap_layer[next] == layer)
        next++;
    return next;
}

static void show_taps(struct tare_context *c, size_t next, size_t end)
{
    const struct tare_engine *e = c->engine;
    for (; next < end; next++) {
        const struct tare_plan_tensor *t = &e->tensors[e->taps[next]];
        const struct tare_layer *maker =
            e->tap_layer[next] == SIZE_MAX ? NULL : &e->layers[e->tap_layer[next]];
        const struct tare_plan_tensor *codes =
            maker && t == maker->outputs[0] ? tare_layer_codes(maker) : NULL;
        if (c->tap.wanted && !c->tap.wanted[next]) continue;
        tare_tap_show(&c->tap, e, next, activation_address(c, t),
                      codes ? activation_address(c, codes) : NULL);
    }
}

/* Run layer `i`, whose taps are [next, end), and show them. */
static void run_shown(struct tare_context *c, size_t i, size_t next, size_t end)
{
    struct tare_tap_pieces pieces;
    const bool in_pieces =
        tare_pool_size(c->pool) == 1 &&
        tare_tap_begin(&c->tap, c->engine, &c->engine->layers[i], next, end,
                       tare_context_place(c, i, c->engine->layers[i].n_inputs),
                       &pieces);
    c->watch = in_pieces ? &pieces.watch : NULL;
    tare_context_run_layer(c, i);
    c->watch = NULL;
    if (c->main.error.code != TARE_OK) return;
    if (in_pieces)
        tare_tap_finish(&pieces);
    else
        show_taps(c, next, end);
}

static enum tare_status check_addresses(const struct tare_context *c,
                                        struct tare_error *err)
{
    const struct tare_engine *e = c->engine;
    for (size_t i = 0; i < n_bindings_of(e); i++)
        TARE_FAIL_IF(!c->bindings[i] &&
                         e->tensors[e->ids[i]].storage != TARE_IN_CONTEXT,
                     err, TARE_E_ARG, "context: binding '%s' has no address",
                     tare_engine_string(e, e->tensors[e->ids[i]].name));
    return TARE_OK;
}

/* A tap looks at each layer when it has run, and a layer's time is its own where
 * nothing runs beside it. */
static bool uses_streams(const struct tare_context *c)
{
    return !c->tap.show && !c->profiling && tare_pool_size(c->pool) > 1;
}

/* The layer `i`, or the region that begins there. @return the layer behind */
static size_t run_next(struct tare_context *c, size_t i, bool in_streams)
{
    const struct tare_engine *e = c->engine;
    const struct tare_region region = tare_region_at(e->records, e->n_layers, i);
    if (in_streams && region.n_streams > 1) {
        tare_context_run_region(c, &region);
        return region.end;
    }
    tare_context_run_layer(c, i);
    return i + 1;
}

/* Taps of inputs are shown before the first layer. @return the first tap of `layer` */
static size_t show_front(struct tare_context *c, size_t layer)
{
    const struct tare_engine *e = c->engine;
    size_t next = taps_end(e, 0, SIZE_MAX);
    if (layer == 0) show_taps(c, 0, next);
    while (next < e->n_taps && e->tap_layer[next] < layer)
        next++;
    return next;
}

enum tare_status tare_context_run_part(struct tare_context *context, size_t first,
                                       size_t end, struct tare_error *err)
{
    const struct tare_engine *e = context->engine;
    const bool in_streams = uses_streams(context) && first == 0 && end == e->n_layers;
    const bool looks = context->tap.show != NULL;
    if (first == 0) {
        const enum tare_status st = check_addresses(context, err);
        if (st != TARE_OK) return st;
    }
    context->main.error = (struct tare_error){0};
    size_t next_tap = looks ? show_front(context, first) : 0;
    for (size_t i = first; i < end;) {
        if (looks) {
            const size_t taps = taps_end(e, next_tap, i);
            run_shown(context, i++, next_tap, taps);
            next_tap = taps;
        } else {
            i = run_next(context, i, in_streams);
        }
        if (context->main.error.code != TARE_OK)
            return tare_context_failure(context, err);
    }
    return TARE_OK;
}

enum tare_status tare_context_run_layers(struct tare_context *context,
                                         struct tare_error *err)
{
    return tare_context_run_part(context, 0, context->engine->n_layers, err);
}

void tare_context_result(const struct tare_context *context, size_t i,
                         struct tare_result *result)
{
    const struct tare_engine *e = context->engine;
    const struct tare_plan_tensor *t = &e->tensors[e->ids[i]];
    const struct tare_const *made = &context->tables.made[i];
    if (t->storage == TARE_IN_CONTEXT)
        *result = (struct tare_result){.dims = made->dims,
                                       .dtype = made->dtype,
                                       .data = made->data,
                                       .n_bytes = made->n_bytes};
    else
        *result = (struct tare_result){.dims = t->dims,
                                       .dtype = (enum tare_dtype)t->dtype,
                                       .data = context->bindings[i],
                                       .n_bytes = (size_t)t->n_bytes};
}

enum tare_status tare_context_set_tap(struct tare_context *context, tare_tap *tap,
                                      void *ctx, bool linear, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    const enum tare_status st =
        tare_tap_prepare(&context->tap, context->engine, tap, ctx, linear, said);
    return tare_recorder_note(context->recorder, st, said);
}

void tare_context_split_tap(struct tare_context *context)
{
    context->tap.in_pieces = true;
}

void tare_context_limit_tap(struct tare_context *context, const bool *wanted)
{
    context->tap.wanted = wanted;
}

void tare_context_set_profiling(struct tare_context *context, bool on)
{
    context->profiling = on;
    for (size_t i = 0; on && i < context->engine->n_layers; i++)
        context->tables.layer_ms[i] = 0.0;
}

double tare_context_layer_ms(const struct tare_context *context, size_t i)
{
    return context->tables.layer_ms[i];
}
