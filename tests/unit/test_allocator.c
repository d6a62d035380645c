/* Memory of the user's: all that a context or an engine has is of it and goes back to
 * it, whatever fails on the way. */
#include "tests/unit/count_allocations.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

/** A user's allocator: our own behind it, unseen by the counters. */
struct user {
    size_t n_calls, n_live;
    size_t fail_at; /* the call that fails, counted from 0; SIZE_MAX: none */
};

static void *user_alloc(void *ctx, size_t n_bytes, size_t align)
{
    struct user *user = ctx;
    assert_true(n_bytes > 0 && align <= 64 && (align & (align - 1)) == 0);
    if (user->n_calls++ == user->fail_at) return NULL;
    user->n_live++;
    void *block = __real_aligned_alloc(64, (n_bytes + 63) / 64 * 64);
    if (block) memset(block, 0xA5, n_bytes); /* nobody may rely on zeros */
    return block;
}

static void user_free(void *ctx, void *block)
{
    struct user *user = ctx;
    assert_non_null(block);
    user->n_live--;
    free(block);
}

static const float *look(void *ctx, const struct tare_tapped *tensor)
{
    (void)ctx;
    (void)tensor;
    return NULL;
}

static float input[3 * 17 * 19], output[10], expected[10];

/* A context from its beginning to its end. */
static enum tare_status live(const struct tare_engine *engine, int n_threads,
                             const struct tare_allocator *allocator,
                             struct tare_error *err)
{
    struct tare_context *context;
    const struct tare_context_options options = {.n_threads = n_threads,
                                                 .allocator = allocator};
    enum tare_status st = tare_context_create_with(engine, &options, &context, err);
    if (st != TARE_OK) {
        assert_null(context);
        return st;
    }
    NET_TRY(tare_context_set_address(context, 0, input, &err_));
    NET_TRY(tare_context_set_address(context, 1, output, &err_));
    st = tare_context_set_tap(context, look, NULL, true, err);
    if (st == TARE_OK) NET_TRY(tare_context_run(context, &err_));
    tare_context_destroy(context);
    return st;
}

static void check_context(const struct tare_engine *engine, int n_threads)
{
    struct user user = {.fail_at = SIZE_MAX};
    const struct tare_allocator allocator = {user_alloc, user_free, &user};
    const int before = n_allocations;
    memset(output, 0, sizeof output);
    NET_TRY(live(engine, n_threads, &allocator, &err_));
    assert_memory_equal(output, expected, sizeof output);
    assert_int_equal(n_allocations, before); /* none but the user's */
    assert_true(user.n_calls > 8);
    assert_int_equal(user.n_live, 0);
    const size_t n = user.n_calls;
    for (size_t i = 0; i < n; i++) {
        struct tare_error err = {0};
        user = (struct user){.fail_at = i};
        assert_int_equal(live(engine, n_threads, &allocator, &err), TARE_E_NOMEM);
        assert_true(err.text[0]);
        assert_int_equal(user.n_live, 0);
    }
}

static void check_engine(const struct built *built)
{
    struct user user = {.fail_at = SIZE_MAX};
    const struct tare_allocator allocator = {user_alloc, user_free, &user};
    const struct tare_load_options options = {.allocator = &allocator};
    struct tare_engine *engine;
    const int before = n_allocations;
    NET_TRY(
        tare_engine_open_with(built->bytes, built->n_bytes, &options, &engine, &err_));
    assert_int_equal(n_allocations, before);
    assert_int_equal(user.n_live, user.n_calls);
    NET_TRY(live(engine, 1, &allocator, &err_));
    assert_memory_equal(output, expected, sizeof output);
    tare_engine_destroy(engine);
    assert_int_equal(user.n_live, 0);
    user = (struct user){.fail_at = SIZE_MAX};
    NET_TRY(
        tare_engine_open_with(built->bytes, built->n_bytes, &options, &engine, &err_));
    tare_engine_destroy(engine);
    const size_t n = user.n_calls;
    for (size_t i = 0; i < n; i++) {
        user = (struct user){.fail_at = i};
        assert_int_equal(tare_engine_open_with(built->bytes, built->n_bytes, &options,
                                               &engine, NULL),
                         TARE_E_NOMEM);
        assert_null(engine);
        assert_int_equal(user.n_live, 0);
    }
}

static void test_allocator(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        input[i] = engine_net_random();
    for (int int8 = 0; int8 <= 1; int8++) {
        struct built built;
        struct tare_graph *g = engine_net(int8);
        NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
        NET_TRY(live(built.engine, 1, NULL, &err_));
        memcpy(expected, output, sizeof output);
        for (int n_threads = 1; n_threads <= 3; n_threads++)
            check_context(built.engine, n_threads);
        check_engine(&built);
        built_release(&built);
        tare_graph_destroy(g);
    }
}

/* Half an allocator is none. */
static void test_refused(void **state)
{
    (void)state;
    struct built built;
    struct tare_engine *engine;
    struct tare_error err = {0};
    struct tare_graph *g = engine_net(false);
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    const struct tare_allocator half[] = {{.alloc = user_alloc}, {.free = user_free}};
    assert_int_equal(live(built.engine, 1, &half[0], &err), TARE_E_ARG);
    assert_string_equal(err.text, "allocator: 'free' is missing");
    const struct tare_load_options options = {.allocator = &half[1]};
    assert_int_equal(
        tare_engine_open_with(built.bytes, built.n_bytes, &options, &engine, &err),
        TARE_E_ARG);
    assert_string_equal(err.text, "allocator: 'alloc' is missing");
    built_release(&built);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocator),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
