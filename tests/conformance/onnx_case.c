/* onnx_case FOLDER [LIST] - run one of ONNX's backend tests: model.onnx on every
 * test_data_set_N, inputs fed at run time, and again with all but the first input held
 * constant, as weights are; with and without the optimizer. Outputs are compared as
 * ONNX's own runner does. LIST names the tests that are known to fail, a line each,
 * "name  reason"; one that passes nevertheless is an error, so that the list stays
 * true. Exit status 0: passes, or fails as listed. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/dims.h"
#include "base/half.h"
#include "base/mem.h"
#include "engine/build/build.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"
#include "optimizer/optimizer.h"
#include "tare/engine.h"

#define MAX_TENSORS 32

struct values {
    struct tare_const items[MAX_TENSORS];
    size_t n;
};

struct test {
    const char *folder;
    struct values inputs, outputs; /* of one data set */
    bool constant, optimized;      /* this way */
    struct tare_error err;
};

static void release(struct values *v)
{
    for (size_t i = 0; i < v->n; i++)
        tare_free(v->items[i].data);
    v->n = 0;
}

/* input_0.pb, input_1.pb, … of a data set. */
static bool read_values(struct test *t, int set, const char *kind, struct values *v)
{
    char path[PATH_MAX];
    for (v->n = 0; v->n < MAX_TENSORS; v->n++) {
        (void)snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%zu.pb", t->folder,
                       set, kind, v->n);
        if (access(path, R_OK) != 0) return true;
        if (tare_onnx_tensor_file_read(path, &v->items[v->n], &t->err) != TARE_OK)
            return false;
    }
    return true;
}

/* The test data keep bfloat16 as uint16, their bits; in tare's models it is float32. */
static void widen_bfloat16(struct tare_const *value, enum tare_dtype want)
{
    if (value->dtype != TARE_U16 || want != TARE_F32) return;
    struct tare_const wide = {.dtype = TARE_F32, .dims = value->dims};
    if (tare_const_alloc(&wide, NULL) != TARE_OK) abort();
    for (int64_t i = 0; i < tare_dims_count(&wide.dims); i++)
        ((float *)wide.data)[i] =
            tare_bfloat16_to_float(((const uint16_t *)value->data)[i]);
    tare_free(value->data);
    *value = wide;
}

static bool is_fed(const struct test *t, size_t input)
{
    return !t->constant || input == 0;
}

/* Shapes of what is fed, values of what is constant. */
static bool bind_graph(struct test *t, struct tare_graph *g)
{
    int32_t fed[MAX_TENSORS];
    size_t n_fed = 0;
    if (g->n_inputs > t->inputs.n) return false;
    for (size_t i = 0; i < g->n_inputs; i++) {
        struct tare_tensor *tensor = &g->tensors[g->inputs[i]];
        struct tare_const *value = &t->inputs.items[i];
        widen_bfloat16(value, tensor->dtype);
        tensor->dtype = value->dtype;
        tensor->dims = value->dims;
        tensor->has_dims = true;
        if (is_fed(t, i)) {
            fed[n_fed++] = g->inputs[i];
            continue;
        }
        tensor->data = tare_alloc(value->n_bytes);
        if (!tensor->data) abort();
        if (value->n_bytes) memcpy(tensor->data, value->data, value->n_bytes);
        tensor->n_bytes = value->n_bytes;
    }
    return tare_graph_set_inputs(g, fed, n_fed, &t->err) == TARE_OK;
}

/* rtol 1e-3, atol 1e-7, as onnx.backend.test.runner has them. */
static bool is_close(double have, double want)
{
    if (have == want || (isnan(have) && isnan(want))) return true;
    return fabs(have - want) <= 1e-3 * fabs(want) + 1e-7;
}

static double element(enum tare_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case TARE_F32: return (double)((const float *)data)[i];
    case TARE_U8:
    case TARE_BOOL: return ((const uint8_t *)data)[i];
    case TARE_S8: return ((const int8_t *)data)[i];
    case TARE_S16: return ((const int16_t *)data)[i];
    case TARE_U16: return ((const uint16_t *)data)[i];
    case TARE_S32: return ((const int32_t *)data)[i];
    case TARE_U32: return ((const uint32_t *)data)[i];
    case TARE_S64: return (double)((const int64_t *)data)[i];
    case TARE_U64: return (double)((const uint64_t *)data)[i];
    default: abort();
    }
}

static bool same(struct test *t, size_t output, const struct tare_result *have)
{
    char text[2][TARE_DIMS_TEXT];
    struct tare_const *want = &t->outputs.items[output];
    widen_bfloat16(want, have->dtype);
    if (want->dtype != have->dtype || !tare_dims_equal(&want->dims, &have->dims)) {
        (void)tare_error_set(
            &t->err, TARE_E_FORMAT, "output %zu is %s %s, want %s %s", output,
            tare_dtype_name(have->dtype), tare_dims_print(&have->dims, text[0]),
            tare_dtype_name(want->dtype), tare_dims_print(&want->dims, text[1]));
        return false;
    }
    for (int64_t i = 0; i < tare_dims_count(&want->dims); i++) {
        const double a = element(want->dtype, have->data, i);
        const double b = element(want->dtype, want->data, i);
        if (is_close(a, b)) continue;
        (void)tare_error_set(&t->err, TARE_E_FORMAT,
                             "output %zu, element %lld is %.9g, want %.9g", output,
                             (long long)i, a, b);
        return false;
    }
    return true;
}

static bool set_addresses(struct test *t, const struct tare_graph *g,
                          const struct tare_engine *engine,
                          struct tare_context *context, void **buffers, size_t n)
{
    size_t input = 0;
    for (size_t i = 0; i < n; i++) {
        struct tare_binding b;
        tare_engine_binding(engine, i, &b);
        if (b.dims.rank < 0) continue;
        buffers[i] = malloc(b.n_bytes + 1);
        if (!buffers[i]) abort();
        if (b.is_input) {
            while (!is_fed(t, input))
                input++;
            memcpy(buffers[i], t->inputs.items[input].data, b.n_bytes);
            input++;
        }
        if (tare_context_set_address(context, i, buffers[i], &t->err) != TARE_OK)
            return false;
    }
    (void)g;
    return true;
}

static bool run_engine(struct test *t, const struct tare_graph *g,
                       const struct tare_engine *engine)
{
    struct tare_engine_info info;
    struct tare_context *context = NULL;
    tare_engine_info(engine, &info);
    void **buffers = calloc(info.n_bindings, sizeof *buffers);
    if (!buffers) abort();
    bool good = tare_context_create(engine, 2, &context, &t->err) == TARE_OK &&
                set_addresses(t, g, engine, context, buffers, info.n_bindings) &&
                tare_context_run(context, &t->err) == TARE_OK;
    const size_t n_inputs = info.n_bindings - g->n_outputs;
    for (size_t i = 0; good && i < g->n_outputs && i < t->outputs.n; i++) {
        struct tare_result result;
        tare_context_result(context, n_inputs + i, &result);
        good = same(t, i, &result);
    }
    tare_context_destroy(context);
    for (size_t i = 0; i < info.n_bindings; i++)
        free(buffers[i]);
    free(buffers);
    return good;
}

static bool run_graph(struct test *t, struct tare_graph *g)
{
    uint8_t *bytes = NULL;
    size_t n_bytes;
    struct tare_engine *engine = NULL;
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = true};
    const bool good =
        bind_graph(t, g) && tare_graph_infer(g, &t->err) == TARE_OK &&
        (!t->optimized || tare_optimize(g, NULL, &t->err) == TARE_OK) &&
        tare_engine_build(g, &options, &bytes, &n_bytes, NULL, &t->err) == TARE_OK &&
        tare_engine_open(bytes, n_bytes, &engine, &t->err) == TARE_OK &&
        run_engine(t, g, engine);
    tare_engine_destroy(engine);
    tare_free(bytes);
    return good;
}

static bool run_set(struct test *t, int set)
{
    char path[PATH_MAX];
    struct tare_graph *g = NULL;
    (void)snprintf(path, sizeof path, "%s/model.onnx", t->folder);
    const bool good = tare_onnx_import(path, NULL, &g, &t->err) == TARE_OK &&
                      read_values(t, set, "input", &t->inputs) &&
                      read_values(t, set, "output", &t->outputs) && run_graph(t, g);
    tare_graph_destroy(g);
    release(&t->inputs);
    release(&t->outputs);
    return good;
}

static bool run_case(struct test *t)
{
    char path[PATH_MAX];
    for (int set = 0;; set++) {
        (void)snprintf(path, sizeof path, "%s/test_data_set_%d", t->folder, set);
        if (access(path, R_OK) != 0) return true;
        for (int way = 0; way < 4; way++) {
            t->constant = way & 1;
            t->optimized = way & 2;
            if (run_set(t, set)) continue;
            printf("%s: data set %d%s%s: %s\n", t->folder, set,
                   t->constant ? ", constants" : "", t->optimized ? ", optimized" : "",
                   t->err.text);
            return false;
        }
    }
}

/* Is `name` the first word of a line of the list? */
static bool is_listed(const char *list, const char *name)
{
    char line[512];
    bool listed = false;
    FILE *file = fopen(list, "r");
    if (!file) {
        perror(list);
        exit(1);
    }
    while (!listed && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \n")] = '\0';
        listed = strcmp(line, name) == 0;
    }
    (void)fclose(file);
    return listed;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: onnx_case FOLDER [LIST]\n");
        return 2;
    }
    struct test t = {.folder = argv[1]};
    const char *slash = strrchr(argv[1], '/');
    const char *name = slash ? slash + 1 : argv[1];
    const bool good = run_case(&t);
    if (argc < 3 || !is_listed(argv[2], name)) return good ? 0 : 1;
    if (good) printf("%s passes: remove it from %s\n", name, argv[2]);
    return good ? 1 : 0;
}
