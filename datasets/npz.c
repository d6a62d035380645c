#include "datasets/npz.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zip.h>

#include "base/mem.h"
#include "base/text.h"
#include "tare/npy.h"

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
    struct stat on_disk;
    zip_stat_t info;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    TARE_FAIL_IF(zip_stat_index(archive, entry, 0, &info) != 0 ||
                     (info.valid & wanted) != wanted || stat(path, &on_disk) != 0 ||
                     info.comp_size > (zip_uint64_t)on_disk.st_size,
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

static enum tare_status open_archive(const char *path, zip_t **archive,
                                     struct tare_error *err)
{
    int code = 0;
    *archive = zip_open(path, ZIP_RDONLY, &code);
    if (*archive) return TARE_OK;
    zip_error_t why;
    zip_error_init_with_code(&why, code);
    const bool missing = code == ZIP_ER_NOENT || code == ZIP_ER_OPEN;
    const enum tare_status st =
        tare_error_set(err, missing ? TARE_E_IO : TARE_E_FORMAT, "%s: %s", path,
                       zip_error_strerror(&why));
    zip_error_fini(&why);
    return st;
}

enum tare_status tare_npz_read(const char *path, const char *array, uint8_t **bytes,
                               size_t *n_bytes, struct tare_error *err)
{
    zip_t *archive;
    size_t n_arrays;
    *bytes = NULL;
    enum tare_status st = open_archive(path, &archive, err);
    if (st != TARE_OK) return st;
    const zip_int64_t entry = find_array(archive, array, &n_arrays);
    if (entry < 0)
        st = not_found(archive, path, array, n_arrays, err);
    else
        st = read_entry(archive, (zip_uint64_t)entry, path, bytes, n_bytes, err);
    zip_discard(archive);
    return st;
}

/* The end of the archive's own path in "x.npz:name"; NULL: it names none. */
static const char *find_name(const char *path)
{
    const char *at = strstr(path, ".npz:");
    return at && at > path ? at + strlen(".npz") : NULL;
}

bool tare_npz_is_named(const char *path)
{
    const size_t n = strlen(path);
    return (n > 4 && strcasecmp(path + n - 4, ".npz") == 0) || find_name(path);
}

enum tare_status tare_npz_read_named(const char *path, uint8_t **bytes, size_t *n_bytes,
                                     struct tare_error *err)
{
    const char *colon = find_name(path);
    *bytes = NULL;
    char *file = tare_strndup(path, colon ? (size_t)(colon - path) : strlen(path));
    TARE_FAIL_IF(!file, err, TARE_E_NOMEM, "no memory for a path");
    const enum tare_status st =
        tare_npz_read(file, colon ? colon + 1 : NULL, bytes, n_bytes, err);
    tare_free(file);
    return st;
}

static enum tare_status add_name(struct tare_npz_names *names, const char *name,
                                 size_t length, struct tare_error *err)
{
    names->items[names->n] = tare_strndup(name, length);
    TARE_FAIL_IF(!names->items[names->n], err, TARE_E_NOMEM,
                 "no memory for a name of %zu bytes", length);
    names->n++;
    return TARE_OK;
}

enum tare_status tare_npz_names(const char *path, struct tare_npz_names *names,
                                struct tare_error *err)
{
    zip_t *archive;
    *names = (struct tare_npz_names){0};
    enum tare_status st = open_archive(path, &archive, err);
    if (st != TARE_OK) return st;
    const zip_int64_t n = zip_get_num_entries(archive, 0);
    names->items = tare_alloc_array(n > 0 ? (size_t)n : 1, sizeof *names->items);
    if (!names->items)
        st = tare_error_set(err, TARE_E_NOMEM, "%s: no memory for its names", path);
    for (zip_int64_t i = 0; st == TARE_OK && i < n; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        const size_t length = array_length(name);
        if (length) st = add_name(names, name, length, err);
    }
    zip_discard(archive);
    if (st != TARE_OK) tare_npz_release_names(names);
    return st;
}

void tare_npz_release_names(struct tare_npz_names *names)
{
    for (size_t i = 0; names->items && i < names->n; i++)
        tare_free(names->items[i]);
    tare_free(names->items);
    *names = (struct tare_npz_names){0};
}
