#include "onnx/tensor_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "onnx/tensor_proto.h"
#include "onnx/wire.h"

enum tare_status tare_onnx_tensor_file_read(const char *path,
                                            struct tare_const *content,
                                            struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    ProtobufCMessage *message;
    *content = (struct tare_const){0};
    enum tare_status st =
        tare_file_read(path, TARE_ONNX_MAX_BYTES, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st; /* the text begins with the path */

    st = tare_onnx_unpack(&onnx__tensor_proto__descriptor, bytes, n_bytes,
                          "an ONNX tensor", &message, err);
    tare_free(bytes);
    if (st == TARE_OK)
        st = tare_onnx_tensor((Onnx__TensorProto *)message, NULL, content, err);
    tare_onnx_free(message);
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}
