/* libFuzzer target: any bytes as an ONNX model that is optimised, built in FP32 for the
 * reference kernels, and run once, on zeros. */
#include "api/model.h"
#include "base/mem.h"
#include "onnx/import.h"
#include "tare/builder.h"
#include "tare/engine.h"

/* A model may ask for more memory than a fuzzer has. */
#define MOST_BYTES ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* The next n_bytes of `block`, or, where that is NULL, their place alone. */
static void *take(uint8_t *block, size_t *used, size_t n_bytes)
{
    void *at = block ? block + *used : NULL;
    *used = n_bytes < MOST_BYTES
                ? *used + (n_bytes + TARE_ALIGN) / TARE_ALIGN * TARE_ALIGN
                : MOST_BYTES + 1;
    return at;
}

static void run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    struct tare_binding binding;
    struct tare_context *context;
    tare_engine_info(engine, &info);
    size_t n_bytes = 0, used = 0;
    for (size_t i = 0; i < info.n_bindings && n_bytes <= MOST_BYTES; i++) {
        tare_engine_binding(engine, i, &binding);
        (void)take(NULL, &n_bytes, binding.n_bytes);
    }
    if (n_bytes > MOST_BYTES || info.activation_bytes > MOST_BYTES ||
        tare_context_create(engine, 1, &context, NULL) != TARE_OK)
        return;
    uint8_t *block = tare_alloc_array(n_bytes, 1);
    for (size_t i = 0; block && i < info.n_bindings; i++) {
        tare_engine_binding(engine, i, &binding);
        (void)tare_context_set_address(context, i, take(block, &used, binding.n_bytes),
                                       NULL);
    }
    if (block) (void)tare_context_run(context, NULL);
    tare_context_destroy(context);
    tare_free(block);
}

static void build(const struct tare_model *model)
{
    const struct tare_build_options options = {.isa = "ref"};
    struct tare_plan *plan;
    struct tare_engine *engine;
    size_t n_bytes;
    if (tare_build(model, &options, &plan, NULL) != TARE_OK) return;
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    /* an output without elements is refused here, by `tare build` too */
    if (tare_engine_open(bytes, n_bytes, &engine, NULL) == TARE_OK) run(engine);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct tare_model *model = tare_alloc_array(1, sizeof *model);
    if (model &&
        tare_onnx_import_bytes(data, n_bytes, NULL, &model->graph, NULL) == TARE_OK &&
        tare_model_bind(model, NULL, 1, NULL, NULL) == TARE_OK)
        build(model);
    tare_model_destroy(model);
    return 0;
}
