#include "tools/run_arrays.h"

#include <stdlib.h>
#include <string.h>

#include "tools/report.h"

static enum tare_status no_memory(const char *name, struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for all samples of '%.80s'",
                        name);
}

enum tare_status run_arrays_create(struct run_arrays *arrays, size_t n,
                                   size_t n_samples, int64_t batch,
                                   struct tare_error *err)
{
    *arrays = (struct run_arrays){n, n_samples, batch, NULL};
    arrays->items = calloc(n ? n : 1, sizeof *arrays->items);
    if (arrays->items) return TARE_OK;
    return report_error(err, TARE_E_NOMEM, "no memory for %zu tensors", n);
}

void run_arrays_release(struct run_arrays *arrays)
{
    for (size_t i = 0; arrays->items && i < arrays->n; i++) {
        struct run_array *array = &arrays->items[i];
        for (size_t s = 0; array->made && s < arrays->n_samples; s++) {
            void *data;
            memcpy(&data, &array->made[s].data, sizeof data);
            free(data);
        }
        free(array->made);
        free(array->data);
    }
    free(arrays->items);
    *arrays = (struct run_arrays){0};
}

static size_t bytes_of(const struct tare_dims *dims, enum tare_dtype dtype)
{
    size_t n = (size_t)tare_dtype_bytes(dtype);
    for (int i = 0; i < dims->rank; i++)
        n *= (size_t)dims->d[i];
    return n;
}

enum tare_status run_array_open(struct run_arrays *arrays, size_t i, const char *name,
                                const struct tare_dims *dims, enum tare_dtype dtype,
                                struct tare_error *err)
{
    struct run_array *array = &arrays->items[i];
    if (arrays->batch > 1 && (dims->rank <= 0 || dims->d[0] != arrays->batch))
        return report_error(err, TARE_E_UNSUPPORTED,
                            "output '%.80s' has no axis for the samples of a batch",
                            name);
    *array = (struct run_array){.name = name, .dims = *dims, .dtype = dtype};
    if (dims->rank < 0) {
        array->made = calloc(arrays->n_samples, sizeof *array->made);
        return array->made ? TARE_OK : no_memory(name, err);
    }
    array->sample_bytes = bytes_of(dims, dtype) / (size_t)arrays->batch;
    if (array->sample_bytes <= (SIZE_MAX - 1) / arrays->n_samples)
        array->data = malloc(array->sample_bytes * arrays->n_samples + 1);
    return array->data ? TARE_OK : no_memory(name, err);
}

enum tare_status run_array_put(struct run_arrays *arrays, size_t i, int64_t first,
                               int64_t n, const struct tare_result *result,
                               struct tare_error *err)
{
    struct run_array *array = &arrays->items[i];
    if (array->data) {
        memcpy(array->data + (size_t)first * array->sample_bytes, result->data,
               (size_t)n * array->sample_bytes);
        return TARE_OK;
    }
    void *copy = malloc(result->n_bytes ? result->n_bytes : 1);
    if (!copy) return no_memory(array->name, err);
    if (result->n_bytes) memcpy(copy, result->data, result->n_bytes);
    array->made[first] = *result;
    array->made[first].data = copy;
    return TARE_OK;
}

static bool same_shape(const struct tare_result *a, const struct tare_result *b)
{
    return a->dtype == b->dtype && a->dims.rank == b->dims.rank &&
           memcmp(a->dims.d, b->dims.d, (size_t)a->dims.rank * sizeof a->dims.d[0]) ==
               0;
}

static enum tare_status join(struct run_array *array, size_t n_samples,
                             struct tare_error *err)
{
    const struct tare_result *made = array->made;
    for (size_t s = 1; s < n_samples; s++)
        if (!same_shape(&made[0], &made[s])) return TARE_OK;
    array->sample_bytes = made[0].n_bytes;
    array->data = malloc(n_samples * made[0].n_bytes + 1);
    if (!array->data) return no_memory(array->name, err);
    for (size_t s = 0; s < n_samples; s++)
        if (made[s].n_bytes)
            memcpy(array->data + s * made[0].n_bytes, made[s].data, made[s].n_bytes);
    array->dims = made[0].dims;
    array->dtype = made[0].dtype;
    return TARE_OK;
}

enum tare_status run_arrays_join(struct run_arrays *arrays, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < arrays->n; i++)
        if (arrays->items[i].made && !arrays->items[i].data)
            st = join(&arrays->items[i], arrays->n_samples, err);
    return st;
}

struct tare_result run_array_sample(const struct run_arrays *arrays, size_t i,
                                    size_t sample)
{
    const struct run_array *array = &arrays->items[i];
    if (!array->data) return array->made[sample];
    struct tare_result result = {array->dims, array->dtype,
                                 array->data + sample * array->sample_bytes,
                                 array->sample_bytes};
    if (result.dims.rank > 0 && !array->made) result.dims.d[0] /= arrays->batch;
    return result;
}

struct tare_dims run_array_dims(const struct run_arrays *arrays, size_t i)
{
    const struct run_array *array = &arrays->items[i];
    struct tare_dims dims = array->dims;
    if (dims.rank < 0) return dims;
    const int64_t first = dims.rank ? dims.d[0] : 1;
    if (dims.rank == 0) dims.rank = 1;
    dims.d[0] = (int64_t)arrays->n_samples * first / arrays->batch;
    return dims;
}
