#include "tools/npy.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/report.h"

static const char *descr_of(enum tare_dtype dtype)
{
    static const char *const names[] = {
        [TARE_F32] = "<f4", [TARE_U8] = "|u1",   [TARE_S8] = "|i1",  [TARE_S32] = "<i4",
        [TARE_S64] = "<i8", [TARE_BOOL] = "|b1", [TARE_F64] = "<f8", [TARE_F16] = "<f2",
        [TARE_S16] = "<i2", [TARE_U16] = "<u2",  [TARE_U32] = "<u4", [TARE_U64] = "<u8",
    };
    return names[dtype];
}

enum tare_status npy_write(const char *path, const struct tare_dims *dims,
                           enum tare_dtype dtype, const void *data,
                           struct tare_error *err)
{
    enum { PREFIX = 10 }; /* magic, version, length of the header */
    static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    char shape[256] = "", header[512];
    size_t used = 0, n_data = (size_t)tare_dtype_bytes(dtype);
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
    const size_t n_bytes = total + n_data;
    char *file = malloc(n_bytes);
    if (!file) {
        return report_error(err, TARE_E_NOMEM, "%.200s: no memory", path);
    }
    const uint16_t length = (uint16_t)(total - PREFIX);
    memset(file, ' ', total);
    memcpy(file, magic, sizeof magic);
    memcpy(file + 8, &length, sizeof length);
    memcpy(file + PREFIX, header, (size_t)n);
    file[total - 1] = '\n';
    if (n_data) memcpy(file + total, data, n_data);
    const enum tare_status st = tare_file_write(path, file, n_bytes, err);
    free(file);
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
