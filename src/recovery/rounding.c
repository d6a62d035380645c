/* Layer-wise rounding: AdaRound's aim (Nagel et al., arXiv 2004.10568), the output of
 * the layer, not the weights, should come out right; the inputs are the INT8 network's,
 * so that a layer can make up for the errors of those in front. On second moments and
 * by coordinate descent, which is exact to repeat. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/build/weights.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"
#include "graph/weight_grid.h"
#include "recovery/descent.h"
#include "recovery/gram.h"
#include "recovery/sweep.h"

#define MOST_TERMS 4608 /* a Gram matrix of 170 MB */
/* Of the mean variance, where there are as many rows as terms. It grows with terms over
 * rows, as that of Hoerl, Kennard and Baldwin (Communications in Statistics 4, 1975)
 * does: with less to go by, more of what a change seems to gain is chance. Their factor
 * would be near 1 if rows were independent; the pixels of an image are anything but. */
#define RIDGE 300.0

/* The pixels of all samples, of which some are taken. */
struct rounding {
    struct tare_sweep *s;
    struct tare_sweep_layer *layer;
    struct tare_gram gram;
    size_t n_pixels; /* of one sample */
    size_t *rows;    /* [n_rows] chosen: sample * n_pixels + pixel, ascending */
    size_t n_rows;
    float *target;           /* [n_rows, n_channels] what the convolution should make */
    float **made;            /* [n workers] FP32 output of a sample */
    struct tare_layer plain; /* the FP32 layer without residual and activation */
    int16_t *x;              /* a block of rows */
    float *y;
    size_t first, n_block; /* of the block */
};

/* Spread over all pixels, at no fixed distance: images have columns. */
static enum tare_status choose_rows(struct rounding *r, size_t n_terms,
                                    struct tare_error *err)
{
    const size_t all = r->s->int8.n * r->n_pixels;
    const size_t most = n_terms * 16 > 32768 ? n_terms * 16 : 32768;
    r->n_rows = all < most ? all : most;
    r->rows = tare_alloc_array(r->n_rows, sizeof *r->rows);
    TARE_FAIL_IF(!r->rows, err, TARE_E_NOMEM, "recovery: no memory");
    uint64_t random = 1;
    for (size_t i = 0; i < r->n_rows; i++) {
        const size_t begin = (size_t)((double)i * (double)all / (double)r->n_rows);
        const size_t end = (size_t)((double)(i + 1) * (double)all / (double)r->n_rows);
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        r->rows[i] = begin + (end > begin ? (size_t)(random >> 33) % (end - begin) : 0);
    }
    return TARE_OK;
}

static size_t first_row_of(const struct rounding *r, size_t sample)
{
    size_t low = 0, high = r->n_rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->rows[middle] < sample * r->n_pixels)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What FP32 makes in front of residual and activation, plus its own residual less the
 * one that the INT8 network will add. */
static void find_targets(void *arg, int64_t begin, int64_t end, int worker)
{
    struct rounding *r = arg;
    const struct tare_sweep *s = r->s;
    const size_t n = r->layer->n_channels;
    const struct tare_layer *int8 = &s->int8.engine->layers[r->layer->int8];
    const struct tare_layer *fp32 = &s->fp32.engine->layers[r->layer->fp32];
    const bool has_residual = fp32->n_inputs > 3;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        float *made = r->made[worker];
        tare_context_run_changed(s->fp32.contexts[i], r->layer->fp32, &r->plain, made);
        const float *right = NULL;
        const uint8_t *wrong = NULL;
        if (has_residual) {
            right = tare_context_operand(s->fp32.contexts[i], r->layer->fp32, 3);
            wrong = tare_context_operand(s->int8.contexts[i], r->layer->int8, 5);
        }
        for (size_t row = first_row_of(r, i);
             row < r->n_rows && r->rows[row] < (i + 1) * r->n_pixels; row++) {
            const size_t at = (r->rows[row] - i * r->n_pixels) * n;
            float *to = r->target + row * n;
            memcpy(to, made + at, n * sizeof *to);
            for (size_t c = 0; right && c < n; c++)
                to[c] += right[at + c] -
                         (float)(wrong[at + c] - int8->inputs[5]->zero_point) *
                             int8->inputs[5]->scale;
            for (size_t c = 0; r->layer->factors && c < n; c++)
                to[c] /= r->layer->factors[c];
        }
    }
}

/* A row of im2col: weights' order, padding reads as zero. */
static void gather(const struct rounding *r, size_t row, size_t column)
{
    const struct tare_window *w = &r->layer->weighted.window;
    const struct tare_sweep *s = r->s;
    const struct tare_plan_tensor *t = s->int8.engine->layers[r->layer->int8].inputs[0];
    const size_t sample = r->rows[row] / r->n_pixels;
    const uint8_t *x =
        tare_context_operand(s->int8.contexts[sample], r->layer->int8, 0);
    const int64_t pixel = (int64_t)(r->rows[row] % r->n_pixels);
    const int64_t ox = pixel % w->out_w, oy = pixel / w->out_w % w->out_h;
    const int64_t image = pixel / (w->out_w * w->out_h);
    int16_t *to = r->x + column;
    for (int64_t ky = 0; ky < w->kernel_h; ky++)
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t y = oy * w->stride_h - w->pad_top + ky * w->dilation_h;
            const int64_t z = ox * w->stride_w - w->pad_left + kx * w->dilation_w;
            const bool inside = y >= 0 && y < w->in_h && z >= 0 && z < w->in_w;
            const uint8_t *from =
                inside ? x + ((image * w->in_h + y) * w->in_w + z) * w->in_c : NULL;
            const int64_t tap = ky * w->kernel_w + kx;
            for (int64_t c = 0; c < w->in_c; c++)
                to[(c * w->kernel_h * w->kernel_w + tap) * TARE_GRAM_ROWS] =
                    (int16_t)(from ? from[c] - t->zero_point : 0);
        }
}

static void gather_rows(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct rounding *r = arg;
    const size_t n = r->layer->n_channels;
    (void)worker;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        gather(r, r->first + i, i);
        for (size_t c = 0; c < n; c++)
            r->y[c * TARE_GRAM_ROWS + i] = r->target[(r->first + i) * n + c];
    }
}

static void add_moments(struct rounding *r)
{
    struct tare_pool *pool = r->s->pool;
    const size_t n_x = r->gram.n_groups * r->gram.k;
    for (r->first = 0; r->first < r->n_rows; r->first += TARE_GRAM_ROWS) {
        const size_t left = r->n_rows - r->first;
        r->n_block = left < TARE_GRAM_ROWS ? left : TARE_GRAM_ROWS;
        if (r->n_block < TARE_GRAM_ROWS) {
            memset(r->x, 0, n_x * TARE_GRAM_ROWS * sizeof *r->x);
            memset(r->y, 0, r->gram.n_outputs * TARE_GRAM_ROWS * sizeof *r->y);
        }
        tare_pool_run(pool, (int64_t)r->n_block, 16, gather_rows, r);
        tare_gram_add(&r->gram, pool, r->x, r->y, r->n_block);
    }
    tare_gram_finish(&r->gram);
}

/* Channel by channel; then the bias that gives the mean that is wanted. */
static void solve(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct rounding *r = arg;
    struct tare_sweep_layer *layer = r->layer;
    const struct tare_gram *g = &r->gram;
    const size_t k = g->k;
    const double x_scale =
        (double)r->s->int8.engine->layers[layer->int8].inputs[0]->scale;
    double *room = (double *)(void *)r->made[worker];
    for (size_t c = (size_t)begin; c < (size_t)end; c++) {
        const size_t group = c / (g->n_outputs / g->n_groups);
        const double *xx = g->xx + group * k * k, *x = g->x + group * k;
        const float *w = layer->weighted.weights + c * k;
        int8_t *q = layer->weights + c * k;
        double variance = 0.0, mean = 0.0;
        for (size_t i = 0; i < k; i++)
            variance += xx[i * k + i] / (double)k;
        const double ridge = RIDGE * variance * (double)k / (double)r->n_rows;
        double *d = room + k;
        for (size_t i = 0; i < k; i++)
            d[i] = g->xy[c * k + i] / x_scale;
        const double scale = tare_weight_scale(w, k);
        tare_descent_round(k, w, scale, xx, d, ridge, room, q);
        for (size_t i = 0; i < k; i++)
            mean += scale * q[i] * x[i];
        layer->scales[c] = (float)scale;
        layer->bias[c] = (float)(g->y[c] - x_scale * mean);
    }
}

/* A copy of the FP32 layer that stops in front of the residual. The kernel stays: it is
 * chosen by instruction set alone. */
static void make_plain(struct rounding *r, struct tare_f32_conv *params)
{
    static_assert(sizeof *params == sizeof(struct tare_f32_depthwise),
                  "one struct for both");
    r->plain = r->s->fp32.engine->layers[r->layer->fp32];
    memcpy(params, r->plain.params, sizeof *params);
    params->epilogue = (struct tare_f32_epilogue){
        .negative_slope = 1.0f, .lower = -INFINITY, .upper = INFINITY};
    r->plain.params = params;
    r->plain.n_inputs = 3;
}

static enum tare_status allocate(struct rounding *r, size_t n_terms,
                                 struct tare_error *err)
{
    struct tare_sweep_layer *layer = r->layer;
    const size_t n = layer->n_channels;
    const size_t n_groups = (size_t)layer->weighted.window.groups;
    const int n_workers = tare_pool_size(r->s->pool);
    size_t n_floats = r->n_pixels * n; /* or two rows of doubles */
    if (n_floats < 4 * n_terms) n_floats = 4 * n_terms;
    r->target = tare_alloc_array(r->n_rows, n * sizeof *r->target);
    r->x = tare_alloc_array(n_groups * n_terms, TARE_GRAM_ROWS * sizeof *r->x);
    r->y = tare_alloc_array(n, TARE_GRAM_ROWS * sizeof *r->y);
    r->made = tare_alloc_array((size_t)n_workers, sizeof *r->made);
    layer->weights = tare_alloc_array(n, n_terms);
    layer->scales = tare_alloc_array(n, sizeof *layer->scales);
    bool ok = r->target && r->x && r->y && r->made && layer->weights && layer->scales;
    for (int i = 0; ok && i < n_workers; i++) {
        r->made[i] = tare_alloc_array(n_floats, sizeof(float));
        ok = r->made[i] != NULL;
    }
    TARE_FAIL_IF(!ok, err, TARE_E_NOMEM, "recovery: no memory to round '%.80s'",
                 layer->name);
    return tare_gram_create(&r->gram, n_groups, n_terms, n, err);
}

static void release(struct rounding *r)
{
    for (int i = 0; r->made && i < tare_pool_size(r->s->pool); i++)
        tare_free(r->made[i]);
    tare_free(r->made);
    tare_free(r->rows);
    tare_free(r->target);
    tare_free(r->x);
    tare_free(r->y);
    tare_gram_release(&r->gram);
}

enum tare_status tare_sweep_round(struct tare_sweep *s, struct tare_sweep_layer *layer,
                                  struct tare_error *err)
{
    const struct tare_window *w = &layer->weighted.window;
    if (layer->n_weights > MOST_TERMS) {
        tare_log(TARE_LOG_INFO,
                 "recovery: '%.80s' keeps its nearest weights: %zu terms in a sum, %d "
                 "is the most",
                 layer->name, layer->n_weights, MOST_TERMS);
        return TARE_OK;
    }
    struct tare_f32_conv params;
    struct rounding r = {
        .s = s, .layer = layer, .n_pixels = (size_t)(w->batch * w->out_h * w->out_w)};
    enum tare_status st = choose_rows(&r, layer->n_weights, err);
    if (st == TARE_OK) st = allocate(&r, layer->n_weights, err);
    if (st == TARE_OK) {
        make_plain(&r, &params);
        tare_pool_run(s->pool, (int64_t)s->int8.n, 1, find_targets, &r);
        add_moments(&r);
        tare_pool_run(s->pool, (int64_t)layer->n_channels, 1, solve, &r);
    }
    release(&r);
    return st;
}
