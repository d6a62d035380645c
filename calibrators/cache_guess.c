/* Each kind of file implies peaks. Those peaks are judged by what networks are like:
 *
 *   the first entry is the input: normalised (a magnitude up to some 16) or raw pixels;
 *   behind a normalised input the median peak is within a few powers of two of 8;
 *     behind raw pixels it may be anywhere between 1 and some thousands;
 *   hardly any peak lies outside 2^-14 … 2^20;
 *   no peak is above what the tensor's operator can make;
 *   where peaks were seen, they alone decide: the ranges are near them.
 *
 * The figures are from the caches quoted in docs/file-formats.md and from models of the
 * ONNX zoo. They are logarithms of rough probabilities: only differences count. */
#include "calibrators/cache_guess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MARGIN       2.0  /* by which a wrong kind must explain the file better … */
#define IMPLAUSIBLE  -5.5 /* … than the right one, whose own score is below this */
#define OUTSIDE_COST 12.0 /* of all peaks where no tensor has one */
#define ABOVE_COST   4.0  /* of one that its operator cannot make */

static double as_scale(uint32_t bits)
{
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return isfinite(scale) && !signbit(scale) ? (double)scale : (double)NAN;
}

double tare_cache_peak(uint32_t bits)
{
    return 127.0 * as_scale(bits);
}

static double undivided(uint32_t bits)
{
    return as_scale(bits);
}

static double inverse(uint32_t bits)
{
    return 127.0 / as_scale(bits);
}

static double inverse_undivided(uint32_t bits)
{
    return 1.0 / as_scale(bits);
}

static double swapped(uint32_t bits)
{
    return tare_cache_peak(bits << 24 | (bits & 0xFF00U) << 8 | (bits >> 8 & 0xFF00U) |
                           bits >> 24);
}

static const struct tare_cache_kind kinds[] = {
    {NULL, tare_cache_peak, 0.0},
    {"the scales are inverted, 127 / peak (1 / scale), want peak / 127", inverse, -0.5},
    {"the scales are the peaks, not divided by 127", undivided, -0.5},
    {"the scales are little-endian hex, want the bytes in big-endian order", swapped,
     -0.5},
    {"the scales are inverted, 1 / peak, want peak / 127", inverse_undivided, -1.0},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* Peaks that networks' inputs have: 0..1 or -1..1, ImageNet's normalisation, raw
 * pixels, raw pixels less the mean of ImageNet. A calibrator may clip 3 % of it, and
 * TensorRT's half bin adds a little. Pixels around zero, up to 127.5 or 128, are told
 * from an undivided 1, which is 127. */
static const struct {
    double from, to, log_p;
} inputs[] = {{0.97, 1.0031, -1.2},
              {2.56, 2.6482, -1.4},
              {247.0, 255.8, -1.6},
              {146.0, 151.5, -2.3},
              {127.2, 128.4, -3.9}};

static const struct {
    double below, log_p;
} other_inputs[] = {{0.05, -8.0}, {0.1, -5.0},   {16.0, -3.2},
                    {90.0, -5.0}, {260.0, -6.5}, {(double)INFINITY, -8.0}};

static double judge_input(double peak)
{
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        if (peak > inputs[i].from && peak < inputs[i].to) return inputs[i].log_p;
    size_t i = 0;
    while (!(peak < other_inputs[i].below) && isfinite(other_inputs[i].below))
        i++;
    return other_inputs[i].log_p;
}

static double judge_median(double median, double input)
{
    const bool raw = input > 16.0;
    const double centre = raw ? 6.0 : 3.0;
    const double spread = raw ? 3.5 : 1.8;
    const double z = (log2(median) - centre) / spread;
    return -0.5 * z * z - log(spread);
}

/* What the peaks of one kind add up to. Tensors with a peak of 0 say nothing. */
struct sums {
    double *peaks; /* [n] those that are numbers */
    size_t n;
    size_t n_outside; /* that no tensor has */
    size_t n_above;   /* above what their operator can make */
    size_t n_seen;
    double distance; /* from the peaks that were seen, in powers of two */
    double input;
};

static void add_peak(struct sums *sums, double peak,
                     const struct tare_cache_known *known)
{
    const bool outside = !(peak > 0x1p-14) || !(peak < 0x1p20);
    const double most = known ? (double)known->most : (double)INFINITY;
    if (isnan(sums->input)) sums->input = isnan(peak) ? 0.0 : peak;
    sums->n_outside += outside;
    if (known && known->is_seen && most > 0.0) {
        sums->n_seen++;
        sums->distance += peak > 0.0 ? fmin(fabs(log2(peak / most)), 20.0) : 20.0;
    } else if (peak > 1.01 * most) {
        sums->n_above++;
    }
    if (peak > 0.0 && isfinite(peak)) sums->peaks[sums->n++] = peak;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* @param peaks  [n], room */
static double judge(const struct tare_cache_kind *kind,
                    const struct tare_cache_bits *entries, size_t n, double *peaks)
{
    struct sums sums = {.peaks = peaks, .input = (double)NAN};
    size_t n_all = 0;
    for (size_t i = 0; i < n; i++) {
        if ((entries[i].bits & 0x7FFFFFFFU) == 0) continue; /* zero in every kind */
        add_peak(&sums, kind->peak(entries[i].bits), entries[i].known);
        n_all++;
    }
    if (n_all == 0) return kind->prior;
    double score = kind->prior - OUTSIDE_COST * (double)sums.n_outside / (double)n_all;
    score -= fmin(ABOVE_COST * (double)sums.n_above, OUTSIDE_COST);
    if (sums.n_seen > 0) return score - 4.0 * sums.distance / (double)sums.n_seen;
    if (sums.n == 0) return score;
    qsort(peaks, sums.n, sizeof *peaks, by_size);
    return score + judge_input(sums.input) +
           judge_median(peaks[sums.n / 2], sums.input);
}

const struct tare_cache_kind *tare_cache_guess(const struct tare_cache_bits *entries,
                                               size_t n)
{
    double *peaks = tare_alloc_array(n, sizeof *peaks);
    if (!peaks) return NULL;
    double score[N_KINDS];
    size_t best = 0;
    for (size_t k = 0; k < N_KINDS; k++) {
        score[k] = judge(&kinds[k], entries, n, peaks);
        if (score[k] > score[best]) best = k;
    }
    tare_free(peaks);
    const bool clear = score[best] > score[0] + MARGIN && score[0] < IMPLAUSIBLE;
    return &kinds[clear ? best : 0];
}

double tare_cache_common_factor(const struct tare_cache_bits *entries, size_t n)
{
    double least = (double)INFINITY, most = 0.0;
    size_t n_seen = 0;
    for (size_t i = 0; i < n; i++) {
        const struct tare_cache_known *known = entries[i].known;
        if (!known || !known->is_seen || !(known->most > 0.0F)) continue;
        const double factor = tare_cache_peak(entries[i].bits) / (double)known->most;
        least = fmin(least, factor);
        most = fmax(most, factor);
        n_seen++;
    }
    return n_seen >= 3 && least > 0.0 && most < 1.001 * least ? least : 0.0;
}
