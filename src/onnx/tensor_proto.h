/* onnx/tensor_proto.h - ONNX's tensors and element types in tare's terms. */
#ifndef TARE_ONNX_TENSOR_PROTO_H
#define TARE_ONNX_TENSOR_PROTO_H

#include <onnx.pb-c.h>
#include <stdbool.h>

#include "base/error.h"
#include "graph/graph.h"

/** How an ONNX element type is stored and what it becomes. */
struct tare_onnx_type {
    const char *name;      /* ONNX's */
    enum tare_dtype dtype; /* what it becomes here */
    uint8_t stored_bytes;  /* of one element in raw_data; 0: not supported */
    bool converted;        /* to float32, from another float type */
};

/** Never NULL: an unknown number gives the name "unknown" and stored_bytes 0. */
const struct tare_onnx_type *tare_onnx_type(int32_t data_type);

/**
 * A tensor's content; messages do not name the tensor, so wrap them.
 * @param proto   from tare_onnx_unpack(): its raw_data is taken over, not copied, when
 *                it can be used as it is.
 * @param folder  where external data lies; NULL: none is allowed.
 * @param[out] content  `data` is the caller's, never NULL; NULL on failure.
 */
enum tare_status tare_onnx_tensor(Onnx__TensorProto *proto, const char *folder,
                                  struct tare_const *content, struct tare_error *err);

#endif /* TARE_ONNX_TENSOR_PROTO_H */
