#include "remake/renew.h"

#include "base/mem.h"
#include "engine/build/plan_builder.h"
#include "remake/attach.h"
#include "remake/remake.h"

static enum tare_status remake(const struct tare_source *source, uint8_t **bytes,
                               size_t *n_bytes, struct tare_error *err)
{
    const size_t n_inputs = source->graph->n_inputs;
    struct tare_dims *shapes = tare_alloc_array(n_inputs, sizeof *shapes);
    TARE_FAIL_IF(!shapes, err, TARE_E_NOMEM, "engine: no memory to make it anew");
    for (size_t i = 0; i < n_inputs; i++)
        shapes[i] = source->bindings[i].dims;
    const enum tare_status st =
        tare_remake(source, shapes, 0, NULL, bytes, n_bytes, err);
    tare_free(shapes);
    return st;
}

static enum tare_status add_bindings(const struct tare_source *source,
                                     struct tare_plan_builder *plan,
                                     struct tare_error *err)
{
    const struct tare_graph *g = source->graph;
    const size_t n_inputs = g->n_inputs - source->n_stripped;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < source->n_bindings; i++) {
        const struct tare_source_binding *binding = &source->bindings[i];
        const bool is_input = i < n_inputs;
        const char *name =
            g->tensors[is_input ? g->inputs[i] : g->outputs[i - n_inputs]].name;
        int32_t id;
        st = binding->is_told ? tare_plan_add_binding(plan, name, binding->model_dtype,
                                                      &binding->border, &binding->dims,
                                                      is_input, &id, err)
                              : tare_plan_add_result(plan, name, &id, err);
    }
    return st;
}

static enum tare_status make_stripped(const struct tare_source *source, uint8_t **bytes,
                                      size_t *n_bytes, struct tare_error *err)
{
    struct tare_plan_builder plan = {0};
    enum tare_status st = add_bindings(source, &plan, err);
    if (st == TARE_OK)
        st = tare_plan_write(&plan, source->graph->name, source->make.precision.isa,
                             bytes, n_bytes, err);
    tare_plan_builder_release(&plan);
    return st;
}

static enum tare_status attach(const struct tare_source *source,
                               const struct tare_shape_range *ranges,
                               const uint8_t *plan, size_t n_plan, uint8_t **bytes,
                               size_t *n_bytes, struct tare_error *err)
{
    uint32_t *open_axes = tare_alloc_array(source->n_bindings, sizeof *open_axes);
    TARE_FAIL_IF(!open_axes, err, TARE_E_NOMEM, "engine: no memory to make it anew");
    for (size_t i = 0; i < source->n_bindings; i++)
        open_axes[i] = source->bindings[i].open_axes;
    const struct tare_attachment attachment = {
        .source = {.graph = source->graph,
                   .make = &source->make,
                   .tactics = source->tactics,
                   .n_profiles = source->n_profiles,
                   .n_stripped = source->n_stripped},
        .ranges = ranges,
        .open_axes = open_axes,
    };
    const enum tare_status st =
        tare_source_attach(plan, n_plan, &attachment, bytes, n_bytes, err);
    tare_free(open_axes);
    return st;
}

enum tare_status tare_renew(const struct tare_source *source,
                            const struct tare_shape_range *ranges, size_t n_profiles,
                            uint8_t **bytes, size_t *n_bytes, struct tare_error *err)
{
    uint8_t *plan = NULL;
    size_t n_plan = 0;
    *bytes = NULL;
    TARE_FAIL_IF(n_profiles > 0 && n_profiles != source->n_profiles, err, TARE_E_FORMAT,
                 "engine: its source has %zu profiles, it has %zu: build the engine "
                 "again with `tare build`",
                 source->n_profiles, n_profiles);
    enum tare_status st = source->n_stripped
                              ? make_stripped(source, &plan, &n_plan, err)
                              : remake(source, &plan, &n_plan, err);
    if (st == TARE_OK)
        st = attach(source, n_profiles ? ranges : NULL, plan, n_plan, bytes, n_bytes,
                    err);
    tare_free(plan);
    return st;
}
