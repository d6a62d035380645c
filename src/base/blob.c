#include "base/blob.h"

#include <string.h>

#include "base/mem.h"

void tare_blob_put(struct tare_blob *b, const void *data, size_t n_bytes)
{
    size_t end;
    b->failed = b->failed || !tare_add_size(b->n_bytes, n_bytes, &end) ||
                !tare_grow(&b->data, &b->capacity, end, 1);
    if (b->failed || n_bytes == 0) return;
    memcpy(b->data + b->n_bytes, data, n_bytes);
    b->n_bytes = end;
}

void tare_blob_put_u32(struct tare_blob *b, uint32_t value)
{
    tare_blob_put(b, &value, sizeof value);
}

void tare_blob_put_n(struct tare_blob *b, size_t n)
{
    b->failed = b->failed || n > UINT32_MAX;
    tare_blob_put_u32(b, (uint32_t)n);
}

void tare_blob_put_text(struct tare_blob *b, const char *text)
{
    const size_t n = text ? strlen(text) : 0;
    tare_blob_put_n(b, n);
    tare_blob_put(b, text, n);
}

void tare_blob_put_shape(struct tare_blob *b, const struct tare_dims *dims)
{
    tare_blob_put_n(b, (size_t)dims->rank);
    tare_blob_put(b, dims->d, (size_t)dims->rank * sizeof dims->d[0]);
}

bool tare_blob_get(struct tare_blob_rest *rest, void *to, size_t n_bytes)
{
    if (n_bytes > rest->n_bytes) return false;
    if (n_bytes) memcpy(to, rest->at, n_bytes);
    rest->at += n_bytes;
    rest->n_bytes -= n_bytes;
    return true;
}

bool tare_blob_get_u32(struct tare_blob_rest *rest, uint32_t *value)
{
    return tare_blob_get(rest, value, sizeof *value);
}

bool tare_blob_get_n(struct tare_blob_rest *rest, size_t least, size_t *n)
{
    uint32_t value;
    if (!tare_blob_get_u32(rest, &value) ||
        (least > 0 && value > rest->n_bytes / least))
        return false;
    *n = value;
    return true;
}

bool tare_blob_get_shape(struct tare_blob_rest *rest, struct tare_dims *dims)
{
    size_t rank;
    if (!tare_blob_get_n(rest, sizeof dims->d[0], &rank) || rank > TARE_MAX_RANK)
        return false;
    dims->rank = (int32_t)rank;
    return tare_blob_get(rest, dims->d, rank * sizeof dims->d[0]);
}

enum tare_status tare_blob_get_text(struct tare_blob_rest *rest, char **text)
{
    size_t n;
    *text = NULL;
    if (!tare_blob_get_n(rest, 1, &n)) return TARE_E_FORMAT;
    char *made = tare_alloc(n + 1);
    if (!made) return TARE_E_NOMEM;
    (void)tare_blob_get(rest, made, n);
    made[n] = '\0';
    if (strlen(made) == n) {
        *text = made;
        return TARE_OK;
    }
    tare_free(made);
    return TARE_E_FORMAT;
}

enum tare_status tare_blob_get_array(struct tare_blob_rest *rest, size_t elem_bytes,
                                     void **items, size_t *n)
{
    *items = NULL;
    if (!tare_blob_get_n(rest, elem_bytes, n)) return TARE_E_FORMAT;
    *items = tare_alloc_array(*n, elem_bytes);
    if (!*items) return TARE_E_NOMEM;
    (void)tare_blob_get(rest, *items, *n * elem_bytes);
    return TARE_OK;
}
