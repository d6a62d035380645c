#include "remake/remake.h"

#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/regions.h"
#include "engine/plan.h"
#include "optimizer/optimizer.h"

static enum tare_status bind(struct tare_graph *graph, const struct tare_dims *shapes,
                             struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        struct tare_tensor *input = &graph->tensors[graph->inputs[i]];
        input->dims = shapes[i];
        input->has_dims = true;
    }
    TARE_TRY(tare_graph_infer(graph, err), err, "in the shapes that were set");
    return TARE_OK;
}

static enum tare_status make_graph(const struct tare_source *source,
                                   const struct tare_dims *shapes,
                                   struct tare_graph *graph, struct tare_error *err)
{
    size_t n_recovered;
    enum tare_status st = bind(graph, shapes, err);
    if (st == TARE_OK) st = tare_optimize(graph, NULL, err);
    return st == TARE_OK
               ? tare_make_annotated(graph, &source->make, NULL, &n_recovered, err)
               : st;
}

static enum tare_status make_plan(const struct tare_source *source,
                                  const struct tare_graph *graph, size_t profile,
                                  struct tare_plan_builder *plan, uint8_t **bytes,
                                  size_t *n_bytes, struct tare_error *err)
{
    const struct tare_tactic_list *tactics =
        profile < source->n_profiles ? &source->tactics[profile] : NULL;
    struct tare_border *borders = tare_alloc_array(source->n_bindings, sizeof *borders);
    TARE_FAIL_IF(!borders, err, TARE_E_NOMEM, "engine: no memory to make it anew");
    for (size_t i = 0; i < source->n_bindings; i++)
        if (source->bindings[i].is_told) borders[i] = source->bindings[i].border;
    struct tare_lower lower = {.graph = graph,
                               .plan = plan,
                               .borders = borders,
                               .in_place = source->make.in_place};
    enum tare_status st = tare_lower_graph(&lower, err);
    if (st == TARE_OK && lower.in_place) st = tare_plan_fuse(plan, err);
    if (st == TARE_OK && tactics) st = tare_regions_note(plan, &tactics->regions, err);
    tare_free(borders);
    if (st == TARE_OK && lower.in_place) st = tare_plan_overwrite(plan, err);
    if (st == TARE_OK) st = tare_memory_plan(plan, err);
    if (st == TARE_OK && tactics)
        st = tare_tactic_names_note(plan, tactics->items, tactics->n, err);
    return st == TARE_OK
               ? tare_plan_write(plan, graph->name, source->make.precision.isa, bytes,
                                 n_bytes, err)
               : st;
}

enum tare_status tare_remake(const struct tare_source *source,
                             const struct tare_dims *shapes, size_t profile,
                             const struct tare_weight_index *base, uint8_t **bytes,
                             size_t *n_bytes, struct tare_error *err)
{
    struct tare_graph *graph;
    struct tare_plan_builder plan = {.base = base};
    *bytes = NULL;
    TARE_FAIL_IF(source->n_stripped > 0, err, TARE_E_UNSUPPORTED, "engine: %s",
                 TARE_STRIPPED);
    enum tare_status st = tare_graph_clone(source->graph, &graph, err);
    if (st != TARE_OK) return st;
    st = make_graph(source, shapes, graph, err);
    if (st == TARE_OK)
        st = make_plan(source, graph, profile, &plan, bytes, n_bytes, err);
    tare_plan_builder_release(&plan);
    tare_graph_destroy(graph);
    return st;
}
