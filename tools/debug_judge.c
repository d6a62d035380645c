#include "tools/debug_judge.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/debug.h"
#include "tools/report.h"
#include "tools/run_keep.h"
#include "tools/scratch.h"

struct debug_judge {
    const struct debug_criterion *criterion;
    const struct tare_dataset *dataset;
    struct tare_plan *plan; /* FP32 */
    struct tare_engine *engine;
    struct run_kept reference;
    char folder[SCRATCH_PATH_BYTES]; /* of the engine that the command is given */
    char says[64];
};

static bool has_tolerances(const struct run_tolerances *t)
{
    return t->atol.n > 0 || t->rtol.n > 0 || t->stat;
}

bool debug_criterion_check(const struct debug_criterion *c, const char **wrong)
{
    const char *value;
    const int n = (c->min_sqnr_db >= 0.0) + (c->accuracy_drop >= 0.0) +
                  has_tolerances(&c->tolerances) + (c->command != NULL);
    *wrong = "want one criterion of --min-sqnr, --accuracy-drop, --atol and --rtol, "
             "and --check";
    if (n != 1) return false;
    *wrong =
        "--atol, --rtol: want [NAME:]X; --check-error-stat: elemwise, max, mean or "
        "median";
    return run_tolerances_check(&c->tolerances, &value);
}

static enum tare_status run_plan(const struct debug_judge *judge,
                                 const struct tare_plan *plan,
                                 struct tare_engine **engine, struct run_kept *kept,
                                 struct tare_error *err)
{
    const struct run_wants wants = {.inputs = false};
    *kept = (struct run_kept){0};
    const enum tare_status st = tare_plan_open(plan, engine, err);
    return st == TARE_OK ? run_keep(*engine, judge->dataset, &wants, kept, err) : st;
}

/* Tolerances of tensors that the network has not, scores that are none. */
static enum tare_status check_outputs(const struct debug_judge *judge,
                                      struct tare_error *err)
{
    const struct run_arrays *outputs = &judge->reference.outputs;
    char name[256];
    if (run_tolerances_stray(&judge->criterion->tolerances, &outputs, 1, name))
        return report_error(err, TARE_E_ARG,
                            "--atol, --rtol: there is no output '%.200s'", name);
    if (judge->criterion->accuracy_drop >= 0.0 && outputs->items[0].dtype != TARE_F32)
        return report_error(err, TARE_E_ARG,
                            "--accuracy-drop: the first output, '%.80s', holds no "
                            "scores in float32",
                            outputs->items[0].name);
    return TARE_OK;
}

enum tare_status debug_judge_create(const struct debug_criterion *criterion,
                                    const struct tare_model *model,
                                    const struct tare_dataset *dataset,
                                    struct debug_judge **judge, struct tare_error *err)
{
    const struct tare_build_options fp32 = {.optimization_level = 0};
    enum tare_status st = TARE_OK;
    *judge = calloc(1, sizeof **judge);
    if (!*judge) return report_error(err, TARE_E_NOMEM, "no memory for a reference");
    struct debug_judge *j = *judge;
    j->criterion = criterion;
    j->dataset = dataset;
    if (criterion->command) {
        st = scratch_make(j->folder, err);
    } else {
        st = tare_build(model, &fp32, &j->plan, err);
        if (st == TARE_OK) st = run_plan(j, j->plan, &j->engine, &j->reference, err);
        if (st == TARE_OK) st = check_outputs(j, err);
    }
    if (st == TARE_OK) return TARE_OK;
    debug_judge_destroy(j);
    *judge = NULL;
    return st;
}

void debug_judge_destroy(struct debug_judge *judge)
{
    if (!judge) return;
    run_kept_release(&judge->reference);
    tare_engine_destroy(judge->engine);
    tare_plan_destroy(judge->plan);
    scratch_remove(judge->folder);
    free(judge);
}

/* The first of the largest scores; SIZE_MAX: a NaN is among them. */
static size_t best_class(const struct run_arrays *outputs, size_t sample)
{
    const struct tare_result result = run_array_sample(outputs, 0, sample);
    const float *scores = result.data;
    size_t best = 0;
    for (size_t c = 0; c < result.n_bytes / sizeof(float); c++) {
        if (scores[c] != scores[c]) return SIZE_MAX;
        if (scores[c] > scores[best]) best = c;
    }
    return best;
}

static bool judge_accuracy(struct debug_judge *judge, const struct run_arrays *outputs)
{
    const struct run_arrays *reference = &judge->reference.outputs;
    size_t n_labels = 0, n_right[2] = {0}, n_other = 0;
    for (size_t s = 0; s < outputs->n_samples; s++) {
        const size_t a = best_class(outputs, s), b = best_class(reference, s);
        const int64_t label = tare_dataset_label(judge->dataset, (int64_t)s);
        n_other += a != b || a == SIZE_MAX;
        if (label < 0) continue;
        n_labels++;
        n_right[0] += a == (size_t)label;
        n_right[1] += b == (size_t)label;
    }
    const double lost =
        n_labels ? 100.0 * ((double)n_right[1] - (double)n_right[0]) / (double)n_labels
                 : 100.0 * (double)n_other / (double)outputs->n_samples;
    (void)snprintf(judge->says, sizeof judge->says, "%.3g %s", lost,
                   n_labels ? "points of top-1 lost" : "% of another class");
    return lost <= judge->criterion->accuracy_drop;
}

static enum tare_status judge_outputs(struct debug_judge *judge,
                                      const struct run_arrays *outputs, bool *holds,
                                      struct tare_error *err)
{
    bool passed;
    double sqnr_db;
    if (judge->criterion->accuracy_drop >= 0.0) {
        *holds = judge_accuracy(judge, outputs);
        return TARE_OK;
    }
    const enum tare_status st =
        run_judge(outputs, &judge->reference.outputs, &judge->criterion->tolerances,
                  &passed, &sqnr_db, err);
    (void)snprintf(judge->says, sizeof judge->says, "SQNR %.2f dB", sqnr_db);
    *holds = has_tolerances(&judge->criterion->tolerances)
                 ? passed
                 : sqnr_db >= judge->criterion->min_sqnr_db;
    return st;
}

static enum tare_status judge_command(struct debug_judge *judge,
                                      const struct tare_plan *plan, bool *holds,
                                      struct tare_error *err)
{
    char path[SCRATCH_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/engine.tare", judge->folder);
    const struct debug_word words[] = {{"{}", path}};
    int status = 0;
    enum tare_status st = tare_plan_save(plan, path, err);
    if (st == TARE_OK)
        st = debug_run(judge->criterion->command, words, 1, &status, err);
    *holds = st == TARE_OK && status == 0;
    (void)snprintf(judge->says, sizeof judge->says, "the command's exit status is %d",
                   status);
    return st;
}

enum tare_status debug_judge_plan(struct debug_judge *judge,
                                  const struct tare_plan *plan, bool *holds,
                                  struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    struct run_kept kept;
    *holds = false;
    if (judge->criterion->command) return judge_command(judge, plan, holds, err);
    enum tare_status st = run_plan(judge, plan, &engine, &kept, err);
    if (st == TARE_OK) st = judge_outputs(judge, &kept.outputs, holds, err);
    run_kept_release(&kept);
    tare_engine_destroy(engine);
    return st;
}

const char *debug_judge_says(const struct debug_judge *judge)
{
    return judge->says;
}
