#include "datasets/array.h"

#include "base/dims.h"

#define MAX_SAMPLE_ELEMS (INT64_C(1) << 30)

struct tare_dims tare_array_wanted(const struct tare_dataset_options *options)
{
    if (options->shape.rank > 0) return options->shape;
    struct tare_dims dims = {0};
    if (!options->channels && !options->height && !options->width) return dims;
    dims.rank = 3;
    dims.d[0] = options->channels ? options->channels : -1;
    dims.d[1] = options->height ? options->height : -1;
    dims.d[2] = options->width ? options->width : -1;
    return dims;
}

/* Everything but the samples, of any shape, where nothing is wanted. */
static struct tare_dims open_shape(const struct tare_dims *dims)
{
    struct tare_dims open = {.rank = dims->rank > 1 ? dims->rank - 1 : 1};
    for (int32_t i = 0; i < open.rank; i++)
        open.d[i] = -1;
    return open;
}

enum tare_status tare_array_check(const char *name, const struct tare_dims *dims,
                                  bool may_be_single, struct tare_dims *wanted,
                                  int64_t *count, struct tare_error *err)
{
    char seen[TARE_DIMS_TEXT], text[TARE_DIMS_TEXT];
    if (wanted->rank == 0) *wanted = open_shape(dims);
    const bool is_column =
        wanted->rank == 1 && wanted->d[0] == 1 && dims->rank == 1 && dims->d[0] > 0;
    if (is_column) { /* samples of one value */
        *count = dims->d[0];
        return TARE_OK;
    }
    const bool is_single = may_be_single && dims->rank == wanted->rank;
    const int32_t first = is_single ? 0 : 1;
    TARE_FAIL_IF(dims->rank != wanted->rank + first, err, TARE_E_ARG,
                 "%s: shape %s has %d axes, want %d: samples x %s", name,
                 tare_dims_print(dims, seen), (int)dims->rank, (int)wanted->rank + 1,
                 tare_dims_print(wanted, text));
    for (int32_t i = 0; i < wanted->rank; i++) {
        const int64_t n = dims->d[i + first];
        TARE_FAIL_IF(wanted->d[i] >= 0 && n != wanted->d[i], err, TARE_E_ARG,
                     "%s: axis %d has length %lld, the network reads %lld there: shape "
                     "%s, want samples x %s",
                     name, (int)(i + first), (long long)n, (long long)wanted->d[i],
                     tare_dims_print(dims, seen), tare_dims_print(wanted, text));
        TARE_FAIL_IF(n < 1, err, TARE_E_FORMAT, "%s: axis %d is empty: shape %s", name,
                     (int)(i + first), tare_dims_print(dims, seen));
        wanted->d[i] = n;
    }
    *count = is_single ? 1 : dims->d[0];
    TARE_FAIL_IF(*count < 1, err, TARE_E_FORMAT, "%s: no samples: shape %s", name,
                 tare_dims_print(dims, seen));
    return TARE_OK;
}

enum tare_status tare_array_sample(const char *name, const struct tare_dims *dims,
                                   struct tare_array_sample *sample,
                                   struct tare_error *err)
{
    char text[TARE_DIMS_TEXT];
    int64_t n = 1;
    for (int32_t i = 0; i < dims->rank; i++) {
        TARE_FAIL_IF(dims->d[i] > MAX_SAMPLE_ELEMS / n, err, TARE_E_ARG,
                     "%s: a sample of %s is too large", name,
                     tare_dims_print(dims, text));
        n *= dims->d[i];
    }
    *sample = (struct tare_array_sample){*dims, (size_t)n, dims->rank == 3};
    return TARE_OK;
}

void tare_array_shape(const struct tare_array_sample *sample, int64_t shape[3])
{
    shape[0] = sample->is_image ? sample->dims.d[0] : 1;
    shape[1] = sample->is_image ? sample->dims.d[1] : 1;
    shape[2] = sample->is_image ? sample->dims.d[2] : (int64_t)sample->n_elems;
}
