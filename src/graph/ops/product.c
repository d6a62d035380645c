#include "graph/ops/product.h"

#include <string.h>

#include "base/mem.h"

/* B is unpacked to doubles by blocks of this many rows and columns (128 KiB), and each
 * is multiplied with this many rows of A before the next one. */
#define BLOCK_K 256
#define BLOCK_N 64
#define BLOCK_M 256

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* sums[j] += the sum over l of a[l * step] * b[l * width + j], in the order of l. */
static void add_rows(double *restrict sums, int64_t n, const float *restrict a,
                     int64_t step, int64_t k, const double *restrict b, int64_t width)
{
    int64_t l = 0;
    for (; l + 4 <= k; l += 4) {
        const double a0 = (double)a[l * step], a1 = (double)a[(l + 1) * step];
        const double a2 = (double)a[(l + 2) * step], a3 = (double)a[(l + 3) * step];
        const double *b0 = b + l * width, *b1 = b0 + width;
        const double *b2 = b1 + width, *b3 = b2 + width;
        for (int64_t j = 0; j < n; j++)
            sums[j] = (((sums[j] + a0 * b0[j]) + a1 * b1[j]) + a2 * b2[j]) + a3 * b3[j];
    }
    for (; l < k; l++) {
        const double a0 = (double)a[l * step];
        for (int64_t j = 0; j < n; j++)
            sums[j] += a0 * b[l * width + j];
    }
}

/* Rows [i, i + m) and columns [j, j + n) of the product. */
static void run_block(const struct tare_product *p, int64_t i, int64_t m, int64_t j,
                      int64_t n, double *sums, double *panel)
{
    memset(sums, 0, (size_t)(m * n) * sizeof *sums);
    for (int64_t l = 0; l < p->k; l += BLOCK_K) {
        const int64_t k = least(BLOCK_K, p->k - l);
        for (int64_t r = 0; r < k; r++)
            p->row(p->from, l + r, j, n, panel + r * n);
        for (int64_t r = 0; r < m; r++)
            add_rows(sums + r * n, n, p->a.data + (i + r) * p->a.row + l * p->a.col,
                     p->a.col, k, panel, n);
    }
    for (int64_t r = 0; r < m; r++)
        p->store(p->to, i + r, j, n, sums + r * n);
}

enum tare_status tare_product_run(const struct tare_product *p, struct tare_error *err)
{
    if (p->m == 0 || p->n == 0) return TARE_OK;
    const int64_t n = least(BLOCK_N, p->n);
    const int64_t n_sums = least(BLOCK_M, p->m) * n;
    const int64_t n_panel = least(BLOCK_K, p->k) * n;
    double *sums = tare_alloc((size_t)(n_sums + n_panel) * sizeof *sums);
    TARE_FAIL_IF(!sums, err, TARE_E_NOMEM, "no memory to multiply");
    for (int64_t i = 0; i < p->m; i += BLOCK_M)
        for (int64_t j = 0; j < p->n; j += BLOCK_N)
            run_block(p, i, least(BLOCK_M, p->m - i), j, least(BLOCK_N, p->n - j), sums,
                      sums + n_sums);
    tare_free(sums);
    return TARE_OK;
}

void tare_matrix_row(const void *context, int64_t l, int64_t j, int64_t n, double *out)
{
    const struct tare_matrix *b = context;
    const float *at = b->data + l * b->row + j * b->col;
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)at[i * b->col];
}

void tare_product_store_rows(const void *context, int64_t i, int64_t j, int64_t n,
                             const double *sums)
{
    const struct tare_product_rows *to = context;
    float *y = to->y + i * to->width + j;
    const double bias = to->bias ? (double)to->bias[i] : 0.0;
    for (int64_t c = 0; c < n; c++)
        y[c] = (float)(sums[c] + bias);
}

void tare_columns_row(const void *context, int64_t l, int64_t j, int64_t n, double *out)
{
    const struct tare_columns *from = context;
    const struct tare_spatial *s = &from->s;
    const int64_t t2 = l % s->kernel[2], t1 = l / s->kernel[2] % s->kernel[1];
    const int64_t planes = l / s->kernel[2] / s->kernel[1];
    const int64_t t0 = planes % s->kernel[0], channel = planes / s->kernel[0];
    while (n > 0) {
        const int64_t o2 = j % s->out[2], o1 = j / s->out[2] % s->out[1];
        const int64_t o0 = j / s->out[2] / s->out[1];
        const int64_t run = least(n, s->out[2] - o2);
        const int64_t i0 = o0 * s->stride[0] + t0 * s->dilation[0] - s->pad_begin[0];
        const int64_t i1 = o1 * s->stride[1] + t1 * s->dilation[1] - s->pad_begin[1];
        const int64_t i2 = o2 * s->stride[2] + t2 * s->dilation[2] - s->pad_begin[2];
        const bool inside = i0 >= 0 && i0 < s->in[0] && i1 >= 0 && i1 < s->in[1];
        const float *x =
            inside ? from->x + ((channel * s->in[0] + i0) * s->in[1] + i1) * s->in[2]
                   : NULL;
        for (int64_t r = 0; r < run; r++) {
            const int64_t i = i2 + r * s->stride[2];
            out[r] = inside && i >= 0 && i < s->in[2] ? (double)x[i] : 0.0;
        }
        out += run;
        j += run;
        n -= run;
    }
}
