/* onnx/tensor_file.h - a file that holds one ONNX tensor, as in ONNX's test data. */
#ifndef TARE_ONNX_TENSOR_FILE_H
#define TARE_ONNX_TENSOR_FILE_H

#include "base/error.h"
#include "graph/graph.h"

/**
 * Read one serialized TensorProto (".pb"); float16, bfloat16 and double become float32.
 * @param[out] content  tare_free(content->data); data is NULL on failure.
 */
enum tare_status tare_onnx_tensor_file_read(const char *path,
                                            struct tare_const *content,
                                            struct tare_error *err);

#endif /* TARE_ONNX_TENSOR_FILE_H */
