/* One engine, several contexts that are made and run at the same time, each by a thread
 * of its own and with threads of its own: every run gives the bytes of a run alone.
 * Built with -fsanitize=thread it also proves that contexts share nothing that is
 * written. */
#include <pthread.h>

#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

enum { N_STREAMS = 4, N_RUNS = 20, N_INPUT = 3 * 17 * 19, N_OUTPUT = 10 };

struct stream {
    const struct built *built;
    pthread_t thread;
    int n_threads;
    float input[N_INPUT];
    float output[N_OUTPUT]; /* of a run alone */
    int n_wrong;
};

static void run_once(const struct stream *s, int n_threads, float output[N_OUTPUT])
{
    const float *input = s->input;
    float *made;
    NET_TRY(built_run(s->built, n_threads, &input, &made, &err_));
    memcpy(output, made, N_OUTPUT * sizeof *output);
    free(made);
}

static void *stream_main(void *arg)
{
    struct stream *s = arg;
    for (int i = 0; i < N_RUNS; i++) {
        float output[N_OUTPUT];
        run_once(s, s->n_threads, output);
        s->n_wrong += memcmp(output, s->output, sizeof output) != 0;
    }
    return NULL;
}

static void check_streams(bool int8)
{
    struct built built;
    struct stream streams[N_STREAMS];
    struct tare_graph *g = engine_net(int8);
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    tare_graph_destroy(g);
    for (int i = 0; i < N_STREAMS; i++) {
        struct stream *s = &streams[i];
        *s = (struct stream){.built = &built, .n_threads = 1 + i % 2};
        for (int k = 0; k < N_INPUT; k++)
            s->input[k] = 3.0f * engine_net_random();
        run_once(s, 1, s->output);
        if (i > 0) /* or mixing them up would not show */
            assert_memory_not_equal(s->output, s[-1].output, sizeof s->output);
    }
    for (int i = 0; i < N_STREAMS; i++)
        assert_int_equal(
            pthread_create(&streams[i].thread, NULL, stream_main, &streams[i]), 0);
    for (int i = 0; i < N_STREAMS; i++) {
        pthread_join(streams[i].thread, NULL);
        assert_int_equal(streams[i].n_wrong, 0);
    }
    built_release(&built);
}

static void test_streams(void **state)
{
    (void)state;
    check_streams(false);
    check_streams(true);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
