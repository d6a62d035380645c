/* Every model of Debian's libonnx-testdata: it imports, or the message says what in it
 * tare does not do; and what imports gets the shapes and, as far as constants are
 * evaluated, the values that ONNX's authors computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/graph.h"
#include "node_data.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"

#define FOLDER "/usr/share/libonnx-testdata/data"

struct count {
    size_t imported, op, opset, other, format; /* models */
    size_t refused, outputs, values;
};

/** A message that refuses an operator speaks of one that is not in the table. */
static bool op_is_foreign(const char *text)
{
    char op[64] = "";
    const char *quoted = strstr(text, "op '");
    if (!quoted || sscanf(quoted, "op '%63[^']", op) != 1) return false;
    return strstr(op, "::") || tare_op_find(op) == TARE_OP_COUNT;
}

static void check_import(const char *path, struct count *count)
{
    struct tare_graph *graph;
    struct tare_error error = {0};
    const enum tare_status st = tare_onnx_import(path, &graph, &error);
    tare_graph_destroy(graph);
    if (st == TARE_OK) {
        count->imported++;
        return;
    }
    const size_t n = strlen(path);
    assert_memory_equal(error.text, path, n);
    const char *text = error.text + n;
    assert_true(st == TARE_E_UNSUPPORTED || st == TARE_E_FORMAT);
    if (strstr(text, "is not supported by tare")) {
        if (!op_is_foreign(text)) fail_msg("%s", error.text);
        count->op++;
    } else if (strncmp(text, ": opset ", 8) == 0) {
        count->opset++;
    } else if (st == TARE_E_UNSUPPORTED) {
        if (strncmp(text, ": node '", 8) != 0 &&
            strncmp(text, ": graph input '", 15) != 0)
            fail_msg("%s", error.text);
        count->other++;
    } else {
        print_message("%s\n", error.text);
        count->format++;
    }
}

/** Read test_data_set_0/<kind>_<i>.pb beside the model. */
static bool read_data(const char *path, const char *kind, size_t i,
                      struct tare_const *content)
{
    char file[PATH_MAX];
    const int n_folder = (int)(strrchr(path, '/') - path);
    (void)snprintf(file, sizeof file, "%.*s/test_data_set_0/%s_%zu.pb", n_folder, path,
                   kind, i);
    return tare_onnx_tensor_file_read(file, content, NULL) == TARE_OK;
}

/** The inputs become constants, so that inference computes what it can. */
static void bind_inputs(struct tare_graph *graph, const char *path)
{
    int32_t *left = malloc((graph->n_inputs + 1) * sizeof *left);
    size_t n_left = 0;
    assert_non_null(left);
    for (size_t i = 0; i < graph->n_inputs; i++) {
        struct tare_const content;
        struct tare_tensor *tensor = &graph->tensors[graph->inputs[i]];
        if (!read_data(path, "input", i, &content)) {
            left[n_left++] = graph->inputs[i];
            continue;
        }
        node_data_match(&content, tensor->dtype);
        assert_int_equal(tensor->dtype, content.dtype);
        tensor->has_dims = true;
        tensor->dims = content.dims;
        tensor->data = content.data;
        tensor->n_bytes = content.n_bytes;
    }
    assert_int_equal(tare_graph_set_inputs(graph, left, n_left, NULL), TARE_OK);
    free(left);
}

/** As ONNX's own runner compares: 1e-3 of the value wanted, and 1e-7; to bfloat16,
 * which is held as float32, nothing is rounded here. */
static bool close_floats(const float *seen, const float *wanted, size_t n, float slope)
{
    for (size_t i = 0; i < n; i++) {
        const float slack = slope * fabsf(wanted[i]) + 1e-7F;
        const bool same = seen[i] == wanted[i] || (isnan(seen[i]) && isnan(wanted[i]));
        if (!same && !(fabsf(seen[i] - wanted[i]) <= slack)) return false;
    }
    return true;
}

static void check_output(const struct tare_tensor *output,
                         const struct tare_const *wanted, const char *path,
                         struct count *count)
{
    char seen_text[TARE_DIMS_TEXT], wanted_text[TARE_DIMS_TEXT];
    if (output->dtype != wanted->dtype ||
        !tare_dims_equal(&output->dims, &wanted->dims))
        fail_msg("%s: '%s' is %s %s, want %s %s", path, output->name,
                 tare_dtype_name(output->dtype),
                 tare_dims_print(&output->dims, seen_text),
                 tare_dtype_name(wanted->dtype),
                 tare_dims_print(&wanted->dims, wanted_text));
    count->outputs++;
    if (!output->data) return;
    const bool same =
        wanted->dtype == TARE_F32
            ? close_floats(output->data, wanted->data, wanted->n_bytes / sizeof(float),
                           strstr(path, "to_BFLOAT16") ? 1e-2F : 1e-3F)
            : memcmp(output->data, wanted->data, wanted->n_bytes) == 0;
    if (!same) fail_msg("%s: '%s' has other values", path, output->name);
    count->values++;
}

static void check_inference(const char *path, struct count *count)
{
    struct tare_graph *graph;
    struct tare_error error = {0};
    if (tare_onnx_import(path, &graph, NULL) != TARE_OK) return;
    bind_inputs(graph, path);
    if (tare_graph_infer(graph, &error) != TARE_OK) {
        if (error.code != TARE_E_UNSUPPORTED || strncmp(error.text, "node '", 6) != 0)
            fail_msg("%s: %s", path, error.text);
        tare_graph_destroy(graph);
        count->refused++;
        return;
    }
    for (size_t i = 0; i < graph->n_outputs; i++) {
        struct tare_const wanted;
        if (!read_data(path, "output", i, &wanted)) continue;
        node_data_match(&wanted, graph->tensors[graph->outputs[i]].dtype);
        check_output(&graph->tensors[graph->outputs[i]], &wanted, path, count);
        tare_free(wanted.data);
    }
    tare_graph_destroy(graph);
}

static void for_each_model(void (*check)(const char *path, struct count *count),
                           struct count *count)
{
    static const char *const kinds[] = {"node", "simple", "pytorch-converted",
                                        "pytorch-operator"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, FOLDER "/%s", kinds[i]);
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            (void)snprintf(path, sizeof path, FOLDER "/%s/%s/model.onnx", kinds[i],
                           entry->d_name);
            if (access(path, R_OK) == 0) check(path, count);
        }
        (void)closedir(folder);
    }
}

static void test_import(void **state)
{
    (void)state;
    struct count count = {0};
    for_each_model(check_import, &count);
    print_message("%zu imported; not supported: %zu an operator, %zu the opset, %zu a "
                  "type or a variant; %zu malformed\n",
                  count.imported, count.op, count.opset, count.other, count.format);
    assert_true(count.imported >= 350);
    /* Min and Max of one input are within ONNX's rules, but not within ours. */
    assert_true(count.format <= 2);
}

static void test_inference(void **state)
{
    (void)state;
    struct count count = {0};
    for_each_model(check_inference, &count);
    print_message(
        "%zu outputs have the shape and type wanted, %zu the values; %zu models "
        "refused\n",
        count.outputs, count.values, count.refused);
    assert_true(count.outputs >= 320);
    assert_true(count.values >= 290);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_inference),
    };
    if (access(FOLDER, R_OK) != 0) {
        print_message("skipped: install Debian's package libonnx-testdata\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
