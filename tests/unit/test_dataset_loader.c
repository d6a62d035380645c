/* Order, errors and shutdown of the prefetching loader. */
#include "dataset_files.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tare/dataset.h"

enum { N = 200, PLANE = 4 };

/* N raw samples of 1 x 2 x 2 whose values are their index, where `bad` is too short. */
static struct tare_dataset *numbered(const char *folder, int bad)
{
    for (int i = 0; i < N; i++) {
        char name[32];
        const float values[PLANE] = {(float)i, (float)i, (float)i, (float)i};
        (void)snprintf(name, sizeof name, "%03d", i);
        files_write(folder, name, values, i == bad ? 7 : sizeof values);
    }
    struct tare_dataset_options options = {
        .raw = folder, .channels = 1, .height = 2, .width = 2};
    struct tare_dataset *dataset;
    tare_preprocess_init(&options.preprocess);
    assert_int_equal(tare_dataset_create(&options, &dataset, NULL), TARE_OK);
    assert_int_equal(N, N);
    return dataset;
}

static void one_consumer_gets_the_order(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 5, 16}, depths[] = {1, 2, 3, 300};
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, -1);
    for (int t = 0; t < 4; t++)
        for (int d = 0; d < 4; d++) {
            struct tare_loader *loader;
            assert_int_equal(
                tare_loader_create(dataset, 0, N, threads[t], depths[d], &loader, NULL),
                TARE_OK);
            int64_t index;
            const void *sample;
            for (int64_t i = 0; i < N; i++) {
                assert_int_equal(tare_loader_next(loader, &index, &sample, NULL),
                                 TARE_OK);
                assert_int_equal(index, i);
                assert_non_null(sample);
                for (int p = 0; p < PLANE; p++)
                    assert_int_equal((int)((const float *)sample)[p], i);
                tare_loader_release(loader, index);
            }
            for (int again = 0; again < 2; again++) {
                assert_int_equal(tare_loader_next(loader, &index, &sample, NULL),
                                 TARE_OK);
                assert_int_equal(index, N);
                assert_null(sample);
            }
            tare_loader_destroy(loader);
        }
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

struct consumers {
    struct tare_loader *loader;
    atomic_int seen[N];
    atomic_int failed;
};

/* Holds two samples at a time: the older one must stay as it was. */
static void *consume(void *arg)
{
    struct consumers *all = arg;
    const float *held = NULL;
    const void *sample;
    int64_t held_index = -1, index;
    for (;;) {
        const enum tare_status st =
            tare_loader_next(all->loader, &index, &sample, NULL);
        if (st == TARE_OK && !sample) break;
        if (st != TARE_OK) {
            atomic_fetch_add(&all->failed, 1);
            continue;
        }
        atomic_fetch_add(&all->seen[index], 1);
        if (held) {
            for (int p = 0; p < PLANE; p++)
                if ((int64_t)held[p] != held_index) abort();
            tare_loader_release(all->loader, held_index);
        }
        held = sample;
        held_index = index;
    }
    if (held) tare_loader_release(all->loader, held_index);
    return NULL;
}

static void many_consumers_share_the_samples(void **state)
{
    (void)state;
    enum { CONSUMERS = 4, BAD = 77 };
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, BAD);
    for (int round = 0; round < 5; round++) {
        struct consumers all = {0};
        assert_int_equal(tare_loader_create(dataset, 0, N, 3, 2 * CONSUMERS + round,
                                            &all.loader, NULL),
                         TARE_OK);
        pthread_t threads[CONSUMERS];
        for (int t = 0; t < CONSUMERS; t++)
            assert_int_equal(pthread_create(&threads[t], NULL, consume, &all), 0);
        for (int t = 0; t < CONSUMERS; t++)
            assert_int_equal(pthread_join(threads[t], NULL), 0);
        for (int i = 0; i < N; i++)
            assert_int_equal(atomic_load(&all.seen[i]), i == BAD ? 0 : 1);
        assert_int_equal(atomic_load(&all.failed), 1);
        tare_loader_destroy(all.loader);
    }
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void an_error_comes_in_its_turn(void **state)
{
    (void)state;
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, 3);
    struct tare_loader *loader;
    assert_int_equal(tare_loader_create(dataset, 0, N, 4, 8, &loader, NULL), TARE_OK);
    for (int64_t i = 0; i < 6; i++) {
        int64_t index;
        const void *sample;
        struct tare_error err = {0};
        const enum tare_status st = tare_loader_next(loader, &index, &sample, &err);
        assert_int_equal(index, i);
        if (i == 3) {
            assert_int_equal(st, TARE_E_FORMAT);
            assert_null(sample);
            assert_mentions(err.text, "/003: 7 bytes, want 16: 1x2x2 float32");
        } else {
            assert_int_equal(st, TARE_OK);
            tare_loader_release(loader, index);
        }
    }
    tare_loader_destroy(loader);
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void a_range_is_loaded_alone(void **state)
{
    (void)state;
    static const int64_t ranges[][2] = {{50, 60}, {0, 1}, {N - 1, 1}, {N, 0}, {7, 0}};
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, 3);
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        const int64_t first = ranges[r][0], end = first + ranges[r][1];
        struct tare_loader *loader;
        assert_int_equal(
            tare_loader_create(dataset, first, end - first, 2, 3, &loader, NULL),
            TARE_OK);
        int64_t index;
        const void *sample;
        for (int64_t i = first; i < end; i++) {
            assert_int_equal(tare_loader_next(loader, &index, &sample, NULL), TARE_OK);
            assert_int_equal(index, i);
            assert_int_equal((int)((const float *)sample)[0], i);
            tare_loader_release(loader, index);
        }
        assert_int_equal(tare_loader_next(loader, &index, &sample, NULL), TARE_OK);
        assert_int_equal(index, end);
        assert_null(sample);
        tare_loader_destroy(loader);
    }
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void stops_half_way(void **state)
{
    (void)state;
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, -1);
    for (int taken = 0; taken < 20; taken++) {
        struct tare_loader *loader;
        assert_int_equal(tare_loader_create(dataset, 0, N, 3, 4, &loader, NULL),
                         TARE_OK);
        for (int i = 0; i < taken; i++) {
            int64_t index;
            const void *sample;
            assert_int_equal(tare_loader_next(loader, &index, &sample, NULL), TARE_OK);
            if (i + 1 < taken)
                tare_loader_release(loader, index); /* the last is held */
        }
        tare_loader_destroy(loader);
    }
    tare_loader_destroy(NULL);
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void refuses_bad_arguments(void **state)
{
    (void)state;
    char *folder = files_create();
    struct tare_dataset *dataset = numbered(folder, -1);
    struct tare_loader *loader;
    struct tare_error err = {0};
    assert_int_equal(tare_loader_create(dataset, 0, N, 0, 4, &loader, &err),
                     TARE_E_ARG);
    assert_null(loader);
    assert_mentions(err.text, "0 threads and 4 buffers: want 1 or more");
    assert_int_equal(tare_loader_create(dataset, 0, N, 1, 0, &loader, &err),
                     TARE_E_ARG);
    static const int64_t ranges[][2] = {
        {-1, 1}, {0, N + 1}, {N, 1}, {N + 1, 0}, {0, -1}};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        assert_int_equal(tare_loader_create(dataset, ranges[r][0], ranges[r][1], 1, 1,
                                            &loader, &err),
                         TARE_E_ARG);
        assert_mentions(err.text, "there are 200");
    }
    enum tare_status st = TARE_E_NOMEM;
    for (int n = 0; st != TARE_OK; n++) {
        tare_alloc_fail_after(n);
        st = tare_loader_create(dataset, 0, N, 1, 2, &loader, &err);
        tare_alloc_fail_after(-1);
        if (st != TARE_OK) assert_int_equal(st, TARE_E_NOMEM);
    }
    tare_loader_destroy(loader);
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_consumer_gets_the_order),
        cmocka_unit_test(many_consumers_share_the_samples),
        cmocka_unit_test(an_error_comes_in_its_turn),
        cmocka_unit_test(a_range_is_loaded_alone),
        cmocka_unit_test(stops_half_way),
        cmocka_unit_test(refuses_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
