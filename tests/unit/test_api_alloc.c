/* Every allocation of the public API fails once, on the way from an ONNX file to an
 * engine that runs: TARE_E_NOMEM each time, no crash, no leak (under ASan), and neither
 * a result nor a temporary file is left behind. */
#include "tests/unit/engine_net.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/model.h"
#include "tare/builder.h"
#include "tare/dataset.h"
#include "tare/engine.h"
#include "tare/quantize.h"
#include "tare/recovery.h"

enum { N_SAMPLES = 4, N_INPUT = 3 * 17 * 19 };

static char folder[] = "/tmp/tare-alloc-XXXXXX";
static float samples[N_SAMPLES][N_INPUT];

/* What the steps read and, each under a name of its own, write. */
static char onnx[64], cache_file[64], recovery_file[64], engine_file[64], npy_file[64],
    made[64], made_data[64];

static void set_paths(void)
{
    (void)snprintf(onnx, sizeof onnx, "%s/net.onnx", folder);
    (void)snprintf(cache_file, sizeof cache_file, "%s/net.cache", folder);
    (void)snprintf(recovery_file, sizeof recovery_file, "%s/net.recovery", folder);
    (void)snprintf(engine_file, sizeof engine_file, "%s/net.tare", folder);
    (void)snprintf(npy_file, sizeof npy_file, "%s/samples.npy", folder);
    (void)snprintf(made, sizeof made, "%s/made", folder);
    (void)snprintf(made_data, sizeof made_data, "%s/made.data", folder);
}

/* ---- what is called */

static enum tare_status load(struct tare_model **model, struct tare_error *err)
{
    const enum tare_status st = tare_model_load(onnx, model, err);
    return st == TARE_OK ? tare_model_bind(*model, NULL, 1, NULL, err) : st;
}

static enum tare_status step_model(struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_model_memory memory;
    enum tare_status st = load(&model, err);
    if (st == TARE_OK) st = tare_model_memory(model, &memory, err);
    if (st == TARE_OK) st = tare_model_save(model, made, false, err);
    tare_model_destroy(model);
    return st;
}

static enum tare_status step_build(struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_cache *cache = NULL;
    struct tare_recovery *recovery = NULL;
    struct tare_plan *plan = NULL;
    enum tare_status st = load(&model, err);
    if (st == TARE_OK) st = tare_cache_read(cache_file, &cache, err);
    if (st == TARE_OK) st = tare_recovery_read(recovery_file, &recovery, err);
    const struct tare_build_options options = {.int8 = true,
                                               .fp16 = true,
                                               .cache = cache,
                                               .recovery = recovery,
                                               .constraints = TARE_CONSTRAINTS_PREFER,
                                               .layer_precisions =
                                                   "stem:fp32,'last':fp16"};
    if (st == TARE_OK) st = tare_build(model, &options, &plan, err);
    if (st == TARE_OK) st = tare_plan_save(plan, made, err);
    tare_plan_destroy(plan);
    tare_recovery_destroy(recovery);
    tare_cache_destroy(cache);
    tare_model_destroy(model);
    return st;
}

static const float *see(void *ctx, const struct tare_tapped *tensor)
{
    (void)ctx;
    (void)tensor;
    return NULL;
}

static enum tare_status step_engine(struct tare_error *err)
{
    static float logits[10];
    struct tare_engine *engine = NULL;
    struct tare_context *context = NULL;
    enum tare_status st = tare_engine_load(engine_file, &engine, err);
    if (st == TARE_OK) st = tare_context_create(engine, 2, &context, err);
    if (st == TARE_OK) st = tare_context_set_address(context, 0, samples[0], err);
    if (st == TARE_OK) st = tare_context_set_address(context, 1, logits, err);
    if (st == TARE_OK) st = tare_context_set_tap(context, see, NULL, true, err);
    if (st == TARE_OK) st = tare_context_run(context, err);
    tare_context_destroy(context);
    tare_engine_destroy(engine);
    return st;
}

static enum tare_status step_quantize(struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_cache *cache = NULL;
    struct tare_quantized *quantized = NULL;
    enum tare_status st = tare_model_load(onnx, &model, err);
    if (st == TARE_OK) st = tare_cache_read(cache_file, &cache, err);
    const struct tare_quantize_options options = {.style = TARE_STYLE_ONNXRUNTIME,
                                                  .cache = cache};
    if (st == TARE_OK) st = tare_quantize(model, &options, &quantized, err);
    if (st == TARE_OK)
        st = tare_model_save(tare_quantized_model(quantized), made, true, err);
    tare_quantized_destroy(quantized);
    tare_cache_destroy(cache);
    tare_model_destroy(model);
    return st;
}

static enum tare_status step_dataset(struct tare_error *err)
{
    struct tare_dataset_options options = {
        .npy = npy_file, .shuffle = true, .count = 3};
    struct tare_dataset *dataset = NULL;
    struct tare_loader *loader = NULL;
    tare_preprocess_init(&options.preprocess);
    enum tare_status st = tare_dataset_create(&options, &dataset, err);
    if (st == TARE_OK) st = tare_loader_create(dataset, 0, 3, 2, 2, &loader, err);
    for (int i = 0; st == TARE_OK && i < 3; i++) {
        int64_t index;
        const void *sample;
        st = tare_loader_next(loader, &index, &sample, err);
        if (st == TARE_OK) tare_loader_release(loader, index);
    }
    tare_loader_destroy(loader);
    tare_dataset_destroy(dataset);
    return st;
}

static enum tare_status fill(void *ctx, size_t sample, void *to, struct tare_error *err)
{
    (void)ctx;
    (void)err;
    memcpy(to, samples[sample], sizeof samples[sample]);
    return TARE_OK;
}

static enum tare_status step_recover(struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_cache *cache = NULL;
    struct tare_recovery *recovery = NULL;
    struct tare_recover_row rows[TARE_RECOVER_MAX_ROWS];
    size_t n_rows;
    const struct tare_sample_source source = {.n_samples = N_SAMPLES, .fill = fill};
    const struct tare_recover_options options = {.passes = TARE_RECOVER_BIAS,
                                                 .n_threads = 2};
    enum tare_status st = load(&model, err);
    if (st == TARE_OK) st = tare_cache_read(cache_file, &cache, err);
    const struct tare_build_options build = {.int8 = true, .cache = cache};
    if (st == TARE_OK)
        st = tare_recover(model, &build, &source, &options, NULL, NULL, &recovery, rows,
                          &n_rows, err);
    if (st == TARE_OK) st = tare_recovery_write(recovery, made, err);
    tare_recovery_destroy(recovery);
    tare_cache_destroy(cache);
    tare_model_destroy(model);
    return st;
}

/* ---- how */

/* Has the allocation failed that was to fail as the n-th? If not, one of n + 1 more
 * does. */
static bool was_reached(int64_t n)
{
    bool reached = true;
    for (int64_t i = 0; i <= n && reached; i++) {
        void *probe = tare_alloc(1);
        reached = probe != NULL;
        tare_free(probe);
    }
    return reached;
}

/* Only what was there before the step. */
static void check_folder(void)
{
    static const char *const known[] = {
        ".", "..", "net.onnx", "net.cache", "net.recovery", "net.tare", "samples.npy"};
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        bool expected = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            expected = expected || strcmp(entry->d_name, known[i]) == 0;
        if (!expected) fail_msg("left behind: %s", entry->d_name);
    }
    (void)closedir(dir);
}

/* @param stride  every how many allocations one is made to fail */
static void fail_each(enum tare_status (*step)(struct tare_error *), int64_t stride)
{
    int64_t n = 0;
    for (bool reached = true; reached; n += stride) {
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        const enum tare_status st = step(&err);
        reached = was_reached(n);
        tare_alloc_fail_after(-1);
        if (!reached && st != TARE_OK) fail_msg("without a failure: %s", err.text);
        if (st != TARE_OK && (st != TARE_E_NOMEM || err.code != TARE_E_NOMEM))
            fail_msg("allocation %lld: status %d, '%s'", (long long)n, (int)st,
                     err.text);
        if (st == TARE_OK) {
            (void)unlink(made);
            (void)unlink(made_data);
        }
        check_folder();
    }
    print_message("%lld allocations, one in %lld failed\n", (long long)n,
                  (long long)stride);
    assert_true(n > 10);
}

static void models(void **state)
{
    (void)state;
    fail_each(step_model, 1);
}
static void builds(void **state)
{
    (void)state;
    fail_each(step_build, 3);
}
static void engines(void **state)
{
    (void)state;
    fail_each(step_engine, 1);
}
static void quantized_models(void **state)
{
    (void)state;
    fail_each(step_quantize, 5);
}
static void datasets(void **state)
{
    (void)state;
    fail_each(step_dataset, 1);
}
static void recoveries(void **state)
{
    (void)state;
    fail_each(step_recover, 29);
}

/* ---- the files that the steps read */

static void write_samples(void)
{
    uint8_t header[128] = "\x93NUMPY\x01";
    header[8] = 118;
    (void)snprintf(
        (char *)header + 10, 118, "%-116s\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3, 17, 19), }");
    header[127] = '\n';
    FILE *file = fopen(npy_file, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(header, 1, 128, file), 128);
    assert_int_equal(fwrite(samples, sizeof samples, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
    (void)state;
    struct tare_cache *cache;
    if (!mkdtemp(folder)) return -1;
    set_paths();
    for (size_t i = 0; i < N_SAMPLES * N_INPUT; i++)
        samples[i / N_INPUT][i % N_INPUT] = engine_net_random();
    write_samples();
    struct tare_model model = {.graph = engine_net_raw()};
    struct tare_error err = {0};
    model.graph->opset = 14; /* the first with HardSwish */
    if (tare_model_save(&model, onnx, false, &err) != TARE_OK) fail_msg("%s", err.text);
    assert_int_equal(tare_cache_create(NULL, "MinMaxCalibration", &cache, NULL),
                     TARE_OK);
    for (size_t i = 0; i < model.graph->n_tensors; i++)
        assert_int_equal(
            tare_cache_set(cache, model.graph->tensors[i].name, 3.0f, NULL), TARE_OK);
    assert_int_equal(tare_cache_write(cache, cache_file, NULL), TARE_OK);
    tare_cache_destroy(cache);
    tare_graph_destroy(model.graph);
    assert_int_equal(step_recover(NULL), TARE_OK);
    assert_int_equal(rename(made, recovery_file), 0);
    assert_int_equal(step_build(NULL), TARE_OK);
    return rename(made, engine_file);
}

static int remove_files(void **state)
{
    (void)state;
    const char *const files[] = {onnx, cache_file, recovery_file, engine_file,
                                 npy_file};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(files[i]);
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),           cmocka_unit_test(builds),
        cmocka_unit_test(engines),          cmocka_unit_test(datasets),
        cmocka_unit_test(quantized_models), cmocka_unit_test(recoveries),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests_name("api_alloc", tests, make_files, remove_files);
}
