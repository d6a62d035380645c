/* tare/format.h - in which order the elements of an input or output lie in memory. */
#ifndef TARE_FORMAT_H
#define TARE_FORMAT_H

#include <stdbool.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * TensorRT's formats of inputs and outputs, but for those of its DLA. ONNX has a tensor
 * as
 * [..., C, H, W], the channels third from the end; for DHWC, DHWC8 and CDHW32 as
 * [..., C, D, H, W]. Where channels are grouped or padded, their number is rounded up
 * to the group; what lies there is not read, and written as zeros. Values are stored in
 * engine files: append only. Source: TensorRT's TensorFormat.
 */
enum tare_format {
    TARE_LINEAR = 0, /**< "chw", also "linear": ONNX's own order; any number of axes */
    TARE_HWC = 1,    /**< "hwc": [..., H, W, C] */
    TARE_CHW2 = 2,   /**< "chw2": [..., C / 2, H, W, 2] */
    TARE_CHW4 = 3,   /**< "chw4": [..., C / 4, H, W, 4] */
    TARE_CHW16 = 4,  /**< "chw16": [..., C / 16, H, W, 16] */
    TARE_CHW32 = 5,  /**< "chw32": [..., C / 32, H, W, 32] */
    TARE_HWC8 = 6,   /**< "hwc8": [..., H, W, C up to a multiple of 8] */
    TARE_HWC16 = 7,  /**< "hwc16": [..., H, W, C up to a multiple of 16] */
    TARE_DHWC = 8,   /**< "dhwc": [..., D, H, W, C] */
    TARE_DHWC8 = 9,  /**< "dhwc8": [..., D, H, W, C up to a multiple of 8] */
    TARE_CDHW32 = 10 /**< "cdhw32": [..., C / 32, D, H, W, 32] */
};

/** trtexec's word for it: "chw", "hwc8", … Static storage. */
TARE_API const char *tare_format_name(enum tare_format format);
/** The format of a word. @return false: there is none. */
TARE_API bool tare_format_find(const char *name, enum tare_format *format);

/**
 * Bytes of a tensor in a format, padding included.
 * @param dims  in ONNX's order, all known.
 * @retval TARE_E_ARG          The tensor has too few axes for the format.
 * @retval TARE_E_UNSUPPORTED  Its size does not fit, or it has too many axes.
 */
TARE_API enum tare_status tare_format_bytes(const struct tare_dims *dims,
                                            enum tare_dtype dtype,
                                            enum tare_format format, size_t *n_bytes,
                                            struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_FORMAT_H */
