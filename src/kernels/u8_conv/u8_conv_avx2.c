/* AVX2: 6 pixels x 8 channels. VPMADDUBSW would saturate, so bytes become 16-bit lanes,
 * and VPMADDWD multiplies and adds them in pairs without loss. A pixel block's pixels
 * are widened once, for all its channels. A step of 4 bytes is two loads of weights,
 * widened on the way, and for each pixel a broadcast of 4 lanes: a channel has two
 * sums then, side by side, in one of 12 accumulators. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_avx2.h"
#include "kernels/whole.h"

enum { PIXELS = 6, CHANNELS = 8, STEP = 4 /* bytes */ };

/* The pixels of a pixel block, widened, all segments behind each other. */
struct wide {
    const uint8_t *const *rows; /* they come from this table */
    int64_t pitch;              /* from one pixel to the next */
    int16_t *pixels;
};

/* The pixels of a tile that are computed together. */
struct part {
    const struct tare_u8_conv_tile *tile;
    int64_t first, n; /* pixels */
    const int16_t *x; /* of the first one, where the tile's segments begin */
    int64_t pitch, n_steps;
    _Alignas(32) int32_t sums[PIXELS][TARE_U8_CONV_BLOCK];
};

TARE_ALWAYS_INLINE void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

TARE_ALWAYS_INLINE __m256i load_weights(const int8_t *w)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
}

TARE_ALWAYS_INLINE __m256i broadcast_step(const int16_t *x)
{
    int64_t four;
    memcpy(&four, x, sizeof four);
    return _mm256_set1_epi64x(four);
}

/* acc += the products of each lane's pair. Left to itself, gcc 12 adds the products of
 * a step first and spills accumulators meanwhile. */
TARE_ALWAYS_INLINE __m256i add_products(__m256i acc, __m256i x, __m256i w)
{
    __m256i products;
    __asm__("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(x), "x"(w));
    __asm__("vpaddd %1, %0, %0" : "+x"(acc) : "x"(products));
    return acc;
}

static void widen_pixels(const struct tare_u8_conv_tile *t)
{
    struct wide *wide = t->state;
    const int64_t segment_bytes = STEP * t->n_steps;
    wide->rows = t->rows;
    for (int64_t i = 0; i < t->n_rows; i++) {
        int16_t *to = wide->pixels + i * wide->pitch;
        for (int64_t s = 0; s < t->n_segments; s++, to += segment_bytes) {
            const uint8_t *x = t->rows[s * TARE_U8_CONV_PITCH + i] + t->row_offset;
            for (int64_t k = 0; k < segment_bytes; k += 16)
                store(to + k, _mm256_cvtepu8_epi16(_mm_loadu_si128(
                                  (const __m128i *)(const void *)(x + k))));
        }
    }
}

/* One step of `rows` pixels, three of them from each pointer on. */
TARE_ALWAYS_INLINE void add_step(const int16_t *const x[2], int64_t pitch,
                                 const int8_t *weights, __m256i acc[PIXELS][2],
                                 const int64_t rows)
{
    const __m256i w0 = load_weights(weights), w1 = load_weights(weights + 16);
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        const __m256i pixel = broadcast_step(x[i / 3] + i % 3 * pitch);
        acc[i][0] = add_products(acc[i][0], pixel, w0);
        acc[i][1] = add_products(acc[i][1], pixel, w1);
    }
}

/* The sums of a part, of `rows` pixels, a constant, for 8 channels. */
TARE_ALWAYS_INLINE void sum_up(struct part *part, int64_t channel, const int64_t rows)
{
    const struct tare_u8_conv_tile *t = part->tile;
    const int64_t step_bytes = STEP * t->width;
    const int16_t *x[2] = {part->x, part->x + 3 * part->pitch};
    const int8_t *w = t->weights + STEP * channel;
    __m256i acc[PIXELS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++)
        acc[i][0] = acc[i][1] = _mm256_setzero_si256();
    for (int64_t k = part->n_steps / 2; k > 0; k--, w += 2 * step_bytes) {
        add_step(x, part->pitch, w, acc, rows);
        const int16_t *const next[2] = {x[0] + STEP, x[1] + STEP};
        add_step(next, part->pitch, w + step_bytes, acc, rows);
        x[0] += 2 * STEP;
        x[1] += 2 * STEP;
    }
    if (part->n_steps % 2 != 0) add_step(x, part->pitch, w, acc, rows);
    const __m256i init = load(t->acc_init + channel);
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        const __m256i sums = _mm256_permute4x64_epi64(
            _mm256_hadd_epi32(acc[i][0], acc[i][1]), _MM_SHUFFLE(3, 1, 2, 0));
        store(&part->sums[i][channel], _mm256_add_epi32(sums, init));
    }
}

typedef void sum_up_fn(struct part *part, int64_t channel);

#define SUM_UP(n)                                                                      \
    static void sum_up_##n(struct part *part, int64_t channel)                         \
    {                                                                                  \
        sum_up(part, channel, n);                                                      \
    }
SUM_UP(1)
SUM_UP(2)
SUM_UP(3)
SUM_UP(4)
SUM_UP(5)
SUM_UP(6)

static void store_part(const struct part *part, const struct tare_finish_avx2 *finish)
{
    const struct tare_u8_conv_tile *t = part->tile;
    for (int64_t i = 0; i < part->n; i++) {
        const int64_t pixel = part->first + i;
        if (t->y_f32) {
            for (int64_t c = 0; c < t->n_channels; c += 16)
                store_row(t, finish, load(&part->sums[i][c]),
                          load(&part->sums[i][c + 8]), pixel, c);
            continue;
        }
        uint8_t *y = t->y_u8 + pixel * t->pixel_stride;
        const __m256i bytes = t->width == TARE_U8_CONV_NARROW
                                  ? bytes_of_row(t, finish, part->sums[i], pixel, 2)
                                  : bytes_of_row(t, finish, part->sums[i], pixel, 4);
        if (t->n_channels == TARE_U8_CONV_BLOCK) {
            store(y, bytes);
        } else {
            uint8_t all[TARE_U8_CONV_BLOCK];
            store(all, bytes);
            memcpy(y, all, (size_t)t->n_channels);
        }
    }
}

static void compute_block(const struct tare_u8_conv_tile *t)
{
    static sum_up_fn *const by_rows[PIXELS] = {sum_up_1, sum_up_2, sum_up_3,
                                               sum_up_4, sum_up_5, sum_up_6};
    const struct wide *wide = t->state;
    const struct tare_finish_avx2 finish = finish_of(t);
    const int64_t skipped = t->rows - wide->rows; /* segments and pixels */
    const int16_t *x = wide->pixels + skipped % TARE_U8_CONV_PITCH * wide->pitch +
                       skipped / TARE_U8_CONV_PITCH * STEP * t->n_steps;
    struct part part = {.tile = t, .pitch = wide->pitch};
    part.n_steps = t->n_segments * t->n_steps;
    const int64_t parts = ceil_div(t->n_rows, PIXELS);
    for (int64_t i = 0; i < parts; i++) {
        part.first = t->n_rows * i / parts;
        part.n = t->n_rows * (i + 1) / parts - part.first;
        part.x = x + part.first * wide->pitch;
        for (int64_t c = 0; c < t->n_channels; c += CHANNELS)
            by_rows[part.n - 1](&part, c);
        store_part(&part, &finish);
    }
}

void tare_u8_conv__avx2_6x8(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const struct tare_u8_conv_spare spare = tare_u8_conv_spare(&plan);
    struct wide wide = {.pitch = spare.pitch,
                        .pixels =
                            (int16_t *)(void *)((uint8_t *)scratch + spare.offset)};
    const struct tare_u8_conv_style style = {.prepare = widen_pixels,
                                             .compute = compute_block,
                                             .state = &wide,
                                             .at_once = TARE_U8_CONV_TILES};
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
