/* Histograms and what NumPy makes of them; include it once. */
#ifndef TARE_TESTS_CALIBRATOR_REFERENCE_H
#define TARE_TESTS_CALIBRATOR_REFERENCE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

enum { REFERENCE_BINS = 2048 };
/* Curves of a reference: of the divergence, then of the squared error. */
enum { REFERENCE_KL = 0, REFERENCE_MSE = 4, REFERENCE_CURVES = 6 };

static const struct reference {
    const char *name;
    uint64_t zeros;
    double min, max, amax, width;
    uint64_t bins[REFERENCE_BINS];
    struct {
        unsigned levels;
        uint64_t zeros; /* in bin 0 */
        size_t best;
        size_t n_points;
        struct {
            size_t candidate;
            double objective;
        } points[8];
    } curves[REFERENCE_CURVES];
    struct {
        double percent, threshold;
    } percentiles[4];
} references[] = {
#include "tests/data/calibrator_reference.inc"
};
enum { N_REFERENCES = sizeof references / sizeof references[0] };

#endif /* TARE_TESTS_CALIBRATOR_REFERENCE_H */
