/* tools/compare_cause.h - why a layer of an engine differs from FP32, in words, and the
 * flag that mends it. Decided by measured numbers alone, each against a threshold that
 * is named here. */
#ifndef TARE_TOOLS_COMPARE_CAUSE_H
#define TARE_TOOLS_COMPARE_CAUSE_H

#include <stdbool.h>
#include <stddef.h>

/** A tensor at least so near to FP32 needs no cause. */
#define CAUSE_FINE_DB 25.0
/** A part that has at least this share of the error's power causes it. */
#define CAUSE_SHARE 0.5
/** The range over the 99.99th percentile of the magnitudes: sparse outliers. */
#define CAUSE_OUTLIER_RATIO 8.0
/** The largest channel over the median one: it wastes levels of the others. */
#define CAUSE_SPAN 16.0

/** How a tensor fits into the range in which it is held, over all samples. */
struct cause_tensor {
    const char *name; /* NULL: there is none, or it is not held in 8 bits */
    double signal;    /* sum of squares of its FP32 values */
    double rounding; /* of what rounding to the levels does to those inside the range */
    double clipping; /* of what is beyond the range */
    double clipped;  /* share of the values beyond it, 0 to 1 */
    double lowest, highest; /* the range */
    double percentile;      /* the 99.99th of the magnitudes */
    double channel_most;    /* largest magnitude of the largest channel, ... */
    double channel_median;  /* ... and of the median one of those that are not 0 */
};

enum cause_kind { CAUSE_OTHER, CAUSE_CONV, CAUSE_DEPTHWISE, CAUSE_MATRIX };

struct cause_layer {
    const char *name; /* of the layer, as --layer-precisions takes it */
    enum cause_kind kind;
    double signal;      /* sum of squares of the FP32 values */
    double accumulated; /* of the error, with inputs as the engine made them */
    double isolated;    /* of the error, with inputs as FP32 has them */
    double shift;       /* of the isolated error, what its means of channels explain */
    struct cause_tensor output, input;
    /* magnitudes of its weights by input channel, which of a depthwise layer are its
     * channels; the least that is not 0; all 0: not known */
    double weights_most, weights_median, weights_least;
    const char *origin;  /* tensor that an inherited error comes from, or NULL; */
    bool origin_is_fine; /* near enough to FP32 itself: many layers have added to it */
};

enum cause {
    CAUSE_NONE,      /* near enough to FP32 */
    CAUSE_INHERITED, /* came in with the inputs */
    CAUSE_CLIPPING,
    CAUSE_OUTLIERS,
    CAUSE_CHANNELS, /* of the input: one step for channels of very different size */
    CAUSE_WEIGHTS,  /* the same of weights */
    CAUSE_SHIFT,
    CAUSE_ROUNDING, /* 8 bits are too few */
    CAUSE_COUNT
};

struct cause_text {
    enum cause cause;
    bool is_of_input; /* what is wrong with the input's range */
    char words[400];  /* "" for CAUSE_NONE */
    char flag[300];   /* the flags that mend it; "" when none does */
};

/** A word for each, as the JSON has it. */
const char *cause_name(enum cause cause);

/** Did more than half of the error's power come in with the inputs? */
bool cause_is_inherited(const struct cause_layer *layer);

/** Decide and say it. */
void cause_find(const struct cause_layer *layer, struct cause_text *text);

#endif /* TARE_TOOLS_COMPARE_CAUSE_H */
