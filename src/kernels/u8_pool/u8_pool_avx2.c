/* AVX2: the maximum of 32 channels at a time, the average of 16. */
#include "kernels/u8_epilogue_avx2.h"
#include "kernels/u8_pool/u8_pool_walk.h"

static inline void store32(uint8_t *y, __m256i bytes, int64_t n)
{
    if (n >= 32) {
        _mm256_storeu_si256((__m256i *)(void *)y, bytes);
        return;
    }
    tare_store16_avx2(y, _mm256_castsi256_si128(bytes), n);
    if (n > 16) tare_store16_avx2(y + 16, _mm256_extracti128_si256(bytes, 1), n - 16);
}

static void maximum(const struct tare_u8_pool_run *r)
{
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += 32) {
            const uint8_t *row = r->x + i * r->in_step + c;
            __m256i largest = _mm256_setzero_si256();
            for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step)
                for (int64_t x = 0; x < r->n_columns; x++)
                    largest = _mm256_max_epu8(
                        largest,
                        _mm256_loadu_si256((const void *)(row + x * r->column_step)));
            store32(r->y_u8 + i * r->out_step + c, largest, r->n_channels - c);
        }
    }
}

/* Sums of 16 channels, 16 bits wide and never more than 256 taps, into 32-bit ones. */
static inline void flush(__m256i sums[2], __m256i words)
{
    sums[0] =
        _mm256_add_epi32(sums[0], _mm256_cvtepu16_epi32(_mm256_castsi256_si128(words)));
    sums[1] = _mm256_add_epi32(
        sums[1], _mm256_cvtepu16_epi32(_mm256_extracti128_si256(words, 1)));
}

/* The sums of 16 channels of the window at `row`. */
static inline void sum_window(const struct tare_u8_pool_run *r, const uint8_t *row,
                              __m256i sums[2])
{
    __m256i words = _mm256_setzero_si256();
    int taps = 0;
    sums[0] = sums[1] = _mm256_set1_epi32(-r->zero_sum);
    for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step) {
        for (int64_t x = 0; x < r->n_columns; x++) {
            const __m128i v = _mm_loadu_si128((const void *)(row + x * r->column_step));
            words = _mm256_add_epi16(words, _mm256_cvtepu8_epi16(v));
            if (++taps < 256) continue;
            flush(sums, words);
            words = _mm256_setzero_si256();
            taps = 0;
        }
    }
    flush(sums, words);
}

static void average(const struct tare_u8_pool_run *r)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_avx2 finish =
        tare_finish_avx2(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const __m256 factor = _mm256_set1_ps(r->factor);
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += 16) {
            const int64_t at = i * r->out_step + c;
            __m256i sums[2];
            sum_window(r, r->x + i * r->in_step + c, sums);
            const __m256 v0 = tare_slope_avx2(
                &finish, _mm256_mul_ps(_mm256_cvtepi32_ps(sums[0]), factor));
            const __m256 v1 = tare_slope_avx2(
                &finish, _mm256_mul_ps(_mm256_cvtepi32_ps(sums[1]), factor));
            tare_finish16_avx2(&finish, v0, v1, r->y_u8, r->y_f32, at,
                               r->n_channels - c);
        }
    }
}

void tare_u8_pool__avx2_u32(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                            int64_t begin, int64_t end)
{
    tare_u8_pool_walk(p, x, y, begin, end, maximum, average);
}
