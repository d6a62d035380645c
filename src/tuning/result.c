/* What a tuning tells. */
#include "base/mem.h"
#include "tuning/tuning.h"

void tare_tuning_destroy(struct tare_tuning *tuning)
{
    if (!tuning) return;
    for (size_t i = 0; i < tuning->n_ranges; i++) {
        tare_calibration_destroy(tuning->ranges[i].calibration);
        tare_cache_destroy(tuning->ranges[i].cache);
    }
    tare_calibration_destroy(tuning->calibration);
    tare_recovery_destroy(tuning->recovery);
    tare_free(tuning->steps);
    tare_free(tuning);
}

const struct tare_calibration *tare_tuning_calibration(const struct tare_tuning *tuning)
{
    return tuning->calibration;
}

const struct tare_cache *tare_tuning_cache(const struct tare_tuning *tuning)
{
    return tuning->ranges[tuning->trials[tuning->chosen].ranges].cache;
}

const struct tare_recovery *tare_tuning_recovery(const struct tare_tuning *tuning)
{
    return tuning->recovery;
}

size_t tare_tuning_n_rows(const struct tare_tuning *tuning)
{
    return tuning->n_trials;
}

static const char *name_of(unsigned passes)
{
    /* by TARE_RECOVER_BIAS, _ROUNDING, _EQUALIZE, _SMOOTH as bits */
    static const char *const names[] = {
        "none",
        "bias",
        "rounding",
        "bias,rounding",
        "equalize",
        "bias,equalize",
        "equalize,rounding",
        "bias,equalize,rounding",
        "smooth",
        "bias,smooth",
        "smooth,rounding",
        "bias,smooth,rounding",
        "equalize,smooth",
        "bias,equalize,smooth",
        "equalize,smooth,rounding",
        "bias,equalize,smooth,rounding",
    };
    return names[passes];
}

void tare_tuning_get_row(const struct tare_tuning *tuning, size_t i,
                         struct tare_tuning_row *row)
{
    const struct tare_trial *trial = &tuning->trials[i];
    *row = (struct tare_tuning_row){
        .ranges = tuning->ranges[trial->ranges].name,
        .recovery = name_of(trial->passes),
        .sqnr_db = trial->judged.sqnr_db,
        .agreement = trial->judged.agreement,
        .top1 = trial->judged.top1,
        .seconds = trial->seconds,
        .chosen = i == tuning->chosen,
    };
}

size_t tare_tuning_n_steps(const struct tare_tuning *tuning)
{
    return tuning->n_steps;
}

void tare_tuning_get_step(const struct tare_tuning *tuning, size_t i,
                          struct tare_tuning_step *step)
{
    *step = tuning->steps[i];
}

size_t tare_tuning_n_samples(const struct tare_tuning *tuning)
{
    return tuning->n_samples;
}

const char *tare_tuning_reason(const struct tare_tuning *tuning)
{
    return tuning->reason;
}
