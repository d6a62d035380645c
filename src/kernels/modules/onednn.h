/* kernels/modules/onednn.h - what the parts of libtare-onednn.so share: convolutions by
 * oneDNN 2 on the calling thread, whatever their types. Private to the module. */
#ifndef TARE_KERNELS_MODULES_ONEDNN_H
#define TARE_KERNELS_MODULES_ONEDNN_H

#include <dnnl.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/modules/module.h"
#include "kernels/u8_conv/u8_conv.h"

/** oneDNN takes as many threads as OpenMP would give the caller: make that one.
 *  @return  how many they were, for tare_onednn_give_threads(). */
int tare_onednn_take_thread(void);
void tare_onednn_give_threads(int n);

/** A convolution that is ready to run; owns all but the descriptors. */
struct tare_onednn_conv {
    dnnl_engine_t engine;
    dnnl_primitive_t primitive;
    dnnl_memory_t weights, bias;
    dnnl_memory_desc_t x, y, scratch;
    size_t residual_bytes; /* 0: none */
};

/** What is to be made. Activations are [batch, h, w, c], with the window's pitches. */
struct tare_onednn_recipe {
    const struct tare_window *window;
    dnnl_data_type_t x, weights, y;
    const void *plain; /* [out_c, in_c / groups, kernel_h, kernel_w] */
    const float *bias; /* [out_c] */
    bool has_residual; /* it lies in y when the convolution begins */
    /** Attributes that say all but whose the scratch is. */
    dnnl_primitive_attr_t attr;
    /** Of oneDNN's implementations the first one is taken whose name has this word in
     *  it. "": the first one of all. */
    const char *word;
};

/** @param[out] conv  zeroed; tare_onednn_destroy() it after success.
 *  @param recipe     its attributes are destroyed.
 *  @param made       what making them said.
 *  @param[out] scratch  bytes that a run needs. */
enum tare_status tare_onednn_create(struct tare_onednn_conv *conv,
                                    const struct tare_onednn_recipe *recipe,
                                    dnnl_status_t made, size_t *scratch);

void tare_onednn_destroy(struct tare_onednn_conv *conv);

/** @param residual  of as many bytes as y; may be y. Not read without one.
 *  @param scratch   of as many bytes as tare_onednn_create() said. */
enum tare_status tare_onednn_run(const struct tare_onednn_conv *conv, const void *x,
                                 const void *residual, void *y, void *scratch);

/** v < 0 ? v * negative_slope : v, then the bounds, which may be infinite. */
dnnl_status_t tare_onednn_append_activation(dnnl_post_ops_t ops, float negative_slope,
                                            float lower, float upper);

/** What the last window along an axis reaches over the input's end; may be negative. */
int64_t tare_onednn_pad_behind(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                               int64_t dilation, int64_t pad);

/** The table's functions about bytes: see struct tare_kernel_module. */
enum tare_status
tare_onednn_u8_conv_create(const struct tare_u8_conv *p,
                           const struct tare_module_u8_constants *constants,
                           void *state, size_t *scratch);
enum tare_status tare_onednn_u8_conv_run(const void *state,
                                         const struct tare_u8_conv_data *data,
                                         void *scratch);

#endif /* TARE_KERNELS_MODULES_ONEDNN_H */
