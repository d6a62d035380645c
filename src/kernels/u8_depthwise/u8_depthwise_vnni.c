/* AVX-512-VNNI, 32 channels: four taps are interleaved, so that each 32-bit lane holds
 * one channel's four bytes, and one VPDPBUSD takes them all. Usual windows go over
 * whole rows instead, see u8_depthwise_rows_vnni.h. */
#include <immintrin.h>

#include "kernels/u8_depthwise/u8_depthwise_lanes_vnni.h"
#include "kernels/u8_depthwise/u8_depthwise_rows_vnni.h"

enum { MAX_CONSTANT_QUADS = 3 };

TARE_ALWAYS_INLINE struct pair interleave_taps(const uint8_t *const *taps, int64_t at)
{
    return interleave(taps[0] + at, taps[1] + at, taps[2] + at, taps[3] + at);
}

/* The sums of one pixel's block, any number of taps. */
TARE_ALWAYS_INLINE struct pair sum_taps(const struct tare_u8_depthwise_run *r,
                                        const int8_t *weights, struct pair acc,
                                        int64_t at)
{
    for (int64_t q = 0; q < r->n_quads; q++)
        acc = dot(acc, interleave_taps(r->taps + 4 * q, at),
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
        acc = dot(acc, interleave_taps(r->taps + 4 * q, at), w[q]);
    return dot(acc, widen(r->taps[n_taps - 1] + at), w[n_taps / 4]);
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
    if (r->n_taps == 9)
        compute_taps(r, 9);
    else
        compute_taps(r, 0);
}

#define ROWS(side, stride)                                                             \
    static void compute_##side##_by_##stride(const struct tare_u8_depthwise_rows *r)   \
    {                                                                                  \
        if (stride == 1 && r->n_rows == 2)                                             \
            compute_shape(r, (struct rows_shape){side, stride, 2, side > 4 ? 1 : 2});  \
        else                                                                           \
            compute_shape(r, (struct rows_shape){side, stride, 1, side > 4 ? 1 : 2});  \
    }
ROWS(3, 1)
ROWS(3, 2)
ROWS(5, 1)
ROWS(5, 2)

/* How whole rows are computed, where they can be: wide ones with the windows that
 * networks have. */
static tare_u8_depthwise_rows_fn *rows_fn(const struct tare_u8_conv *p)
{
    const struct tare_window *w = &p->window;
    const struct tare_u8_epilogue *e = &p->epilogue;
    const bool plain = !e->has_residual && !e->out_f32 && e->negative_slope == 1.0f;
    if (!plain || w->kernel_h != w->kernel_w || w->dilation_h != 1 ||
        w->dilation_w != 1 || w->in_c < BLOCK)
        return NULL;
    switch (w->kernel_w * 10 + w->stride_w) {
    case 31: return compute_3_by_1;
    case 32: return compute_3_by_2;
    case 51: return compute_5_by_1;
    case 52: return compute_5_by_2;
    default: return NULL;
    }
}

void tare_u8_depthwise__vnni_u32(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end)
{
    tare_u8_depthwise_rows_fn *compute_rows = rows_fn(p);
    if (compute_rows)
        tare_u8_depthwise_walk_rows(p, d, scratch, begin, end, compute_rows);
    else
        tare_u8_depthwise_walk(p, d, scratch, begin, end, compute_run);
}
