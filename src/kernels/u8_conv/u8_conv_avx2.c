/* AVX2: a block of pixels x 32 channels. VPMADDUBSW would saturate, so bytes become
 * 16-bit lanes, and VPMADDWD multiplies and adds them in pairs without loss. Pixels and
 * weights are widened ahead, a stretch at a time that stays in the first-level cache:
 * weights once for all pixels of the block, pixels once for all channels. Then a pair
 * of a pixel is a broadcast from memory, and the weights are VPMADDWD's operand in
 * memory: 3 pixels x 32 channels (or 6 x 16) take 12 accumulators and a register. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_avx2_few.h"
#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/unroll.h"

enum {
    STRETCH = 32, /* steps of 4 bytes, two pairs each */
    PAIRS = 2 * STRETCH,
    GROUP = 4, /* steps of a pixel that are widened together */
    SUMS = 12  /* accumulators */
};

/* Up to STRETCH steps of a tile, `runs` segments' `n_steps` each, widened. */
struct wide {
    _Alignas(32) int32_t weights[PAIRS][TARE_U8_CONV_BLOCK]; /* [pair][width] */
    _Alignas(32) int32_t pixels[TARE_U8_CONV_PITCH][PAIRS];
    int64_t runs, n_steps;
    int64_t run_pairs; /* from one run of a pixel to the next */
};

TARE_ALWAYS_INLINE void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

TARE_ALWAYS_INLINE __m128i load16(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* acc += the products of each lane's pair. Left to itself, gcc 12 adds the products of
 * a step first and spills accumulators meanwhile. */
TARE_ALWAYS_INLINE __m256i add_products(__m256i acc, __m256i x, const int32_t *w)
{
    __m256i products;
    __asm__("vpmaddwd %2, %1, %0"
            : "=x"(products)
            : "x"(x), "m"(*(const __m256i *)(const void *)w));
    __asm__("vpaddd %1, %0, %0" : "+x"(acc) : "x"(products));
    return acc;
}

static void widen_weights(const int8_t *weights, int64_t n_steps, int64_t width,
                          int32_t *wide)
{
    for (int64_t k = 0; k < n_steps; k++, wide += 2 * width) {
        for (int64_t c = 0; c < width; c += 8, weights += 32) {
            /* channels 0 to 3 and 4 to 7, both pairs of each */
            const __m256 low =
                _mm256_castsi256_ps(_mm256_cvtepi8_epi16(load16(weights)));
            const __m256 high =
                _mm256_castsi256_ps(_mm256_cvtepi8_epi16(load16(weights + 16)));
            const __m256i first =
                _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88));
            const __m256i second =
                _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0xDD));
            store(wide + c, _mm256_permute4x64_epi64(first, 0xD8));
            store(wide + width + c, _mm256_permute4x64_epi64(second, 0xD8));
        }
    }
}

/* The steps [step, step + n_steps) of the segments [segment, segment + runs). */
static void widen(const struct tare_u8_conv_tile *t, const int8_t *weights,
                  int64_t segment, int64_t step, struct wide *wide)
{
    widen_weights(weights, wide->runs * wide->n_steps, t->width, wide->weights[0]);
    for (int64_t run = 0; run < wide->runs; run++) {
        const uint8_t *const *rows = t->rows + (segment + run) * TARE_U8_CONV_PITCH;
        for (int64_t i = 0; i < t->n_rows; i++) {
            const uint8_t *x = rows[i] + t->row_offset + 4 * step;
            int32_t *pairs = wide->pixels[i] + run * wide->run_pairs;
            for (int64_t k = 0; k < wide->n_steps; k += GROUP)
                store(pairs + 2 * k, _mm256_cvtepu8_epi16(load16(x + 4 * k)));
        }
    }
}

/* Add what is widened to the sums of `rows` pixels by 8 * `vectors` channels, both
 * constants. */
TARE_ALWAYS_INLINE void accumulate(const struct wide *wide, int64_t first,
                                   const int64_t rows, const int64_t vectors,
                                   __m256i acc[SUMS])
{
    const int32_t *w = wide->weights[0];
    for (int64_t run = 0; run < wide->runs; run++) {
        const int32_t *x = wide->pixels[first] + run * wide->run_pairs;
        for (int64_t k = 0; k < 2 * wide->n_steps; k++, w += 8 * vectors) {
            TARE_UNROLL
            for (int64_t i = 0; i < rows; i++) {
                const __m256i pair = _mm256_set1_epi32(x[i * PAIRS + k]);
                TARE_UNROLL
                for (int64_t j = 0; j < vectors; j++)
                    acc[i * vectors + j] =
                        add_products(acc[i * vectors + j], pair, w + 8 * j);
            }
        }
    }
}

/* Where sums come from and go to: from acc_init to the output through registers alone
 * where what is widened is all there is. */
struct stage {
    const struct tare_u8_conv_tile *tile;
    const struct tare_finish_avx2 *finish;
    const struct wide *wide;
    int32_t (*sums)[TARE_U8_CONV_BLOCK]; /* NULL: stay in registers */
};

TARE_ALWAYS_INLINE void advance(const struct stage *s, int64_t first,
                                const int64_t rows, const int64_t vectors)
{
    __m256i acc[SUMS];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        const int32_t *from = s->sums ? s->sums[first + i] : s->tile->acc_init;
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            acc[i * vectors + j] = load(from + 8 * j);
    }
    accumulate(s->wide, first, rows, vectors, acc);
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j += 2) {
            if (s->sums) {
                store(&s->sums[first + i][8 * j], acc[i * vectors + j]);
                store(&s->sums[first + i][8 * j + 8], acc[i * vectors + j + 1]);
            } else if (8 * j < s->tile->n_channels) {
                store_row(s->tile, s->finish, acc[i * vectors + j],
                          acc[i * vectors + j + 1], first + i, 8 * j);
            }
        }
    }
}

static void advance_tile(const struct stage *s)
{
    const int64_t n_rows = s->tile->n_rows;
    const bool narrow = s->tile->width == TARE_U8_CONV_NARROW;
    const int64_t at_once = narrow ? 6 : 3;
    const int64_t parts = (n_rows + at_once - 1) / at_once;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t first = n_rows * part / parts;
        const int64_t rows = n_rows * (part + 1) / parts - first;
        switch (narrow ? -rows : rows) {
        case 1: advance(s, first, 1, 4); break;
        case 2: advance(s, first, 2, 4); break;
        case 3: advance(s, first, 3, 4); break;
        case -1: advance(s, first, 1, 2); break;
        case -2: advance(s, first, 2, 2); break;
        case -3: advance(s, first, 3, 2); break;
        case -4: advance(s, first, 4, 2); break;
        case -5: advance(s, first, 5, 2); break;
        default: advance(s, first, 6, 2); break;
        }
    }
}

/* As many segments at a time as there is room for, or a part of one. */
static void compute_all(struct stage *s, struct wide *wide)
{
    const struct tare_u8_conv_tile *t = s->tile;
    const int64_t whole = (t->n_steps + GROUP - 1) / GROUP * GROUP;
    const int64_t most_runs = whole < STRETCH ? STRETCH / whole : 1;
    const int8_t *weights = t->weights;
    wide->run_pairs = 2 * whole;
    for (int64_t segment = 0; segment < t->n_segments; segment += wide->runs) {
        const int64_t left = t->n_segments - segment;
        wide->runs = left < most_runs ? left : most_runs;
        for (int64_t step = 0; step < t->n_steps; step += STRETCH) {
            const int64_t rest = t->n_steps - step;
            wide->n_steps = rest < STRETCH ? rest : STRETCH;
            widen(t, weights, segment, step, wide);
            advance_tile(s);
            weights += wide->runs * wide->n_steps * 4 * t->width;
        }
    }
}

static void compute_block(const struct tare_u8_conv_tile *t)
{
    if (t->n_rows <= FEW_ROWS || (t->n_segments > 1 && t->n_steps < GROUP)) {
        compute_few(t);
        return;
    }
    const struct tare_finish_avx2 finish = finish_of(t);
    struct wide wide;
    struct stage stage = {t, &finish, &wide, NULL};
    const int64_t whole = (t->n_steps + GROUP - 1) / GROUP * GROUP;
    if (t->n_segments * whole <= STRETCH) {
        compute_all(&stage, &wide);
        return;
    }
    int32_t sums[TARE_U8_CONV_PITCH][TARE_U8_CONV_BLOCK];
    for (int64_t i = 0; i < t->n_rows; i++)
        memcpy(sums[i], t->acc_init, (size_t)t->width * sizeof(int32_t));
    stage.sums = sums;
    compute_all(&stage, &wide);
    for (int64_t i = 0; i < t->n_rows; i++)
        for (int64_t c = 0; c < t->n_channels; c += 16)
            store_row(t, &finish, load(&sums[i][c]), load(&sums[i][c + 8]), i, c);
}

void tare_u8_conv__avx2_3x32(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_block,
                                             .at_once = TARE_U8_CONV_TILES};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
