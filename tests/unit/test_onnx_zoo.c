/* The zoo's models import, and their shapes are those that ONNX's own inference finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"

/* Printed by python3-onnx: the model with N = 1 through shape_inference.infer_shapes,
 * and its nodes that are not Constant. */
static const struct {
    const char *name;
    size_t n_nodes;
    const char *input, *input_shape;
    const char *outputs[2], *output_shapes[2];
} models[] = {
    {"cifar10_resnet20", 76, "input", "1x3x32x32", {"logits"}, {"1x10"}},
    {"cifar10_resnet8_mlperf", 30, "input", "1x3x32x32", {"prob"}, {"1x10"}},
    {"imagenet_mobilenet_v1_025_224", 89, "input", "1x3x224x224", {"prob"}, {"1x1000"}},
    {"imagenet_squeezenet11_227", 66, "input", "1x3x227x227", {"prob"}, {"1x1000"}},
    {"mnist_8", 12, "Input3", "1x1x28x28", {"Plus214_Output_0"}, {"1x10"}},
    {"super_resolution_10", 10, "input", "1x1x224x224", {"output"}, {"1x1x672x672"}},
    {"ultraface_rfb320",
     126,
     "input",
     "1x3x240x320",
     {"scores", "boxes"},
     {"1x4420x2", "1x4420x4"}},
};

static const char *zoo(void)
{
    const char *folder = getenv("TARE_ZOO");
    return folder ? folder : TARE_SOURCE_DIR "/../shared/zoo";
}

static void check_shape(const struct tare_tensor *tensor, const char *name,
                        const char *shape)
{
    char text[TARE_DIMS_TEXT];
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->dtype, TARE_F32);
    assert_string_equal(tare_dims_print(&tensor->dims, text), shape);
}

static void test_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char path[PATH_MAX];
        struct tare_graph *graph;
        struct tare_error error = {0};
        (void)snprintf(path, sizeof path, "%s/models/%s.onnx", zoo(), models[i].name);
        if (tare_onnx_import(path, NULL, &graph, &error) != TARE_OK)
            fail_msg("%s", error.text);
        assert_int_equal(graph->n_nodes, models[i].n_nodes);
        assert_int_equal(graph->n_inputs, 1);
        struct tare_tensor *input = &graph->tensors[graph->inputs[0]];
        if (input->symbols[0]) input->dims.d[0] = 1;
        check_shape(input, models[i].input, models[i].input_shape);

        if (tare_graph_infer(graph, &error) != TARE_OK)
            fail_msg("%s: %s", models[i].name, error.text);
        assert_int_equal(graph->n_outputs, models[i].outputs[1] ? 2 : 1);
        for (size_t k = 0; k < graph->n_outputs; k++)
            check_shape(&graph->tensors[graph->outputs[k]], models[i].outputs[k],
                        models[i].output_shapes[k]);
        tare_graph_destroy(graph);
    }
}

static void test_tensor_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *shape;
    } files[] = {
        {"mnist_8/test_data_set_0/input_0.pb", "1x1x28x28"},
        {"mnist_8/test_data_set_0/output_0.pb", "1x10"},
        {"super_resolution_10/test_data_set_0/input_0.pb", "1x1x224x224"},
        {"super_resolution_10/test_data_set_0/output_0.pb", "1x1x672x672"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_MAX];
        char text[TARE_DIMS_TEXT];
        struct tare_const content;
        struct tare_error error = {0};
        (void)snprintf(path, sizeof path, "%s/data/refs/%s", zoo(), files[i].name);
        if (tare_onnx_tensor_file_read(path, &content, &error) != TARE_OK)
            fail_msg("%s", error.text);
        assert_int_equal(content.dtype, TARE_F32);
        assert_string_equal(tare_dims_print(&content.dims, text), files[i].shape);
        tare_free(content.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_tensor_files),
    };
    if (access(zoo(), R_OK) != 0) {
        print_message("skipped: no zoo at %s (set TARE_ZOO)\n", zoo());
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
