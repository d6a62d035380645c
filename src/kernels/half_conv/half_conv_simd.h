/* kernels/half_conv/half_conv_simd.h - sums in float32 of AVX2, AVX-512 and NEON, for
 * files that define CONV_NAME, HALF_LOAD, HALF_STORE,
 * and HALF_WEIGHTS(pair, width, odd, v): vector v of the weights of a product, from the
 * weights of two. Inputs are widened when they are gathered, weights when they are
 * loaded. 12 x 2 vectors of sums stay in AVX-512's 32 registers, 6 x 2 in AVX2's 16,
 * and 6 x 4 in NEON's 32. */
#define HALF_PATCH float
#define HALF_STEP  2
#include "kernels/half_conv/half_conv_registers.h"
#include "kernels/half_conv/half_conv_walk.h"
#include "kernels/unroll.h"

static void patch_copy(float *to, const uint16_t *from, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        lanes_store(to + i, HALF_LOAD(from + i));
    if (i < n)
        lanes_store_n(to + i, lanes_load_half_upto(HALF_LOAD, from + i, n - i), n - i);
}

/* `rows` rows by `vectors` vectors of columns, both constant where it is inlined. */
TARE_ALWAYS_INLINE void tile(const struct half_block *b, const float *patch,
                             int64_t column, float *sums, int rows, int vectors)
{
    const uint16_t *const weights = b->weights;
    lanes acc[TILE_ROWS][TILE_VECTORS];
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        acc[i][v] = b->is_first
                        ? lanes_zero()
                        : lanes_load(sums + i * TARE_HALF_CONV_BLOCK + v * LANES);
    for (int64_t k = 0; k < b->n; k += 2) {
        const uint16_t *pair = weights + k * b->width;
        TARE_UNROLL
        for (int odd = 0; odd < 2; odd++) {
            lanes w[TILE_VECTORS];
            TARE_UNROLL
            for (int v = 0; v < vectors; v++)
                w[v] = HALF_WEIGHTS(pair, b->width, odd, column + v * LANES);
            TARE_UNROLL
            for (int i = 0; i < rows; i++) {
                const lanes x = lanes_set1(patch[i * TARE_HALF_CONV_STRETCH + k + odd]);
                TARE_UNROLL
                for (int v = 0; v < vectors; v++)
                    acc[i][v] = lanes_fma(x, w[v], acc[i][v]);
            }
        }
    }
    TARE_UNROLL
    for (int i = 0; i < rows; i++)
        TARE_UNROLL
    for (int v = 0; v < vectors; v++)
        lanes_store(sums + i * TARE_HALF_CONV_BLOCK + v * LANES, acc[i][v]);
}

#include "kernels/half_conv/half_conv_tiles.h"

void CONV_NAME(const struct tare_half_conv *conv,
               const struct tare_half_conv_data *data, void *scratch, int64_t begin,
               int64_t end)
{
    half_walk(conv, data, scratch, begin, end);
}
