#include "onnx/external_data.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "onnx/printable.h"

struct place {
    const char *location;
    size_t offset;
    size_t n_bytes;
};

/** A decimal number of at most 18 digits. */
static bool read_number(const char *text, size_t *value)
{
    const size_t n = strlen(text);
    if (n == 0 || n > 18 || strspn(text, "0123456789") != n) return false;
    *value = (size_t)strtoull(text, NULL, 10);
    return true;
}

static enum tare_status read_place(const Onnx__TensorProto *proto, struct place *place,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key;
        const char *value = proto->external_data[i]->value;
        if (!key || !value) continue;
        if (strcmp(key, "location") == 0) place->location = value;
        size_t *number = strcmp(key, "offset") == 0   ? &place->offset
                         : strcmp(key, "length") == 0 ? &place->n_bytes
                                                      : NULL;
        TARE_FAIL_IF(number && !read_number(value, number), err, TARE_E_FORMAT,
                     "external data: %s is '%.40s', want a number of bytes", key,
                     tare_onnx_shown(value));
    }
    TARE_FAIL_IF(!tare_onnx_name_valid(place->location), err, TARE_E_FORMAT,
                 "external data: its location is missing or unprintable");
    return TARE_OK;
}

/** True when a component of the path is "..". */
static bool climbs(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

/** The file's real path, which must begin with the folder's. */
static enum tare_status resolve(const char *folder, const char *location,
                                char path[PATH_MAX], struct tare_error *err)
{
    char root[PATH_MAX];
    char joined[PATH_MAX];
    TARE_FAIL_IF(location[0] == '/' || climbs(location), err, TARE_E_FORMAT,
                 "external data: '%.80s' leads out of the model's folder", location);
    const int n = snprintf(joined, sizeof joined, "%s/%s", folder, location);
    TARE_FAIL_IF(n < 0 || (size_t)n >= sizeof joined, err, TARE_E_FORMAT,
                 "external data: the path '%.80s' is too long", location);
    TARE_FAIL_IF(!realpath(folder, root) || !realpath(joined, path), err, TARE_E_IO,
                 "external data: cannot open '%.80s': %s", location, strerror(errno));
    const size_t n_root = strcmp(root, "/") == 0 ? 0 : strlen(root);
    TARE_FAIL_IF(
        strncmp(path, root, n_root) != 0 || path[n_root] != '/', err, TARE_E_FORMAT,
        "external data: the link '%.80s' leads out of the model's folder", location);
    return TARE_OK;
}

enum tare_status tare_onnx_external_read(const Onnx__TensorProto *proto,
                                         const char *folder, size_t n_bytes,
                                         void **data, struct tare_error *err)
{
    TARE_FAIL_IF(!folder, err, TARE_E_UNSUPPORTED,
                 "external data needs a model that is read from a file");
    struct place place = {.location = "", .n_bytes = n_bytes};
    char path[PATH_MAX];
    enum tare_status st = read_place(proto, &place, err);
    if (st == TARE_OK) st = resolve(folder, place.location, path, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(place.n_bytes != n_bytes, err, TARE_E_FORMAT,
                 "external data: length is %zu, want %zu", place.n_bytes, n_bytes);

    struct tare_map map;
    TARE_TRY(tare_map_open(path, &map, err), err, "external data");
    if (place.offset > map.n_bytes || n_bytes > map.n_bytes - place.offset)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "external data: '%.80s' has %zu bytes, want %zu at offset "
                            "%zu",
                            place.location, map.n_bytes, n_bytes, place.offset);
    else if (!(*data = tare_alloc(n_bytes)))
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu bytes", n_bytes);
    else
        memcpy(*data, map.base + place.offset, n_bytes);
    tare_map_close(&map);
    return st;
}
