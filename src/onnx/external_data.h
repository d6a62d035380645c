/* onnx/external_data.h - tensor content that a model keeps in files beside it. */
#ifndef TARE_ONNX_EXTERNAL_DATA_H
#define TARE_ONNX_EXTERNAL_DATA_H

#include <onnx.pb-c.h>
#include <stddef.h>

#include "base/error.h"

/**
 * Read a tensor's content from the file that its external_data names. The file must lie
 * in `folder` or below, links followed; absolute paths and ".." are refused.
 * @param folder  the model's; NULL: external data is refused.
 * @param[out] data  [n_bytes], tare_free() it.
 */
enum tare_status tare_onnx_external_read(const Onnx__TensorProto *proto,
                                         const char *folder, size_t n_bytes,
                                         void **data, struct tare_error *err);

#endif /* TARE_ONNX_EXTERNAL_DATA_H */
