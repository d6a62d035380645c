/* A monitor of a build: phases begin, make their steps in order and end, inside one
 * another; refusing any step ends the build, and leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tare/builder.h"
#include "tests/unit/net.h"

enum { MOST_PHASES = 8 };

/** What a monitor has seen. */
struct seen {
    const char *open[MOST_PHASES]; /* phases that have begun, outermost first */
    size_t next[MOST_PHASES];      /* step that they make next */
    size_t n_steps[MOST_PHASES];
    size_t n_open, n_phases, n_told;
    size_t refuse; /* the step, of all, that is refused; SIZE_MAX: none */
    bool refused, all_done;
};

static void start(void *ctx, const char *phase, const char *parent, size_t n_steps)
{
    struct seen *s = ctx;
    assert_false(s->refused);
    assert_true(s->n_open < MOST_PHASES);
    if (s->n_open == 0)
        assert_null(parent);
    else
        assert_string_equal(parent, s->open[s->n_open - 1]);
    s->open[s->n_open] = phase;
    s->next[s->n_open] = 0;
    s->n_steps[s->n_open++] = n_steps;
    s->n_phases++;
}

static bool step(void *ctx, const char *phase, size_t step)
{
    struct seen *s = ctx;
    const size_t top = s->n_open - 1;
    assert_false(s->refused);
    assert_string_equal(phase, s->open[top]);
    assert_true(step < s->n_steps[top]);
    if (step + 1 != s->next[top]) assert_int_equal(step, s->next[top]++);
    s->refused = s->n_told++ == s->refuse;
    return !s->refused;
}

static void finish(void *ctx, const char *phase)
{
    struct seen *s = ctx;
    assert_true(s->n_open > 0);
    s->n_open--;
    assert_string_equal(phase, s->open[s->n_open]);
    s->all_done = s->all_done && s->next[s->n_open] == s->n_steps[s->n_open];
}

static struct tare_model *model;

static enum tare_status build(struct seen *seen, size_t refuse, struct tare_plan **plan,
                              struct tare_error *err)
{
    const struct tare_monitor monitor = {start, step, finish, seen};
    const struct tare_build_options options = {.optimization_level = 5,
                                               .monitor = &monitor};
    *seen = (struct seen){.refuse = refuse, .all_done = true};
    const enum tare_status st = tare_build(model, &options, plan, err);
    assert_int_equal(seen->n_open, 0); /* what began has ended */
    return st;
}

static void test_all_steps(void **state)
{
    (void)state;
    struct seen seen;
    struct tare_plan *plan;
    NET_TRY(build(&seen, SIZE_MAX, &plan, &err_));
    assert_true(seen.all_done);
    bool is_timed = false;
    for (size_t i = 0; i < tare_plan_n_tactic_rows(plan); i++) {
        struct tare_tactic_row row;
        tare_plan_tactic_row(plan, i, &row);
        is_timed = is_timed || row.n_tactics > 1;
    }
    assert_int_equal(seen.n_phases, is_timed ? 4 : 3);
    tare_plan_destroy(plan);
}

static void test_refused(void **state)
{
    (void)state;
    struct seen seen;
    struct tare_plan *plan;
    NET_TRY(build(&seen, SIZE_MAX, &plan, &err_));
    tare_plan_destroy(plan);
    const size_t n = seen.n_told;
    for (size_t i = 0; i < n; i++) {
        struct tare_error err = {0};
        assert_int_equal(build(&seen, i, &plan, &err), TARE_E_CANCELLED);
        assert_int_equal(err.code, TARE_E_CANCELLED);
        assert_non_null(strstr(err.text, "cancelled in phase '"));
        assert_null(plan);
    }
}

/* Members may be missing; the engine is the one that nobody watched. */
static void test_unwatched(void **state)
{
    (void)state;
    struct tare_plan *plans[2];
    size_t n_bytes[2];
    const struct tare_monitor nothing = {0};
    for (int i = 0; i < 2; i++) {
        const struct tare_build_options options = {.monitor = i ? &nothing : NULL};
        NET_TRY(tare_build(model, &options, &plans[i], &err_));
    }
    const void *a = tare_plan_bytes(plans[0], &n_bytes[0]);
    const void *b = tare_plan_bytes(plans[1], &n_bytes[1]);
    assert_int_equal(n_bytes[0], n_bytes[1]);
    assert_memory_equal(a, b, n_bytes[0]);
    tare_plan_destroy(plans[0]);
    tare_plan_destroy(plans[1]);
}

int main(void)
{
    NET_TRY(tare_model_load(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", &model,
                            &err_));
    NET_TRY(tare_model_bind(model, NULL, 1, NULL, &err_));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_steps),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unwatched),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tare_model_destroy(model);
    return failed;
}
