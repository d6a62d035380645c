/* libFuzzer target: any bytes as an ONNX model, with shape inference. */
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"
#include "onnx/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/** Unknown axes of the inputs become 1, as a build for single samples does. */
static void choose_shapes(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        struct tare_tensor *input = &graph->tensors[graph->inputs[i]];
        for (int32_t k = 0; k < input->dims.rank; k++)
            if (input->dims.d[k] < 0) input->dims.d[k] = 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_graph *graph;
    struct tare_error error;
    if (tare_onnx_import_bytes(data, n_bytes, NULL, &graph, &error) != TARE_OK)
        return 0;
    choose_shapes(graph);
    (void)tare_graph_infer(graph, &error);
    tare_graph_destroy(graph);
    return 0;
}
