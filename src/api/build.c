/* The road from a model to an engine: optimise, assign precisions, lower. */
#include <string.h>

#include "api/build.h"
#include "api/cache_names.h"
#include "api/model.h"
#include "api/recovery.h"
#include "api/tactics_file.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/recorder.h"
#include "base/text.h"
#include "engine/build/build.h"
#include "engine/isa.h"
#include "graph/explicit.h"
#include "optimizer/optimizer.h"
#include "optimizer/pass.h"
#include "remake/make.h"
#include "tare/builder.h"
#include "tare/engine.h"

static enum tare_status choose_isa(const struct tare_build_options *options,
                                   uint32_t *isa, struct tare_error *err)
{
    const char *name = options->isa;
    if (options->tactics) return tare_tactics_isa(options->tactics, name, isa, err);
    TARE_FAIL_IF(
        !tare_isa_find(name ? name : "native", isa), err, TARE_E_ARG,
        "--isa=%.40s, want native, portable, ref, avx2, avxvnni, avx512, vnni, bf16, "
        "amx, amx16, neon, dotprod or i8mm",
        name);
    TARE_FAIL_IF(tare_isa_missing(*isa, tare_cpu_flags()), err, TARE_E_UNSUPPORTED,
                 "--isa=%.40s: this CPU offers %s at most", name,
                 tare_isa_name(tare_cpu_flags()));
    return TARE_OK;
}

static struct tare_precision_options
precision_options(const struct tare_build_options *options,
                  const struct tare_build_frame *frame, const char *by_time)
{
    return (struct tare_precision_options){
        .allow_int8 = options->int8,
        .allow_fp16 = options->fp16,
        .allow_bf16 = options->bf16,
        .isa = frame->isa,
        .constraints = options->constraints,
        .layer_precisions = options->layer_precisions,
        .layer_output_types = options->layer_output_types,
        .by_time = by_time,
        .quiet = frame->is_quiet,
    };
}

/* The cache as ranges; tare_free() them. */
static enum tare_status list_ranges(const struct tare_cache *cache,
                                    struct tare_range **ranges, size_t *n,
                                    struct tare_error *err)
{
    *n = cache ? tare_cache_count(cache) : 0;
    *ranges = tare_alloc_array(*n, sizeof **ranges);
    TARE_FAIL_IF(!*ranges, err, TARE_E_NOMEM, "build: no memory");
    for (size_t i = 0; i < *n; i++)
        (*ranges)[i] = (struct tare_range){tare_cache_name(cache, i),
                                           (double)tare_cache_amax(cache, i)};
    return TARE_OK;
}

static enum tare_status keep_tensors(struct tare_graph *g, bool cut_early,
                                     struct tare_error *err)
{
    bool changed = false;
    enum tare_status st = tare_pass_constant_fold(g, &changed, err);
    if (st == TARE_OK && cut_early) st = tare_pass_cut_early(g, &changed, err);
    return st == TARE_OK ? tare_graph_compact(g, err) : st;
}

static enum tare_status check_options(const struct tare_model *model,
                                      const struct tare_build_options *options,
                                      struct tare_error *err)
{
    TARE_FAIL_IF(!model->is_bound, err, TARE_E_ARG,
                 "build: the model's shapes are not bound");
    TARE_FAIL_IF(options->int8 && !options->cache && !tare_model_is_quantized(model),
                 err, TARE_E_ARG,
                 "INT8 needs ranges: give a calibration cache (--cache=FILE, made by "
                 "`tare calibrate`)");
    TARE_FAIL_IF(options->keep_tensors && tare_build_carries_source(options), err,
                 TARE_E_ARG, "an engine that keeps every tensor carries no source");
    TARE_FAIL_IF(options->cut_early && !options->keep_tensors, err, TARE_E_ARG,
                 "cut_early is for an engine that keeps every tensor");
    TARE_FAIL_IF(options->int8 && options->keep_tensors, err, TARE_E_ARG,
                 "an engine that keeps every tensor is FP32 only");
    return TARE_OK;
}

/* The flag that asks for something of the choice of tactics; NULL: none does. */
static const char *about_tactics(const struct tare_build_options *options,
                                 uint32_t sources)
{
    return options->timing_cache         ? "--timing-cache"
           : sources != TARE_TACTICS_OWN ? "--tactic-sources"
           : options->ban_tactics        ? "--ban-tactic"
           : options->choose_tactic      ? "a tactic selector"
                                         : NULL;
}

/* It makes no sense where nothing is chosen. */
static enum tare_status check_tactics(const struct tare_build_options *options,
                                      uint32_t isa, struct tare_error *err)
{
    const int level = options->optimization_level;
    uint32_t sources;
    TARE_FAIL_IF(level < 0 || level > TARE_MAX_LEVEL, err, TARE_E_ARG,
                 "--optimization-level=%d, want 0 to %d", level, TARE_MAX_LEVEL);
    enum tare_status st =
        tare_tactic_sources_parse(options->tactic_sources, &sources, err);
    if (st == TARE_OK) st = tare_tactic_bans_check(options->ban_tactics, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(options->max_aux_streams < TARE_AUX_STREAMS_AUTO, err, TARE_E_ARG,
                 "--max-aux-streams=%d, want 0 or more", options->max_aux_streams);
    TARE_FAIL_IF(options->tactics && options->max_aux_streams > 0, err, TARE_E_ARG,
                 "--max-aux-streams is of no use with --load-tactics: it names what "
                 "runs side by side");
    const char *flag = about_tactics(options, sources);
    if (!flag) return TARE_OK;
    TARE_FAIL_IF(options->tactics, err, TARE_E_ARG,
                 "%s is of no use with --load-tactics: it names each layer's kernel",
                 flag);
    TARE_FAIL_IF(level < TARE_LEAST_TIMED_LEVEL, err, TARE_E_ARG,
                 "%s is of no use below --optimization-level=%d: nothing is timed",
                 flag, TARE_LEAST_TIMED_LEVEL);
    TARE_FAIL_IF(isa & TARE_ISA_PORTABLE, err, TARE_E_ARG,
                 "%s is of no use with --isa=portable: kernels are chosen where the "
                 "engine is loaded",
                 flag);
    return TARE_OK;
}

/* The recovery that the build uses, or NULL. */
static enum tare_status choose_recovery(const struct tare_model *model,
                                        const struct tare_graph *g,
                                        const struct tare_build_options *options,
                                        const struct tare_recovery **recovery,
                                        struct tare_error *err)
{
    bool fits;
    *recovery = NULL;
    if (!options->recovery || !options->int8 || tare_graph_is_explicit(g))
        return TARE_OK;
    const enum tare_status st = tare_recovery_check(options->recovery, model->graph,
                                                    options->cache, &fits, err);
    if (st == TARE_OK && fits) *recovery = options->recovery;
    return st;
}

/* The steps of the build as a whole. */
enum { BUILD_OPTIMIZED, BUILD_ASSIGNED, BUILD_MADE, BUILD_STEPS };

static enum tare_status step(const struct tare_build_options *options, size_t done,
                             struct tare_error *err)
{
    return tare_monitor_step(options->monitor, TARE_PHASE_BUILD, done, err);
}

/* Optimised and annotated, or with constants folded only. */
static enum tare_status make_graph(const struct tare_model *model,
                                   const struct tare_build_options *options,
                                   const struct tare_build_frame *frame,
                                   struct tare_plan *plan, struct tare_graph *g,
                                   struct tare_error *err)
{
    if (options->keep_tensors) return keep_tensors(g, options->cut_early, err);
    const struct tare_optimize_options optimize = {.dump = &plan->passes,
                                                   .monitor = options->monitor};
    struct tare_make_options *make = &plan->make;
    make->precision = precision_options(options, frame, plan->by_time);
    enum tare_status st = tare_optimize(g, &optimize, err);
    if (st == TARE_OK) st = step(options, BUILD_OPTIMIZED, err);
    if (st == TARE_OK && options->cache && options->int8 && !frame->is_quiet &&
        !tare_graph_is_explicit(g))
        st = tare_check_cache_names(options->cache, model->graph, g, &make->precision,
                                    err);
    if (st == TARE_OK)
        st = list_ranges(options->cache, &plan->ranges, &make->n_ranges, err);
    if (st == TARE_OK) st = choose_recovery(model, g, options, &make->recovery, err);
    make->ranges = plan->ranges;
    if (st == TARE_OK)
        st = tare_make_annotated(g, make, &plan->report, &plan->n_recovered, err);
    return st == TARE_OK ? step(options, BUILD_ASSIGNED, err) : st;
}

static size_t count_nodes(const struct tare_graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += !g->nodes[i].dead;
    return n;
}

/* Of a region. The builder itself makes them only where it can time them. */
static size_t most_streams(const struct tare_build_options *options, uint32_t isa)
{
    const bool times = options->timing_threads > 1 && !(isa & TARE_ISA_PORTABLE) &&
                       options->optimization_level >= TARE_LEAST_TIMED_LEVEL;
    if (options->max_aux_streams < 0) return times ? TARE_MAX_STREAMS : 1;
    _Static_assert(TARE_MAX_STREAMS == TARE_MAX_AUX_STREAMS + 1, "tare/builder.h");
    return (size_t)options->max_aux_streams + 1;
}

/* Taps read every tensor of an engine that keeps them, which is faster where they are
 * dense. */
enum tare_status tare_build_engine(const struct tare_graph *g,
                                   const struct tare_build_options *options,
                                   const struct tare_build_frame *frame,
                                   struct tare_plan *plan, struct tare_error *err)
{
    struct tare_engine_notes notes = {0};
    struct tare_border *borders;
    uint32_t sources;
    enum tare_status st =
        tare_tactic_sources_parse(options->tactic_sources, &sources, err);
    if (st == TARE_OK) st = tare_build_borders(g, options, &plan->make, &borders, err);
    if (st != TARE_OK) return st;
    plan->make.in_place = frame->in_place && !options->keep_tensors &&
                          !tare_optimize_skips(TARE_PASS_CONCAT_SLICES);
    const struct tare_engine_options engine = {
        .isa = frame->isa,
        .borders = borders,
        .in_place = plan->make.in_place,
        .plugins = plan->plugins,
        .n_streams = most_streams(options, frame->isa),
        .tactics = {.sources = sources,
                    .level = options->optimization_level,
                    .n_threads =
                        options->timing_threads > 0 ? options->timing_threads : 1,
                    .timing_cache = options->timing_cache,
                    .times = frame->times,
                    .bans = options->ban_tactics,
                    .script = options->tactics ? options->tactics->scripts : NULL,
                    .choose = options->choose_tactic,
                    .choose_ctx = options->choose_tactic_ctx,
                    .monitor = options->monitor}};
    st = tare_engine_build(g, &engine, &plan->bytes, &plan->n_bytes, &notes, err);
    plan->tactics = notes.tactics;
    tare_free(borders);
    if (st != TARE_OK || !engine.in_place) return st;
    tare_text_add(&plan->passes, "After %s: %zu layers\n", TARE_PASS_CONCAT_SLICES,
                  count_nodes(g) - notes.n_joined);
    TARE_FAIL_IF(plan->passes.failed, err, TARE_E_NOMEM, "build: no memory");
    return TARE_OK;
}

static enum tare_status bind(struct tare_graph *g, const struct tare_dims *shapes,
                             struct tare_error *err)
{
    if (!shapes) return TARE_OK;
    for (size_t i = 0; i < g->n_inputs; i++)
        g->tensors[g->inputs[i]].dims = shapes[i];
    return tare_graph_infer(g, err);
}

enum tare_status tare_build_prepare(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    const struct tare_build_frame *frame,
                                    struct tare_graph **graph, struct tare_plan **plan,
                                    struct tare_error *err)
{
    struct tare_graph *g = NULL;
    struct tare_plan *p = tare_alloc_array(1, sizeof *p);
    TARE_FAIL_IF(!p, err, TARE_E_NOMEM, "build: no memory");
    p->plugins = model->plugins;
    enum tare_status st = TARE_OK;
    if (frame->by_time && !(p->by_time = tare_strdup(frame->by_time)))
        st = tare_error_set(err, TARE_E_NOMEM, "build: no memory");
    if (st == TARE_OK) st = tare_graph_clone(model->graph, &g, err);
    if (st == TARE_OK) st = bind(g, frame->shapes, err);
    if (st == TARE_OK) st = make_graph(model, options, frame, p, g, err);
    if (st != TARE_OK) {
        tare_graph_destroy(g);
        tare_plan_destroy(p);
        return st;
    }
    *graph = g;
    *plan = p;
    return TARE_OK;
}

enum tare_status tare_build_graph(const struct tare_model *model,
                                  const struct tare_build_options *options,
                                  struct tare_graph **graph, struct tare_plan **plan,
                                  struct tare_error *err)
{
    *graph = NULL;
    *plan = NULL;
    struct tare_build_frame frame = {.is_settled = true};
    enum tare_status st = check_options(model, options, err);
    if (st == TARE_OK) st = choose_isa(options, &frame.isa, err);
    if (st != TARE_OK) return st;
    tare_monitor_start(options->monitor, TARE_PHASE_BUILD, NULL, BUILD_MADE);
    st = tare_build_prepare(model, options, &frame, graph, plan, err);
    tare_monitor_finish(options->monitor, TARE_PHASE_BUILD);
    return st;
}

/* Do times choose the precisions? The reference is for nobody who has no time. */
static bool are_timed(const struct tare_build_options *options,
                      const struct tare_build_frame *frame)
{
    return options->fastest_precisions && !frame->is_settled && !options->tactics &&
           !options->keep_tensors && frame->isa != TARE_CPU_NONE &&
           !(frame->isa & TARE_ISA_PORTABLE) &&
           options->optimization_level >= TARE_LEAST_TIMED_LEVEL &&
           (options->int8 || options->bf16);
}

/* @param[out] graph, plan  also set on failure */
static enum tare_status build_checked(const struct tare_model *model,
                                      const struct tare_build_options *options,
                                      const struct tare_build_frame *frame,
                                      struct tare_graph **graph,
                                      struct tare_plan **plan, struct tare_error *err)
{
    enum tare_status st = tare_build_prepare(model, options, frame, graph, plan, err);
    if (st == TARE_OK)
        st = are_timed(options, frame)
                 ? tare_build_fastest(model, options, frame, graph, plan, err)
                 : tare_build_engine(*graph, options, frame, *plan, err);
    if (st == TARE_OK) st = step(options, BUILD_MADE, err);
    return st;
}

/* @param frame  without isa */
static enum tare_status build(const struct tare_model *model,
                              const struct tare_build_options *options,
                              struct tare_build_frame frame, struct tare_graph **graph,
                              struct tare_plan **plan, struct tare_error *err)
{
    *graph = NULL;
    *plan = NULL;
    enum tare_status st = check_options(model, options, err);
    if (st == TARE_OK) st = choose_isa(options, &frame.isa, err);
    if (st == TARE_OK) st = check_tactics(options, frame.isa, err);
    if (st != TARE_OK) return st;
    if (options->tactics) frame.by_time = options->tactics->by_time;
    tare_monitor_start(options->monitor, TARE_PHASE_BUILD, NULL, BUILD_STEPS);
    st = build_checked(model, options, &frame, graph, plan, err);
    tare_monitor_finish(options->monitor, TARE_PHASE_BUILD);
    if (st == TARE_OK) return TARE_OK;
    tare_graph_destroy(*graph);
    tare_plan_destroy(*plan);
    *graph = NULL;
    *plan = NULL;
    return st;
}

enum tare_status tare_build_keeping(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    bool in_place, struct tare_graph **graph,
                                    struct tare_plan **plan, struct tare_error *err)
{
    const struct tare_build_frame frame = {.in_place = in_place};
    return build(model, options, frame, graph, plan, err);
}

enum tare_status tare_build_at(const struct tare_model *model,
                               const struct tare_build_options *options,
                               const struct tare_dims *shapes,
                               const struct tare_plan *like, struct tare_plan **plan,
                               struct tare_error *err)
{
    struct tare_graph *graph;
    const struct tare_build_frame frame = {
        .shapes = shapes,
        .in_place = true,
        .is_settled = like != NULL,
        .by_time = like ? like->make.precision.by_time : NULL};
    const enum tare_status st = build(model, options, frame, &graph, plan, err);
    tare_graph_destroy(graph);
    return st;
}

static enum tare_status build_any(const struct tare_model *model,
                                  const struct tare_build_options *options,
                                  struct tare_plan **plan, struct tare_error *err)
{
    struct tare_shape_range *ranges = NULL;
    *plan = NULL;
    enum tare_status st = TARE_OK;
    if (options->n_profiles > 0) st = tare_build_ranges(model, options, &ranges, err);
    if (st == TARE_OK && options->tactics)
        st =
            tare_tactics_check(options->tactics, ranges ? options->n_profiles : 1, err);
    if (st == TARE_OK)
        st = ranges ? tare_build_with_ranges(model, options, ranges, plan, err)
                    : tare_build_at(model, options, NULL, NULL, plan, err);
    if (st == TARE_OK && !ranges && tare_build_carries_source(options))
        st = tare_build_attach_source(model, *plan, err);
    if (st == TARE_OK && options->strip_weights) st = tare_build_strip(*plan, err);
    tare_free(ranges);
    if (st == TARE_OK) {
        if (options->tactics)
            tare_tactics_compare(options->tactics, (*plan)->bytes, (*plan)->n_bytes);
        return TARE_OK;
    }
    tare_plan_destroy(*plan);
    *plan = NULL;
    return st;
}

enum tare_status tare_build(const struct tare_model *model,
                            const struct tare_build_options *options,
                            struct tare_plan **plan, struct tare_error *err)
{
    struct tare_error own = {0}, *const said = tare_error_or(err, &own);
    return tare_recorder_note(options->recorder, build_any(model, options, plan, said),
                              said);
}

void tare_plan_destroy(struct tare_plan *plan)
{
    while (plan) {
        struct tare_plan *const next = plan->next;
        tare_free(plan->bytes);
        tare_free(plan->stripped_of);
        tare_text_free(&plan->passes);
        tare_precision_report_destroy(plan->report);
        tare_free(plan->tactics.rows);
        tare_free(plan->ranges);
        tare_free(plan->by_time);
        tare_free(plan);
        plan = next;
    }
}

const void *tare_plan_bytes(const struct tare_plan *plan, size_t *n_bytes)
{
    *n_bytes = plan->n_bytes;
    return plan->bytes;
}

enum tare_status tare_plan_open(const struct tare_plan *plan,
                                struct tare_engine **engine, struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = plan->plugins};
    return tare_engine_open_with(plan->bytes, plan->n_bytes, &load, engine, err);
}

enum tare_status tare_plan_save(const struct tare_plan *plan, const char *path,
                                struct tare_error *err)
{
    return tare_file_write(path, plan->bytes, plan->n_bytes, err);
}

const char *tare_plan_passes(const struct tare_plan *plan)
{
    return plan->passes.data ? plan->passes.data : "";
}

size_t tare_plan_n_recovered(const struct tare_plan *plan)
{
    return plan->n_recovered;
}

size_t tare_plan_n_rows(const struct tare_plan *plan)
{
    return plan->report ? tare_precision_report_size(plan->report) : 0;
}

void tare_plan_row(const struct tare_plan *plan, size_t i, struct tare_build_row *row)
{
    const struct tare_precision_row *r = tare_precision_report_row(plan->report, i);
    *row = (struct tare_build_row){
        .name = r->name,
        .op = r->op,
        .requested = r->requested ? tare_precision_name(r->request) : NULL,
        .got = tare_precision_name(r->got),
        .reason = r->reason,
        .output_requested = r->output_request,
        .output_got = r->output,
        .output_reason = r->output_reason,
    };
}

size_t tare_plan_n_tactic_rows(const struct tare_plan *plan)
{
    return plan->tactics.n_rows;
}

void tare_plan_tactic_row(const struct tare_plan *plan, size_t i,
                          struct tare_tactic_row *row)
{
    *row = tare_tactic_row_of(&plan->tactics.rows[i]);
}
