#include "datasets/npz.h"

#include <string.h>
#include <zip.h>

#include "base/mem.h"
#include "base/text.h"

#define MAX_BYTES     ((zip_uint64_t)1 << 34)
#define DEFLATE_RATIO 1032 /* deflate cannot compress better than this */

/* Length of an entry's name without ".npy"; 0 when it is no array. */
static size_t array_length(const char *name)
{
    const size_t n = name ? strlen(name) : 0;
    return n > 4 && strcmp(name + n - 4, ".npy") == 0 ? n - 4 : 0;
}

static void list_arrays(zip_t *archive, struct tare_text *list)
{
    const zip_int64_t n = zip_get_num_entries(archive, 0);
    for (zip_int64_t i = 0; i < n && list->length < 150; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        const size_t length = array_length(name);
        if (length)
            tare_text_add(list, "%s%.*s", list->length ? ", " : "",
                          length < 60 ? (int)length : 60, name);
    }
}

/* Number of the entry; negative: *n_arrays are there, and none is the one. */
static zip_int64_t find_array(zip_t *archive, const char *array, size_t *n_arrays)
{
    const zip_int64_t n = zip_get_num_entries(archive, 0);
    zip_int64_t found = -1;
    *n_arrays = 0;
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        const size_t length = array_length(name);
        if (!length) continue;
        ++*n_arrays;
        const bool is_it =
            !array || (strlen(array) == length && strncmp(array, name, length) == 0);
        if (is_it) found = i;
    }
    return !array && *n_arrays != 1 ? -1 : found;
}

static enum tare_status not_found(zip_t *archive, const char *path, const char *array,
                                  size_t n_arrays, struct tare_error *err)
{
    struct tare_text list = {0};
    list_arrays(archive, &list);
    const char *names = list.data ? list.data : "";
    if (n_arrays == 0)
        (void)tare_error_set(err, TARE_E_FORMAT, "%s: no arrays in the archive", path);
    else if (array)
        (void)tare_error_set(err, TARE_E_ARG, "%s: no array '%.60s', there are: %s",
                             path, array, names);
    else
        (void)tare_error_set(err, TARE_E_ARG,
                             "%s: several arrays, say which one as %s:NAME: %s", path,
                             path, names);
    tare_text_free(&list);
    return n_arrays == 0 ? TARE_E_FORMAT : TARE_E_ARG;
}

/* libzip checks the CRC at the end of the entry. */
static enum tare_status read_entry(zip_t *archive, zip_uint64_t entry, const char *path,
                                   uint8_t **bytes, size_t *n_bytes,
                                   struct tare_error *err)
{
    zip_stat_t info;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    TARE_FAIL_IF(zip_stat_index(archive, entry, 0, &info) != 0 ||
                     (info.valid & wanted) != wanted,
                 err, TARE_E_FORMAT, "%s: damaged archive", path);
    TARE_FAIL_IF(info.size > MAX_BYTES || info.size / DEFLATE_RATIO > info.comp_size,
                 err, TARE_E_FORMAT, "%s: an array of %llu bytes out of %llu", path,
                 (unsigned long long)info.size, (unsigned long long)info.comp_size);
    uint8_t *data = tare_alloc((size_t)info.size);
    TARE_FAIL_IF(!data, err, TARE_E_NOMEM, "%s: no memory for %llu bytes", path,
                 (unsigned long long)info.size);
    zip_file_t *file = zip_fopen_index(archive, entry, 0);
    zip_uint64_t done = 0;
    zip_int64_t n = file ? 1 : -1;
    while (n > 0 && done < info.size) {
        n = zip_fread(file, data + done, info.size - done);
        if (n > 0) done += (zip_uint64_t)n;
    }
    uint8_t extra;
    if (n > 0) n = zip_fread(file, &extra, 1); /* the checksum is compared there */
    const bool fine = file && n == 0 && done == info.size;
    if (file) (void)zip_fclose(file);
    if (!fine) {
        tare_free(data);
        return tare_error_set(err, TARE_E_FORMAT, "%s: damaged archive: %s", path,
                              zip_strerror(archive));
    }
    *bytes = data;
    *n_bytes = (size_t)info.size;
    return TARE_OK;
}

enum tare_status tare_npz_read(const char *path, const char *array, uint8_t **bytes,
                               size_t *n_bytes, struct tare_error *err)
{
    int code = 0;
    size_t n_arrays;
    *bytes = NULL;
    zip_t *archive = zip_open(path, ZIP_RDONLY, &code);
    if (!archive) {
        zip_error_t why;
        zip_error_init_with_code(&why, code);
        const bool missing = code == ZIP_ER_NOENT || code == ZIP_ER_OPEN;
        const enum tare_status st =
            tare_error_set(err, missing ? TARE_E_IO : TARE_E_FORMAT, "%s: %s", path,
                           zip_error_strerror(&why));
        zip_error_fini(&why);
        return st;
    }
    const zip_int64_t entry = find_array(archive, array, &n_arrays);
    enum tare_status st = TARE_OK;
    if (entry < 0)
        st = not_found(archive, path, array, n_arrays, err);
    else
        st = read_entry(archive, (zip_uint64_t)entry, path, bytes, n_bytes, err);
    zip_discard(archive);
    return st;
}
