#include "tools/debug_check.h"

#include <stdio.h>
#include <string.h>

#include "tools/npy.h"
#include "tools/plugins.h"
#include "tools/report.h"

/* Writes what the part's inputs are in FP32. @param[out] stray  one whose values are
 * not known, or NULL */
static enum tare_status save_inputs(const struct debug_check *check,
                                    const struct words *names, const char **stray,
                                    struct tare_error *err)
{
    struct npz_writer *archive;
    *stray = NULL;
    enum tare_status st = npz_create(check->inputs, &archive, err);
    if (st != TARE_OK) return st;
    for (size_t n = 0; st == TARE_OK && n < names->n; n++) {
        size_t i;
        const struct run_arrays *set =
            debug_tensors_find(&check->tensors, names->items[n], &i);
        if (!set) {
            *stray = names->items[n];
            continue;
        }
        const struct tare_dims dims = run_array_dims(set, i);
        st = npz_add(archive, names->items[n], &dims, set->items[i].dtype,
                     set->items[i].data, err);
    }
    return npz_close(archive, st, err);
}

static enum tare_status check_command(struct debug_check *check,
                                      const struct words *inputs, bool *fails,
                                      struct tare_error *err)
{
    const struct debug_word words[] = {{"{inputs}", check->inputs},
                                       {"{}", check->part}};
    const char *command = check->criterion->command, *stray = NULL;
    int status = 0;
    enum tare_status st = TARE_OK;
    if (strstr(command, words[0].word)) st = save_inputs(check, inputs, &stray, err);
    if (st == TARE_OK && stray) {
        (void)snprintf(check->says, sizeof check->says,
                       "the values of '%.80s' are not known in FP32", stray);
        return TARE_OK;
    }
    if (st == TARE_OK) st = debug_run(command, words, 2, &status, err);
    *fails = check->fail_code ? status == check->fail_code : status != 0;
    (void)snprintf(check->says, sizeof check->says, "exit status %d", status);
    return st;
}

static enum tare_status build(const struct debug_check *check, struct tare_plan **plan,
                              struct tare_error *err)
{
    const struct tare_build_options o = {
        .int8 = check->cache != NULL, .cache = check->cache, .isa = check->isa};
    struct tare_model *model = NULL;
    *plan = NULL;
    enum tare_status st = plugins_load_model(check->part, &model, err);
    if (st == TARE_OK) st = tare_model_bind(model, NULL, check->batch, NULL, err);
    if (st == TARE_OK) st = tare_build(model, &o, plan, err);
    tare_model_destroy(model);
    return st;
}

/* The error's text without the temporary path in front. */
static void note_error(struct debug_check *check, const struct tare_error *why)
{
    const size_t n = strlen(check->part);
    const bool has_path =
        strncmp(why->text, check->part, n) == 0 && strncmp(why->text + n, ": ", 2) == 0;
    (void)snprintf(check->says, sizeof check->says, "%.150s",
                   why->text + (has_path ? n + 2 : 0));
}

/* A failure of another kind than the whole model's is another one. */
static enum tare_status check_build(struct debug_check *check, bool *fails,
                                    struct tare_error *err)
{
    struct tare_plan *plan;
    struct tare_error why = {0};
    const enum tare_status st = build(check, &plan, &why);
    tare_plan_destroy(plan);
    if (st == TARE_E_NOMEM) {
        *err = why;
        return st;
    }
    if (!check->is_later) check->build_status = st;
    *fails = st != TARE_OK && st == check->build_status;
    note_error(check, &why);
    return TARE_OK;
}

/* What is built and played, judged. */
static enum tare_status judge_plan(struct debug_check *check,
                                   const struct tare_plan *plan, bool *fails,
                                   struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    struct run_arrays outputs = {0}, wanted = {0};
    bool passed = true;
    double sqnr_db = 0.0;
    enum tare_status st = tare_plan_open(plan, &engine, err);
    if (st == TARE_OK)
        st = debug_replay(&check->tensors, engine, &outputs, &wanted, err);
    if (st == TARE_OK)
        st = run_judge(&outputs, &wanted, &check->criterion->tolerances, &passed,
                       &sqnr_db, err);
    const bool by_sqnr = check->criterion->min_sqnr_db >= 0.0;
    *fails =
        st == TARE_OK && (by_sqnr ? sqnr_db < check->criterion->min_sqnr_db : !passed);
    (void)snprintf(check->says, sizeof check->says, "SQNR %.2f dB", sqnr_db);
    run_arrays_release(&outputs);
    run_arrays_release(&wanted);
    tare_engine_destroy(engine);
    return st;
}

/* A part that cannot be built or played does not fail. */
static enum tare_status check_int8(struct debug_check *check, bool *fails,
                                   struct tare_error *err)
{
    struct tare_plan *plan;
    struct tare_error why = {0};
    enum tare_status st = build(check, &plan, &why);
    if (st == TARE_OK) st = judge_plan(check, plan, fails, &why);
    tare_plan_destroy(plan);
    if (st == TARE_OK) return TARE_OK;
    note_error(check, &why);
    if (st != TARE_E_NOMEM) return TARE_OK;
    *err = why;
    return st;
}

enum tare_status debug_check_part(struct debug_check *check, const struct words *inputs,
                                  bool *fails, struct tare_error *err)
{
    enum tare_status st;
    *fails = false;
    if (check->build)
        st = check_build(check, fails, err);
    else if (check->criterion->command)
        st = check_command(check, inputs, fails, err);
    else
        st = check_int8(check, fails, err);
    check->is_later = true;
    return st;
}
