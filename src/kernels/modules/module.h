/* kernels/modules/module.h - convolutions and products by another library, of which a
 * module of ours (libtare-onednn.so, libtare-openblas.so) makes one table. */
#ifndef TARE_KERNELS_MODULES_MODULE_H
#define TARE_KERNELS_MODULES_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/f32_conv/f32_conv.h"
#include "kernels/u8_conv/u8_conv.h"
#include "tare/export.h"
#include "tare/status.h"

/** Any change of this file's structs is a new one. */
#define TARE_MODULE_VERSION 2

/** Row-major y [m, n] = alpha * a [m, k] x b [k, n]; a row of y begins y_pitch elements
 *  behind the one before. */
struct tare_module_product {
    int64_t m, k, n;
    float alpha;
    const float *a, *b;
    int64_t a_pitch;
    float *y;
    int64_t y_pitch;
};

/** Copies of an INT8 convolution's constants, which the module may change. */
struct tare_module_u8_constants {
    int8_t *weights; /* [out_c, in_c / groups, kernel_h, kernel_w] */
    float *multiplier, *bias;
    const int32_t *acc_init; /* no copy */
};

struct tare_kernel_module {
    uint32_t version;    /* TARE_MODULE_VERSION */
    const char *library; /* name and version of what computes: times hold for it */
    /** On the calling thread alone, any number of threads at the same time. */
    enum tare_status (*multiply)(const struct tare_module_product *product);
    /**
     * A convolution, prepared for its weights. NULL: the module has none.
     * @param[in]  weights  [out_c, in_c / groups, kernel_h, kernel_w], read here only.
     * @param[in]  bias     [out_c], read here only.
     * @param[out] state    conv_bytes zeroed bytes; conv_destroy() it on success.
     * @param[out] scratch  bytes that conv_run() wants.
     * @retval TARE_E_UNSUPPORTED  The library does not do this one.
     */
    enum tare_status (*conv_create)(const struct tare_f32_conv *conv,
                                    const float *weights, const float *bias,
                                    void *state, size_t *scratch);
    size_t conv_bytes;
    /** data->weights and bias are not read. Threads as multiply; `scratch` is aligned
     *  to 64. */
    enum tare_status (*conv_run)(const void *state,
                                 const struct tare_f32_conv_data *data, void *scratch);
    /**
     * The same of bytes, depthwise ones too: outputs are within one code of those of
     * tare_u8_conv_fn, or of float outputs 1e-5 of the largest. NULL: the module has
     * none.
     * @param[in]  constants  read and changed here only.
     * @retval TARE_E_UNSUPPORTED  The library does not do this one, or not so well.
     */
    enum tare_status (*u8_conv_create)(const struct tare_u8_conv *conv,
                                       const struct tare_module_u8_constants *constants,
                                       void *state, size_t *scratch);
    /** As conv_run. */
    enum tare_status (*u8_conv_run)(const void *state,
                                    const struct tare_u8_conv_data *data,
                                    void *scratch);
    void (*conv_destroy)(void *state); /* of either; the memory stays the caller's */
};

/** What every module exports under the name `tare_kernel_module`. */
typedef const struct tare_kernel_module *tare_kernel_module_fn(void);
TARE_API tare_kernel_module_fn tare_kernel_module;

#endif /* TARE_KERNELS_MODULES_MODULE_H */
