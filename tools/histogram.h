/* tools/histogram.h - two histograms over the same bins, of floats and of what an
 * engine makes of them. The bins need no range in advance: where a value does not fit,
 * two neighbours become one. What results depends on the values alone, not on their
 * order. */
#ifndef TARE_TOOLS_HISTOGRAM_H
#define TARE_TOOLS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "tare/comm.h"

enum { HISTOGRAM_BINS = 2048, HISTOGRAM_PER_STEP = 4, HISTOGRAM_MAX_BARS = 128 };
enum histogram_kind { HISTOGRAM_FLOAT, HISTOGRAM_ENGINE, HISTOGRAM_KINDS };

struct histogram {
    double step;     /* of the levels; bins start as a quarter of it */
    double origin;   /* edge of bin HISTOGRAM_BINS / 2, half a step below zero */
    double per_real; /* narrowest bins in 1 */
    int level;       /* bins are 2^level times as wide as at first */
    uint64_t counts[HISTOGRAM_KINDS][HISTOGRAM_BINS];
};

/** Empty. @param step  between the levels of the engine's tensor, so that bins hold
 *  whole levels; 0: it has none. */
void histogram_begin(struct histogram *h, double step);
/** Count values; those that are not finite are left out. */
void histogram_add(struct histogram *h, enum histogram_kind kind, const float *values,
                   size_t n);
/** Add another one's counts, of the same step. */
void histogram_merge(struct histogram *h, const struct histogram *other);
/** Give every rank the counts of all. A collective call. */
enum tare_status histogram_gather(struct histogram *h, const struct tare_comm *comm,
                                  struct tare_error *err);
/** Least x so that at least `share` of the magnitudes are at most x, but for the width
 *  of a bin. 0: nothing was counted. */
double histogram_quantile(const struct histogram *h, enum histogram_kind kind,
                          double share);

/** Bars to draw: from `low` on, each `width`, over all that was counted. */
struct histogram_bars {
    double low, width;
    size_t n; /* at most HISTOGRAM_MAX_BARS; 0: nothing was counted */
    uint64_t counts[HISTOGRAM_KINDS][HISTOGRAM_MAX_BARS];
};
void histogram_draw(const struct histogram *h, struct histogram_bars *bars);

#endif /* TARE_TOOLS_HISTOGRAM_H */
