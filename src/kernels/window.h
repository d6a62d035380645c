/* kernels/window.h - the geometry shared by convolution and pooling. Tensors are HWC:
 * [batch, height, width, channels], dense or slices of the channels of larger ones. */
#ifndef TARE_KERNELS_WINDOW_H
#define TARE_KERNELS_WINDOW_H

#include <stdint.h>

/** All fields >= 1 but the pads (>= 0); groups divides in_c and out_c. The window of
 *  output (oy, ox) starts at (oy * stride_h - pad_top, ox * stride_w - pad_left); taps
 *  outside the input are padding. A matrix product [M,K] x [K,N] is the window with
 *  in_w = out_w = M, in_c = K, out_c = N and 1 everywhere else. A pitch is the number
 * of elements from one pixel of a tensor to the next: in_c or out_c when it is 0, more
 * for a slice of the channels of a larger tensor. Stored in engine files. */
struct tare_window {
    int64_t batch;
    int64_t in_h, in_w, in_c;
    int64_t out_h, out_w, out_c;
    int64_t groups;
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t dilation_h, dilation_w;
    int64_t pad_top, pad_left;
    int64_t in_pitch, out_pitch;
};

static inline int64_t tare_window_in_pitch(const struct tare_window *w)
{
    return w->in_pitch ? w->in_pitch : w->in_c;
}

static inline int64_t tare_window_out_pitch(const struct tare_window *w)
{
    return w->out_pitch ? w->out_pitch : w->out_c;
}

/** The window of the matrix product [m, k] x [k, n]. */
static inline struct tare_window tare_matrix_window(int64_t m, int64_t k, int64_t n)
{
    return (struct tare_window){.batch = 1,
                                .in_h = 1,
                                .in_w = m,
                                .in_c = k,
                                .out_h = 1,
                                .out_w = m,
                                .out_c = n,
                                .groups = 1,
                                .kernel_h = 1,
                                .kernel_w = 1,
                                .stride_h = 1,
                                .stride_w = 1,
                                .dilation_h = 1,
                                .dilation_w = 1};
}

/** Per-channel arrays that a convolution kernel reads have this many readable elements
 *  behind the last one, and activations this many readable bytes behind the last
 *  element; their values do not matter. */
#define TARE_KERNEL_SLACK 64

#endif /* TARE_KERNELS_WINDOW_H */
