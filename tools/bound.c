#include "tools/bound.h"

#include <stdlib.h>

#include "tools/report.h"

void bound_as_model(const struct tare_engine *engine, size_t i,
                    struct tare_binding *binding)
{
    tare_engine_binding(engine, i, binding);
    if (binding->n_bytes)
        (void)tare_format_bytes(&binding->dims, binding->model_dtype, TARE_LINEAR,
                                &binding->n_bytes, NULL);
    binding->dtype = binding->model_dtype;
    binding->format = TARE_LINEAR;
    binding->scale = 1.0F;
}

enum tare_status bound_open(struct bound *bound, const struct tare_engine *engine,
                            struct tare_error *err)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    *bound = (struct bound){.engine = engine, .n = info.n_bindings};
    bound->data = calloc(info.n_bindings, sizeof *bound->data);
    if (!bound->data) return report_error(err, TARE_E_NOMEM, "no memory for bindings");
    for (size_t i = 0; i < bound->n; i++) {
        struct tare_binding b;
        tare_engine_binding(engine, i, &b);
        if (b.dtype == b.model_dtype && b.format == TARE_LINEAR) continue;
        bound->data[i] = calloc(1, b.n_bytes ? b.n_bytes : 1);
        if (!bound->data[i])
            return report_error(err, TARE_E_NOMEM, "no memory for '%.80s'", b.name);
    }
    return TARE_OK;
}

void bound_close(struct bound *bound)
{
    for (size_t i = 0; bound->data && i < bound->n; i++)
        free(bound->data[i]);
    free(bound->data);
    *bound = (struct bound){0};
}

void *bound_place(const struct bound *bound, size_t i, void *values)
{
    return bound->data[i] ? bound->data[i] : values;
}

enum tare_status bound_put(const struct bound *bound, size_t i, const void *values,
                           struct tare_error *err)
{
    struct tare_binding b;
    if (!bound->data[i]) return TARE_OK;
    tare_engine_binding(bound->engine, i, &b);
    return tare_binding_put(&b, values, b.model_dtype, bound->data[i], err);
}

enum tare_status bound_get(const struct bound *bound, size_t i, void *values,
                           struct tare_error *err)
{
    struct tare_binding b;
    if (!bound->data[i]) return TARE_OK;
    tare_engine_binding(bound->engine, i, &b);
    return tare_binding_get(&b, bound->data[i], b.model_dtype, values, err);
}
