#include "base/shape_list.h"

#include <stdlib.h>
#include <string.h>

/* "1x3x224x224" up to `end`. */
static bool parse_dims(const char *text, const char *end, int64_t least,
                       struct tare_dims *dims)
{
    dims->rank = 0;
    while (text < end) {
        char *after;
        const long long n = strtoll(text, &after, 10);
        if (after == text || after > end || n < least || dims->rank == TARE_MAX_RANK)
            return false;
        dims->d[dims->rank++] = n;
        if (after == end) return true;
        if (*after != 'x') return false;
        text = after + 1;
    }
    return false;
}

static size_t find(const char *const *names, size_t n, const char *name, size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return i;
    return n;
}

/* One "name:1x3x224x224" in [at, end). Names may hold colons: the last one counts. */
static enum tare_status parse_one(const char *at, const char *end,
                                  const char *const *names, size_t n, int64_t least,
                                  struct tare_dims *dims, struct tare_error *err)
{
    const int shown = (int)(end - at > 80 ? 80 : end - at);
    const char *colon = end;
    while (colon > at && *colon != ':')
        colon--;
    const bool has_name = *colon == ':';
    size_t i = has_name ? find(names, n, at, (size_t)(colon - at)) : n;
    if (!has_name && n == 1) i = 0;
    TARE_FAIL_IF(i == n, err, TARE_E_ARG,
                 "shape '%.*s' names no input of the model; its first input is '%.80s'",
                 shown, at, n ? names[0] : "");
    TARE_FAIL_IF(dims[i].rank >= 0, err, TARE_E_ARG,
                 "shape '%.*s' is the second one of input '%.80s'", shown, at,
                 names[i]);
    TARE_FAIL_IF(!parse_dims(has_name ? colon + 1 : at, end, least, &dims[i]), err,
                 TARE_E_ARG, "shape '%.*s' is not of the form name:1x3x224x224", shown,
                 at);
    return TARE_OK;
}

enum tare_status tare_shape_list_parse(const char *list, const char *const *names,
                                       size_t n, int64_t least, struct tare_dims *dims,
                                       struct tare_error *err)
{
    for (size_t i = 0; i < n; i++)
        dims[i] = (struct tare_dims){.rank = -1};
    for (const char *at = list; *at;) {
        const char *end = at + strcspn(at, ",");
        const enum tare_status st = parse_one(at, end, names, n, least, dims, err);
        if (st != TARE_OK) return st;
        at = *end ? end + 1 : end;
    }
    return TARE_OK;
}
