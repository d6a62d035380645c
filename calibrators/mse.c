/* mse.c - the range of least squared quantization error (Sung, Shin, Hwang, "Resiliency
 * of Deep Neural Networks under Quantization", arXiv 1511.06488; pytorch-quantization's
 * "mse").
 *
 * A tensor of which nothing below zero was seen is quantized to 255 levels, others to
 * 127 on either side. The engine holds as uint8 what can be proven not to be negative,
 * which is a little less than what was never seen to be. */
#include "calibrators/mse.h"

#include <math.h>

#include "base/mem.h"
#include "calibrators/calibrator.h"

enum { SIGNED_LEVELS = 127, UNSIGNED_LEVELS = 255 };

enum tare_status tare_mse_open(struct tare_mse *mse, const uint64_t *bins,
                               size_t n_bins, struct tare_error *err)
{
    size_t end = n_bins;
    while (end > 0 && bins[end - 1] == 0)
        end--;
    double *sums = tare_alloc_array(3 * (end + 1), sizeof *sums);
    TARE_FAIL_IF(!sums, err, TARE_E_NOMEM, "no memory for a histogram of %zu bins",
                 n_bins);
    *mse = (struct tare_mse){bins, end, {sums, sums + end + 1, sums + 2 * (end + 1)}};
    for (size_t p = 0; p < 3; p++)
        mse->sums[p][0] = 0.0;
    for (size_t k = 0; k < end; k++) {
        double term = (double)bins[k];
        for (size_t p = 0; p < 3; p++, term *= (double)k)
            mse->sums[p][k + 1] = mse->sums[p][k] + term;
    }
    return TARE_OK;
}

void tare_mse_close(struct tare_mse *mse)
{
    tare_free(mse->sums[0]);
}

/* Error of bins begin … end-1 when all of them become `code`: the sum of
 * h * integral over [b, b+1] of (x - code)^2. Moments are taken about `begin`, near to
 * the code, where they do not cancel. */
static double error_of_run(const struct tare_mse *mse, size_t begin, size_t end,
                           double code)
{
    const double at = (double)begin;
    const double d = at - code;
    const double sum1 = mse->sums[1][end] - mse->sums[1][begin];
    const double m0 = mse->sums[0][end] - mse->sums[0][begin];
    const double m1 = sum1 - at * m0;
    const double m2 =
        mse->sums[2][end] - mse->sums[2][begin] - at * (2.0 * sum1 - at * m0);
    return m2 + (2.0 * d + 1.0) * m1 + (d * (d + 1.0) + 1.0 / 3.0) * m0;
}

/* Integral of the squared error from 0 to x. */
static double integral(double x, double step, double levels)
{
    const double u = x / step;
    const double code = fmin(rint(u), levels);
    const double rest = u - code;
    return step * step * step * (code / 12.0 + rest * rest * rest / 3.0);
}

static double error_of_bin(const struct tare_mse *mse, size_t k, double step,
                           double levels)
{
    if (k >= mse->end || mse->bins[k] == 0) return 0.0;
    return (double)mse->bins[k] * (integral((double)k + 1.0, step, levels) -
                                   integral((double)k, step, levels));
}

double tare_mse_error(const struct tare_mse *mse, size_t i, unsigned levels)
{
    const double step = (double)i / (double)levels;
    const double top = (double)levels;
    double error = 0.0;
    size_t begin = 0; /* of the bins whose error is not yet in */
    if (step < 2.0) { /* a bin may hold several levels */
        for (; begin < mse->end && begin < i; begin++)
            error += error_of_bin(mse, begin, step, top);
    } else {
        for (unsigned level = 0; level < levels; level++) {
            const double border = ((double)level + 0.5) * step;
            const size_t split = (size_t)border; /* this bin holds the border */
            if (split >= mse->end) break;
            error += error_of_run(mse, begin, split, (double)level * step) +
                     error_of_bin(mse, split, step, top);
            begin = split + 1;
        }
    }
    const double last = rint(fmin((double)begin / step, top)) * step;
    return begin < mse->end ? error + error_of_run(mse, begin, mse->end, last) : error;
}

size_t tare_mse_choose(const struct tare_mse *mse, unsigned levels)
{
    size_t best = mse->end;
    double least = HUGE_VAL;
    for (size_t i = mse->end; i >= TARE_MSE_LEAST; i--) {
        /* What is clipped costs this much at least, and more the smaller i is. */
        if (error_of_run(mse, i, mse->end, (double)i) > least) break;
        const double error = tare_mse_error(mse, i, levels);
        if (error > least) continue;
        least = error;
        best = i;
    }
    return best;
}

enum tare_status tare_threshold_mse(const struct tare_seen *seen,
                                    const struct tare_calibrator_options *options,
                                    struct tare_threshold *threshold,
                                    struct tare_error *err)
{
    struct tare_mse mse;
    (void)options;
    const enum tare_status st = tare_mse_open(&mse, seen->bins, seen->n_bins, err);
    if (st != TARE_OK) return st;
    const size_t best =
        tare_mse_choose(&mse, seen->min < 0.0F ? SIGNED_LEVELS : UNSIGNED_LEVELS);
    tare_mse_close(&mse);
    threshold->amax = (float)fmin((double)best * seen->width, (double)seen->amax);
    return TARE_OK;
}
