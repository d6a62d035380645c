/* tests/kernels/pitch.h - slices of the channels of larger tensors, for the checks of
 * kernels that read and write them. */
#ifndef TARE_TESTS_PITCH_H
#define TARE_TESTS_PITCH_H

#include "tests/kernels/check.h"

#include "kernels/window.h"

/** `w` over slices: other channels lie between the pixels, on one side or on both. */
static inline struct tare_window pitch_random(const struct tare_window *w)
{
    struct tare_window pitched = *w;
    pitched.in_pitch = w->in_c + check_u32() % 20;
    pitched.out_pitch = w->out_c + check_u32() % 20;
    return pitched;
}

static inline int64_t pitch_in_pixels(const struct tare_window *w)
{
    return w->batch * w->in_h * w->in_w;
}

static inline int64_t pitch_out_pixels(const struct tare_window *w)
{
    return w->batch * w->out_h * w->out_w;
}

/** Elements from the first of a slice to its last. */
static inline int64_t pitch_extent(int64_t n_pixels, int64_t channels, int64_t pitch)
{
    return (n_pixels - 1) * pitch + channels;
}

/** Copy dense pixels into a slice; what is between them stays. */
static inline void pitch_spread(void *to, const void *from, int64_t n_pixels,
                                int64_t channels, int64_t pitch, size_t elem_bytes)
{
    for (int64_t i = 0; i < n_pixels; i++)
        memcpy((char *)to + (size_t)(i * pitch) * elem_bytes,
               (const char *)from + (size_t)(i * channels) * elem_bytes,
               (size_t)channels * elem_bytes);
}

#endif /* TARE_TESTS_PITCH_H */
