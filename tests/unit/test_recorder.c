/* A recorder: the first errors in their order, the number of the others, from several
 * threads; and what builds, engines and contexts tell it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/engine.h"
#include "tests/unit/net.h"

enum { N_THREADS = 4, N_ERRORS = 1000, CAPACITY = 100 };

static struct tare_recorder *new_recorder(size_t capacity)
{
    struct tare_recorder *recorder;
    NET_TRY(tare_recorder_create(capacity, &recorder, &err_));
    assert_int_equal(tare_recorder_count(recorder), 0);
    assert_int_equal(tare_recorder_lost(recorder), 0);
    return recorder;
}

static void report(struct tare_recorder *recorder, int number)
{
    struct tare_error error = {.code = TARE_E_IO};
    (void)snprintf(error.text, sizeof error.text, "error %d", number);
    tare_recorder_report(recorder, &error);
}

/* The last error that is kept. */
static struct tare_error last(struct tare_recorder *recorder)
{
    struct tare_error error = {0};
    const size_t n = tare_recorder_count(recorder);
    assert_true(n > 0 && tare_recorder_get(recorder, n - 1, &error));
    return error;
}

static void test_bounded(void **state)
{
    (void)state;
    struct tare_recorder *recorder = new_recorder(3);
    struct tare_error error;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++)
            report(recorder, i);
        assert_int_equal(tare_recorder_count(recorder), 3);
        assert_int_equal(tare_recorder_lost(recorder), 2);
        assert_true(tare_recorder_get(recorder, 0, &error));
        assert_string_equal(error.text, "error 0");
        assert_int_equal(error.code, TARE_E_IO);
        assert_string_equal(last(recorder).text, "error 2");
        assert_false(tare_recorder_get(recorder, 3, &error));
        tare_recorder_clear(recorder);
        assert_int_equal(tare_recorder_count(recorder), 0);
        assert_int_equal(tare_recorder_lost(recorder), 0);
        assert_false(tare_recorder_get(recorder, 0, &error));
    }
    tare_recorder_destroy(recorder);
    tare_recorder_destroy(NULL);
    assert_int_equal(tare_recorder_create(0, &recorder, &error), TARE_E_ARG);
    assert_null(recorder);
    assert_int_equal(tare_recorder_create(65537, &recorder, NULL), TARE_E_ARG);
    for (int64_t n = 0; n < 2; n++) {
        tare_alloc_fail_after(n);
        assert_int_equal(tare_recorder_create(4, &recorder, &error), TARE_E_NOMEM);
        tare_alloc_fail_after(-1);
        assert_null(recorder);
    }
}

static void *report_many(void *arg)
{
    struct tare_error error;
    for (int i = 0; i < N_ERRORS; i++) {
        report(arg, i);
        (void)tare_recorder_get(arg, (size_t)i % CAPACITY, &error);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    struct tare_recorder *recorder = new_recorder(CAPACITY);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, report_many, recorder), 0);
    for (int i = 0; i < N_THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(tare_recorder_count(recorder), CAPACITY);
    assert_int_equal(tare_recorder_lost(recorder), N_THREADS * N_ERRORS - CAPACITY);
    tare_recorder_destroy(recorder);
}

static void expect(struct tare_recorder *recorder, size_t n, enum tare_status code,
                   const char *text)
{
    assert_int_equal(tare_recorder_count(recorder), n);
    const struct tare_error error = last(recorder);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, text)) fail_msg("'%s' is not '%s'", error.text, text);
}

static void check_context(struct tare_engine *engine, struct tare_recorder *of_engine)
{
    struct tare_context *context;
    struct tare_recorder *own = new_recorder(CAPACITY);
    const struct tare_context_options options = {.n_threads = 1, .recorder = own};
    float value = 0.0F;
    NET_TRY(tare_context_create(engine, 1, &context, &err_));
    const size_t n = tare_recorder_count(of_engine);
    assert_int_equal(tare_context_run(context, NULL), TARE_E_ARG); /* without a text */
    expect(of_engine, n + 1, TARE_E_ARG, "has no address");
    assert_int_equal(tare_context_set_shapes(context, "1x2x3", NULL), TARE_E_ARG);
    expect(of_engine, n + 2, TARE_E_ARG, "the engine was built for");
    tare_context_destroy(context);

    NET_TRY(tare_context_create_with(engine, &options, &context, &err_));
    assert_int_equal(tare_context_set_address(context, 9, &value, NULL), TARE_E_ARG);
    expect(own, 1, TARE_E_ARG, "binding 9, want below 2");
    assert_int_equal(tare_recorder_count(of_engine), n + 2);
    tare_context_destroy(context);
    assert_int_equal(tare_context_create(engine, 0, &context, NULL), TARE_E_ARG);
    expect(of_engine, n + 3, TARE_E_ARG, "threads: 0");
    struct tare_engine *fixed;
    assert_int_equal(tare_engine_fix(engine, 7, NULL, &fixed, NULL), TARE_E_ARG);
    expect(of_engine, n + 4, TARE_E_ARG, "profile 7: the engine has 0");
    tare_recorder_destroy(own);
}

static void test_attached(void **state)
{
    (void)state;
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_error err = {0};
    struct tare_recorder *recorder = new_recorder(CAPACITY);
    NET_TRY(tare_model_load(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", &model,
                            &err_));
    NET_TRY(tare_model_bind(model, NULL, 1, NULL, &err_));
    struct tare_build_options build = {.recorder = recorder, .int8 = true};
    assert_int_equal(tare_build(model, &build, &plan, &err), TARE_E_ARG);
    expect(recorder, 1, TARE_E_ARG, err.text);
    build.int8 = false;
    NET_TRY(tare_build(model, &build, &plan, &err_));
    assert_int_equal(tare_recorder_count(recorder), 1); /* no error, nothing said */

    const struct tare_load_options load = {.recorder = recorder};
    assert_int_equal(tare_engine_load_with("/no/such.tare", &load, &engine, NULL),
                     TARE_E_IO);
    expect(recorder, 2, TARE_E_IO, "/no/such.tare: cannot open");
    size_t n_bytes;
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    assert_int_equal(tare_engine_open_with(bytes, 7, &load, &engine, &err),
                     TARE_E_FORMAT);
    expect(recorder, 3, TARE_E_FORMAT, err.text);
    NET_TRY(tare_engine_open_with(bytes, n_bytes, &load, &engine, &err_));
    check_context(engine, recorder);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
    tare_model_destroy(model);
    tare_recorder_destroy(recorder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bounded),
                                       cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_attached)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
