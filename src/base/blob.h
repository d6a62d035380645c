/* base/blob.h - numbers, texts and arrays as bytes, one behind the other,
 * little-endian. A text is a u32 of its bytes and the characters; a shape a u32 of its
 * rank and an i64 an axis. */
#ifndef TARE_BASE_BLOB_H
#define TARE_BASE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/status.h"
#include "tare/tensor.h"

/** Zero-initialise; tare_free() data. */
struct tare_blob {
    uint8_t *data;
    size_t n_bytes, capacity;
    bool failed;             /* no memory */
    struct tare_error error; /* of who has no bytes to put; TARE_OK: none */
};

void tare_blob_put(struct tare_blob *blob, const void *data, size_t n_bytes);
void tare_blob_put_u32(struct tare_blob *blob, uint32_t value);
/** A count, as u32; one that does not fit is as good as no memory. */
void tare_blob_put_n(struct tare_blob *blob, size_t n);
/** @param text  NULL: "" */
void tare_blob_put_text(struct tare_blob *blob, const char *text);
void tare_blob_put_shape(struct tare_blob *blob, const struct tare_dims *dims);

/** What is left to be read of bytes that may be damaged or forged. */
struct tare_blob_rest {
    const uint8_t *at;
    size_t n_bytes;
};

/** The next bytes. @retval false: so many are not left; nothing is taken. */
bool tare_blob_get(struct tare_blob_rest *rest, void *to, size_t n_bytes);
bool tare_blob_get_u32(struct tare_blob_rest *rest, uint32_t *value);
/** The number of things that take `least` bytes each or more; 0: nobody knows. */
bool tare_blob_get_n(struct tare_blob_rest *rest, size_t least, size_t *n);
/** A text, NUL-terminated; tare_free() it.
 *  @retval TARE_E_FORMAT  damaged; TARE_E_NOMEM. *text is NULL then. */
enum tare_status tare_blob_get_text(struct tare_blob_rest *rest, char **text);
/** A shape of at most TARE_MAX_RANK axes, whose lengths nobody has checked. */
bool tare_blob_get_shape(struct tare_blob_rest *rest, struct tare_dims *dims);
/** A count and an array of so many; tare_free() it. Fails as texts do. */
enum tare_status tare_blob_get_array(struct tare_blob_rest *rest, size_t elem_bytes,
                                     void **items, size_t *n);

#endif /* TARE_BASE_BLOB_H */
