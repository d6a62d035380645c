/* AVX-512-VNNI, 14 pixels x 32 channels: 28 accumulators, a step is two loads of
 * weights and, for each pixel, a broadcast of 4 bytes and two VPDPBUSD. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_vnni.h"

/* acc += the four products u8 x * s8 w of each lane. The intrinsic makes gcc 12 spill
 * accumulators when there are many. */
TARE_ALWAYS_INLINE __m512i dot(__m512i acc, __m512i x, __m512i w)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}

TARE_ALWAYS_INLINE __m512i broadcast4(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The tile's sums, straight from registers. Where it is written over its residual, that
 * is read first: what follows a store, even of bytes that its mask leaves out, waits
 * for it. */
TARE_ALWAYS_INLINE void store_sums(const struct tare_u8_conv_tile *t,
                                   const struct route route,
                                   __m512i acc[TARE_U8_CONV_ROWS][2],
                                   const int64_t rows, const int64_t vectors)
{
    const struct columns c = load_columns(t, vectors);
    __m512 v[TARE_U8_CONV_ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            v[i][j] = value_of(t, &c, route, i, j, acc[i][j]);
        if (!route.residual) store_values(t, &c, route, i, v[i], vectors);
    }
    if (!route.residual) return;
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++)
        store_values(t, &c, route, i, v[i], vectors);
}

/* While the sums are made, what is added to them comes nearer. */
TARE_ALWAYS_INLINE void fetch_residual(const struct tare_u8_conv_tile *t,
                                       const int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        _mm_prefetch((const char *)t->residual + i * t->residual_stride, _MM_HINT_T0);
}

/* Pointers to pixels that stay in registers. There are too few for all; to load the
 * others in every step is 3 to 7 % faster on a Zen 4 than what gcc 12 does on its own.
 */
enum { HELD = 6 };

/* `rows` pixels x 16 * `vectors` channels, both constants. The two most frequent routes
 * go straight from registers, the others share one loop over memory. */
TARE_ALWAYS_INLINE void compute(const struct tare_u8_conv_tile *t, const int64_t rows,
                                const int64_t vectors)
{
    __m512i acc[TARE_U8_CONV_ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            acc[i][j] = _mm512_loadu_si512(t->acc_init + 16 * j);
    }
    if (t->residual) fetch_residual(t, rows);
    const int8_t *weights = t->weights;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *row = t->rows + s * TARE_U8_CONV_PITCH;
        const int64_t end = t->row_offset + 4 * t->n_steps;
        const int8_t *ahead = weights + t->ahead;
        for (int64_t k = t->row_offset; k < end; k += 4) {
            __m512i w[2];
            TARE_UNROLL
            for (int64_t j = 0; j < vectors; j++) {
                w[j] = _mm512_loadu_si512(weights + 64 * j);
                /* a few pixels wait for nothing but loads, of which these are more */
                if (rows >= 4) _mm_prefetch((const char *)ahead + 64 * j, _MM_HINT_T1);
            }
            weights += 64 * vectors;
            ahead += 64 * vectors;
            const uint8_t *const *in_memory = row;
            __asm__("" : "+r"(in_memory));
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m512i x = broadcast4((i < HELD ? row : in_memory)[i] + k);
                TARE_UNROLL
                for (int64_t j = 0; j < vectors; j++)
                    acc[i][j] = dot(acc[i][j], x, w[j]);
            }
        }
    }
    const struct route route = route_of(t);
    if (!route.residual && !route.slope && !route.out_f32) {
        store_sums(t, (struct route){.residual = false}, acc, rows, vectors);
    } else if (!route.slope && !route.out_f32) {
        store_sums(t, (struct route){.residual = true}, acc, rows, vectors);
    } else {
        __m512i sums[TARE_U8_CONV_ROWS][2];
        TARE_UNROLL
        for (int64_t i = 0; i < rows; i++) {
            TARE_UNROLL
            for (int64_t j = 0; j < vectors; j++)
                sums[i][j] = acc[i][j];
        }
        store_rows(t, route, (const __m512i(*)[2])sums);
    }
}

#define COMPUTE(n)                                                                     \
    static void compute_##n##x16(const struct tare_u8_conv_tile *t)                    \
    {                                                                                  \
        compute(t, n, 1);                                                              \
    }                                                                                  \
    static void compute_##n##x32(const struct tare_u8_conv_tile *t)                    \
    {                                                                                  \
        compute(t, n, 2);                                                              \
    }
COMPUTE(1)
COMPUTE(2)
COMPUTE(3)
COMPUTE(4)
COMPUTE(5)
COMPUTE(6)
COMPUTE(7)
COMPUTE(8)
COMPUTE(9)
COMPUTE(10)
COMPUTE(11)
COMPUTE(12)
COMPUTE(13)
COMPUTE(14)

static void compute_tile(const struct tare_u8_conv_tile *t)
{
#define PAIR(n)                                                                        \
    {                                                                                  \
        compute_##n##x16, compute_##n##x32                                             \
    }
    static tare_u8_conv_tile_fn *const by_rows[TARE_U8_CONV_ROWS][2] = {
        PAIR(1), PAIR(2), PAIR(3),  PAIR(4),  PAIR(5),  PAIR(6),  PAIR(7),
        PAIR(8), PAIR(9), PAIR(10), PAIR(11), PAIR(12), PAIR(13), PAIR(14)};
#undef PAIR
    by_rows[t->n_rows - 1][t->width != TARE_U8_CONV_NARROW](t);
}

/* Twice a page, where the hardware's own prefetching ends. */
enum { FETCH_DISTANCE = 8192 };

void tare_u8_conv__vnni_14x32(const struct tare_u8_conv *p,
                              const struct tare_u8_conv_data *d, void *scratch,
                              int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_tile,
                                             .fetch_distance = FETCH_DISTANCE};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
