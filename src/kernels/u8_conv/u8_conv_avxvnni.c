/* AVX-VNNI: VPDPBUSD on 256 bits, of CPUs without AVX-512. 5 pixels x 16 channels: 10
 * accumulators, two vectors of weights and a broadcast. */
#include <immintrin.h>

#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd_avx2.h"

enum { ROWS = 5, COLUMNS = 16 };

/* acc += the four products u8 x * s8 w of each lane. The intrinsic makes gcc 12 spill
 * accumulators in every step. */
TARE_ALWAYS_INLINE __m256i dot(__m256i acc, __m256i x, __m256i w)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(x), "x"(w));
    return acc;
}

/* The pixels [first, first + rows), a constant number, of 16 channels. */
TARE_ALWAYS_INLINE void compute(const struct tare_u8_conv_tile *t,
                                const struct tare_finish_avx2 *finish, int64_t first,
                                const int64_t rows, int64_t channel)
{
    __m256i acc[ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        acc[i][0] = load(t->acc_init + channel);
        acc[i][1] = load(t->acc_init + channel + 8);
    }
    const int8_t *weights = t->weights + 4 * channel;
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *row = t->rows + s * TARE_U8_CONV_PITCH + first;
        const int64_t end = t->row_offset + 4 * t->n_steps;
        for (int64_t k = t->row_offset; k < end; k += 4, weights += 4 * t->width) {
            const __m256i w0 = load(weights), w1 = load(weights + 32);
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m256i x = broadcast4(row[i] + k);
                acc[i][0] = dot(acc[i][0], x, w0);
                acc[i][1] = dot(acc[i][1], x, w1);
            }
        }
    }
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++)
        store_row(t, finish, acc[i][0], acc[i][1], first + i, channel);
}

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t parts = (t->n_rows + ROWS - 1) / ROWS;
    for (int64_t channel = 0; channel < t->n_channels; channel += COLUMNS) {
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = t->n_rows * part / parts;
            const int64_t rows = t->n_rows * (part + 1) / parts - first;
            switch (rows) {
            case 1: compute(t, &finish, first, 1, channel); break;
            case 2: compute(t, &finish, first, 2, channel); break;
            case 3: compute(t, &finish, first, 3, channel); break;
            case 4: compute(t, &finish, first, 4, channel); break;
            default: compute(t, &finish, first, 5, channel); break;
            }
        }
    }
}

void tare_u8_conv__avxvnni_5x16(const struct tare_u8_conv *p,
                                const struct tare_u8_conv_data *d, void *scratch,
                                int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_tile};
    if (compute_patches(p, d, scratch, begin, end)) return;
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
