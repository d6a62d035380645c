/* AVX512-FP16: products are added in half for a run of the sum, which then goes to
 * float32. A run's rounding errors are within RUN 2^-11 of the sum of its products'
 * magnitudes, and RUN 2^-24; a run that leaves the range of half is added in float32
 * from the start, so that sums overflow only where the reference's do. */
#define HALF_PATCH   uint32_t /* twice the same half */
#define HALF_STEP    2
#define HALF_COLUMNS 32
#define HALF_LOAD    lanes_load_f16
#define HALF_STORE   lanes_store_f16
#include "kernels/f16_conv/f16_conv.h"
#include "kernels/half_conv/half_conv_registers.h"
#include "kernels/half_conv/half_conv_walk.h"
#include "kernels/unroll.h"

enum { RUN = TARE_F16_CONV_RUN };

/* Pairs come by a plain load, where broadcasting 16 bits takes a shuffle as well. */
static void patch_copy(uint32_t *to, const uint16_t *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = from[i] * UINT32_C(0x10001);
}

static inline __m512h pair_of(const uint32_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_castsi512_ph(_mm512_set1_epi32(pair));
}

/* Where a vector's weights are, those that the block has: 16 or 32. */
static inline __m512h weights_at(const struct half_block *b, int64_t k, int64_t column)
{
    const __mmask32 there = b->width - column < HALF_COLUMNS ? 0xFFFF : 0xFFFFFFFF;
    return _mm512_castsi512_ph(
        _mm512_maskz_loadu_epi16(there, b->weights + k * b->width + column));
}

static inline bool is_finite(__m512h sums)
{
    enum { NANS_AND_INFINITIES = 0x99 };
    return _mm512_fpclass_ph_mask(sums, NANS_AND_INFINITIES) == 0;
}

static void add_float(float *sums, __m512 run)
{
    _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), run));
}

/* One row's products [k, end) with a vector of columns, in float32. */
static void add_slowly(const struct half_block *b, const uint32_t *row, int64_t k,
                       int64_t end, int64_t column, float *sums)
{
    __m512 low = _mm512_setzero_ps(), high = low;
    for (; k < end; k++) {
        const __m512i w = _mm512_castph_si512(weights_at(b, k, column));
        const __m512 x = _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)(row[k] & 0xFFFF)));
        low = _mm512_fmadd_ps(x, _mm512_cvtph_ps(_mm512_castsi512_si256(w)), low);
        high =
            _mm512_fmadd_ps(x, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(w, 1)), high);
    }
    add_float(sums, low);
    add_float(sums + LANES, high);
}

static inline void add_run(__m512h run, float *sums)
{
    const __m512i bits = _mm512_castph_si512(run);
    add_float(sums, _mm512_cvtph_ps(_mm512_castsi512_si256(bits)));
    add_float(sums + LANES, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(bits, 1)));
}

/* `rows` rows by `vectors` vectors of columns, both constant where it is inlined. */
TARE_ALWAYS_INLINE void tile(const struct half_block *b, const uint32_t *patch,
                             int64_t column, float *sums, int rows, int vectors)
{
    for (int i = 0; b->is_first && i < rows; i++)
        memset(sums + i * TARE_HALF_CONV_BLOCK, 0,
               (size_t)(vectors * HALF_COLUMNS) * sizeof *sums);
    for (int64_t begin = 0, end; begin < b->n; begin = end) {
        __m512h acc[TILE_ROWS][TILE_VECTORS];
        end = begin + RUN < b->n ? begin + RUN : b->n;
        TARE_UNROLL
        for (int i = 0; i < rows; i++)
            TARE_UNROLL
        for (int v = 0; v < vectors; v++)
            acc[i][v] = _mm512_setzero_ph();
        for (int64_t k = begin; k < end; k++) {
            __m512h w[TILE_VECTORS];
            TARE_UNROLL
            for (int v = 0; v < vectors; v++)
                w[v] = weights_at(b, k, column + v * HALF_COLUMNS);
            TARE_UNROLL
            for (int i = 0; i < rows; i++) {
                const __m512h x = pair_of(patch + i * TARE_HALF_CONV_STRETCH + k);
                TARE_UNROLL
                for (int v = 0; v < vectors; v++)
                    acc[i][v] = _mm512_fmadd_ph(x, w[v], acc[i][v]);
            }
        }
        TARE_UNROLL
        for (int i = 0; i < rows; i++)
            TARE_UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = sums + i * TARE_HALF_CONV_BLOCK + v * HALF_COLUMNS;
            if (is_finite(acc[i][v]))
                add_run(acc[i][v], to);
            else
                add_slowly(b, patch + i * TARE_HALF_CONV_STRETCH, begin, end,
                           column + v * HALF_COLUMNS, to);
        }
    }
}

#include "kernels/half_conv/half_conv_tiles.h"

void tare_f16_conv__avx512fp16(const struct tare_half_conv *conv,
                               const struct tare_half_conv_data *data, void *scratch,
                               int64_t begin, int64_t end)
{
    half_walk(conv, data, scratch, begin, end);
}
