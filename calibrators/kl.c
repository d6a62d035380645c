#include "calibrators/kl.h"

#include <math.h>

#include "base/mem.h"

/* Q is constant on the non-empty bins of a level, so a level adds
 *   sum h ln h - m ln(m / c)
 * to the divergence, m being its mass and c its number of non-empty bins. All three
 * come from running sums: a candidate costs `levels` steps instead of i. */
struct running {
    double *mass;     /* [k]: sum of bins[0 … k-1], exact */
    double *used;     /* how many of those are not empty */
    double *mass_log; /* their sum of h ln h */
    double total, total_used;
};

static double x_log_x(double x)
{
    return x > 0.0 ? x * log(x) : 0.0;
}

/* The log sum is compensated (Neumaier), as differences of it are used. */
static void accumulate(struct running *r, const uint64_t *bins, size_t n_bins)
{
    double sum = 0.0;
    double lost = 0.0;
    r->mass[0] = r->used[0] = r->mass_log[0] = 0.0;
    for (size_t k = 0; k < n_bins; k++) {
        const double h = (double)bins[k];
        const double term = x_log_x(h);
        const double next = sum + term; /* sum >= 0, term >= 0 */
        lost += sum >= term ? (sum - next) + term : (term - next) + sum;
        sum = next;
        r->mass[k + 1] = r->mass[k] + h;
        r->used[k + 1] = r->used[k] + (h > 0.0 ? 1.0 : 0.0);
        r->mass_log[k + 1] = sum + lost;
    }
    r->total = r->mass[n_bins];
    r->total_used = r->used[n_bins];
}

static double candidate(const struct running *r, size_t levels, size_t i)
{
    const double inside = r->mass[i];
    const double tail = r->total - inside;
    const double last = inside - r->mass[i - 1];
    if (inside <= 0.0 || (last <= 0.0 && tail > 0.0)) return HUGE_VAL;
    /* With everything in one bin, any two distributions agree. */
    if (r->used[i] < 2.0 && r->total_used >= 2.0) return HUGE_VAL;

    double cross = 0.0; /* sum h ln Q over what is kept */
    double height = 0.0;
    size_t begin = 0;
    for (size_t level = 1; level <= levels; level++) {
        const size_t end = (level * i + levels - 1) / levels;
        const double mass = r->mass[end] - r->mass[begin];
        if (mass > 0.0) {
            height = log(mass / (r->used[end] - r->used[begin]));
            cross += mass * height;
        }
        begin = end;
    }
    /* `height` is now that of bin i-1, where the tail goes. */
    const double fold =
        tail > 0.0 ? x_log_x(last + tail) - x_log_x(last) - tail * height : 0.0;
    const double d =
        (r->mass_log[i] - cross + fold) / r->total + log(inside / r->total);
    return fmax(d, 0.0); /* rounding may take a true 0 below it */
}

enum tare_status tare_kl_curve(const uint64_t *bins, size_t n_bins, size_t levels,
                               double *divergence, struct tare_error *err)
{
    for (size_t i = 0; i <= n_bins; i++)
        divergence[i] = HUGE_VAL;
    double *scratch = tare_alloc_array(3 * (n_bins + 1), sizeof *scratch);
    TARE_FAIL_IF(!scratch, err, TARE_E_NOMEM, "no memory for a histogram of %zu bins",
                 n_bins);
    struct running r = {.mass = scratch,
                        .used = scratch + n_bins + 1,
                        .mass_log = scratch + 2 * (n_bins + 1)};
    accumulate(&r, bins, n_bins);

    size_t end = n_bins;
    while (end > 0 && bins[end - 1] == 0)
        end--;
    if (end < levels) end = levels;
    for (size_t i = levels; i <= end && i <= n_bins; i++)
        divergence[i] = candidate(&r, levels, i);
    tare_free(scratch);
    return TARE_OK;
}

struct tare_kl_choice tare_kl_choose(const double *divergence, size_t n_bins)
{
    double least = HUGE_VAL;
    for (size_t i = 0; i <= n_bins; i++)
        least = fmin(least, divergence[i]);
    for (size_t i = 0; i <= n_bins && isfinite(least); i++)
        if (divergence[i] <= least + TARE_KL_TIE)
            return (struct tare_kl_choice){i, divergence[i]};
    return (struct tare_kl_choice){0, HUGE_VAL};
}
