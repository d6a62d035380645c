#include "tools/synthetic.h"

#include <math.h>
#include <stdlib.h>

#include "tare/builder.h"
#include "tools/report.h"

void synthetic_fill(const struct tare_binding *binding, void *data)
{
    const size_t elem_bytes = (size_t)tare_dtype_bytes(binding->dtype);
    const size_t n = binding->n_bytes / elem_bytes;
    const bool is_half = binding->dtype == TARE_F16 || binding->dtype == TARE_BF16;
    const bool stands_for_floats =
        binding->dtype != binding->model_dtype && binding->model_dtype == TARE_F32;
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        if (binding->dtype == TARE_F32)
            ((float *)data)[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
        else if (is_half && stands_for_floats) /* below 1: the sign and a fraction */
            ((uint16_t *)data)[i] = (uint16_t)(state >> 16 & 0xbbff);
        else if (stands_for_floats)
            ((uint8_t *)data)[i] = (uint8_t)(state >> 24);
        else /* the lowest byte is the first */
            ((uint8_t *)data)[i * elem_bytes] = (uint8_t)(state >> 31);
    }
}

/* What a tap has seen. */
struct seen {
    struct tare_cache *cache;
    enum tare_status status;
    struct tare_error *err;
};

static const float *see(void *ctx, const struct tare_tapped *tensor)
{
    struct seen *seen = ctx;
    float amax = 0;
    for (size_t i = 0; i < tensor->n_elems; i++)
        if (isfinite(tensor->data[i]) && fabsf(tensor->data[i]) > amax)
            amax = fabsf(tensor->data[i]);
    if (seen->status == TARE_OK)
        seen->status = tare_cache_set(seen->cache, tensor->name, amax, seen->err);
    return NULL;
}

static enum tare_status bind_buffers(const struct tare_engine *engine,
                                     struct tare_context *context, void **buffers,
                                     size_t n, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        if (binding.dims.rank < 0) continue;
        buffers[i] = calloc(1, binding.n_bytes ? binding.n_bytes : 1);
        if (!buffers[i]) return report_error(err, TARE_E_NOMEM, "no memory for a run");
        if (binding.is_input) synthetic_fill(&binding, buffers[i]);
        st = tare_context_set_address(context, i, buffers[i], err);
    }
    return st;
}

/* One run, with every tensor shown to `see`. */
static enum tare_status run_once(const struct tare_engine *engine, struct seen *seen)
{
    struct tare_engine_info info;
    struct tare_context *context = NULL;
    tare_engine_info(engine, &info);
    void **buffers = calloc(info.n_bindings, sizeof *buffers);
    if (!buffers) return report_error(seen->err, TARE_E_NOMEM, "no memory for a run");
    enum tare_status st = tare_context_create(engine, 1, &context, seen->err);
    if (st == TARE_OK)
        st = bind_buffers(engine, context, buffers, info.n_bindings, seen->err);
    if (st == TARE_OK) st = tare_context_set_tap(context, see, seen, false, seen->err);
    if (st == TARE_OK) st = tare_context_run(context, seen->err);
    tare_context_destroy(context);
    for (size_t i = 0; i < info.n_bindings; i++)
        free(buffers[i]);
    free(buffers);
    return st == TARE_OK ? seen->status : st;
}

enum tare_status synthetic_ranges(const struct tare_model *model,
                                  struct tare_cache **cache, struct tare_error *err)
{
    const struct tare_build_options options = {.keep_tensors = true, .cut_early = true};
    struct seen seen = {.err = err};
    struct tare_plan *plan = NULL;
    struct tare_engine *engine = NULL;
    *cache = NULL;
    enum tare_status st =
        tare_cache_create(NULL, "MinMaxCalibration", &seen.cache, err);
    if (st == TARE_OK) st = tare_build(model, &options, &plan, err);
    if (st == TARE_OK) st = tare_plan_open(plan, &engine, err);
    if (st == TARE_OK) st = run_once(engine, &seen);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
    if (st == TARE_OK)
        *cache = seen.cache;
    else
        tare_cache_destroy(seen.cache);
    return st;
}
