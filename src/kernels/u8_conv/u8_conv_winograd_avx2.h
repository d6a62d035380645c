/* kernels/u8_conv/u8_conv_winograd_avx2.h - see u8_conv_winograd.h, for files built
 * with the flags of TARE_CPU_AVX2. Private to u8_conv_avx2.c. */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H

#include "kernels/u8_conv/u8_conv_sums_avx2.h"
#include "kernels/u8_conv/u8_conv_winograd.h"
#include "kernels/whole.h"

enum {
    SIDE = TARE_U8_WINOGRAD_SIDE,
    POINTS = TARE_U8_WINOGRAD_POINTS,
    BLOCK = TARE_U8_WINOGRAD_BLOCK,
    SUMS = TARE_U8_WINOGRAD_PATCHES * BLOCK /* of a point */
};

/* A call: its layer, and buffers, which tare_u8_winograd() places in `scratch`. */
struct winograd_call {
    const struct tare_u8_winograd *winograd;
    const struct tare_u8_conv_plan *plan;
    const struct tare_u8_conv *p;
    const struct tare_u8_conv_data *d;
    char *scratch;
};

TARE_ALWAYS_INLINE int16_t *winograd_inputs(const struct winograd_call *k)
{
    return (int16_t *)(void *)(k->scratch + k->winograd->inputs);
}

TARE_ALWAYS_INLINE int16_t *winograd_weights(const struct winograd_call *k,
                                             int64_t slot)
{
    return (int16_t *)(void *)(k->scratch + k->winograd->weights) +
           slot * POINTS * k->p->window.in_c * BLOCK;
}

/* The own products of patch `i`; points are n_inputs apart. */
TARE_ALWAYS_INLINE int32_t *winograd_own(const struct winograd_call *k, int64_t i)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->own) + i;
}

/* Do sums take own products? */
TARE_ALWAYS_INLINE bool winograd_is_long(const struct winograd_call *k)
{
    return k->p->window.in_c / STEP >= LONG_SUM;
}

/* What sums start from. */
TARE_ALWAYS_INLINE int32_t *winograd_inits(const struct winograd_call *k, int64_t slot)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->inits) + slot * POINTS * BLOCK;
}

/* Of 8 channels of a patch; points are SUMS apart. */
TARE_ALWAYS_INLINE int32_t *winograd_sums(const struct winograd_call *k, int64_t i,
                                          int64_t channel)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->sums) + i * BLOCK + channel;
}

/* B^T d. */
TARE_ALWAYS_INLINE void transform_inputs(const __m256i d[SIDE], __m256i v[SIDE])
{
    v[0] = _mm256_sub_epi16(d[0], d[2]);
    v[1] = _mm256_add_epi16(d[1], d[2]);
    v[2] = _mm256_sub_epi16(d[2], d[1]);
    v[3] = _mm256_sub_epi16(d[1], d[3]);
}

/* 2 G g. */
TARE_ALWAYS_INLINE void transform_filter(const __m256i g[3], __m256i u[SIDE])
{
    const __m256i ends = _mm256_add_epi16(g[0], g[2]);
    u[0] = _mm256_add_epi16(g[0], g[0]);
    u[1] = _mm256_add_epi16(ends, g[1]);
    u[2] = _mm256_sub_epi16(ends, g[1]);
    u[3] = _mm256_add_epi16(g[2], g[2]);
}

/* A^T m. */
TARE_ALWAYS_INLINE void gather_sums(const __m256i m[SIDE], __m256i y[2])
{
    y[0] = _mm256_add_epi32(_mm256_add_epi32(m[0], m[1]), m[2]);
    y[1] = _mm256_sub_epi32(_mm256_sub_epi32(m[1], m[2]), m[3]);
}

/* 16 channels of a patch; `stride` from one point to the next. */
static inline void transform_patch(const uint8_t *const pixels[POINTS], int64_t c,
                                   int16_t *to, int64_t stride)
{
    __m256i half[SIDE][SIDE]; /* B^T d, transposed */
    EACH_OF(SIDE, x)
    {
        __m256i column[SIDE];
        EACH_OF(SIDE, y)
        column[y] = _mm256_cvtepu8_epi16(load16(pixels[SIDE * y + x] + c));
        transform_inputs(column, half[x]);
    }
    EACH_OF(SIDE, y)
    {
        const __m256i row[SIDE] = {half[0][y], half[1][y], half[2][y], half[3][y]};
        __m256i v[SIDE];
        transform_inputs(row, v);
        EACH_OF(SIDE, x) store(to + (SIDE * y + x) * stride, v[x]);
    }
}

/* The own products of `n` patches. */
static void find_own(const struct winograd_call *k, int64_t n)
{
    const int64_t in_c = k->p->window.in_c, n_inputs = k->winograd->n_inputs;
    for (int64_t point = 0; point < POINTS; point++)
        for (int64_t i = point * n_inputs; i < point * n_inputs + n; i++)
            *winograd_own(k, i) = own_products(winograd_inputs(k) + i * in_c, in_c);
}

/* The inputs of the patches [first, first + n). */
static void transform_patches(const struct winograd_call *k, int64_t first, int64_t n)
{
    const struct tare_window *w = &k->p->window;
    const struct tare_u8_winograd *plan = k->winograd;
    const uint8_t *padding = (const uint8_t *)k->scratch + plan->padding;
    const int64_t pitch = tare_window_in_pitch(w);
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = (first + i) / plan->columns;
        const int64_t y = row % plan->rows * 2 - w->pad_top;
        const int64_t x = (first + i) % plan->columns * 2 - w->pad_left;
        const uint8_t *image = k->d->x + row / plan->rows * w->in_h * w->in_w * pitch;
        const uint8_t *pixels[POINTS];
        for (int64_t j = 0; j < POINTS; j++) {
            const int64_t iy = y + j / SIDE, ix = x + j % SIDE;
            const bool inside = iy >= 0 && iy < w->in_h && ix >= 0 && ix < w->in_w;
            pixels[j] = inside ? image + (iy * w->in_w + ix) * pitch : padding;
        }
        for (int64_t c = 0; c < w->in_c; c += 16)
            transform_patch(pixels, c, winograd_inputs(k) + i * w->in_c + c,
                            plan->n_inputs * w->in_c);
    }
    if (winograd_is_long(k)) find_own(k, n);
}

/* 2 G g 2 G^T of four channels of four inputs: 16 bytes of each of the packed taps,
 * `stride` apart. */
TARE_ALWAYS_INLINE void transform_four(const int8_t *taps, int64_t stride,
                                       __m256i u[SIDE][SIDE])
{
    __m256i half[3][SIDE]; /* 2 G g, transposed */
    EACH_OF(3, x)
    {
        __m256i column[3];
        EACH_OF(3, y) column[y] = load_bytes(taps + (3 * y + x) * stride);
        transform_filter(column, half[x]);
    }
    EACH_OF(SIDE, y)
    {
        const __m256i row[3] = {half[0][y], half[1][y], half[2][y]};
        transform_filter(row, u[y]);
    }
}

/* The weights of a block of channels, and what its sums start from. */
static void transform_weights(const struct winograd_call *k, int64_t block,
                              int64_t slot)
{
    static const int32_t zeros[BLOCK];
    int16_t *to = winograd_weights(k, slot);
    const int64_t in_c = k->p->window.in_c;
    const int64_t b = block * BLOCK / TARE_U8_CONV_BLOCK;
    const int64_t width = tare_u8_conv_block_width(k->plan, b);
    const int8_t *from = k->d->weights + tare_u8_conv_block_offset(k->plan, 0, b) +
                         block * BLOCK % TARE_U8_CONV_BLOCK * STEP;
    for (int64_t step = 0; step < in_c / STEP; step++)
        for (int64_t c = 0; c < BLOCK; c += CHANNELS) {
            const int8_t *taps = from + (step * width + c) * STEP;
            int16_t *here = to + step * STEP * BLOCK + 2 * c;
            __m256i low[SIDE][SIDE], high[SIDE][SIDE];
            transform_four(taps, in_c * width, low);
            transform_four(taps + 16, in_c * width, high);
            EACH_OF(POINTS, i)
            store_pairs(low[i / SIDE][i % SIDE], high[i / SIDE][i % SIDE],
                        here + i * in_c * BLOCK, 2 * BLOCK);
        }
    for (int64_t i = 0; i < POINTS; i++)
        begin_sums(to + i * in_c * BLOCK, winograd_is_long(k) ? in_c / STEP : 0, zeros,
                   winograd_inits(k, slot) + i * BLOCK);
}

/* The sums of `n` patches, of which inputs are held `from` on, with the weights of a
 * slot. A point's weights stay in the first-level cache for all of them. */
static void multiply(const struct winograd_call *k, int64_t slot, int64_t from,
                     int64_t n)
{
    const int64_t in_c = k->p->window.in_c, n_inputs = k->winograd->n_inputs;
    const bool is_long = winograd_is_long(k);
    const int64_t parts = ceil_div(n, is_long ? OWN_PIXELS : PIXELS);
    struct wide_sums s = {.pitch = in_c, .n_steps = in_c / STEP, .stride = BLOCK};
    for (int64_t point = 0; point < POINTS; point++) {
        s.weights = winograd_weights(k, slot) + point * in_c * BLOCK;
        s.init = winograd_inits(k, slot) + point * BLOCK;
        for (int64_t part = 0; part < parts; part++) {
            const int64_t at = n * part / parts, here = point * n_inputs + from + at;
            s.x = winograd_inputs(k) + here * in_c;
            if (is_long) s.own = winograd_own(k, here);
            s.sums = winograd_sums(k, at, 0) + point * SUMS;
            sum_wide(&s, n * (part + 1) / parts - at, 2);
        }
    }
}

/* Four pixels of a patch, [row][column], for 8 channels. */
TARE_ALWAYS_INLINE void gather_patch(const int32_t *from, __m256i init, __m256i y[2][2])
{
    __m256i half[SIDE][2]; /* A^T m, transposed */
    EACH_OF(SIDE, x)
    {
        const __m256i column[SIDE] = {
            load(from + x * SUMS), load(from + (SIDE + x) * SUMS),
            load(from + (2 * SIDE + x) * SUMS), load(from + (3 * SIDE + x) * SUMS)};
        gather_sums(column, half[x]);
    }
    EACH_OF(2, dy)
    {
        const __m256i row[SIDE] = {half[0][dy], half[1][dy], half[2][dy], half[3][dy]};
        gather_sums(row, y[dy]);
        EACH_OF(2, dx)
        y[dy][dx] = _mm256_add_epi32(_mm256_srai_epi32(y[dy][dx], 2), init);
    }
}

/* The output of the patches [first, first + n), for the block of channels of tile `t`,
 * whose pixels are all of the layer's. */
static void store_patches(const struct winograd_call *k,
                          const struct tare_u8_conv_tile *t,
                          const struct tare_finish_avx2 *finish, int64_t first,
                          int64_t n)
{
    const struct tare_window *w = &k->p->window;
    const struct tare_u8_winograd *plan = k->winograd;
    const __m256i init0 = load(t->acc_init), init1 = load(t->acc_init + CHANNELS);
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = (first + i) / plan->columns;
        const int64_t oy = row % plan->rows * 2;
        const int64_t ox = (first + i) % plan->columns * 2;
        const int64_t pixel = (row / plan->rows * w->out_h + oy) * w->out_w + ox;
        __m256i low[2][2], high[2][2];
        gather_patch(winograd_sums(k, i, 0), init0, low);
        gather_patch(winograd_sums(k, i, CHANNELS), init1, high);
        for (int64_t dy = 0; dy < 2 && oy + dy < w->out_h; dy++)
            for (int64_t dx = 0; dx < 2 && ox + dx < w->out_w; dx++)
                store_row(t, finish, low[dy][dx], high[dy][dx],
                          pixel + dy * w->out_w + dx, 0);
    }
}

/* The patches [first, first + n), whose inputs are held `from` on, for one block, whose
 * weights are in a slot. */
static void compute_block_of_patches(const struct winograd_call *k, int64_t block,
                                     int64_t slot, int64_t first, int64_t from,
                                     int64_t n)
{
    const struct tare_u8_conv_tile t =
        tile_of_channels(k->p, k->d, block * BLOCK, BLOCK);
    const struct tare_finish_avx2 finish = finish_of(&t);
    multiply(k, slot, from, n);
    store_patches(k, &t, &finish, first, n);
}

/* The units [begin, end) of `n`: some blocks, */
static void compute_by_blocks(const struct winograd_call *k, int64_t begin, int64_t end,
                              int64_t n)
{
    const struct tare_u8_winograd *plan = k->winograd;
    const int64_t parts = ceil_div(plan->patches, TARE_U8_WINOGRAD_PATCHES);
    const int64_t block_end = plan->blocks * end / n;
    transform_patches(k, 0, plan->patches);
    for (int64_t block = plan->blocks * begin / n; block < block_end; block++) {
        transform_weights(k, block, 0);
        for (int64_t part = 0; part < parts; part++) {
            const int64_t first = plan->patches * part / parts;
            compute_block_of_patches(k, block, 0, first, first,
                                     plan->patches * (part + 1) / parts - first);
        }
    }
}

/* or some patches. */
static void compute_by_patches(const struct winograd_call *k, int64_t begin,
                               int64_t end, int64_t n)
{
    const struct tare_u8_winograd *plan = k->winograd;
    const int64_t first = plan->patches * begin / n;
    const int64_t patches = plan->patches * end / n - first;
    const int64_t parts = ceil_div(patches, TARE_U8_WINOGRAD_PATCHES);
    for (int64_t block = 0; block < plan->blocks; block++)
        transform_weights(k, block, block);
    for (int64_t part = 0; part < parts; part++) {
        const int64_t at = first + patches * part / parts;
        const int64_t n_here = first + patches * (part + 1) / parts - at;
        transform_patches(k, at, n_here);
        for (int64_t block = 0; block < plan->blocks; block++)
            compute_block_of_patches(k, block, block, at, 0, n_here);
    }
}

static void compute_patches(const struct winograd_call *k, int64_t begin, int64_t end)
{
    const int64_t n = tare_u8_conv_units(k->p);
    memset(k->scratch + k->winograd->padding, k->p->in_zero_point,
           (size_t)k->p->window.in_c);
    if (k->winograd->by_blocks)
        compute_by_blocks(k, begin, end, n);
    else
        compute_by_patches(k, begin, end, n);
}

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_AVX2_H */
