#include "engine/build/build.h"

#include "engine/build/lower.h"

enum tare_status tare_engine_build(const struct tare_graph *graph,
                                   const struct tare_engine_options *options,
                                   uint8_t **data, size_t *n_bytes, size_t *n_joined,
                                   struct tare_error *err)
{
    struct tare_plan_builder plan = {0};
    struct tare_lower lower = {
        .graph = graph, .plan = &plan, .in_place = options->in_place};
    *data = NULL;
    enum tare_status st = tare_lower_graph(&lower, err);
    if (st == TARE_OK) st = tare_memory_plan(&plan, err);
    if (st == TARE_OK)
        st = tare_plan_write(&plan, graph->name, options->isa, data, n_bytes, err);
    if (n_joined) *n_joined = lower.n_joined;
    tare_plan_builder_release(&plan);
    return st;
}
