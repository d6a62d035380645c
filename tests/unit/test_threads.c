/* The pool: every unit once, whatever the number of threads; one loop after another
 * without a pause, after pauses, and no loop at all before the end. Built with
 * -fsanitize=thread it also proves that a loop's data reach the workers and their
 * results the caller, with plain loads and stores here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/threads.h"
#include "tests/kernels/check.h"

enum { MAX_UNITS = 300, MAX_THREADS = 8 };

/* Plain variables: only the pool keeps the threads apart. */
struct loop {
    int64_t n_units, grain;
    int n_threads;
    int32_t factor;
    int32_t values[MAX_UNITS];
    int32_t visits[MAX_UNITS];
    int64_t sums[MAX_THREADS]; /* a worker's own */
    int32_t wrong[MAX_THREADS];
};

static void add_factor(void *arg, int64_t begin, int64_t end, int worker)
{
    struct loop *loop = arg;
    if (worker < 0 || worker >= loop->n_threads) abort();
    const bool is_chunk = end - begin == loop->grain || end == loop->n_units;
    if (begin < 0 || end <= begin || end > loop->n_units ||
        (!is_chunk && loop->n_threads > 1))
        loop->wrong[worker]++;
    for (int64_t i = begin; i < end; i++) {
        loop->visits[i]++;
        loop->values[i] += loop->factor;
        loop->sums[worker] += loop->factor;
    }
}

/* One loop and its check. */
static void run_loop(struct tare_pool *pool, struct loop *loop, int64_t n_units,
                     int64_t grain)
{
    memset(loop, 0, sizeof *loop);
    loop->n_units = n_units;
    loop->grain = grain;
    loop->n_threads = tare_pool_size(pool);
    loop->factor = (int32_t)(check_u32() % 1000 + 1);
    if (check_u32() % 2 == 0)
        tare_pool_run(pool, n_units, grain, add_factor, loop);
    else
        tare_pool_run_shares(pool, n_units, grain, add_factor, loop);
    int64_t sum = 0;
    for (int i = 0; i < MAX_THREADS; i++) {
        assert_int_equal(loop->wrong[i], 0);
        sum += loop->sums[i];
    }
    assert_int_equal(sum, n_units * loop->factor);
    for (int64_t i = 0; i < MAX_UNITS; i++) {
        assert_int_equal(loop->visits[i], i < n_units);
        assert_int_equal(loop->values[i], i < n_units ? loop->factor : 0);
    }
}

static void pause_ms(long ms)
{
    const struct timespec t = {0, ms * 1000000L};
    (void)nanosleep(&t, NULL);
}

static struct tare_pool *new_pool(int n_threads)
{
    struct tare_pool *pool;
    assert_int_equal(tare_pool_create(n_threads, &pool, NULL), TARE_OK);
    assert_int_equal(tare_pool_size(pool), n_threads);
    return pool;
}

static void test_every_unit_once(void **state)
{
    static struct loop loop;
    (void)state;
    for (int n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        struct tare_pool *pool = new_pool(n_threads);
        for (int round = 0; round < 200; round++)
            run_loop(pool, &loop, check_u32() % (MAX_UNITS + 1), check_u32() % 40 + 1);
        tare_pool_destroy(pool);
    }
    run_loop(NULL, &loop, MAX_UNITS, 7);
}

/* Rounds so short that a worker often comes late, or not at all before the next. */
static void test_short_rounds(void **state)
{
    static struct loop loop;
    (void)state;
    struct tare_pool *pool = new_pool(4);
    for (int round = 0; round < 5000; round++)
        run_loop(pool, &loop, 2 + check_u32() % 6, 1);
    tare_pool_destroy(pool);
}

/* Who took which unit, when nobody goes on before all have come. */
struct meeting {
    pthread_barrier_t all_there;
    int owners[MAX_THREADS];
};

static void meet(void *arg, int64_t begin, int64_t end, int worker)
{
    struct meeting *meeting = arg;
    if (end != begin + 1) abort();
    meeting->owners[begin] = worker;
    (void)pthread_barrier_wait(&meeting->all_there);
}

/* The same part for the same thread, in every loop. */
static void test_own_share(void **state)
{
    enum { N_THREADS = 4 };
    struct meeting meeting;
    (void)state;
    struct tare_pool *pool = new_pool(N_THREADS);
    assert_int_equal(pthread_barrier_init(&meeting.all_there, NULL, N_THREADS), 0);
    for (int round = 0; round < 200; round++) {
        tare_pool_run_shares(pool, N_THREADS, 1, meet, &meeting);
        for (int i = 0; i < N_THREADS; i++)
            assert_int_equal(meeting.owners[i], i);
    }
    pthread_barrier_destroy(&meeting.all_there);
    tare_pool_destroy(pool);
}

/* Pauses longer than the workers spin: they sleep, and must be woken. */
static void test_sleeping_workers(void **state)
{
    static struct loop loop;
    (void)state;
    struct tare_pool *pool = new_pool(3);
    for (int round = 0; round < 30; round++) {
        pause_ms(round % 4);
        run_loop(pool, &loop, MAX_UNITS, 5);
    }
    tare_pool_destroy(pool);
}

/* Stopped while the workers start, spin or sleep. */
static void test_stop_at_any_time(void **state)
{
    static struct loop loop;
    (void)state;
    for (int round = 0; round < 150; round++) {
        struct tare_pool *pool = new_pool(2 + round % 5);
        if (round % 3) run_loop(pool, &loop, 20, 1);
        if (round % 15 == 0) pause_ms(3);
        tare_pool_destroy(pool);
    }
    tare_pool_destroy(NULL);
}

/* One pool serves several threads one after the other. */
struct turn {
    struct tare_pool *pool;
    struct loop loop;
};

static void *take_turn(void *arg)
{
    struct turn *turn = arg;
    for (int round = 0; round < 20; round++)
        run_loop(turn->pool, &turn->loop, MAX_UNITS, 11);
    return NULL;
}

static void test_handed_over(void **state)
{
    static struct turn turn;
    (void)state;
    turn.pool = new_pool(3);
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, take_turn, &turn), 0);
        pthread_join(thread, NULL);
    }
    tare_pool_destroy(turn.pool);
}

/* Loops in lanes, while the pool's own loop runs: one after another in each lane. */
enum { MAX_LOOPS = 12 };

struct task {
    struct lanes *lanes;
    int n_loops, current;
    int64_t n_units[MAX_LOOPS], grain[MAX_LOOPS];
    int32_t visits[MAX_LOOPS][MAX_UNITS];
};

struct lanes {
    struct tare_pool *pool;
    struct task tasks[TARE_POOL_LANES];
    bool is_busy[MAX_THREADS]; /* a worker's own, as its scratch is */
};

static void visit(void *arg, int64_t begin, int64_t end, int worker)
{
    struct task *task = arg;
    if (worker < 0 || worker >= tare_pool_size(task->lanes->pool)) abort();
    if (task->lanes->is_busy[worker]) abort();
    task->lanes->is_busy[worker] = true;
    for (int64_t i = begin; i < end; i++)
        task->visits[task->current][i]++;
    task->lanes->is_busy[worker] = false;
}

static void run_tasks(void *arg, int64_t begin, int64_t end, int worker)
{
    struct lanes *lanes = arg;
    for (int64_t i = begin; i < end; i++) {
        struct task *task = &lanes->tasks[i];
        struct tare_pool *lane = tare_pool_lane(lanes->pool, (int)i, worker);
        if (tare_pool_size(lane) != tare_pool_size(lanes->pool)) abort();
        for (int k = 0; k < task->n_loops; k++) {
            task->current = k;
            tare_pool_run(lane, task->n_units[k], task->grain[k], visit, task);
        }
    }
}

static void check_lanes(struct tare_pool *pool, int64_t n_tasks)
{
    static struct lanes lanes;
    memset(&lanes, 0, sizeof lanes);
    lanes.pool = pool;
    for (int64_t i = 0; i < n_tasks; i++) {
        struct task *task = &lanes.tasks[i];
        task->lanes = &lanes;
        task->n_loops = (int)(check_u32() % (MAX_LOOPS + 1));
        for (int k = 0; k < task->n_loops; k++) {
            task->n_units[k] = check_u32() % (MAX_UNITS + 1);
            task->grain[k] = check_u32() % 40 + 1;
        }
    }
    tare_pool_run(pool, n_tasks, 1, run_tasks, &lanes);
    for (int64_t i = 0; i < n_tasks; i++)
        for (int k = 0; k < lanes.tasks[i].n_loops; k++)
            for (int64_t u = 0; u < MAX_UNITS; u++)
                assert_int_equal(lanes.tasks[i].visits[k][u],
                                 u < lanes.tasks[i].n_units[k]);
}

static void test_lanes(void **state)
{
    static struct loop loop;
    (void)state;
    for (int n_threads = 1; n_threads <= MAX_THREADS; n_threads++) {
        struct tare_pool *pool = new_pool(n_threads);
        for (int round = 0; round < 40; round++) {
            check_lanes(pool, check_u32() % (TARE_POOL_LANES + 1));
            if (round % 8 == 0) pause_ms(round % 3);
            if (round % 3 == 0) run_loop(pool, &loop, MAX_UNITS, 5);
        }
        tare_pool_destroy(pool);
    }
}

static void test_refused(void **state)
{
    struct tare_pool *pool;
    struct tare_error err;
    (void)state;
    assert_int_equal(tare_pool_create(0, &pool, &err), TARE_E_ARG);
    assert_null(pool);
    assert_int_equal(tare_pool_create(1025, &pool, &err), TARE_E_ARG);
    for (int64_t n = 0; n < 2; n++) {
        tare_alloc_fail_after(n);
        assert_int_equal(tare_pool_create(4, &pool, &err), TARE_E_NOMEM);
        tare_alloc_fail_after(-1);
        assert_null(pool);
    }
    assert_int_equal(tare_pool_size(NULL), 1);
    assert_true(tare_cpu_count() >= 1);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit_once),
        cmocka_unit_test(test_short_rounds),
        cmocka_unit_test(test_own_share),
        cmocka_unit_test(test_sleeping_workers),
        cmocka_unit_test(test_stop_at_any_time),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
