#include "tools/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zip.h>

#include "tare/file.h"
#include "tools/report.h"

/* NULL: NumPy has no such type. */
static const char *descr_of(enum tare_dtype dtype)
{
    static const char *const names[] = {
        [TARE_F32] = "<f4", [TARE_U8] = "|u1",   [TARE_S8] = "|i1",  [TARE_S32] = "<i4",
        [TARE_S64] = "<i8", [TARE_BOOL] = "|b1", [TARE_F64] = "<f8", [TARE_F16] = "<f2",
        [TARE_S16] = "<i2", [TARE_U16] = "<u2",  [TARE_U32] = "<u4", [TARE_U64] = "<u8",
    };
    return (size_t)dtype < sizeof names / sizeof names[0] ? names[dtype] : NULL;
}

/* A whole .npy. @param[out] file  NULL before; free() it. */
static enum tare_status encode(const char *path, const struct tare_dims *dims,
                               enum tare_dtype dtype, const void *data, char **file,
                               size_t *n_bytes, struct tare_error *err)
{
    enum { PREFIX = 10 }; /* magic, version, length of the header */
    static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    char shape[256] = "", header[512];
    size_t used = 0, n_data = (size_t)tare_dtype_bytes(dtype);
    if (!descr_of(dtype))
        return report_error(err, TARE_E_UNSUPPORTED, "%.200s: NumPy has no type %s",
                            path, tare_dtype_name(dtype));
    for (int i = 0; i < dims->rank; i++) {
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld,%s",
                                 (long long)dims->d[i], i + 1 < dims->rank ? " " : "");
        n_data *= (size_t)dims->d[i];
    }
    const int n = snprintf(header, sizeof header,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                           descr_of(dtype), shape);
    /* padded with spaces so that the data starts at a multiple of 64, then a line end
     */
    const size_t total = (PREFIX + (size_t)n + 1 + 63) / 64 * 64;
    *n_bytes = total + n_data;
    *file = malloc(*n_bytes);
    if (!*file) return report_error(err, TARE_E_NOMEM, "%.200s: no memory", path);
    const uint16_t length = (uint16_t)(total - PREFIX);
    memset(*file, ' ', total);
    memcpy(*file, magic, sizeof magic);
    memcpy(*file + 8, &length, sizeof length);
    memcpy(*file + PREFIX, header, (size_t)n);
    (*file)[total - 1] = '\n';
    if (n_data) memcpy(*file + total, data, n_data);
    return TARE_OK;
}

enum tare_status npy_write(const char *path, const struct tare_dims *dims,
                           enum tare_dtype dtype, const void *data,
                           struct tare_error *err)
{
    char *file = NULL;
    size_t n_bytes = 0;
    enum tare_status st = encode(path, dims, dtype, data, &file, &n_bytes, err);
    if (st == TARE_OK) st = tare_file_write(path, file, n_bytes, err);
    free(file);
    return st;
}

bool npz_is_named(const char *path)
{
    const size_t n = strlen(path);
    return n > 4 && strcasecmp(path + n - 4, ".npz") == 0;
}

struct npz_writer {
    zip_t *archive;
    char *path;
};

enum tare_status npz_create(const char *path, struct npz_writer **writer,
                            struct tare_error *err)
{
    int code = 0;
    *writer = calloc(1, sizeof **writer);
    char *copy = strdup(path);
    zip_t *archive = NULL;
    if (*writer && copy) archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (archive) {
        **writer = (struct npz_writer){archive, copy};
        return TARE_OK;
    }
    zip_error_t why;
    zip_error_init_with_code(&why, copy ? code : ZIP_ER_MEMORY);
    const enum tare_status st =
        report_error(err, TARE_E_IO, "%.200s: %s", path, zip_error_strerror(&why));
    zip_error_fini(&why);
    free(copy);
    free(*writer);
    *writer = NULL;
    return st;
}

static enum tare_status npz_failed(const struct npz_writer *writer,
                                   struct tare_error *err)
{
    return report_error(err, TARE_E_IO, "%.200s: %s", writer->path,
                        zip_strerror(writer->archive));
}

enum tare_status npz_add(struct npz_writer *writer, const char *name,
                         const struct tare_dims *dims, enum tare_dtype dtype,
                         const void *data, struct tare_error *err)
{
    enum {
        DOS_1980 = 1 << 5 | 1
    }; /* the first of January: the same bytes every time */
    char *file = NULL, entry[4096];
    size_t n_bytes = 0;
    const enum tare_status st =
        encode(writer->path, dims, dtype, data, &file, &n_bytes, err);
    if (st != TARE_OK) return st;
    (void)snprintf(entry, sizeof entry, "%s.npy", name);
    zip_source_t *source = zip_source_buffer(writer->archive, file, n_bytes, 1);
    if (!source) {
        free(file);
        return npz_failed(writer, err);
    }
    const zip_int64_t at =
        zip_file_add(writer->archive, entry, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(source);
        return npz_failed(writer, err);
    }
    if (zip_set_file_compression(writer->archive, (zip_uint64_t)at, ZIP_CM_STORE, 0) !=
            0 ||
        zip_file_set_dostime(writer->archive, (zip_uint64_t)at, 0, DOS_1980, 0) != 0)
        return npz_failed(writer, err);
    return TARE_OK;
}

enum tare_status npz_close(struct npz_writer *writer, enum tare_status so_far,
                           struct tare_error *err)
{
    enum tare_status st = so_far;
    if (st == TARE_OK && zip_close(writer->archive) != 0) st = npz_failed(writer, err);
    if (st != TARE_OK) zip_discard(writer->archive);
    free(writer->path);
    free(writer);
    return st;
}

enum tare_status npy_path(const char *folder, const char *output, int64_t sample,
                          char *path, size_t size, struct tare_error *err)
{
    char number[32] = "";
    if (sample >= 0) (void)snprintf(number, sizeof number, ".%lld", (long long)sample);
    const int start = snprintf(path, size, "%s/", folder);
    const int n = snprintf(path, size, "%s/%.195s%s.npy", folder, output, number);
    if (start < 0 || n < 0 || (size_t)n >= size)
        return report_error(err, TARE_E_ARG, "%.200s: the path is too long", folder);
    for (char *c = path + start; *c; c++)
        if (strchr("/\\:*?\"<>| ", *c)) *c = '_';
    return TARE_OK;
}
