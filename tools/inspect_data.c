/* tare inspect data: what arrays hold. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tare/npy.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/npy.h"
#include "tools/report.h"
#include "tools/tensor_print.h"
#include "tools/words.h"

struct target {
    const struct inspect_flags *flags;
    cJSON *rows;
};

/* One element, as a person writes it. */
static void print_value(enum tare_dtype dtype, const void *data, size_t i)
{
    const char *at = (const char *)data + i * (size_t)tare_dtype_bytes(dtype);
    int64_t whole;
    double value;
    if (dtype == TARE_S64 || dtype == TARE_U64) { /* not all of them are doubles */
        memcpy(&whole, at, sizeof whole);
        printf(dtype == TARE_S64 ? " %" PRId64 : " %" PRIu64, whole);
        return;
    }
    tensor_to_double(dtype, at, 1, &value);
    printf(" %.9g", value);
}

static void print_values(const struct tare_npy_array *array, size_t n)
{
    enum { A_LINE = 8 };
    if (n > array->n_elems) n = array->n_elems;
    for (size_t i = 0; i < n; i++) {
        if (i % A_LINE == 0) printf("%s  [%zu]", i ? "\n" : "", i);
        print_value(array->dtype, array->values, i);
    }
    printf("%s\n", n < array->n_elems ? " ..." : "");
}

static void describe(const struct target *target, const char *name,
                     const struct tare_npy_array *array,
                     const struct tensor_stats *stats, const double *values)
{
    char dims[128];
    const bool has_values = stats->min <= stats->max; /* something is finite */
    struct tensor_histogram histogram;
    cJSON *row = cJSON_CreateObject();
    printf("%s: %s [%s], %zu values\n", name, tare_dtype_name(array->dtype),
           report_dims(&array->dims, dims), array->n_elems);
    tensor_print_stats("", stats, &array->dims);
    (void)cJSON_AddStringToObject(row, "name", name);
    (void)cJSON_AddStringToObject(row, "type", tare_dtype_name(array->dtype));
    inspect_add_dims(row, "dims", &array->dims);
    json_add_number(row, "values", (double)array->n_elems);
    (void)tensor_add_stats(row, "statistics", stats);
    if (has_values) {
        tensor_histogram_make(&histogram, values, array->n_elems, stats->min,
                              stats->max);
        tensor_add_histogram(row, &histogram);
    }
    if (has_values && target->flags->histogram) tensor_print_histogram("", &histogram);
    if (target->flags->n_values) print_values(array, (size_t)target->flags->n_values);
    (void)cJSON_AddItemToArray(target->rows, row);
}

static enum tare_status inspect_array(const struct target *target, const char *name,
                                      const struct tare_npy_array *array,
                                      struct tare_error *err)
{
    struct tensor_stats stats;
    double *values = calloc(array->n_elems + 1, 2 * sizeof *values);
    if (!values)
        return report_error(err, TARE_E_NOMEM, "%.150s: no memory for %zu values", name,
                            array->n_elems);
    tensor_to_double(array->dtype, array->values, array->n_elems, values);
    tensor_stats_make(&stats, values, array->n_elems, values + array->n_elems);
    describe(target, name, array, &stats, values);
    free(values);
    return TARE_OK;
}

/* @param path  a .npy, or "x.npz:name" */
static enum tare_status inspect_npy(const struct target *target, const char *path,
                                    const char *name, struct tare_error *err)
{
    struct tare_npy_array array;
    enum tare_status st = tare_npy_read(path, NULL, &array, err);
    if (st != TARE_OK) return st;
    st = inspect_array(target, name, &array, err);
    tare_npy_release(&array);
    return st;
}

static enum tare_status inspect_npz(const struct target *target, const char *path,
                                    struct tare_error *err)
{
    struct tare_npz_names names;
    enum tare_status st = tare_npz_names(path, &names, err);
    for (size_t i = 0; st == TARE_OK && i < names.n; i++) {
        char at[4096];
        const int n = snprintf(at, sizeof at, "%s:%s", path, names.items[i]);
        st = n > 0 && (size_t)n < sizeof at
                 ? inspect_npy(target, at, names.items[i], err)
                 : report_error(err, TARE_E_ARG, "%.200s: a name is too long", path);
    }
    tare_npz_release_names(&names);
    return st;
}

static int is_npy(const struct dirent *entry)
{
    const size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' && n > 4 &&
           strcmp(entry->d_name + n - 4, ".npy") == 0;
}

/* The .npy files in it, by name. */
static enum tare_status inspect_folder(const struct target *target, const char *path,
                                       struct tare_error *err)
{
    struct dirent **entries;
    const int n = scandir(path, &entries, is_npy, alphasort);
    if (n < 0) return report_error(err, TARE_E_IO, "%.200s: cannot be read", path);
    enum tare_status st =
        n == 0 ? report_error(err, TARE_E_ARG, "%.200s: no .npy files in it", path)
               : TARE_OK;
    for (int i = 0; i < n; i++) {
        char at[4096];
        const int length = snprintf(at, sizeof at, "%s/%s", path, entries[i]->d_name);
        if (st == TARE_OK && length > 0 && (size_t)length < sizeof at)
            st = inspect_npy(target, at, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    return st;
}

/* --type, by NumPy's name; false: there is none such. */
static bool find_type(const char *name, enum tare_dtype *dtype)
{
    *dtype = TARE_F32;
    for (int i = 0; name && i <= TARE_BF16; i++)
        if (strcmp(tare_dtype_name((enum tare_dtype)i), name) == 0) {
            *dtype = (enum tare_dtype)i;
            return true;
        }
    return !name;
}

/* --shape, or one axis of all elements. */
static enum tare_status find_shape(const char *path, const char *text, size_t n_elems,
                                   struct tare_dims *dims, struct tare_error *err)
{
    *dims = (struct tare_dims){1, {(int64_t)n_elems}};
    if (!text) return TARE_OK;
    struct words lengths = {0};
    size_t product = 1;
    bool fits = true;
    words_split(&lengths, text, 'x');
    dims->rank = 0;
    for (size_t i = 0; fits && i < lengths.n; i++) {
        char *end;
        const long long length = strtoll(lengths.items[i], &end, 10);
        fits = *end == '\0' && length > 0 && i < TARE_MAX_RANK &&
               product <= n_elems / (size_t)length;
        if (!fits) break;
        product *= (size_t)length;
        dims->d[dims->rank++] = length;
    }
    words_free(&lengths);
    if (fits && product == n_elems) return TARE_OK;
    return report_error(err, TARE_E_ARG, "%.150s: holds %zu values, not --shape=%.80s",
                        path, n_elems, text);
}

static enum tare_status read_raw(const char *path, size_t n_bytes, void *values,
                                 struct tare_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file) return report_error(err, TARE_E_IO, "%.200s: cannot be opened", path);
    const size_t n = fread(values, 1, n_bytes, file);
    (void)fclose(file);
    return n == n_bytes ? TARE_OK
                        : report_error(err, TARE_E_IO, "%.200s: cannot be read", path);
}

/* Numbers without a header. */
static enum tare_status inspect_raw(const struct target *target, const char *path,
                                    size_t n_bytes, struct tare_error *err)
{
    struct tare_npy_array array = {0};
    if (!find_type(target->flags->type, &array.dtype))
        return report_error(err, TARE_E_ARG,
                            "--type=%.40s: want float32, uint8, int64, ... as NumPy "
                            "names them",
                            target->flags->type);
    const size_t width = (size_t)tare_dtype_bytes(array.dtype);
    if (n_bytes % width)
        return report_error(err, TARE_E_ARG,
                            "%.150s: %zu bytes are no whole number of %s: give --type",
                            path, n_bytes, tare_dtype_name(array.dtype));
    array.n_elems = n_bytes / width;
    enum tare_status st =
        find_shape(path, target->flags->data_shape, array.n_elems, &array.dims, err);
    if (st != TARE_OK) return st;
    array.values = malloc(n_bytes + 1);
    if (!array.values)
        return report_error(err, TARE_E_NOMEM, "%.150s: no memory for %zu bytes", path,
                            n_bytes);
    st = read_raw(path, n_bytes, array.values, err);
    if (st == TARE_OK) st = inspect_array(target, path, &array, err);
    free(array.values);
    return st;
}

enum tare_status inspect_data(const struct inspect_flags *flags, const char *path,
                              cJSON *root, bool *failed, struct tare_error *err)
{
    const struct target target = {flags, cJSON_AddArrayToObject(root, "arrays")};
    const size_t n = strlen(path);
    struct stat info;
    (void)failed;
    if (npz_is_named(path)) return inspect_npz(&target, path, err);
    if (strstr(path, ".npz:") || (n > 4 && strcmp(path + n - 4, ".npy") == 0))
        return inspect_npy(&target, path, path, err);
    if (stat(path, &info) != 0)
        return report_error(err, TARE_E_IO, "%.200s: cannot be read", path);
    if (S_ISDIR(info.st_mode)) return inspect_folder(&target, path, err);
    return inspect_raw(&target, path, (size_t)info.st_size, err);
}
