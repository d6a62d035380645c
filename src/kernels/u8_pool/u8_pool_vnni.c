/* AVX-512, 64 channels at a time. */
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/u8_pool/u8_pool_walk.h"
#include "kernels/unroll.h"

enum { CHANNELS = 64 };

static inline __mmask64 valid_channels(const struct tare_u8_pool_run *r, int64_t c)
{
    const int64_t left = r->n_channels - c;
    return left >= CHANNELS ? UINT64_MAX : UINT64_MAX >> (CHANNELS - left);
}

/* Of windows of `n_columns`, best a constant. */
TARE_ALWAYS_INLINE void maximum_of(const struct tare_u8_pool_run *r,
                                   const int64_t n_columns)
{
    for (int64_t i = 0; i < r->n_pixels; i++) {
        for (int64_t c = 0; c < r->n_channels; c += CHANNELS) {
            const __mmask64 valid = valid_channels(r, c);
            const uint8_t *row = r->x + i * r->in_step + c;
            __m512i largest = _mm512_setzero_si512();
            for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step)
                for (int64_t x = 0; x < n_columns; x++)
                    largest = _mm512_max_epu8(
                        largest,
                        _mm512_maskz_loadu_epi8(valid, row + x * r->column_step));
            _mm512_mask_storeu_epi8(r->y_u8 + i * r->out_step + c, valid, largest);
        }
    }
}

static void maximum(const struct tare_u8_pool_run *r)
{
    switch (r->n_columns) {
    case 2: maximum_of(r, 2); break;
    case 3: maximum_of(r, 3); break;
    default: maximum_of(r, r->n_columns); break;
    }
}

/* Sums of 32 channels, 16 bits wide, into 32-bit ones. */
static inline void flush(__m512i sums[2], __m512i words)
{
    sums[0] =
        _mm512_add_epi32(sums[0], _mm512_cvtepu16_epi32(_mm512_castsi512_si256(words)));
    sums[1] = _mm512_add_epi32(
        sums[1], _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(words, 1)));
}

/* Sums of the even channels and of the odd ones, 16 bits wide and never of more than
 * 256 taps: bytes need not change their places for each tap. */
struct words {
    __m512i even, odd;
};

static inline void flush_all(__m512i sums[4], struct words *words)
{
    const __m512i low = _mm512_unpacklo_epi16(words->even, words->odd);
    const __m512i high = _mm512_unpackhi_epi16(words->even, words->odd);
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    flush(sums, _mm512_permutex2var_epi64(low, first, high));
    flush(sums + 2, _mm512_permutex2var_epi64(low, last, high));
    words->even = words->odd = _mm512_setzero_si512();
}

/* The sums of the channels [c, c + 64) of the window at `row`. */
static inline void sum_window(const struct tare_u8_pool_run *r, const uint8_t *row,
                              __mmask64 valid, __m512i sums[4])
{
    const __m512i even = _mm512_set1_epi16(0xff);
    struct words words = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    int taps = 0;
    for (int i = 0; i < 4; i++)
        sums[i] = _mm512_set1_epi32(-r->zero_sum);
    for (int64_t y = 0; y < r->n_rows; y++, row += r->row_step) {
        for (int64_t x = 0; x < r->n_columns; x++) {
            const __m512i v = _mm512_maskz_loadu_epi8(valid, row + x * r->column_step);
            words.even = _mm512_add_epi16(words.even, _mm512_and_si512(v, even));
            words.odd = _mm512_add_epi16(words.odd, _mm512_srli_epi16(v, 8));
            if (++taps < 256) continue;
            flush_all(sums, &words);
            taps = 0;
        }
    }
    flush_all(sums, &words);
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
