/* onnx/wire.h - bytes become protobuf-c messages, after a check of their structure. */
#ifndef TARE_ONNX_WIRE_H
#define TARE_ONNX_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** The most that protobuf's own readers and writers handle. */
#define TARE_ONNX_MAX_BYTES ((size_t)INT32_MAX)

/**
 * Unpack one message. Its storage comes from tare_alloc(), so a caller may take over a
 * `bytes` field: use the pointer as a block of its own and set the field to NULL.
 * @param[in]  what     for messages: "an ONNX model".
 * @param[out] message  tare_onnx_free() it; NULL on failure.
 */
enum tare_status tare_onnx_unpack(const ProtobufCMessageDescriptor *type,
                                  const uint8_t *data, size_t n_bytes, const char *what,
                                  ProtobufCMessage **message, struct tare_error *err);

/** Step over one field of a packed message, from *at on. @param[out] content  NULL when
 *  the field is a number. @retval false  no field is left, or this is none. */
bool tare_onnx_next(const uint8_t *data, size_t n_bytes, size_t *at, unsigned *field,
                    const uint8_t **content, size_t *n_content);

/** Release a message of tare_onnx_unpack(); NULL is fine. */
void tare_onnx_free(ProtobufCMessage *message);

#endif /* TARE_ONNX_WIRE_H */
