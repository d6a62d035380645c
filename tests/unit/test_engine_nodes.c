/* ONNX's own node tests through the engine: built, run, compared with the outputs that
 * ONNX's authors computed. A node whose parameters are graph inputs there (weights,
 * say) is tried with as few of them as constants as the engine wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "node_data.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"
#include "optimizer/optimizer.h"
#include "tests/unit/engine_run.h"

#define FOLDER "/usr/share/libonnx-testdata/data/node"

enum { MAX_INPUTS = 8 };

/* One test's data. */
struct sample {
    struct tare_const inputs[MAX_INPUTS];
    size_t n_inputs;
};

static bool read_tensor(const char *name, const char *kind, size_t i,
                        struct tare_const *content)
{
    char file[PATH_MAX];
    (void)snprintf(file, sizeof file, FOLDER "/%s/test_data_set_0/%s_%zu.pb", name,
                   kind, i);
    return tare_onnx_tensor_file_read(file, content, NULL) == TARE_OK;
}

/* Inputs from `first_const` on become constants; the others get their dims. */
static bool bind(struct tare_graph *g, struct sample *s, size_t first_const)
{
    int32_t left[MAX_INPUTS];
    size_t n_left = 0;
    for (size_t i = 0; i < g->n_inputs; i++) {
        struct tare_tensor *t = &g->tensors[g->inputs[i]];
        struct tare_const *c = &s->inputs[i];
        node_data_match(c, t->dtype);
        t->has_dims = true;
        t->dims = c->dims;
        if (i < first_const && c->dtype == TARE_F32) {
            left[n_left++] = g->inputs[i];
            continue;
        }
        t->data = tare_alloc(c->n_bytes);
        if (!t->data) return false;
        if (c->n_bytes) memcpy(t->data, c->data, c->n_bytes);
        t->n_bytes = c->n_bytes;
        t->dtype = c->dtype;
    }
    return n_left > 0 && tare_graph_set_inputs(g, left, n_left, NULL) == TARE_OK;
}

/* Two tests compute align_corners from a length that is not rounded yet; onnxruntime
 * and tare take the length of the output, which later versions of ONNX do as well. */
static bool is_disputed(const char *name)
{
    return strcmp(name, "test_resize_downsample_scales_cubic_align_corners") == 0 ||
           strcmp(name, "test_resize_downsample_scales_linear_align_corners") == 0;
}

/* float16 tensors are held as float32: what ONNX rounds there, tare does not. */
static double tolerance_of(const char *name)
{
    if (strstr(name, "to_BFLOAT16")) return 4e-3;
    return strstr(name, "to_FLOAT16") ? 5e-4 : 1e-5;
}

static double difference(const float *got, const struct tare_const *want)
{
    const float *w = want->data;
    const size_t n = want->n_bytes / sizeof *w;
    double error = 0.0, norm = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(w[i]) && isnan(got[i])) continue;
        if (isinf(w[i]) && w[i] == got[i]) continue;
        error += ((double)got[i] - (double)w[i]) * ((double)got[i] - (double)w[i]);
        norm += (double)w[i] * (double)w[i];
    }
    return sqrt(error) / (norm > 0.0 ? sqrt(norm) : 1.0);
}

/* -1: cannot be built this way; 0: wrong; 1: right. */
static int try_node(const char *name, struct sample *s, size_t first_const,
                    bool optimize, struct tare_error *err)
{
    char path[PATH_MAX];
    struct tare_graph *g;
    struct built built = {0};
    int result = -1;
    (void)snprintf(path, sizeof path, FOLDER "/%s/model.onnx", name);
    if (tare_onnx_import(path, &g, err) != TARE_OK) return -1;
    if (!bind(g, s, first_const) || tare_graph_infer(g, err) != TARE_OK ||
        (optimize && tare_optimize(g, NULL, err) != TARE_OK) || g->n_inputs == 0 ||
        built_make(g, tare_cpu_flags(), &built, err) != TARE_OK) {
        built_release(&built);
        tare_graph_destroy(g);
        return -1;
    }
    const float *inputs[MAX_INPUTS];
    float *outputs[MAX_INPUTS] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < s->n_inputs && i < first_const; i++)
        if (s->inputs[i].dtype == TARE_F32) inputs[n++] = s->inputs[i].data;
    result = 1;
    assert_int_equal(built_run(&built, 2, inputs, outputs, err), TARE_OK);
    for (size_t i = 0; i < g->n_outputs && i < MAX_INPUTS; i++) {
        struct tare_const want;
        if (!read_tensor(name, "output", i, &want)) continue;
        node_data_match(&want, g->tensors[g->outputs[i]].dtype);
        const double worst =
            want.dtype == TARE_F32 ? difference(outputs[i], &want) : 0.0;
        if (!(worst <= tolerance_of(name))) {
            print_message("%s: output %zu differs by %g (optimized: %d)\n", name, i,
                          worst, optimize);
            result = 0;
        }
        tare_free(want.data);
    }
    for (size_t i = 0; i < MAX_INPUTS; i++)
        free(outputs[i]);
    built_release(&built);
    tare_graph_destroy(g);
    return result;
}

/* With all inputs fed, else with the last ones constant, as few as need be. */
static int run_node(const char *name, struct tare_error *err)
{
    struct sample s = {0};
    while (s.n_inputs < MAX_INPUTS &&
           read_tensor(name, "input", s.n_inputs, &s.inputs[s.n_inputs]))
        s.n_inputs++;
    int result = -1;
    for (size_t first = s.n_inputs; result < 0 && first > 0; first--) {
        result = try_node(name, &s, first, false, err);
        if (result == 1) result = try_node(name, &s, first, true, err) != 0;
    }
    for (size_t i = 0; i < s.n_inputs; i++)
        tare_free(s.inputs[i].data);
    return result;
}

static void test_nodes(void **state)
{
    (void)state;
    struct dirent **names;
    const int n = scandir(FOLDER, &names, NULL, alphasort);
    if (n < 0) skip();
    size_t n_right = 0, n_wrong = 0, n_other = 0;
    for (int i = 0; i < n; i++) {
        struct tare_error err = {0};
        if (strncmp(names[i]->d_name, "test_", 5) == 0 &&
            !is_disputed(names[i]->d_name)) {
            const int result = run_node(names[i]->d_name, &err);
            n_right += result == 1;
            n_wrong += result == 0;
            n_other += result < 0;
            if (result < 0 && getenv("TARE_TEST_VERBOSE"))
                print_message("%s: %s\n", names[i]->d_name, err.text);
        }
        free(names[i]);
    }
    free(names);
    print_message("%zu right, %zu wrong, %zu not run by the engine\n", n_right, n_wrong,
                  n_other);
    assert_int_equal(n_wrong, 0);
    assert_true(n_right >= 200); /* a drop here means that something stopped building */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
