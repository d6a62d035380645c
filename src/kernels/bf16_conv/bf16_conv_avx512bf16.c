/* AVX512-BF16: VDPBF16PS adds the two products of a pair at once, from the bits as they
 * are. It takes denormals as zeros and rounds after each product: a sum of n products
 * is within (n + 3) 2^-22 of the reference's, of the sum of their magnitudes. */
#define HALF_PATCH uint16_t
#define HALF_STEP  2
#define HALF_LOAD  lanes_load_bf16
#define HALF_STORE lanes_store_bf16
#include "kernels/bf16_conv/bf16_conv.h"
#include "kernels/half_conv/half_conv_registers.h"
#include "kernels/half_conv/half_conv_walk.h"
#include "kernels/unroll.h"

static void patch_copy(uint16_t *to, const uint16_t *from, int64_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static inline __m512bh pair_of(const uint16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

TARE_ALWAYS_INLINE void tile(const struct half_block *b, const uint16_t *patch,
                             int64_t column, float *sums, int rows, int vectors)
{
    lanes acc[TILE_ROWS][TILE_VECTORS];
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        acc[i][v] = b->is_first
                        ? lanes_zero()
                        : lanes_load(sums + i * TARE_HALF_CONV_BLOCK + v * LANES);
    for (int64_t k = 0; k < b->n; k += 2) {
        const uint16_t *pairs = b->weights + k * b->width + 2 * column;
        __m512bh w[TILE_VECTORS];
        TARE_UNROLL
        for (int v = 0; v < vectors; v++)
            w[v] = (__m512bh)_mm512_loadu_si512(pairs + 2 * v * LANES);
        TARE_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m512bh x = pair_of(patch + i * TARE_HALF_CONV_STRETCH + k);
            TARE_UNROLL
            for (int v = 0; v < vectors; v++)
                acc[i][v] = _mm512_dpbf16_ps(acc[i][v], x, w[v]);
        }
    }
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        lanes_store(sums + i * TARE_HALF_CONV_BLOCK + v * LANES, acc[i][v]);
}

#include "kernels/half_conv/half_conv_tiles.h"

void tare_bf16_conv__avx512bf16(const struct tare_half_conv *conv,
                                const struct tare_half_conv_data *data, void *scratch,
                                int64_t begin, int64_t end)
{
    half_walk(conv, data, scratch, begin, end);
}
