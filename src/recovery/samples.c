#include "recovery/samples.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum tare_status tare_samples_take(struct tare_samples *samples,
                                   const struct tare_model *model,
                                   const struct tare_sample_source *source,
                                   size_t n_fit, size_t n_held, struct tare_error *err)
{
    const size_t n = n_fit + n_held;
    struct tare_model_value input;
    size_t n_elems = 1;
    tare_model_input(model, 0, &input);
    for (int i = 0; i < input.dims.rank; i++)
        n_elems *= (size_t)input.dims.d[i];
    *samples = (struct tare_samples){0};
    samples->fit = tare_alloc_array(n_fit, sizeof *samples->fit);
    samples->held = tare_alloc_array(n_held, sizeof *samples->held);
    samples->fit_index = tare_alloc_array(n_fit, sizeof *samples->fit_index);
    samples->held_index = tare_alloc_array(n_held, sizeof *samples->held_index);
    TARE_FAIL_IF(!samples->fit || !samples->held || !samples->fit_index ||
                     !samples->held_index,
                 err, TARE_E_NOMEM, "recovery: no memory");
    for (size_t i = 0; i < n; i++) {
        const size_t index = i * source->n_samples / n;
        void *data = tare_alloc_array(n_elems, (size_t)tare_dtype_bytes(input.dtype));
        TARE_FAIL_IF(!data, err, TARE_E_NOMEM, "recovery: no memory for a sample");
        if ((i + 1) * n_held / n > samples->n_held) {
            samples->held_index[samples->n_held] = index;
            samples->held[samples->n_held++] = data;
        } else {
            samples->fit_index[samples->n_fit] = index;
            samples->fit[samples->n_fit++] = data;
        }
        const enum tare_status st = source->fill(source->ctx, index, data, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

void tare_samples_release(struct tare_samples *samples)
{
    for (size_t i = 0; i < samples->n_fit; i++)
        tare_free(samples->fit[i]);
    for (size_t i = 0; i < samples->n_held; i++)
        tare_free(samples->held[i]);
    tare_free(samples->fit);
    tare_free(samples->held);
    tare_free(samples->fit_index);
    tare_free(samples->held_index);
    *samples = (struct tare_samples){0};
}

enum tare_status tare_samples_labels(const int64_t *labels, const size_t *index,
                                     size_t n, size_t rows, int64_t **taken,
                                     struct tare_error *err)
{
    *taken = NULL;
    if (!labels) return TARE_OK;
    *taken = tare_alloc_array(n, rows * sizeof **taken);
    TARE_FAIL_IF(!*taken, err, TARE_E_NOMEM, "no memory for labels");
    for (size_t i = 0; i < n; i++)
        memcpy(*taken + i * rows, labels + index[i] * rows, rows * sizeof **taken);
    return TARE_OK;
}
