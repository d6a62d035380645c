/* Samples out of an HDF5 dataset, one at a time; the leading axis is the sample. */
#include <hdf5.h>
#include <string.h>

#include "base/hdf5_lock.h"
#include "base/mem.h"
#include "datasets/array.h"
#include "datasets/convert.h"
#include "datasets/source.h"

#define MAX_CACHE_BYTES ((size_t)256 << 20)

struct table {
    hid_t file, values;
    H5T_class_t kind;
    bool is_u8, is_signed;
    struct tare_dims dims; /* of a sample */
    struct tare_array_sample sample;
};

/* Call everything below with the lock held. */
static void close_table(struct table *t)
{
    if (t->values >= 0) (void)H5Dclose(t->values);
    if (t->file >= 0) (void)H5Fclose(t->file);
    tare_free(t);
}

/* Names of the datasets, for a message. */
static herr_t note_dataset(hid_t file, const char *name, const H5O_info_t *info,
                           void *ctx)
{
    struct tare_text *list = ctx;
    (void)file;
    if (info->type == H5O_TYPE_DATASET)
        tare_text_add(list, "%s/%.60s", list->length ? ", " : "", name);
    return list->length > 150;
}

static enum tare_status not_found(hid_t file, const char *path, const char *name,
                                  struct tare_error *err)
{
    struct tare_text list = {0};
    (void)H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &list,
                    H5O_INFO_BASIC);
    (void)tare_error_set(err, TARE_E_ARG, "%s: no dataset '%.60s', there are: %s", path,
                         name, list.data ? list.data : "none");
    tare_text_free(&list);
    return TARE_E_ARG;
}

/* A chunk may hold many samples; the cache keeps it from being inflated for each. */
static hid_t access_properties(hid_t values)
{
    hsize_t chunk[H5S_MAX_RANK];
    size_t n_bytes = 0;
    const hid_t made = H5Dget_create_plist(values);
    const hid_t type = H5Dget_type(values);
    const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    if (H5Pget_layout(made) == H5D_CHUNKED) {
        const int rank = H5Pget_chunk(made, H5S_MAX_RANK, chunk);
        n_bytes = H5Tget_size(type);
        for (int i = 0; i < rank; i++)
            if (!tare_mul_size(n_bytes, (size_t)chunk[i], &n_bytes)) n_bytes = SIZE_MAX;
    }
    const size_t cache = n_bytes > MAX_CACHE_BYTES / 4 ? MAX_CACHE_BYTES : 4 * n_bytes;
    if (cache > ((size_t)1 << 20)) (void)H5Pset_chunk_cache(access, 521, cache, 1.0);
    (void)H5Tclose(type);
    (void)H5Pclose(made);
    return access;
}

static hid_t open_values(hid_t file, const char *name)
{
    hid_t values = H5Dopen2(file, name, H5P_DEFAULT);
    if (values < 0) return values;
    const hid_t access = access_properties(values);
    (void)H5Dclose(values);
    values = H5Dopen2(file, name, access);
    (void)H5Pclose(access);
    return values;
}

static enum tare_status check_values(struct table *t, const char *path,
                                     const char *name, int64_t *count,
                                     struct tare_error *err)
{
    char shown[512];
    hsize_t lengths[H5S_MAX_RANK];
    struct tare_dims dims = {0};
    const hid_t space = H5Dget_space(t->values);
    const hid_t type = H5Dget_type(t->values);
    const int rank = H5Sget_simple_extent_ndims(space);
    const H5T_class_t kind = H5Tget_class(type);
    if (rank > 0 && rank <= TARE_MAX_RANK)
        (void)H5Sget_simple_extent_dims(space, lengths, NULL);
    t->kind = kind;
    t->is_signed = kind == H5T_INTEGER && H5Tget_sign(type) != H5T_SGN_NONE;
    t->is_u8 = kind == H5T_INTEGER && H5Tget_size(type) == 1 && !t->is_signed;
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    (void)snprintf(shown, sizeof shown, "%.400s:%.80s", path, name);
    TARE_FAIL_IF(kind != H5T_INTEGER && kind != H5T_FLOAT, err, TARE_E_UNSUPPORTED,
                 "%s: its elements are neither integers nor floats", shown);
    TARE_FAIL_IF(rank < 1 || rank > TARE_MAX_RANK, err, TARE_E_ARG,
                 "%s: %d axes, want samples and at most %d more", shown, rank,
                 TARE_MAX_RANK - 1);
    dims.rank = rank;
    for (int i = 0; i < rank; i++)
        dims.d[i] = lengths[i] > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)lengths[i];
    const enum tare_status st =
        tare_array_check(shown, &dims, false, &t->dims, count, err);
    return st == TARE_OK ? tare_array_sample(shown, &t->dims, &t->sample, err) : st;
}

/* [count] class numbers. */
static enum tare_status read_labels(hid_t file, const char *path, const char *name,
                                    int64_t count, int64_t *labels,
                                    struct tare_error *err)
{
    const hid_t values = H5Dopen2(file, name, H5P_DEFAULT);
    if (values < 0) return not_found(file, path, name, err);
    const hid_t space = H5Dget_space(values);
    const hid_t type = H5Dget_type(values);
    const long long n = (long long)H5Sget_simple_extent_npoints(space);
    const bool fits = n == (long long)count && H5Tget_class(type) == H5T_INTEGER;
    const bool is_read = fits && H5Dread(values, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL,
                                         H5P_DEFAULT, labels) >= 0;
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    (void)H5Dclose(values);
    TARE_FAIL_IF(!fits, err, TARE_E_ARG,
                 "%s:%.80s: %lld labels for %lld samples, want an integer each", path,
                 name, n, (long long)count);
    TARE_FAIL_IF(!is_read, err, TARE_E_FORMAT, "%s:%.80s: cannot be read", path, name);
    for (int64_t i = 0; i < count; i++)
        TARE_FAIL_IF(labels[i] < -1 || labels[i] > INT32_MAX, err, TARE_E_FORMAT,
                     "%s:%.80s: label %lld of sample %lld is no class number", path,
                     name, (long long)labels[i], (long long)i);
    return TARE_OK;
}

/* "FILE:/dataset[,/labels]" taken apart. */
struct place {
    char *path, *values, *labels;
};

static bool parse_place(char *text, struct place *place)
{
    char *colon = NULL;
    for (char *at = text; (at = strstr(at, ":/")) != NULL; at++)
        colon = at;
    if (!colon) return false;
    *colon = '\0';
    *place = (struct place){text, colon + 1, strstr(colon + 1, ",/")};
    if (place->labels) *place->labels++ = '\0';
    return true;
}

static enum tare_status add_samples(struct table *t, const struct place *place,
                                    int64_t count, struct tare_samples *samples,
                                    struct tare_error *err)
{
    int64_t *labels = NULL;
    enum tare_status st = TARE_OK;
    if (place->labels) {
        labels = tare_alloc_array((size_t)count, sizeof *labels);
        if (labels)
            st = read_labels(t->file, place->path, place->labels, count, labels, err);
        else
            st = tare_error_set(err, TARE_E_NOMEM, "no memory for labels");
    }
    for (int64_t i = 0; st == TARE_OK && i < count; i++)
        st = tare_samples_add(samples, place->path, i, labels ? labels[i] : -1, err);
    tare_free(labels);
    return st;
}

static enum tare_status open_table(struct table *t, const struct place *place,
                                   struct tare_samples *samples, struct tare_error *err)
{
    int64_t count = 0;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* it prints its errors otherwise */
    t->file = H5Fopen(place->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    TARE_FAIL_IF(t->file < 0, err, TARE_E_IO,
                 "%s: cannot be opened, or is not an HDF5 file", place->path);
    t->values = open_values(t->file, place->values);
    if (t->values < 0) return not_found(t->file, place->path, place->values, err);
    const enum tare_status st =
        check_values(t, place->path, place->values, &count, err);
    return st == TARE_OK ? add_samples(t, place, count, samples, err) : st;
}

static enum tare_status open_hdf5(const struct tare_dataset_options *options,
                                  const char *text, struct tare_samples *samples,
                                  void **state, struct tare_error *err)
{
    struct place place;
    *state = NULL;
    char *copy = tare_strdup(text);
    struct table *t = tare_alloc_array(1, sizeof *t);
    enum tare_status st = TARE_OK;
    if (!copy || !t)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for a source");
    else if (!parse_place(copy, &place))
        st = tare_error_set(err, TARE_E_ARG,
                            "--hdf5=%.80s: want FILE:/dataset or FILE:/dataset,/labels",
                            text);
    if (st == TARE_OK) {
        *t = (struct table){
            .file = -1, .values = -1, .dims = tare_array_wanted(options)};
        tare_hdf5_lock();
        st = open_table(t, &place, samples, err);
        if (st != TARE_OK) close_table(t);
        tare_hdf5_unlock();
        if (st == TARE_OK) *state = t;
    } else {
        tare_free(t);
    }
    tare_free(copy);
    return st;
}

static void close_hdf5(void *state)
{
    tare_hdf5_lock();
    close_table(state);
    tare_hdf5_unlock();
}

static void hdf5_shape(const void *state, int64_t shape[3])
{
    const struct table *t = state;
    tare_array_shape(&t->sample, shape);
}

/* One row, converted to `type` on the way. */
static bool read_row(const struct table *t, size_t item, hid_t type, void *dst)
{
    hsize_t start[TARE_MAX_RANK] = {item}, length[TARE_MAX_RANK] = {1};
    for (int32_t i = 0; i < t->dims.rank; i++)
        length[i + 1] = (hsize_t)t->dims.d[i];
    const hsize_t n = t->sample.n_elems;
    tare_hdf5_lock();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t memory = H5Screate_simple(1, &n, NULL);
    const hid_t space = H5Dget_space(t->values);
    const bool fine =
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, length, NULL) >= 0 &&
        H5Dread(t->values, type, memory, space, H5P_DEFAULT, dst) >= 0;
    (void)H5Sclose(space);
    (void)H5Sclose(memory);
    tare_hdf5_unlock();
    return fine;
}

/* The type in which integers and floats of any size keep their values. */
static enum tare_dtype widest(const struct table *t, hid_t *memory_type)
{
    if (t->kind == H5T_FLOAT) {
        *memory_type = H5T_NATIVE_DOUBLE;
        return TARE_F64;
    }
    *memory_type = t->is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
    return t->is_signed ? TARE_S64 : TARE_U64;
}

static enum tare_status not_read(const char *name, struct tare_error *err)
{
    return tare_error_set(err, TARE_E_FORMAT, "%s: cannot be read: the file is damaged",
                          name);
}

/* A row by way of its values in another type. */
static enum tare_status fill_through(const struct table *t, const char *name,
                                     size_t item, const struct tare_prepare *prepare,
                                     void *dst, struct tare_error *err)
{
    const bool is_pixels = t->is_u8 && t->sample.is_image && prepare->dtype == TARE_F32;
    hid_t memory_type = H5T_NATIVE_UINT8;
    const enum tare_dtype dtype = is_pixels ? TARE_U8 : widest(t, &memory_type);
    uint8_t *row = tare_alloc_array(t->sample.n_elems, (size_t)tare_dtype_bytes(dtype));
    TARE_FAIL_IF(!row, err, TARE_E_NOMEM, "%s: no memory for a sample", name);
    enum tare_status st = TARE_OK;
    if (!read_row(t, item, memory_type, row))
        st = not_read(name, err);
    else if (is_pixels)
        tare_prepare_bytes(prepare, row, dst);
    else
        st =
            tare_convert(name, dtype, row, prepare->dtype, dst, t->sample.n_elems, err);
    tare_free(row);
    return st;
}

/* Bytes of images are pixels, of which float32 is computed; all other numbers are taken
 * as they are. */
static enum tare_status fill_hdf5(const void *state, const char *name,
                                  const struct tare_sample *sample,
                                  const struct tare_prepare *prepare, void *dst,
                                  struct tare_error *err)
{
    const struct table *t = state;
    if (prepare->dtype != TARE_F32 || (t->is_u8 && t->sample.is_image))
        return fill_through(t, name, sample->item, prepare, dst, err);
    return read_row(t, sample->item, H5T_NATIVE_FLOAT, dst) ? TARE_OK
                                                            : not_read(name, err);
}

const struct tare_source tare_source_hdf5 = {
    .open = open_hdf5,
    .is_typed = true,
    .shape = hdf5_shape,
    .fill = fill_hdf5,
    .close = close_hdf5,
};
