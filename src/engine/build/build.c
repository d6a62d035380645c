#include "engine/build/build.h"

#include "engine/build/lower.h"

enum tare_status tare_engine_build(const struct tare_graph *graph, uint32_t isa,
                                   uint8_t **data, size_t *n_bytes,
                                   struct tare_error *err)
{
    struct tare_plan_builder plan = {0};
    struct tare_lower lower = {.graph = graph, .plan = &plan};
    *data = NULL;
    enum tare_status st = tare_lower_graph(&lower, err);
    if (st == TARE_OK) st = tare_memory_plan(&plan, err);
    if (st == TARE_OK)
        st = tare_plan_write(&plan, graph->name, isa, data, n_bytes, err);
    tare_plan_builder_release(&plan);
    return st;
}
