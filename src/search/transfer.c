#include "search/transfer.h"

#include <string.h>

#include "base/dims.h"

/* Values at a time, on their way. */
#define BLOCK 256

/* 1.5 * 2^23: adding and subtracting it rounds small floats to the nearest whole
 * number, ties to even, as rintf() does; which is no instruction on every processor. */
#define ROUNDER 12582912.0f

/* Elements of a tensor in ONNX's order: image, channel, pixel; and what they are apart
 * in memory. All but rank 4 counts as one channel. */
struct order {
    size_t n_images, n_channels, n_pixels;
    size_t image_step, channel_step, pixel_step;
};

static struct order order_of(const struct tare_plan_tensor *t)
{
    struct order o = {1, 1, (size_t)tare_dims_count(&t->dims), 0, 0, 1};
    if (t->dims.rank != 4) return o;
    o.n_images = (size_t)t->dims.d[0];
    o.n_channels = (size_t)t->dims.d[1];
    o.n_pixels = (size_t)(t->dims.d[2] * t->dims.d[3]);
    o.image_step = o.n_channels * o.n_pixels;
    o.channel_step = t->format == TARE_HWC ? 1 : o.n_pixels;
    o.pixel_step = t->format == TARE_HWC ? o.n_channels : 1;
    return o;
}

static void load(const struct tare_plan_tensor *t, const void *src, size_t at,
                 size_t step, size_t n, float *values)
{
    const float *floats = src;
    const uint8_t *bytes = src;
    const float zero = (float)t->zero_point;
    if (t->dtype == TARE_F32)
        for (size_t i = 0; i < n; i++)
            values[i] = floats[at + i * step];
    else
        for (size_t i = 0; i < n; i++)
            values[i] = t->scale * ((float)bytes[at + i * step] - zero);
}

static void store(const struct tare_plan_tensor *t, void *dst, size_t at, size_t step,
                  size_t n, const float *values)
{
    float *floats = dst;
    uint8_t *bytes = dst;
    const float lower = (float)(t->lowest - t->zero_point);
    const float upper = (float)(255 - t->zero_point);
    if (t->dtype == TARE_F32) {
        for (size_t i = 0; i < n; i++)
            floats[at + i * step] = values[i];
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float v = values[i] / t->scale;
        v = v > lower ? v : lower; /* NaN too */
        v = v < upper ? v : upper;
        bytes[at + i * step] = (uint8_t)((int)(v + ROUNDER - ROUNDER) + t->zero_point);
    }
}

/* For the values from `first` on of ONNX's order, `step` apart there. */
static void rescale(const struct tare_transfer *t, size_t first, size_t step, size_t n,
                    float *values)
{
    const size_t n_channels = (size_t)t->from->dims.d[t->axis];
    size_t inner = 1;
    for (int32_t i = t->axis + 1; i < t->from->dims.rank; i++)
        inner *= (size_t)t->from->dims.d[i];
    for (size_t i = 0; i < n; i++) {
        const float factor = t->factors[(first + i * step) / inner % n_channels];
        values[i] = t->divide ? values[i] / factor : values[i] * factor;
    }
}

static void run_line(const struct tare_transfer *t, const void *src, size_t from,
                     size_t from_step, void *dst, size_t to, size_t to_step,
                     size_t onnx, size_t onnx_step, size_t n)
{
    float values[BLOCK];
    for (size_t i = 0; i < n; i += BLOCK) {
        const size_t m = n - i < BLOCK ? n - i : BLOCK;
        load(t->from, src, from + i * from_step, from_step, m, values);
        if (t->factors) rescale(t, onnx + i * onnx_step, onnx_step, m, values);
        store(t->to, dst, to + i * to_step, to_step, m, values);
    }
}

static bool is_number(const struct tare_plan_tensor *t)
{
    return t->dtype == TARE_F32 || t->dtype == TARE_U8;
}

void tare_transfer_run(const struct tare_transfer *t, const void *src, void *dst)
{
    const struct order a = order_of(t->from), b = order_of(t->to);
    const bool same = a.channel_step == b.channel_step && a.pixel_step == b.pixel_step;
    if (!is_number(t->from) || (same && !t->factors && t->from->dtype == TARE_F32 &&
                                t->to->dtype == TARE_F32)) {
        memcpy(dst, src, (size_t)t->to->n_bytes);
        return;
    }
    const size_t plane = a.n_channels * a.n_pixels;
    if (same && !t->factors) {
        run_line(t, src, 0, 1, dst, 0, 1, 0, 1, a.n_images * plane);
        return;
    }
    for (size_t image = 0; image < a.n_images; image++)
        for (size_t p = 0; p < a.n_pixels && t->to->format == TARE_HWC; p++)
            run_line(t, src, image * plane + p * a.pixel_step, a.channel_step, dst,
                     image * plane + p * b.pixel_step, b.channel_step,
                     image * plane + p, a.n_pixels, a.n_channels);
    for (size_t image = 0; image < a.n_images; image++)
        for (size_t c = 0; c < a.n_channels && t->to->format != TARE_HWC; c++)
            run_line(t, src, image * plane + c * a.channel_step, a.pixel_step, dst,
                     image * plane + c * b.channel_step, b.pixel_step,
                     image * plane + c * a.n_pixels, 1, a.n_pixels);
}

struct tare_sums tare_sums_of(const float *a, const float *b, size_t n, bool centred)
{
    struct tare_sums s = {0};
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)a[i], y = (double)b[i];
        sum += x;
        s.noise += (y - x) * (y - x);
        s.aa += x * x;
        s.bb += y * y;
        s.ab += x * y;
    }
    s.signal = s.aa;
    if (!centred || n < 2) return s;
    const double mean = sum / (double)n;
    s.signal = 0.0;
    for (size_t i = 0; i < n; i++)
        s.signal += ((double)a[i] - mean) * ((double)a[i] - mean);
    return s;
}

void tare_sums_add(struct tare_sums *sums, const struct tare_sums *more)
{
    sums->signal += more->signal;
    sums->noise += more->noise;
    sums->aa += more->aa;
    sums->bb += more->bb;
    sums->ab += more->ab;
}
