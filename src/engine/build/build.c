#include "engine/build/build.h"

#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/isa.h"

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
    enum tare_status st = tare_lower_graph(&lower, err);
    notes->n_joined = lower.n_joined;
    if (st == TARE_OK) st = tare_memory_plan(plan, err);
    if (st == TARE_OK && chooses) st = tare_tactics_name(plan, options->isa, err);
    if (st == TARE_OK)
        st = tare_plan_write(plan, graph->name, options->isa, data, n_bytes, err);
    if (st == TARE_OK && chooses)
        st = tare_tactics_choose(*data, *n_bytes, tactics, options->plugins,
                                 &notes->tactics, err);
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
