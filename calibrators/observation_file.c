/* Observations in an HDF5 file, which any HDF5 reader opens:
 *
 *   attributes  format "tare-observations", version, samples, source
 *   /name       [n] text          /min, /max           [n] float32
 *   /count, /zeros, /nan, /inf, /first_bad_sample      [n] uint64
 *   /exponent   [n] int64: the bins are 2^exponent wide
 *   /histogram  [n, 4096] uint64 of |x|, a chunk each row, deflated, Fletcher-32
 *
 * and 16 bytes behind what HDF5 reads: "TAREOBS1" and the XXH3 of all before them. The
 * file is made in memory and written in one piece; no times are stored, so that the
 * same observations give the same bytes. */
#include <hdf5.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/hdf5_lock.h"
#include "base/mem.h"
#include "calibrators/hdf5_view.h"
#include "calibrators/observations.h"

#define FORMAT    "tare-observations"
#define VERSION   1
#define MAX_BYTES ((size_t)1 << 32)
#define MAX_ROWS  (UINT64_C(1) << 20)
#define MAX_NAME  4096

/* Of a tensor, in the file: its entry among the rows, and a row of nothing but zeros.
 */
#define LEAST_ROW_BYTES 64

/* A column of one number a tensor: where it lives in memory. */
struct column {
    const char *name;
    enum { COLUMN_U64, COLUMN_I64, COLUMN_F32 } type;
    size_t offset; /* in struct row */
};

struct row {
    uint64_t count, n_zeros, n_nan, n_inf, first_bad_sample;
    int64_t exponent;
    float min, max;
};

static const struct column columns[] = {
    {"count", COLUMN_U64, offsetof(struct row, count)},
    {"zeros", COLUMN_U64, offsetof(struct row, n_zeros)},
    {"nan", COLUMN_U64, offsetof(struct row, n_nan)},
    {"inf", COLUMN_U64, offsetof(struct row, n_inf)},
    {"first_bad_sample", COLUMN_U64, offsetof(struct row, first_bad_sample)},
    {"exponent", COLUMN_I64, offsetof(struct row, exponent)},
    {"min", COLUMN_F32, offsetof(struct row, min)},
    {"max", COLUMN_F32, offsetof(struct row, max)},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static hid_t memory_type(const struct column *c)
{
    return c->type == COLUMN_U64   ? H5T_NATIVE_UINT64
           : c->type == COLUMN_I64 ? H5T_NATIVE_INT64
                                   : H5T_NATIVE_FLOAT;
}

static hid_t file_type(const struct column *c)
{
    return c->type == COLUMN_U64   ? H5T_STD_U64LE
           : c->type == COLUMN_I64 ? H5T_STD_I64LE
                                   : H5T_IEEE_F32LE;
}

static size_t column_bytes(const struct column *c)
{
    return c->type == COLUMN_F32 ? sizeof(float) : sizeof(uint64_t);
}

/* The library prints its errors unless it is told not to, for each thread. */
static void be_quiet(void)
{
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static struct row row_of(const struct tare_observed_tensor *t)
{
    const struct tare_observer *o = &t->observer;
    return (struct row){
        .count = o->count,
        .n_zeros = o->n_zeros,
        .n_nan = o->n_nan,
        .n_inf = o->n_inf,
        .first_bad_sample =
            t->first_bad_sample == SIZE_MAX ? UINT64_MAX : t->first_bad_sample,
        .exponent = o->exponent,
        .min = o->min,
        .max = o->max,
    };
}

/* Creation properties without times; with chunks of one row and a checksum for rank 2.
 */
static hid_t dataset_properties(int rank, const hsize_t *dims)
{
    const hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk[2] = {1, dims[rank - 1]};
    bool ok = p >= 0 && H5Pset_obj_track_times(p, false) >= 0;
    if (rank == 2)
        ok = ok && H5Pset_chunk(p, 2, chunk) >= 0 && H5Pset_shuffle(p) >= 0 &&
             H5Pset_deflate(p, 1) >= 0 && H5Pset_fletcher32(p) >= 0;
    if (ok) return p;
    if (p >= 0) (void)H5Pclose(p);
    return -1;
}

static bool write_array(hid_t file, const char *name, hid_t stored, hid_t in_memory,
                        int rank, const hsize_t *dims, const void *data)
{
    const hid_t space = H5Screate_simple(rank, dims, NULL);
    const hid_t properties = dataset_properties(rank, dims);
    const hid_t set =
        H5Dcreate2(file, name, stored, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    const bool ok =
        set >= 0 && H5Dwrite(set, in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    if (set >= 0) (void)H5Dclose(set);
    if (properties >= 0) (void)H5Pclose(properties);
    if (space >= 0) (void)H5Sclose(space);
    return ok;
}

static bool write_attribute(hid_t file, const char *name, hid_t stored, hid_t in_memory,
                            const void *data)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t a = H5Acreate2(file, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool ok = a >= 0 && H5Awrite(a, in_memory, data) >= 0;
    if (a >= 0) (void)H5Aclose(a);
    if (space >= 0) (void)H5Sclose(space);
    return ok;
}

static hid_t text_type(size_t n_bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0) (void)H5Tset_size(type, n_bytes);
    return type;
}

/* Names as rows of equal length, padded with NULs: no pointers in the file. */
static bool write_names(hid_t file, const struct tare_observations *o)
{
    size_t width = 1, n_bytes;
    for (size_t i = 0; i < o->n_tensors; i++) {
        const size_t n = strlen(o->tensors[i].name) + 1;
        if (n > width) width = n;
    }
    char *names = tare_mul_size(width, o->n_tensors, &n_bytes)
                      ? tare_alloc_array(n_bytes, 1)
                      : NULL;
    for (size_t i = 0; names && i < o->n_tensors; i++)
        memcpy(names + i * width, o->tensors[i].name, strlen(o->tensors[i].name));
    const hid_t type = text_type(width);
    const hsize_t dims[1] = {o->n_tensors};
    const bool ok = names && write_array(file, "name", type, type, 1, dims, names);
    if (type >= 0) (void)H5Tclose(type);
    tare_free(names);
    return ok;
}

static bool write_columns(hid_t file, const struct tare_observations *o)
{
    const hsize_t dims[1] = {o->n_tensors};
    uint64_t *values = tare_alloc_array(o->n_tensors, sizeof *values);
    bool ok = values != NULL;
    for (int c = 0; ok && c < N_COLUMNS; c++) {
        const size_t n_bytes = column_bytes(&columns[c]);
        for (size_t i = 0; i < o->n_tensors; i++) {
            const struct row row = row_of(&o->tensors[i]);
            memcpy((char *)values + i * n_bytes, (const char *)&row + columns[c].offset,
                   n_bytes);
        }
        ok = write_array(file, columns[c].name, file_type(&columns[c]),
                         memory_type(&columns[c]), 1, dims, values);
    }
    tare_free(values);
    return ok;
}

static bool write_histograms(hid_t file, const struct tare_observations *o)
{
    const hsize_t dims[2] = {o->n_tensors, TARE_OBSERVER_BINS};
    uint64_t *bins =
        tare_alloc_array(o->n_tensors, TARE_OBSERVER_BINS * sizeof(uint64_t));
    for (size_t i = 0; bins && i < o->n_tensors; i++)
        memcpy(bins + i * TARE_OBSERVER_BINS, o->tensors[i].observer.bins,
               TARE_OBSERVER_BINS * sizeof(uint64_t));
    const bool ok = bins && write_array(file, "histogram", H5T_STD_U64LE,
                                        H5T_NATIVE_UINT64, 2, dims, bins);
    tare_free(bins);
    return ok;
}

static bool write_all(hid_t file, const struct tare_observations *o)
{
    const uint32_t version = VERSION;
    const uint64_t samples = o->n_samples;
    const hid_t text = text_type(sizeof FORMAT);
    const bool ok =
        text >= 0 && write_attribute(file, "format", text, text, FORMAT) &&
        write_attribute(file, "version", H5T_STD_U32LE, H5T_NATIVE_UINT32, &version) &&
        write_attribute(file, "samples", H5T_STD_U64LE, H5T_NATIVE_UINT64, &samples) &&
        write_attribute(file, "source", H5T_STD_U64LE, H5T_NATIVE_UINT64, &o->source) &&
        write_names(file, o) && write_columns(file, o) && write_histograms(file, o);
    if (text >= 0) (void)H5Tclose(text);
    return ok;
}

/* An HDF5 file that lives in memory, in the oldest format, which hdf5_view.c reads. */
static hid_t memory_file(void)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    hid_t file = -1;
    if (access >= 0 && H5Pset_fapl_core(access, (size_t)1 << 20, false) >= 0)
        file = H5Fcreate("observations", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (access >= 0) (void)H5Pclose(access);
    return file;
}

/* Behind what HDF5 reads: a mark and the XXH3 of all before. */
enum { TRAILER_BYTES = 16 };
static const char trailer_mark[9] = "TAREOBS1";

static void seal(uint8_t *bytes, size_t n_bytes)
{
    const uint64_t hash = tare_hash64(bytes, n_bytes);
    memcpy(bytes + n_bytes, trailer_mark, 8);
    memcpy(bytes + n_bytes + 8, &hash, sizeof hash);
}

static bool is_sealed(const uint8_t *bytes, size_t n_bytes)
{
    uint64_t hash;
    if (n_bytes <= TRAILER_BYTES) return false;
    const uint8_t *trailer = bytes + n_bytes - TRAILER_BYTES;
    memcpy(&hash, trailer + 8, sizeof hash);
    return memcmp(trailer, trailer_mark, 8) == 0 &&
           hash == tare_hash64(bytes, n_bytes - TRAILER_BYTES);
}

enum tare_status tare_observations_write(const struct tare_observations *observations,
                                         const char *path, struct tare_error *err)
{
    uint8_t *bytes = NULL;
    ssize_t n_bytes = -1;
    tare_hdf5_lock();
    be_quiet();
    const hid_t file = memory_file();
    if (file >= 0 && write_all(file, observations) &&
        H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0)
        n_bytes = H5Fget_file_image(file, NULL, 0);
    if (n_bytes > 0) bytes = tare_alloc((size_t)n_bytes + TRAILER_BYTES);
    const bool ok = bytes && H5Fget_file_image(file, bytes, (size_t)n_bytes) == n_bytes;
    if (file >= 0) (void)H5Fclose(file);
    tare_hdf5_unlock();
    enum tare_status st = TARE_E_NOMEM;
    if (ok) {
        seal(bytes, (size_t)n_bytes);
        st = tare_file_write(path, bytes, (size_t)n_bytes + TRAILER_BYTES, err);
    } else
        (void)tare_error_set(err, st, "%s: no memory for the HDF5 file", path);
    tare_free(bytes);
    return st;
}

/* What the readers below return where it is not the file that is wrong. */
static const char no_memory[] = "memory";

/* A dataset of one axis, of n elements: its values, NULL where it is not so. */
static const uint8_t *find_column(const struct tare_hdf5 *file,
                                  const struct column *column, size_t n)
{
    struct tare_hdf5_set set;
    const enum tare_hdf5_class class =
        column->type == COLUMN_F32 ? TARE_HDF5_FLOAT : TARE_HDF5_INTEGER;
    if (!tare_hdf5_find(file, column->name, &set) || set.class != class ||
        set.elem_bytes != column_bytes(column) || set.rank != 1 || set.dims[0] != n)
        return NULL;
    return tare_hdf5_values(file, &set);
}

static const char *read_names(const struct tare_hdf5 *file, struct tare_observations *o)
{
    static const char problem[] = "dataset 'name'";
    struct tare_hdf5_set set;
    const uint8_t *names;
    if (!tare_hdf5_find(file, "name", &set) || set.class != TARE_HDF5_TEXT ||
        set.elem_bytes > MAX_NAME + 1 || set.dims[0] < 1 || set.dims[0] > MAX_ROWS ||
        set.dims[0] > file->n_bytes / LEAST_ROW_BYTES ||
        !(names = tare_hdf5_values(file, &set)))
        return problem;
    o->tensors = tare_alloc_array((size_t)set.dims[0], sizeof *o->tensors);
    if (!o->tensors) return no_memory;
    o->n_tensors = (size_t)set.dims[0];
    for (size_t i = 0; i < o->n_tensors; i++) {
        const char *name = (const char *)names + i * set.elem_bytes;
        o->tensors[i].name = tare_strndup(name, set.elem_bytes);
        if (!o->tensors[i].name) return no_memory;
        if (!o->tensors[i].name[0]) return problem;
    }
    return NULL;
}

static void take_numbers(const struct row *row, struct tare_observed_tensor *to)
{
    to->first_bad_sample =
        row->first_bad_sample == UINT64_MAX ? SIZE_MAX : (size_t)row->first_bad_sample;
    to->observer.count = row->count;
    to->observer.n_zeros = row->n_zeros;
    to->observer.n_nan = row->n_nan;
    to->observer.n_inf = row->n_inf;
    to->observer.exponent = row->exponent;
    to->observer.min = row->min;
    to->observer.max = row->max;
}

static const char *read_columns(const struct tare_hdf5 *file,
                                struct tare_observations *o)
{
    const uint8_t *values[N_COLUMNS];
    for (int c = 0; c < N_COLUMNS; c++)
        if (!(values[c] = find_column(file, &columns[c], o->n_tensors)))
            return columns[c].name;
    for (size_t i = 0; i < o->n_tensors; i++) {
        struct row row;
        for (int c = 0; c < N_COLUMNS; c++) {
            const size_t n_bytes = column_bytes(&columns[c]);
            memcpy((char *)&row + columns[c].offset, values[c] + i * n_bytes, n_bytes);
        }
        take_numbers(&row, &o->tensors[i]);
    }
    return NULL;
}

static void take_bins(void *ctx, uint64_t row, const uint64_t *bins)
{
    struct tare_observations *o = ctx;
    memcpy(o->tensors[row].observer.bins, bins, sizeof o->tensors[row].observer.bins);
}

static const char *read_histograms(const struct tare_hdf5 *file,
                                   struct tare_observations *o)
{
    struct tare_hdf5_set set;
    uint64_t *buffer = tare_alloc_array(2 * TARE_OBSERVER_BINS, sizeof *buffer);
    if (!buffer) return no_memory;
    const bool ok = tare_hdf5_find(file, "histogram", &set) && set.rank == 2 &&
                    set.dims[0] == o->n_tensors && set.dims[1] == TARE_OBSERVER_BINS &&
                    tare_hdf5_rows(file, &set, buffer, take_bins, o);
    tare_free(buffer);
    return ok ? NULL : "dataset 'histogram'";
}

/* The counts add up, and the largest magnitude lies in the last bin that is used. */
static bool observer_valid(const struct tare_observer *o)
{
    uint64_t total = o->n_zeros;
    bool fits = !__builtin_add_overflow(total, o->n_nan, &total) &&
                !__builtin_add_overflow(total, o->n_inf, &total);
    int last = -1;
    for (int i = 0; fits && i < TARE_OBSERVER_BINS; i++) {
        fits = !__builtin_add_overflow(total, o->bins[i], &total);
        if (o->bins[i]) last = i;
    }
    if (!fits || total != o->count || o->exponent < -149 || o->exponent > 127)
        return false;
    if (tare_observer_n_finite(o) == 0) return true;
    if (!isfinite(o->min) || !isfinite(o->max) || o->min > o->max) return false;
    const double bin = floor((double)tare_observer_amax(o) / tare_observer_width(o));
    return last < 0 ? tare_observer_amax(o) == 0.0F : bin == (double)last;
}

static const char *read_all(const struct tare_hdf5 *file, struct tare_observations *o)
{
    uint64_t version, samples;
    if (!tare_hdf5_attribute(file, "version", &version) || version != VERSION)
        return "attribute 'version'";
    if (!tare_hdf5_attribute(file, "samples", &samples) || samples < 1 ||
        samples > INT64_MAX)
        return "attribute 'samples'";
    if (!tare_hdf5_attribute(file, "source", &o->source)) return "attribute 'source'";
    o->n_samples = (size_t)samples;
    const char *problem = read_names(file, o);
    if (!problem) problem = read_columns(file, o);
    if (!problem) problem = read_histograms(file, o);
    for (size_t i = 0; !problem && i < o->n_tensors; i++)
        if (!observer_valid(&o->tensors[i].observer)) problem = "its numbers";
    return problem;
}

enum tare_status tare_observations_read(const char *path,
                                        struct tare_observations **observations,
                                        struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    *observations = NULL;
    const enum tare_status st = tare_file_read(path, MAX_BYTES, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    struct tare_observations *o = tare_alloc_array(1, sizeof *o);
    struct tare_hdf5 file;
    const char *problem = NULL;
    if (!o)
        problem = no_memory;
    else if (!is_sealed(bytes, n_bytes))
        problem = "its checksum";
    else if (!tare_hdf5_open(bytes, n_bytes - TRAILER_BYTES, &file))
        problem = "not HDF5";
    else
        problem = read_all(&file, o);
    tare_free(bytes);
    if (!problem) {
        *observations = o;
        return TARE_OK;
    }
    tare_observations_destroy(o);
    TARE_FAIL_IF(problem == no_memory, err, TARE_E_NOMEM,
                 "%s: no memory for its observations", path);
    return tare_error_set(err, TARE_E_FORMAT,
                          "%s: not a file of observations, or damaged (%s); `tare "
                          "calibrate --observations=FILE` makes one",
                          path, problem);
}
