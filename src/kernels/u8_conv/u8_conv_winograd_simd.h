/* kernels/u8_conv/u8_conv_winograd_simd.h - see u8_conv_winograd.h: what is the same
 * for all vectors. Private to u8_conv_winograd_avx2.h and u8_conv_winograd_vnni.h,
 * which define before:
 *
 *     ints                    a vector: INTS lanes of 32 bits, twice as many of 16
 *     ints_load, ints_store, ints_set16, ints_set32, ints_add16, ints_sub16,
 *     ints_shl16, ints_add32, ints_sub32, ints_mul32, ints_sar32
 *     ints_dot(sum, a, b)     sum + the products of each lane's pair
 *     ints_load_bytes(p, n)   2 * INTS bytes, of which n exist, as 16-bit lanes
 *     ints_store_n(p, v, n)   n of the lanes of 16 bits
 *     ints_load_pair(p, j)    of four int8 of each of INTS channels pair j, a constant
 *     GROUP                   channels whose weights lie together, 2 * INTS
 *     winograd_costs          of tare_u8_winograd_pays()
 *     winograd_products()     the products of some patches at one point
 *     winograd_store()        the epilogue of some pixels
 */
#ifndef TARE_KERNELS_U8_CONV_WINOGRAD_SIMD_H
#define TARE_KERNELS_U8_CONV_WINOGRAD_SIMD_H

#include "kernels/u8_conv/u8_conv_scratch.h"
#include "kernels/u8_conv/u8_conv_winograd.h"
#include "kernels/unroll.h"
#include "kernels/whole.h"

enum {
    SIDE = TARE_U8_WINOGRAD_SIDE,
    OUT = TARE_U8_WINOGRAD_OUT,
    POINTS = TARE_U8_WINOGRAD_POINTS,
    PATCHES = TARE_U8_WINOGRAD_PATCHES,
    SUMS = TARE_U8_WINOGRAD_SUMS,
    BLOCK = TARE_U8_CONV_BLOCK,
    ALL_TAPS = SIDE + 1,     /* the point whose weights are sums of all nine taps, */
    ALL_INPUTS = 36 * 128,   /* and whose inputs come out by this less of x - 128 */
    OUT_ROW = PATCHES * OUT, /* pixels of a row of a part's outputs, */
    PART = OUT * OUT_ROW * BLOCK /* and a part's outputs */
};

/* A call: its layer, and buffers, which tare_u8_winograd() places in `scratch`. */
struct winograd_call {
    const struct tare_u8_winograd *winograd;
    const struct tare_u8_conv_plan *plan;
    const struct tare_u8_conv *p;
    const struct tare_u8_conv_data *d;
    char *scratch;
};

/* Some channels of inputs. */
struct winograd_chunk {
    int64_t index, begin, n;
};

static inline struct winograd_chunk winograd_chunk(const struct winograd_call *k,
                                                   int64_t i)
{
    const int64_t in_c = k->p->window.in_c;
    const int64_t begin = tare_u8_winograd_chunk(k->winograd, in_c, i);
    return (struct winograd_chunk){
        i, begin, tare_u8_winograd_chunk(k->winograd, in_c, i + 1) - begin};
}

/* Inputs of a patch, at a point. */
TARE_ALWAYS_INLINE int16_t *winograd_inputs(const struct winograd_call *k,
                                            int64_t point, int64_t i)
{
    return (int16_t *)(void *)(k->scratch + k->winograd->inputs) +
           point * k->winograd->input_stride + i * k->p->window.in_c;
}

TARE_ALWAYS_INLINE int16_t *winograd_weights(const struct winograd_call *k,
                                             int64_t slot)
{
    return (int16_t *)(void *)(k->scratch + k->winograd->weights) +
           slot * POINTS * k->winograd->weight_stride;
}

TARE_ALWAYS_INLINE int32_t *winograd_inits(const struct winograd_call *k, int64_t slot)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->inits) + slot * BLOCK;
}

/* Points are SUMS apart. */
TARE_ALWAYS_INLINE int32_t *winograd_sums(const struct winograd_call *k)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->sums);
}

TARE_ALWAYS_INLINE int32_t *winograd_outputs(const struct winograd_call *k,
                                             int64_t part)
{
    return (int32_t *)(void *)(k->scratch + k->winograd->outputs) + part * PART;
}

/* B^T d. */
TARE_ALWAYS_INLINE void transform_inputs(const ints d[SIDE], ints v[SIDE])
{
    const ints even = ints_sub16(d[4], d[2]), odd = ints_sub16(d[3], d[1]);
    const ints odd2 = ints_add16(odd, odd);
    v[0] = ints_add16(ints_shl16(ints_sub16(d[0], d[2]), 2), even);
    v[1] = ints_sub16(ints_add16(d[3], d[4]), ints_shl16(ints_add16(d[1], d[2]), 2));
    v[2] = ints_add16(ints_sub16(d[4], d[3]), ints_shl16(ints_sub16(d[1], d[2]), 2));
    v[3] = ints_add16(even, odd2);
    v[4] = ints_sub16(even, odd2);
    v[5] = ints_sub16(ints_sub16(d[5], d[3]), ints_shl16(odd, 2));
}

/* G g, times 24, -6, -6, 24, 24 and 6. */
TARE_ALWAYS_INLINE void transform_filter(const ints g[3], ints u[SIDE])
{
    const ints ends = ints_add16(g[0], g[2]);
    const ints far = ints_add16(g[0], ints_shl16(g[2], 2));
    const ints middle = ints_add16(g[1], g[1]);
    u[0] = ints_add16(ints_shl16(g[0], 2), ints_add16(g[0], g[0]));
    u[1] = ints_add16(ends, g[1]);
    u[2] = ints_sub16(ends, g[1]);
    u[3] = ints_add16(far, middle);
    u[4] = ints_sub16(far, middle);
    u[5] = ints_add16(ints_shl16(g[2], 2), ints_add16(g[2], g[2]));
}

/* Of the sums of products 24, 12, 6 and 6 times A^T m. */
TARE_ALWAYS_INLINE void gather_sums(const ints m[SIDE], ints y[OUT])
{
    const ints near = ints_add32(m[1], m[2]), near_odd = ints_sub32(m[1], m[2]);
    const ints far = ints_add32(m[3], m[4]), far_odd = ints_sub32(m[3], m[4]);
    const ints near2 = ints_add32(near, near);
    y[0] = ints_add32(ints_sub32(m[0], ints_add32(near2, near2)), far);
    y[1] = ints_sub32(far_odd, ints_add32(near_odd, near_odd));
    y[2] = ints_sub32(far, near);
    y[3] = ints_add32(ints_sub32(ints_add32(far_odd, far_odd), near_odd), m[5]);
}

/* 2 * INTS channels of a patch, of which n exist; `stride` from one point to the next.
 */
TARE_ALWAYS_INLINE void transform_patch(const uint8_t *const pixels[POINTS], int64_t c,
                                        int64_t n, int16_t *to, int64_t stride)
{
    ints half[SIDE][SIDE]; /* B^T d, transposed */
    EACH_OF(SIDE, x)
    {
        ints column[SIDE];
        EACH_OF(SIDE, y) column[y] = ints_load_bytes(pixels[SIDE * y + x] + c, n);
        transform_inputs(column, half[x]);
    }
    EACH_OF(SIDE, y)
    {
        ints row[SIDE], v[SIDE];
        EACH_OF(SIDE, x) row[x] = half[x][y];
        transform_inputs(row, v);
        if (y == 1) v[1] = ints_sub16(v[1], ints_set16(ALL_INPUTS));
        EACH_OF(SIDE, x) ints_store_n(to + (SIDE * y + x) * stride, v[x], n);
    }
}

/* The pixels of patch `i`. */
static inline void find_pixels(const struct winograd_call *k, int64_t i,
                               const uint8_t *pixels[POINTS])
{
    const struct tare_window *w = &k->p->window;
    const struct tare_u8_winograd *plan = k->winograd;
    const uint8_t *padding = (const uint8_t *)k->scratch + plan->padding;
    const int64_t row = i / plan->columns, pitch = tare_window_in_pitch(w);
    const int64_t top = row % plan->rows * OUT - w->pad_top;
    const int64_t left = i % plan->columns * OUT - w->pad_left;
    const uint8_t *image = k->d->x + row / plan->rows * w->in_h * w->in_w * pitch;
    for (int64_t y = 0; y < SIDE; y++) {
        const bool is_row = top + y >= 0 && top + y < w->in_h;
        const uint8_t *line = image + (top + y) * w->in_w * pitch;
        for (int64_t x = 0; x < SIDE; x++) {
            const bool inside = is_row && left + x >= 0 && left + x < w->in_w;
            pixels[y * SIDE + x] = inside ? line + (left + x) * pitch : padding;
        }
    }
}

/* The inputs of the patches [first, first + n). */
static void transform_patches(const struct winograd_call *k, int64_t first, int64_t n)
{
    const int64_t in_c = k->p->window.in_c, stride = k->winograd->input_stride;
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *pixels[POINTS];
        int16_t *to = winograd_inputs(k, 0, i);
        find_pixels(k, first + i, pixels);
        int64_t c = 0;
        for (; c + 2 * INTS <= in_c; c += 2 * INTS)
            transform_patch(pixels, c, 2 * INTS, to + c, stride);
        if (c < in_c) transform_patch(pixels, c, in_c - c, to + c, stride);
    }
}

/* The inputs of pair `j`, a constant, of INTS channels: of each of the packed taps,
 * `tap_bytes` apart, to points, `stride` apart. */
TARE_ALWAYS_INLINE void transform_pair(const int8_t *taps, int64_t tap_bytes,
                                       const int j, int16_t *to, int64_t stride)
{
    ints half[3][SIDE]; /* G g, transposed */
    EACH_OF(3, x)
    {
        ints column[3];
        EACH_OF(3, y)
        column[y] = ints_load_pair(taps + (3 * y + x) * tap_bytes, j);
        transform_filter(column, half[x]);
    }
    EACH_OF(SIDE, y)
    {
        const ints row[3] = {half[0][y], half[1][y], half[2][y]};
        ints u[SIDE];
        transform_filter(row, u);
        EACH_OF(SIDE, x) ints_store(to + (SIDE * y + x) * stride, u[x]);
    }
}

/* What outputs start from: inputs are less 128. */
static void find_inits(const struct winograd_call *k,
                       const struct winograd_chunk *chunk, int64_t block, int64_t slot)
{
    const int64_t width = tare_u8_conv_block_width(k->plan, block);
    const int16_t *from =
        winograd_weights(k, slot) + ALL_TAPS * k->winograd->weight_stride;
    int32_t *to = winograd_inits(k, slot);
    for (int64_t c = 0; c < width; c += INTS) {
        const int16_t *weights = from + c / GROUP * chunk->n * GROUP + c % GROUP * 2;
        ints sum = ints_set16(0);
        if (chunk->index == 0) sum = ints_load(k->d->acc_init + block * BLOCK + c);
        for (int64_t i = 0; i < chunk->n / 2; i++)
            sum = ints_dot(sum, ints_load(weights + i * 2 * GROUP), ints_set16(128));
        ints_store(to + c, sum);
    }
}

/* A chunk's weights of a block of channels. */
static void transform_weights(const struct winograd_call *k,
                              const struct winograd_chunk *chunk, int64_t block,
                              int64_t slot)
{
    int16_t *to = winograd_weights(k, slot);
    const int64_t width = tare_u8_conv_block_width(k->plan, block);
    const int64_t tap_bytes = k->p->window.in_c * width;
    const int64_t stride = k->winograd->weight_stride;
    const int8_t *from = k->d->weights + tare_u8_conv_block_offset(k->plan, 0, block) +
                         chunk->begin * width;
    for (int64_t step = 0; step < chunk->n / 4; step++, from += 4 * width)
        for (int64_t c = 0; c < width; c += INTS) {
            int16_t *here =
                to + c / GROUP * chunk->n * GROUP + step * 4 * GROUP + c % GROUP * 2;
            transform_pair(from + 4 * c, tap_bytes, 0, here, stride);
            transform_pair(from + 4 * c, tap_bytes, 1, here + 2 * GROUP, stride);
        }
    find_inits(k, chunk, block, slot);
}

/* The sums of `n` patches, of which inputs are held `from` on, with the weights of a
 * slot. A point's weights stay in the first-level cache for all of them. */
static void multiply(const struct winograd_call *k, const struct winograd_chunk *chunk,
                     int64_t width, int64_t slot, int64_t from, int64_t n)
{
    const int16_t *weights = winograd_weights(k, slot);
    const int64_t stride = k->winograd->weight_stride;
    for (int64_t point = 0; point < POINTS; point++) {
        const int16_t *x = winograd_inputs(k, point, from) + chunk->begin;
        for (int64_t c = 0; c < width; c += GROUP)
            winograd_products(x, k->p->window.in_c, n,
                              weights + point * stride + c * chunk->n, chunk->n,
                              width - c, winograd_sums(k) + point * SUMS + c);
    }
}

/* INTS channels of a patch's outputs; behind the first chunk what is there is added to.
 */
TARE_ALWAYS_INLINE void gather_patch(const int32_t *from, const ints init, int32_t *to,
                                     const bool is_first)
{
    const ints ninth = ints_set32(0x38E38E39); /* modulo 2^32 */
    static const int shifts[OUT] = {3, 2, 1, 1};
    ints half[SIDE][OUT]; /* A^T m, transposed */
    EACH_OF(SIDE, x)
    {
        ints column[SIDE];
        EACH_OF(SIDE, y) column[y] = ints_load(from + (SIDE * y + x) * SUMS);
        gather_sums(column, half[x]);
    }
    EACH_OF(OUT, dy)
    {
        ints row[SIDE], y[OUT];
        EACH_OF(SIDE, x) row[x] = half[x][dy];
        gather_sums(row, y);
        EACH_OF(OUT, dx)
        {
            int32_t *at = to + (dy * OUT_ROW + dx) * BLOCK;
            const ints exact =
                ints_sar32(ints_mul32(y[dx], ninth), shifts[dy] + shifts[dx]);
            const ints sum = ints_add32(exact, init);
            ints_store(at, is_first ? sum : ints_add32(sum, ints_load(at)));
        }
    }
}

static void gather(const struct winograd_call *k, const struct winograd_chunk *chunk,
                   int64_t width, int64_t slot, int64_t part, int64_t n)
{
    for (int64_t c = 0; c < width; c += INTS) {
        const ints init = ints_load(winograd_inits(k, slot) + c);
        for (int64_t i = 0; i < n; i++) {
            const int32_t *from = winograd_sums(k) + i * BLOCK + c;
            int32_t *to = winograd_outputs(k, part) + i * OUT * BLOCK + c;
            if (chunk->index == 0)
                gather_patch(from, init, to, true);
            else
                gather_patch(from, init, to, false);
        }
    }
}

/* The outputs of the patches [first, first + n), those of a part from the one at `at`
 * on, in one row of patches. */
static void store_run(const struct winograd_call *k, const struct tare_u8_conv_tile *t,
                      int32_t *outputs, int64_t at, int64_t first, int64_t n)
{
    const struct tare_window *w = &k->p->window;
    const int64_t row = first / k->winograd->columns;
    const int64_t oy = row % k->winograd->rows * OUT;
    const int64_t ox = first % k->winograd->columns * OUT;
    const int64_t image = row / k->winograd->rows;
    for (int64_t dy = 0; dy < OUT && oy + dy < w->out_h; dy++)
        winograd_store(t, outputs + (dy * OUT_ROW + at * OUT) * BLOCK,
                       (image * w->out_h + oy + dy) * w->out_w + ox,
                       min_i64(n * OUT, w->out_w - ox));
}

static void store_patches(const struct winograd_call *k, int64_t block, int64_t part,
                          int64_t first, int64_t n)
{
    const struct tare_u8_conv_tile t =
        tare_u8_conv_tile_of_block(k->plan, k->p, k->d, block);
    for (int64_t i = 0; i < n;) {
        const int64_t left = k->winograd->columns - (first + i) % k->winograd->columns;
        const int64_t run = min_i64(left, n - i);
        store_run(k, &t, winograd_outputs(k, part), i, first + i, run);
        i += run;
    }
}

/* A block of channels for the patches [first, first + n), whose inputs are held `from`
 * on. */
static void compute_held(const struct winograd_call *k, int64_t block, int64_t from,
                         int64_t first, int64_t n)
{
    const int64_t parts = ceil_div(n, PATCHES), n_chunks = k->winograd->n_chunks;
    const int64_t width = tare_u8_conv_block_width(k->plan, block);
    for (int64_t i = 0; i < n_chunks; i++) {
        const struct winograd_chunk chunk = winograd_chunk(k, i);
        transform_weights(k, &chunk, block, 0);
        for (int64_t part = 0; part < parts; part++) {
            const int64_t at = n * part / parts;
            const int64_t n_here = n * (part + 1) / parts - at;
            multiply(k, &chunk, width, 0, from + at, n_here);
            gather(k, &chunk, width, 0, part, n_here);
            if (i + 1 == n_chunks) store_patches(k, block, part, first + at, n_here);
        }
    }
}

/* Of what [begin, end) are, patches of one block after the other, those of the patches
 * [first, first + n). */
static void compute_set(const struct winograd_call *k, int64_t begin, int64_t end,
                        int64_t first, int64_t n)
{
    const int64_t patches = k->winograd->patches;
    const bool are_held = end - begin > patches; /* for more than one block */
    if (are_held) transform_patches(k, first, n);
    for (int64_t block = begin / patches; block * patches < end; block++) {
        const int64_t from = clamp_i64(begin - block * patches, first, first + n);
        const int64_t to = clamp_i64(end - block * patches, first, first + n);
        if (from == to) continue;
        if (!are_held) transform_patches(k, from, to - from);
        compute_held(k, block, are_held ? from - first : 0, from, to - from);
    }
}

/* The units [begin, end) of `n`: some blocks, the first and the last of which may be
 * shared with other units, */
static void compute_by_blocks(const struct winograd_call *k, int64_t begin, int64_t end,
                              int64_t n)
{
    const struct tare_u8_winograd *plan = k->winograd;
    const int64_t sets = ceil_div(plan->patches, plan->n_inputs);
    const int64_t all = plan->blocks * plan->patches;
    const int64_t from = all * begin / n, to = all * end / n;
    for (int64_t set = 0; set < sets; set++) {
        const int64_t first = plan->patches * set / sets;
        compute_set(k, from, to, first, plan->patches * (set + 1) / sets - first);
    }
}

/* or some patches. */
static void compute_by_patches(const struct winograd_call *k, int64_t begin,
                               int64_t end, int64_t n)
{
    const struct tare_u8_winograd *plan = k->winograd;
    const struct winograd_chunk chunk = winograd_chunk(k, 0);
    const int64_t first = plan->patches * begin / n;
    const int64_t patches = plan->patches * end / n - first;
    const int64_t parts = ceil_div(patches, PATCHES);
    if (patches == 0) return;
    for (int64_t block = 0; block < plan->blocks; block++)
        transform_weights(k, &chunk, block, block);
    for (int64_t part = 0; part < parts; part++) {
        const int64_t at = first + patches * part / parts;
        const int64_t n_here = first + patches * (part + 1) / parts - at;
        transform_patches(k, at, n_here);
        for (int64_t block = 0; block < plan->blocks; block++) {
            const int64_t width = tare_u8_conv_block_width(k->plan, block);
            multiply(k, &chunk, width, block, 0, n_here);
            gather(k, &chunk, width, block, 0, n_here);
            store_patches(k, block, 0, at, n_here);
        }
    }
}

/* Compute the units [begin, end) by patches of either kind if it pays. @retval false
 * It does not. */
static bool compute_patches(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end)
{
    struct tare_u8_winograd winograd;
    if (!tare_u8_winograd(&p->window, &winograd)) return false;
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const int64_t n = plan.n_pixel_blocks * plan.n_splits;
    const int64_t grain = d->grain > 0 ? d->grain : n;
    if (!tare_u8_winograd_pays(&p->window, &winograd, &winograd_costs, grain, n))
        return false;
    const struct winograd_call call = {
        &winograd, &plan, p, d, (char *)scratch + tare_u8_conv_spare(&plan).offset};
    memset(call.scratch + winograd.padding, p->in_zero_point, (size_t)p->window.in_c);
    if (winograd.by_blocks)
        compute_by_blocks(&call, begin, end, n);
    else
        compute_by_patches(&call, begin, end, n);
    return true;
}

#endif /* TARE_KERNELS_U8_CONV_WINOGRAD_SIMD_H */
