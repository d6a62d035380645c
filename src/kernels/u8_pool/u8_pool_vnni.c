/* AVX-512, 64 channels at a time. */
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/u8_pool/u8_pool_walk.h"

enum { CHANNELS = 64 };

static inline __mmask64 valid_channels(const struct tare_u8_pool_run *r, int64_t c)
{
    const int64_t left = r->n_channels - c;
    return left >= CHANNELS ? UINT64_MAX : UINT64_MAX >> (CHANNELS - left);
}

static void maximum(const struct tare_u8_pool_run *r)
{
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += CHANNELS) {
            const __mmask64 valid = valid_channels(r, c);
            const uint8_t *row = r->x + i * r->in_step + c;
            __m512i largest = _mm512_setzero_si512();
            for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step)
                for (int64_t x = 0; x < r->n_columns; x++)
                    largest = _mm512_max_epu8(
                        largest,
                        _mm512_maskz_loadu_epi8(valid, row + x * r->column_step));
            _mm512_mask_storeu_epi8(r->y_u8 + i * r->out_step + c, valid, largest);
        }
    }
}

/* Sums of 32 channels, 16 bits wide and never more than 256 taps, into 32-bit ones. */
static inline void flush(__m512i sums[2], __m512i words)
{
    sums[0] =
        _mm512_add_epi32(sums[0], _mm512_cvtepu16_epi32(_mm512_castsi512_si256(words)));
    sums[1] = _mm512_add_epi32(
        sums[1], _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(words, 1)));
}

/* The sums of the channels [c, c + 64) of the window at `row`. */
static inline void sum_window(const struct tare_u8_pool_run *r, const uint8_t *row,
                              __mmask64 valid, __m512i sums[4])
{
    __m512i low = _mm512_setzero_si512(), high = low;
    int taps = 0;
    for (int i = 0; i < 4; i++)
        sums[i] = _mm512_set1_epi32(-r->zero_sum);
    for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step) {
        for (int64_t x = 0; x < r->n_columns; x++) {
            const __m512i v = _mm512_maskz_loadu_epi8(valid, row + x * r->column_step);
            low =
                _mm512_add_epi16(low, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(v)));
            high = _mm512_add_epi16(
                high, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(v, 1)));
            if (++taps < 256) continue;
            flush(sums, low);
            flush(sums + 2, high);
            low = high = _mm512_setzero_si512();
            taps = 0;
        }
    }
    flush(sums, low);
    flush(sums + 2, high);
}

static void average(const struct tare_u8_pool_run *r)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_vnni finish =
        tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const __m512 factor = _mm512_set1_ps(r->factor);
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += CHANNELS) {
            const __mmask64 valid = valid_channels(r, c);
            const int64_t at = i * r->out_step + c;
            __m512i sums[4];
            sum_window(r, r->x + i * r->in_step + c, valid, sums);
            for (int64_t j = 0; j < 4; j++) {
                const __mmask16 part = (__mmask16)(valid >> (16 * j));
                const __m512 v = tare_slope_vnni(
                    &finish, _mm512_mul_ps(_mm512_cvtepi32_ps(sums[j]), factor));
                if (r->y_f32)
                    _mm512_mask_storeu_ps(r->y_f32 + at + 16 * j, part,
                                          tare_clamp_vnni(&finish, v));
                else
                    _mm_mask_storeu_epi8(r->y_u8 + at + 16 * j, part,
                                         tare_bytes16_vnni(&finish, v));
            }
        }
    }
}

void tare_u8_pool__vnni_u64(const struct tare_u8_pool *p, const uint8_t *x, void *y,
                            int64_t begin, int64_t end)
{
    tare_u8_pool_walk(p, x, y, begin, end, maximum, average);
}
