/* NEON, 16 channels at a time. */
#include "kernels/u8_epilogue_neon.h"
#include "kernels/u8_pool/u8_pool_walk.h"

static void maximum(const struct tare_u8_pool_run *r)
{
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += 16) {
            const uint8_t *row = r->x + i * r->in_step + c;
            uint8x16_t largest = vdupq_n_u8(0);
            for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step)
                for (int64_t x = 0; x < r->n_columns; x++)
                    largest = vmaxq_u8(largest, vld1q_u8(row + x * r->column_step));
            tare_store16_neon(r->y_u8 + i * r->out_step + c, largest,
                              r->n_channels - c);
        }
    }
}

/* Sums of 16 channels, 16 bits wide and never more than 256 taps, into 32-bit ones. */
static inline void flush(uint32x4_t sums[4], uint16x8_t low, uint16x8_t high)
{
    sums[0] = vaddw_u16(sums[0], vget_low_u16(low));
    sums[1] = vaddw_high_u16(sums[1], low);
    sums[2] = vaddw_u16(sums[2], vget_low_u16(high));
    sums[3] = vaddw_high_u16(sums[3], high);
}

/* The sums of 16 channels of the window at `row`, modulo 2^32. */
static inline void sum_window(const struct tare_u8_pool_run *r, const uint8_t *row,
                              uint32x4_t sums[4])
{
    uint16x8_t low = vdupq_n_u16(0), high = low;
    int taps = 0;
    for (int i = 0; i < 4; i++)
        sums[i] = vdupq_n_u32(-(uint32_t)r->zero_sum);
    for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step) {
        for (int64_t x = 0; x < r->n_columns; x++) {
            const uint8x16_t v = vld1q_u8(row + x * r->column_step);
            low = vaddw_u8(low, vget_low_u8(v));
            high = vaddw_high_u8(high, v);
            if (++taps < 256) continue;
            flush(sums, low, high);
            low = high = vdupq_n_u16(0);
            taps = 0;
        }
    }
    flush(sums, low, high);
}

static void average(const struct tare_u8_pool_run *r)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_neon finish =
        tare_finish_neon(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += 16) {
            uint32x4_t sums[4];
            float32x4_t v[4];
            sum_window(r, r->x + i * r->in_step + c, sums);
            for (int k = 0; k < 4; k++) {
                const float32x4_t sum = vcvtq_f32_s32(vreinterpretq_s32_u32(sums[k]));
                v[k] = tare_slope_neon(&finish, vmulq_n_f32(sum, r->factor));
            }
            tare_finish16_neon(&finish, v, r->y_u8, r->y_f32, i * r->out_step + c,
                               r->n_channels - c);
        }
    }
}

void tare_u8_pool__neon_u16(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                            int64_t begin, int64_t end)
{
    tare_u8_pool_walk(p, x, y, begin, end, maximum, average);
}
