/* tally.h - counting the values of a tensor, which end in an observer: its own, and
 * that of tensors which follow from it.
 *
 * Negative values, those below a cut and the rest are counted apart, each in bins as
 * narrow as an observer of them alone would have. So the observer of max(x, 0) or of
 * min(max(x, 0), cut) follows exactly, without looking at those values. */
#ifndef TARE_TALLY_H
#define TARE_TALLY_H

#include "calibrators/observer.h"

/* What is not finite, by kind. */
enum tare_odd { TARE_ODD_NAN, TARE_ODD_PLUS, TARE_ODD_MINUS, TARE_ODD_KINDS };

/* Values that fit: a count is below this. */
#define TARE_TALLY_MOST (UINT32_C(1) << 24)

struct tare_tally {
    float cut;
    bool is_signed;    /* a value below zero was seen */
    int32_t low, high; /* ordinals of the finite values' extremes; low > high: none */
    int64_t exponent[TARE_OBSERVE_PARTS];
    uint64_t n_values; /* all */
    uint64_t n_zeros;
    uint64_t n_odd[TARE_ODD_KINDS];
    struct tare_observe_scale scale; /* of cut and exponents */
    uint32_t counts[TARE_OBSERVE_COUNTS];
};

/** @param cut  above 0; INFINITY: none. */
void tare_tally_init(struct tare_tally *tally, float cut);

/** Count x[0] … x[n-1], n_values + n <= TARE_TALLY_MOST. */
void tare_tally_add(struct tare_tally *tally, const float *x, size_t n);

/** Let `observer` have observed the counted values. */
void tare_tally_observe(const struct tare_tally *tally, struct tare_observer *observer);

/** The same of min(max(x, 0), upper), upper being the cut or INFINITY. */
void tare_tally_observe_clipped(const struct tare_tally *tally, float upper,
                                struct tare_observer *observer);

#endif /* TARE_TALLY_H */
