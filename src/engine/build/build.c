#include "engine/build/build.h"

#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/isa.h"

/* Those of the script, or all that there are. @param[out] n  of these: some may not pay
 */
static enum tare_status find_regions(const struct tare_engine_options *options,
                                     struct tare_plan_builder *plan, size_t *n,
                                     struct tare_error *err)
{
    *n = 0;
    const struct tare_tactic_script *script = options->tactics.script;
    if (script) return tare_regions_note(plan, &script->regions, err);
    if (options->n_streams < 2) return TARE_OK;
    return tare_regions_find(plan, options->n_streams, n, err);
}

/* One thread alone cannot tell. */
static bool times_regions(const struct tare_engine_options *options)
{
    return !options->tactics.script && options->tactics.n_threads > 1;
}

/* Keep those of n regions that pay. Memory that others needed is then free. */
static enum tare_status choose_regions(const struct tare_engine_options *options,
                                       struct tare_plan_builder *plan, uint8_t *data,
                                       size_t n_bytes, size_t n, struct tare_error *err)
{
    if (n == 0) return TARE_OK;
    bool *wanted = tare_alloc_array(n, sizeof *wanted);
    TARE_FAIL_IF(!wanted, err, TARE_E_NOMEM, "engine: no memory while building");
    enum tare_status st = tare_regions_choose(data, n_bytes, &options->tactics,
                                              options->plugins, wanted, n, err);
    size_t n_left = 0;
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        n_left += !wanted[i];
    if (st == TARE_OK && n_left > 0) {
        tare_regions_keep(plan->layers, plan->n_layers, wanted);
        st = tare_memory_plan(plan, err);
        if (st == TARE_OK) tare_plan_place_anew(plan, data);
    }
    tare_free(wanted);
    return st;
}

static enum tare_status make(const struct tare_graph *graph,
                             const struct tare_engine_options *options,
                             struct tare_plan_builder *plan, uint8_t **data,
                             size_t *n_bytes, struct tare_engine_notes *notes,
                             struct tare_error *err)
{
    const struct tare_tactic_options *tactics = &options->tactics;
    /* the kernels of a portable engine are chosen where it is loaded */
    const bool chooses =
        (tactics->level >= TARE_LEAST_TIMED_LEVEL || tactics->script) &&
        !(options->isa & TARE_ISA_PORTABLE);
    struct tare_lower lower = {.graph = graph,
                               .borders = options->borders,
                               .plan = plan,
                               .in_place = options->in_place,
                               .monitor = tactics->monitor};
    size_t n_regions;
    enum tare_status st = tare_lower_graph(&lower, err);
    notes->n_joined = lower.n_joined;
    if (st == TARE_OK && options->in_place) st = tare_plan_fuse(plan, err);
    if (st == TARE_OK) st = find_regions(options, plan, &n_regions, err);
    if (st == TARE_OK && options->in_place) st = tare_plan_overwrite(plan, err);
    if (st == TARE_OK) st = tare_memory_plan(plan, err);
    if (st == TARE_OK && chooses) st = tare_tactics_name(plan, options->isa, err);
    if (st == TARE_OK)
        st = tare_plan_write(plan, graph->name, options->isa, data, n_bytes, err);
    if (st == TARE_OK && chooses)
        st = tare_tactics_choose(*data, *n_bytes, tactics, options->plugins,
                                 &notes->tactics, err);
    if (st == TARE_OK && chooses && times_regions(options))
        st = choose_regions(options, plan, *data, *n_bytes, n_regions, err);
    return st;
}

enum tare_status tare_engine_build(const struct tare_graph *graph,
                                   const struct tare_engine_options *options,
                                   uint8_t **data, size_t *n_bytes,
                                   struct tare_engine_notes *notes,
                                   struct tare_error *err)
{
    struct tare_plan_builder plan = {0};
    struct tare_engine_notes own = {0};
    *data = NULL;
    const enum tare_status st =
        make(graph, options, &plan, data, n_bytes, notes ? notes : &own, err);
    if (st != TARE_OK) {
        tare_free(*data);
        *data = NULL;
    }
    tare_free(own.tactics.rows);
    tare_plan_builder_release(&plan);
    return st;
}
