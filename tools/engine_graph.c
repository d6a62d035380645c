#include "tools/engine_graph.h"

#include <stdint.h>
#include <stdlib.h>

#include "tools/report.h"

static bool is_in(const struct tare_layer_tensor *view,
                  const struct tare_layer_tensor *whole)
{
    return view->place == whole->place && view->offset >= whole->offset &&
           view->offset - whole->offset < whole->n_bytes;
}

/* The layer that made the tensor, else the last one in front of `before` that wrote
 * where it is, of which the tensor is a view. */
static size_t find_maker(const struct tare_engine *engine, size_t before,
                         const struct tare_layer_tensor *tensor)
{
    size_t place = SIZE_MAX;
    for (size_t i = before; i-- > 0;) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        for (size_t k = 0; k < layer.n_outputs; k++) {
            struct tare_layer_tensor made;
            tare_engine_layer_tensor(engine, i, layer.n_inputs + k, &made);
            if (made.id == tensor->id) return i;
            if (place == SIZE_MAX && is_in(tensor, &made)) place = i;
        }
    }
    return place;
}

static size_t find_source(const struct tare_engine *engine, size_t n_layers,
                          size_t layer, size_t k)
{
    struct tare_layer_tensor tensor;
    struct tare_binding binding;
    tare_engine_layer_tensor(engine, layer, k, &tensor);
    if (tensor.place == TARE_PLACE_WEIGHTS) return SIZE_MAX;
    if (tensor.place == TARE_PLACE_BINDING) {
        tare_engine_binding(engine, tensor.offset, &binding);
        if (binding.is_input) return n_layers + tensor.offset;
    }
    return find_maker(engine, layer, &tensor);
}

enum tare_status engine_graph_make(struct engine_graph *graph,
                                   const struct tare_engine *engine,
                                   struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    *graph = (struct engine_graph){.n_layers = info.n_layers};
    graph->first = calloc(info.n_layers + 1, sizeof *graph->first);
    if (!graph->first) return report_error(err, TARE_E_NOMEM, "no memory for layers");
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        graph->first[i + 1] = graph->first[i] + layer.n_inputs;
    }
    graph->sources = calloc(graph->first[info.n_layers] + 1, sizeof *graph->sources);
    if (!graph->sources) return report_error(err, TARE_E_NOMEM, "no memory for layers");
    for (size_t i = 0; i < info.n_layers; i++)
        for (size_t at = graph->first[i]; at < graph->first[i + 1]; at++)
            graph->sources[at] =
                find_source(engine, info.n_layers, i, at - graph->first[i]);
    return TARE_OK;
}

void engine_graph_release(struct engine_graph *graph)
{
    free(graph->first);
    free(graph->sources);
    *graph = (struct engine_graph){0};
}
