/* tuning/tuning.h - what default and mix work with. */
#ifndef TARE_TUNING_TUNING_H
#define TARE_TUNING_TUNING_H

#include "base/threads.h"
#include "recovery/judge.h"
#include "recovery/samples.h"
#include "tare/tuning.h"

/** Ranges for the whole network. */
struct tare_ranges {
    const char *name;
    bool is_mixed; /* the calibration knows each tensor's method */
    struct tare_calibration *calibration;
    struct tare_cache *cache;
};

/** Ranges with a recovery, and what became of it. */
struct tare_trial {
    size_t ranges; /* index */
    unsigned passes;
    bool rejected;             /* its factors of channels do not help on both halves */
    struct tare_judged judged; /* on all samples */
    struct tare_judged folds[2]; /* recovered on the other half, judged on this */
    double seconds;
};

/* Five calibrators, and what mix makes of them. */
#define TARE_TUNING_CALIBRATORS 5
#define TARE_TUNING_MAX_RANGES  (TARE_TUNING_CALIBRATORS + 1)
/* No pass, bias, two passes that choose factors, and all passes, for each. */
#define TARE_TUNING_MAX_TRIALS (5 * TARE_TUNING_MAX_RANGES)

struct tare_tuning {
    struct tare_ranges ranges[TARE_TUNING_MAX_RANGES];
    size_t n_ranges;
    struct tare_trial trials[TARE_TUNING_MAX_TRIALS];
    size_t n_trials;
    size_t chosen;                  /* trial */
    struct tare_recovery *recovery; /* of the chosen, on all samples; NULL: none */
    const char *reason;
    struct tare_calibration *calibration; /* chosen, under the name of the method */
    struct tare_tuning_step *steps;
    size_t n_steps, cap_steps;
    size_t n_samples;
};

/** A half of the samples. */
struct tare_fold {
    void **inputs; /* borrowed */
    size_t n;
    int64_t *labels; /* NULL: none */
    struct tare_judge judge;
};

/** What is needed while choosing. */
struct tare_tuner {
    const struct tare_model *model;
    const struct tare_observations *observations;
    const struct tare_tuning_options *options;
    struct tare_build_options build; /* INT8, without ranges */
    struct tare_pool *pool;
    struct tare_samples samples;
    struct tare_fold folds[2]; /* of the samples */
    uint64_t model_hash;
    size_t n_layers;     /* of a sweep */
    size_t most_samples; /* of a sweep */
    unsigned passes;     /* that there are layers for */
    tare_progress_fn *progress;
    void *progress_ctx;
    size_t n_ticks, most_ticks;
    struct tare_tuning *tuning;
};

/** One step of work is done. */
void tare_tuner_tick(void *tuner);

/** Make a recovery of build->cache on some samples.
 *  @param[out] recovery  tare_recovery_destroy() it, also on failure. */
enum tare_status tare_tuner_recover(struct tare_tuner *tuner,
                                    const struct tare_build_options *build,
                                    unsigned passes, void *const *inputs, size_t n,
                                    struct tare_recovery **recovery,
                                    struct tare_error *err);
/** Recover with `passes` (0: none) on either half of the samples, judge on the other,
 *  and add the trial. */
enum tare_status tare_tuner_try(struct tare_tuner *tuner, size_t ranges,
                                unsigned passes, struct tare_error *err);
/** Choose among the trials. */
void tare_tuner_choose(struct tare_tuner *tuner);

/** Make the ranges of every calibrator. (default.c) */
enum tare_status tare_default_ranges(struct tare_tuner *tuner, struct tare_error *err);
/** Ticks of the functions below. */
size_t tare_default_ticks(const struct tare_tuner *tuner);
size_t tare_mix_ticks(const struct tare_tuner *tuner);
/** Judge networks of one calibrator each, and choose. (default.c) */
enum tare_status tare_tune_default(struct tare_tuner *tuner, struct tare_error *err);
/** From the chosen trial on, choose each tensor's calibrator. (mix.c) */
enum tare_status tare_tune_mix(struct tare_tuner *tuner, struct tare_error *err);

#endif /* TARE_TUNING_TUNING_H */
