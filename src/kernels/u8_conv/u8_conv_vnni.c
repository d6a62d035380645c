/* AVX-512-VNNI, 14 pixels x 32 channels: 28 accumulators, a step is two loads of
 * weights and, for each pixel, a broadcast of 4 bytes and two VPDPBUSD. Pixels at a
 * row's ends, and one of two rows, sit out the steps that are padding for them. */
#include <immintrin.h>
#include <string.h>

#include "kernels/u8_conv/u8_conv_store_vnni.h"
#include "kernels/u8_conv/u8_conv_winograd_vnni.h"

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
                                   const struct output *out, const struct route route,
                                   __m512i acc[TARE_U8_CONV_ROWS][2],
                                   const int64_t rows, const int64_t vectors)
{
    const struct columns c = load_columns(t, vectors);
    __m512i words[TARE_U8_CONV_ROWS];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        if (route.words)
            words[i] = words_of_row(t, out, &c, route, i, acc[i]);
        else
            store_row(t, out, &c, route, i, acc[i], vectors);
        if (route.words && !route.residual && i % 2 == 1)
            store_words(t, out, &c, route, i - 1, words[i - 1], words[i], true);
    }
    if (!route.words) return;
    if (route.residual) {
        TARE_UNROLL
        for (int64_t i = 0; i + 1 < rows; i += 2)
            store_words(t, out, &c, route, i, words[i], words[i + 1], true);
    }
    if (rows % 2 == 1)
        store_words(t, out, &c, route, rows - 1, words[rows - 1], words[rows - 1],
                    false);
}

/* While the sums are made, what is added to them comes nearer. */
TARE_ALWAYS_INLINE void fetch_residual(const struct tare_u8_conv_tile *t,
                                       const uint8_t *residual, const int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        _mm_prefetch((const char *)residual + i * t->residual_stride, _MM_HINT_T0);
}

/* A register tile: one row of pixels or two, 16 * `vectors` channels; constants. */
struct shape {
    int64_t rows, row_pixels, vectors;
};

/* The pixels of it that some steps are for: [first, last) of each of the rows [row,
 * row_end); constants, too. */
struct part {
    int64_t row, row_end, first, last;
};

enum { FEW = 4 }; /* fewer pixels wait for nothing but loads, prefetches among them */

/* Pointers to pixels that stay in registers. There are too few for all; to load the
 * others in every step is 3 to 7 % faster on a Zen 4 than what gcc 12 does on its own,
 * which may be to keep them in vector registers. */
enum { HELD = 6 };

/* Where a tile's steps have come to: their weights, and what they fetch. */
struct stream {
    const int8_t *weights;
    const char *fetched;
    int64_t fetch_step;
};

/* The steps from byte `k` of each pixel to `end`. Gives the stream behind them. */
TARE_ALWAYS_INLINE struct stream accumulate(const uint8_t *const *pixels, int64_t k,
                                            int64_t end, struct stream stream,
                                            __m512i acc[TARE_U8_CONV_ROWS][2],
                                            const struct shape shape,
                                            const struct part part)
{
    for (; k < end; k += 4) {
        __m512i w[2];
        TARE_UNROLL
        for (int64_t j = 0; j < shape.vectors; j++) {
            w[j] = _mm512_loadu_si512(stream.weights + 64 * j);
            if (shape.row_pixels >= FEW)
                _mm_prefetch(stream.fetched + 64 * j, _MM_HINT_T1);
        }
        stream.weights += 64 * shape.vectors;
        stream.fetched += stream.fetch_step;
        const uint8_t *const *in_memory = pixels;
        __asm__("" : "+r"(in_memory));
        TARE_UNROLL
        for (int64_t row = part.row; row < part.row_end; row++) {
            TARE_UNROLL
            for (int64_t i = part.first; i < part.last; i++) {
                const int64_t pixel = row * shape.row_pixels + i;
                const bool is_held =
                    (row - part.row) * shape.row_pixels + i - part.first < HELD;
                const __m512i x = broadcast4((is_held ? pixels : in_memory)[pixel] + k);
                TARE_UNROLL
                for (int64_t j = 0; j < shape.vectors; j++)
                    acc[pixel][j] = dot(acc[pixel][j], x, w[j]);
            }
        }
    }
    return stream;
}

/* The rows [row, row_end) of one segment, less the padding at their ends. */
TARE_ALWAYS_INLINE struct stream
accumulate_segment(const struct tare_u8_conv_tile *t, const uint8_t *const *pixels,
                   struct stream w, __m512i acc[TARE_U8_CONV_ROWS][2],
                   const struct shape shape, const int64_t row, const int64_t row_end)
{
    const int64_t n = shape.row_pixels;
    const int64_t begin = t->row_offset, end = begin + 4 * t->n_steps;
    const int64_t first_begin = begin + 4 * t->needs->first_begin;
    const int64_t last_end = begin + 4 * t->needs->last_end;
    w = accumulate(pixels, begin, first_begin, w, acc, shape,
                   (struct part){row, row_end, 1, n});
    w = accumulate(pixels, first_begin, last_end, w, acc, shape,
                   (struct part){row, row_end, 0, n});
    return accumulate(pixels, last_end, end, w, acc, shape,
                      (struct part){row, row_end, 0, n - 1});
}

/* What the tile needs of all segments. */
TARE_ALWAYS_INLINE void accumulate_needed(const struct tare_u8_conv_tile *t,
                                          __m512i acc[TARE_U8_CONV_ROWS][2],
                                          const struct shape shape)
{
    const struct tare_u8_conv_needs *needs = t->needs;
    struct stream w = {t->weights, t->fetch, t->fetch_step};
    for (int64_t s = 0; s < t->n_segments; s++) {
        const uint8_t *const *pixels = t->rows + s * TARE_U8_CONV_PITCH;
        if (shape.rows == 2 && (s < needs->row_begin[0] || s >= needs->row_end[0]))
            w = accumulate_segment(t, pixels, w, acc, shape, 1, 2);
        else if (shape.rows == 2 && (s < needs->row_begin[1] || s >= needs->row_end[1]))
            w = accumulate_segment(t, pixels, w, acc, shape, 0, 1);
        else
            w = accumulate_segment(t, pixels, w, acc, shape, 0, shape.rows);
    }
}

/* All of it. Gives what the next tile is to fetch. */
TARE_ALWAYS_INLINE const char *accumulate_all(const struct tare_u8_conv_tile *t,
                                              const uint8_t *const *pixels,
                                              struct stream w,
                                              __m512i acc[TARE_U8_CONV_ROWS][2],
                                              const struct shape shape)
{
    const int64_t begin = t->row_offset, end = begin + 4 * t->n_steps;
    for (int64_t s = 0; s < t->n_segments; s++)
        w = accumulate(pixels + s * TARE_U8_CONV_PITCH, begin, end, w, acc, shape,
                       (struct part){0, 1, 0, shape.row_pixels});
    return w.fetched;
}

/* `rows` pixels x 16 * `vectors` channels. */
TARE_ALWAYS_INLINE void begin_sums(const struct tare_u8_conv_tile *t,
                                   const uint8_t *residual,
                                   __m512i acc[TARE_U8_CONV_ROWS][2],
                                   const int64_t rows, const int64_t vectors)
{
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            acc[i][j] = _mm512_loadu_si512(t->acc_init + 16 * j);
    }
    if (residual) fetch_residual(t, residual, rows);
}

/* Through memory. */
TARE_ALWAYS_INLINE void store_shared(const struct tare_u8_conv_tile *t,
                                     const struct output *out,
                                     __m512i acc[TARE_U8_CONV_ROWS][2],
                                     const int64_t rows, const int64_t vectors)
{
    __m512i sums[TARE_U8_CONV_ROWS][2];
    TARE_UNROLL
    for (int64_t i = 0; i < rows; i++) {
        TARE_UNROLL
        for (int64_t j = 0; j < vectors; j++)
            sums[i][j] = acc[i][j];
    }
    store_rows(t, *out, route_of(t), (const __m512i(*)[2])sums);
}

/* The output of the tile behind. */
TARE_ALWAYS_INLINE void advance(const struct tare_u8_conv_tile *t, struct output *out)
{
    if (out->residual) out->residual += out->n_rows * t->residual_stride;
    if (out->y_u8)
        out->y_u8 += out->n_rows * t->pixel_stride;
    else
        out->y_f32 += out->n_rows * t->pixel_stride;
}

/* The `n` tiles of `rows` pixels behind the first `row` pixels. The most frequent
 * routes go straight from registers, the others share one loop over memory. Gives what
 * the tiles behind are to fetch. */
TARE_ALWAYS_INLINE const char *compute(const struct tare_u8_conv_tile *t, int64_t row,
                                       int64_t n, const char *fetch, const int64_t rows,
                                       const int64_t vectors)
{
    const struct route route = route_of(t);
    const bool words = is_for_words(t, vectors), plain = words && is_plain(t);
    const uint8_t *const *pixels = t->rows + row;
    struct output out = output_of(t);
    out.n_rows = row;
    advance(t, &out);
    out.n_rows = rows;
    for (; n > 0; n--) {
        __m512i acc[TARE_U8_CONV_ROWS][2];
        begin_sums(t, out.residual, acc, rows, vectors);
        fetch =
            accumulate_all(t, pixels, (struct stream){t->weights, fetch, t->fetch_step},
                           acc, (struct shape){1, rows, vectors});
        if (route.out_f32 && !route.slope && !route.residual)
            store_sums(t, &out, (struct route){.out_f32 = true}, acc, rows, vectors);
        else if (vectors == 1 && !route.slope && !route.residual)
            store_sums(t, &out, (struct route){.residual = false}, acc, rows, vectors);
        else if (!words)
            store_shared(t, &out, acc, rows, vectors);
        else if (!route.residual && plain)
            store_sums(t, &out, (struct route){.words = true, .plain = true}, acc, rows,
                       vectors);
        else if (!route.residual)
            store_sums(t, &out, (struct route){.words = true}, acc, rows, vectors);
        else if (plain)
            store_sums(t, &out,
                       (struct route){.residual = true, .words = true, .plain = true},
                       acc, rows, vectors);
        else
            store_sums(t, &out, (struct route){.residual = true, .words = true}, acc,
                       rows, vectors);
        pixels += rows;
        advance(t, &out);
    }
    return fetch;
}

/* Where padding is left out. A function of its own: gcc 12 spills more with the loops
 * of both in one. */
TARE_ALWAYS_INLINE void compute_less(const struct tare_u8_conv_tile *t,
                                     const int64_t rows)
{
    __m512i acc[TARE_U8_CONV_ROWS][2];
    const struct output out = output_of(t);
    begin_sums(t, out.residual, acc, rows, 2);
    if (rows % 2 == 0 && rows >= 2 * FEW && t->needs->row_pixels < rows)
        accumulate_needed(t, acc, (struct shape){2, rows / 2, 2});
    else
        accumulate_needed(t, acc, (struct shape){1, rows, 2});
    store_shared(t, &out, acc, rows, 2);
}

#define COMPUTE(n)                                                                     \
    static const char *compute_##n##x16(const struct tare_u8_conv_tile *t,             \
                                        int64_t row, int64_t n_tiles,                  \
                                        const char *fetch)                             \
    {                                                                                  \
        return compute(t, row, n_tiles, fetch, n, 1);                                  \
    }                                                                                  \
    static const char *compute_##n##x32(const struct tare_u8_conv_tile *t,             \
                                        int64_t row, int64_t n_tiles,                  \
                                        const char *fetch)                             \
    {                                                                                  \
        return compute(t, row, n_tiles, fetch, n, 2);                                  \
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

#define COMPUTE_LESS(n)                                                                \
    static void compute_less_##n(const struct tare_u8_conv_tile *t)                    \
    {                                                                                  \
        compute_less(t, n);                                                            \
    }
COMPUTE_LESS(4)
COMPUTE_LESS(5)
COMPUTE_LESS(6)
COMPUTE_LESS(7)
COMPUTE_LESS(8)
COMPUTE_LESS(9)
COMPUTE_LESS(10)
COMPUTE_LESS(11)
COMPUTE_LESS(12)
COMPUTE_LESS(13)
COMPUTE_LESS(14)

/* Narrow blocks and tiles of few pixels are too rare for it. */
static bool needs_less(const struct tare_u8_conv_tile *t)
{
    const struct tare_u8_conv_needs *needs = t->needs;
    return t->width != TARE_U8_CONV_NARROW && t->n_rows >= FEW &&
           (needs->row_pixels < t->n_rows || needs->first_begin > 0 ||
            needs->last_end < t->n_steps);
}

typedef const char *tiles_fn(const struct tare_u8_conv_tile *t, int64_t row,
                             int64_t n_tiles, const char *fetch);

static void compute_tiles(const struct tare_u8_conv_tile *t)
{
#define PAIR(n)                                                                        \
    {                                                                                  \
        compute_##n##x16, compute_##n##x32                                             \
    }
    static tiles_fn *const by_rows[TARE_U8_CONV_ROWS][2] = {
        PAIR(1), PAIR(2), PAIR(3),  PAIR(4),  PAIR(5),  PAIR(6),  PAIR(7),
        PAIR(8), PAIR(9), PAIR(10), PAIR(11), PAIR(12), PAIR(13), PAIR(14)};
#undef PAIR
    static tare_u8_conv_tile_fn *const less_by_rows[] = {
        compute_less_4,  compute_less_5,  compute_less_6,  compute_less_7,
        compute_less_8,  compute_less_9,  compute_less_10, compute_less_11,
        compute_less_12, compute_less_13, compute_less_14};
    if (needs_less(t)) {
        less_by_rows[t->n_rows - FEW](t);
        return;
    }
    const bool wide = t->width != TARE_U8_CONV_NARROW;
    const int64_t rows = t->first_rows;
    const int64_t n_first = t->n_rows - t->n_tiles * (rows - 1);
    const char *fetch = by_rows[rows - 1][wide](t, 0, n_first, t->fetch);
    if (n_first < t->n_tiles)
        (void)by_rows[rows - 2][wide](t, n_first * rows, t->n_tiles - n_first, fetch);
}

void tare_u8_conv__vnni_14x32(const struct tare_u8_conv *p,
                              const struct tare_u8_conv_data *d, void *scratch,
                              int64_t begin, int64_t end)
{
    const struct tare_u8_conv_style style = {.compute = compute_tiles,
                                             .at_once = TARE_U8_CONV_TILES,
                                             .fetch_tiles = 1,
                                             .row_tiles = true};
    if (compute_patches(p, d, scratch, begin, end)) return;
    tare_u8_conv_walk(p, d, scratch, begin, end, &style);
}
