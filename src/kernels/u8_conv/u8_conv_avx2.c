/* AVX2, 5 pixels x 16 channels. VPMADDUBSW would saturate, so bytes become 16-bit
 * lanes, and VPMADDWD multiplies and adds them in pairs without loss. The pixels' bytes
 * are widened ahead, a stretch at a time: once for all channels of the tile, and then a
 * broadcast is a load and nothing else. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/unroll.h"

enum {
    ROWS = 5,
    COLUMNS = 16,
    STRETCH = 128, /* steps of 4 bytes: all of a tile's stay in the first-level cache */
    GROUP = 8      /* steps that are widened together: their even bytes, then the odd */
};

TARE_ALWAYS_INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

TARE_ALWAYS_INLINE void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

/* A step's even (or odd) bytes, a pair of 16-bit lanes, in all lanes. */
TARE_ALWAYS_INLINE __m256i broadcast_pair(const int32_t *x)
{
    return _mm256_set1_epi32(*x);
}

/* acc += the products of each lane's pair. Left to itself, gcc 12 adds the products of
 * a step first and spills accumulators meanwhile. */
TARE_ALWAYS_INLINE __m256i add_products(__m256i acc, __m256i x, __m256i w)
{
    const __m256i products = _mm256_madd_epi16(x, w);
    __asm__("vpaddd %1, %0, %0" : "+x"(acc) : "x"(products));
    return acc;
}

/* A tile's bytes: `runs` stretches of `n_steps`, each [group]{even[GROUP], odd[GROUP]}.
 */
struct wide {
    int32_t pairs[TARE_U8_CONV_ROWS][2 * STRETCH];
    int64_t runs, n_steps;
};

static int64_t whole_groups(int64_t n_steps)
{
    return (n_steps + GROUP - 1) / GROUP * GROUP;
}

/* The steps [step, step + n_steps) of the segments [segment, segment + runs). */
static void widen(const struct tare_u8_conv_tile *t, int64_t segment, int64_t runs,
                  int64_t step, int64_t n_steps, struct wide *wide)
{
    const __m256i low_bytes = _mm256_set1_epi16(0x00ff);
    wide->runs = runs;
    wide->n_steps = n_steps;
    for (int64_t run = 0; run < runs; run++) {
        const uint8_t *const *rows = t->rows + (segment + run) * TARE_U8_CONV_PITCH;
        for (int64_t i = 0; i < t->n_rows; i++) {
            const uint8_t *x = rows[i] + t->row_offset + 4 * step;
            int32_t *pairs = wide->pairs[i] + 2 * run * whole_groups(n_steps);
            for (int64_t k = 0; k < n_steps; k += GROUP) {
                const __m256i bytes = load(x + 4 * k);
                store(pairs + 2 * k, _mm256_and_si256(bytes, low_bytes));
                store(pairs + 2 * k + GROUP, _mm256_srli_epi16(bytes, 8));
            }
        }
    }
}

/* Add the products with the weights of 16 channels to the sums of the pixels
 * [first, first + rows), a constant number. */
TARE_ALWAYS_INLINE void accumulate(const struct wide *wide, int64_t first,
                                   const int64_t rows, const int8_t *weights,
                                   int64_t width, __m256i acc[ROWS][2])
{
    for (int64_t run = 0; run < wide->runs; run++) {
        const int32_t *x = wide->pairs[first] + 2 * run * whole_groups(wide->n_steps);
        for (int64_t k = 0; k < wide->n_steps; k++, x++, weights += 4 * width) {
            if (k && k % GROUP == 0) x += GROUP;
            __m256i w0 = _mm256_srai_epi16(_mm256_slli_epi16(load(weights), 8), 8);
            __m256i w1 = _mm256_srai_epi16(_mm256_slli_epi16(load(weights + 32), 8), 8);
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m256i pair = broadcast_pair(x + i * 2 * STRETCH);
                acc[i][0] = add_products(acc[i][0], pair, w0);
                acc[i][1] = add_products(acc[i][1], pair, w1);
            }
            w0 = _mm256_srai_epi16(load(weights), 8);
            w1 = _mm256_srai_epi16(load(weights + 32), 8);
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m256i pair = broadcast_pair(x + i * 2 * STRETCH + GROUP);
                acc[i][0] = add_products(acc[i][0], pair, w0);
                acc[i][1] = add_products(acc[i][1], pair, w1);
            }
        }
    }
}

/* Where sums come from and go to: they stay in registers where `wide` is all there is,
 * from acc_init to the output. */
struct step {
    const struct tare_u8_conv_tile *tile;
    const struct tare_finish_avx2 *finish;
    const struct wide *wide;
    const int8_t *weights;
    int32_t (*sums)[TARE_U8_CONV_BLOCK]; /* NULL: stay in registers */
};

TARE_ALWAYS_INLINE void advance(const struct step *s, int64_t first, const int64_t rows,
                                int64_t channel)
{
    __m256i acc[ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        const int32_t *from = s->sums ? s->sums[first + i] : s->tile->acc_init;
        acc[i][0] = load(from + channel);
        acc[i][1] = load(from + channel + 8);
    }
    accumulate(s->wide, first, rows, s->weights + 4 * channel, s->tile->width, acc);
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        if (s->sums) {
            store(&s->sums[first + i][channel], acc[i][0]);
            store(&s->sums[first + i][channel + 8], acc[i][1]);
        } else {
            store_row(s->tile, s->finish, acc[i][0], acc[i][1], first + i, channel);
        }
    }
}

static void advance_tile(const struct step *s)
{
    const int64_t n_rows = s->tile->n_rows;
    const int64_t parts = (n_rows + ROWS - 1) / ROWS;
    for (int64_t c = 0; c < s->tile->n_channels; c += COLUMNS) {
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = n_rows * part / parts;
            switch (n_rows * (part + 1) / parts - first) {
            case 1: advance(s, first, 1, c); break;
            case 2: advance(s, first, 2, c); break;
            case 3: advance(s, first, 3, c); break;
            case 4: advance(s, first, 4, c); break;
            default: advance(s, first, 5, c); break;
            }
        }
    }
}

static void compute_tile(const struct tare_u8_conv_tile *t)
{
    const struct tare_finish_avx2 finish = finish_of(t);
    struct wide wide;
    struct step step = {t, &finish, &wide, t->weights, NULL};
    if (t->n_segments * whole_groups(t->n_steps) <= STRETCH) {
        widen(t, 0, t->n_segments, 0, t->n_steps, &wide);
        advance_tile(&step);
        return;
    }
    int32_t sums[TARE_U8_CONV_ROWS][TARE_U8_CONV_BLOCK];
    step.sums = sums;
    for (int64_t i = 0; i < t->n_rows; i++)
        memcpy(sums[i], t->acc_init, (size_t)t->width * sizeof(int32_t));
    for (int64_t s = 0; s < t->n_segments; s++) {
        for (int64_t k = 0; k < t->n_steps; k += STRETCH) {
            const int64_t left = t->n_steps - k;
            widen(t, s, 1, k, left < STRETCH ? left : STRETCH, &wide);
            advance_tile(&step);
            step.weights += wide.n_steps * 4 * t->width;
        }
    }
    for (int64_t i = 0; i < t->n_rows; i++)
        for (int64_t c = 0; c < t->n_channels; c += COLUMNS)
            store_row(t, &finish, load(&sums[i][c]), load(&sums[i][c + 8]), i, c);
}

void tare_u8_conv__avx2_5x16(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end)
{
    tare_u8_conv_walk(p, d, scratch, begin, end, compute_tile);
}
