/* AVX-512-VNNI, 32 channels: four taps are interleaved, so that each 32-bit lane holds
 * one channel's four bytes, and one VPDPBUSD takes them all. */
#include <immintrin.h>

#include "kernels/u8_depthwise/u8_depthwise_walk.h"
#include "kernels/u8_epilogue_vnni.h"
#include "kernels/unroll.h"

enum {
    BLOCK = TARE_U8_DEPTHWISE_BLOCK,
    QUAD_BYTES = 4 * BLOCK,
    MAX_CONSTANT_QUADS = 7
};

struct pair {
    __m512i low, high; /* channels 0 to 15 and 16 to 31 */
};

/* Byte c of each of four taps as lane c. */
TARE_ALWAYS_INLINE struct pair interleave(const uint8_t *const *taps, int64_t at)
{
    const __m512i channels = _mm512_set_epi32(
        0x6f4f2f0f, 0x6e4e2e0e, 0x6d4d2d0d, 0x6c4c2c0c, 0x6b4b2b0b, 0x6a4a2a0a,
        0x69492909, 0x68482808, 0x67472707, 0x66462606, 0x65452505, 0x64442404,
        0x63432303, 0x62422202, 0x61412101, 0x60402000);
    const __m512i next = _mm512_add_epi8(channels, _mm512_set1_epi8(16));
    const __m256i t0 = _mm256_loadu_si256((const void *)(taps[0] + at));
    const __m256i t1 = _mm256_loadu_si256((const void *)(taps[1] + at));
    const __m256i t2 = _mm256_loadu_si256((const void *)(taps[2] + at));
    const __m256i t3 = _mm256_loadu_si256((const void *)(taps[3] + at));
    const __m512i a = _mm512_inserti64x4(_mm512_castsi256_si512(t0), t1, 1);
    const __m512i b = _mm512_inserti64x4(_mm512_castsi256_si512(t2), t3, 1);
    return (struct pair){_mm512_permutex2var_epi8(a, channels, b),
                         _mm512_permutex2var_epi8(a, next, b)};
}

/* As above with one tap: the other three bytes are zero. */
TARE_ALWAYS_INLINE struct pair widen(const uint8_t *tap, int64_t at)
{
    return (struct pair){
        _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(tap + at))),
        _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(tap + at + 16)))};
}

TARE_ALWAYS_INLINE struct pair load_pair(const void *weights)
{
    return (struct pair){_mm512_loadu_si512(weights),
                         _mm512_loadu_si512((const char *)weights + 64)};
}

TARE_ALWAYS_INLINE struct pair dot(struct pair acc, struct pair x, struct pair w)
{
    return (struct pair){_mm512_dpbusd_epi32(acc.low, x.low, w.low),
                         _mm512_dpbusd_epi32(acc.high, x.high, w.high)};
}

/* The sums of one pixel's block, any number of taps. */
TARE_ALWAYS_INLINE struct pair sum_taps(const struct tare_u8_depthwise_run *r,
                                        const int8_t *weights, struct pair acc,
                                        int64_t at)
{
    for (int64_t q = 0; q < r->n_quads; q++)
        acc = dot(acc, interleave(r->taps + 4 * q, at),
                  load_pair(weights + QUAD_BYTES * q));
    return acc;
}

/* As above with a constant number, one more than a multiple of four, and all weights in
 * registers. */
TARE_ALWAYS_INLINE struct pair sum_fixed_taps(const struct tare_u8_depthwise_run *r,
                                              const struct pair *w, struct pair acc,
                                              int64_t at, const int64_t n_taps)
{
    TARE_UNROLL
    for (int64_t q = 0; q < n_taps / 4; q++)
        acc = dot(acc, interleave(r->taps + 4 * q, at), w[q]);
    return dot(acc, widen(r->taps[n_taps - 1], at), w[n_taps / 4]);
}

/* The epilogue of 16 lanes, up to the clamp. */
TARE_ALWAYS_INLINE __m512 scale(const struct tare_u8_depthwise_run *r,
                                const struct tare_finish_vnni *finish, __m512i acc,
                                __m512 multiplier, __m512 bias, int64_t residual_at,
                                __mmask16 valid)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), multiplier, bias);
    if (r->residual) {
        const __m512i x = _mm512_cvtepu8_epi32(
            _mm_maskz_loadu_epi8(valid, r->residual + residual_at));
        const __m512i zero_point = _mm512_set1_epi32(e->residual_zero_point);
        v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(x, zero_point)),
                            _mm512_set1_ps(e->residual_scale), v);
    }
    return e->negative_slope != 1.0f ? tare_slope_vnni(finish, v) : v;
}

/* The lanes [lane, lane + 32) of every pixel. `plain` is a constant: bytes out, and
 * neither residual nor slope. */
TARE_ALWAYS_INLINE void compute_block(const struct tare_u8_depthwise_run *run,
                                      int64_t lane,
                                      const struct tare_finish_vnni *finish,
                                      const int64_t n_taps, const bool plain)
{
    const struct tare_u8_depthwise_run r = *run; /* stores to y cannot change it */
    const int64_t left = r.lanes - lane;
    const uint32_t valid = left >= BLOCK ? UINT32_MAX : UINT32_MAX >> (BLOCK - left);
    const __mmask16 low = (__mmask16)valid, high = (__mmask16)(valid >> 16);
    const int8_t *weights = r.weights + lane * 4 * r.n_quads;
    const struct pair init = {_mm512_loadu_si512(r.acc_init + lane),
                              _mm512_loadu_si512(r.acc_init + lane + 16)};
    const __m512 multiplier0 = _mm512_loadu_ps(r.multiplier + lane);
    const __m512 multiplier1 = _mm512_loadu_ps(r.multiplier + lane + 16);
    const __m512 bias0 = _mm512_loadu_ps(r.bias + lane);
    const __m512 bias1 = _mm512_loadu_ps(r.bias + lane + 16);
    struct pair w[MAX_CONSTANT_QUADS];
    TARE_UNROLL
    for (int64_t q = 0; q < (n_taps + 3) / 4; q++)
        w[q] = load_pair(weights + QUAD_BYTES * q);
    for (int64_t i = 0; i < r.n_pixels; i++) {
        const int64_t at = i * r.out_step + lane;
        const int64_t residual_at = i * r.residual_step + lane;
        const int64_t x_at = i * r.in_step + lane;
        const struct pair acc = n_taps > 0 ? sum_fixed_taps(&r, w, init, x_at, n_taps)
                                           : sum_taps(&r, weights, init, x_at);
        __m512 v0, v1;
        if (plain) {
            v0 = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc.low), multiplier0, bias0);
            v1 = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc.high), multiplier1, bias1);
        } else {
            v0 = scale(&r, finish, acc.low, multiplier0, bias0, residual_at, low);
            v1 =
                scale(&r, finish, acc.high, multiplier1, bias1, residual_at + 16, high);
        }
        if (!plain && r.y_f32) {
            _mm512_mask_storeu_ps(r.y_f32 + at, low, tare_clamp_vnni(finish, v0));
            _mm512_mask_storeu_ps(r.y_f32 + at + 16, high, tare_clamp_vnni(finish, v1));
        } else {
            _mm256_mask_storeu_epi8(r.y_u8 + at, valid,
                                    tare_bytes32_vnni(finish, v0, v1));
        }
    }
}

TARE_ALWAYS_INLINE void compute_taps(const struct tare_u8_depthwise_run *r,
                                     const int64_t n_taps)
{
    const struct tare_u8_epilogue *e = r->epilogue;
    const struct tare_finish_vnni finish =
        tare_finish_vnni(e->negative_slope, e->lower, e->upper, e->out_zero_point);
    const bool plain = !r->residual && !r->y_f32 && e->negative_slope == 1.0f;
    for (int64_t lane = 0; lane < r->lanes; lane += BLOCK) {
        if (plain)
            compute_block(r, lane, &finish, n_taps, true);
        else
            compute_block(r, lane, &finish, n_taps, false);
    }
}

static void compute_run(const struct tare_u8_depthwise_run *r)
{
    switch (r->n_taps) {
    case 9: compute_taps(r, 9); break;
    case 25: compute_taps(r, 25); break;
    default: compute_taps(r, 0); break;
    }
}

void tare_u8_depthwise__vnni_u32(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end)
{
    tare_u8_depthwise_walk(p, d, scratch, begin, end, compute_run);
}
