/* Tensors that a tap is shown in pieces, while they are made, are those that it is
 * shown whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/engine.h"
#include "tests/kernels/check.h"

enum { N_TAPS = 128, BATCH = 12, N_ELEMS = BATCH * 28 * 28, N_CLASSES = 10 };

struct shown {
    float *values[N_TAPS];
    size_t n_values[N_TAPS];
    size_t n_pieces[N_TAPS];
};

static const float *keep(void *ctx, const struct tare_tapped *tensor)
{
    struct shown *shown = ctx;
    const size_t i = tensor->index, n = tensor->first + tensor->n_elems;
    assert_in_range(i, 0, N_TAPS - 1);
    assert_int_equal(tensor->first, shown->n_values[i]); /* in order, without a gap */
    shown->values[i] = realloc(shown->values[i], (n + 1) * sizeof(float));
    assert_non_null(shown->values[i]);
    memcpy(shown->values[i] + tensor->first, tensor->data,
           tensor->n_elems * sizeof(float));
    shown->n_values[i] = n;
    shown->n_pieces[i]++;
    return NULL;
}

static void release(struct shown *shown)
{
    for (size_t i = 0; i < N_TAPS; i++)
        free(shown->values[i]);
}

struct net {
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *engine;
    float input[N_ELEMS], output[BATCH * N_CLASSES];
};

static void open_net(struct net *net, const char *path)
{
    const int64_t sample[3] = {1, 28, 28};
    const struct tare_build_options build = {.keep_tensors = true};
    struct tare_error err = {TARE_OK, ""};
    assert_int_equal(tare_model_load(path, &net->model, &err), TARE_OK);
    assert_int_equal(tare_model_bind(net->model, NULL, BATCH, sample, &err), TARE_OK);
    assert_int_equal(tare_build(net->model, &build, &net->plan, &err), TARE_OK);
    assert_int_equal(tare_plan_open(net->plan, &net->engine, &err), TARE_OK);
    for (size_t i = 0; i < N_ELEMS; i++)
        net->input[i] = (float)(check_u32() >> 8) * 0x1p-24F;
}

static void close_net(struct net *net)
{
    tare_engine_destroy(net->engine);
    tare_plan_destroy(net->plan);
    tare_model_destroy(net->model);
}

static void show_all(struct net *net, int n_threads, bool linear, bool split,
                     struct shown *shown)
{
    struct tare_context *c;
    struct tare_error err = {TARE_OK, ""};
    memset(shown, 0, sizeof *shown);
    assert_int_equal(tare_context_create(net->engine, n_threads, &c, &err), TARE_OK);
    assert_int_equal(tare_context_set_address(c, 0, net->input, &err), TARE_OK);
    assert_int_equal(tare_context_set_address(c, 1, net->output, &err), TARE_OK);
    assert_int_equal(tare_context_set_tap(c, keep, shown, linear, &err), TARE_OK);
    if (split) tare_context_split_tap(c);
    assert_int_equal(tare_context_run(c, &err), TARE_OK);
    tare_context_destroy(c);
}

static void assert_same(const struct shown *got, const struct shown *want)
{
    for (size_t i = 0; i < N_TAPS; i++) {
        assert_int_equal(got->n_values[i], want->n_values[i]);
        if (want->n_values[i] > 0)
            assert_memory_equal(got->values[i], want->values[i],
                                want->n_values[i] * sizeof(float));
    }
}

static size_t n_split(const struct shown *shown)
{
    size_t n = 0;
    for (size_t i = 0; i < N_TAPS; i++)
        n += shown->n_pieces[i] > 1;
    return n;
}

/* @param least  tensors that come in pieces, at least. */
static void pieces_are_the_whole(const char *path, size_t least)
{
    static struct net net;
    struct shown whole, pieces;
    open_net(&net, path);
    show_all(&net, 1, false, false, &whole);
    assert_int_equal(n_split(&whole), 0);
    show_all(&net, 1, false, true, &pieces);
    assert_in_range(n_split(&pieces), least, N_TAPS);
    assert_same(&pieces, &whole);
    release(&pieces);
    show_all(&net, 2, false, true, &pieces); /* threads make it in any order */
    assert_int_equal(n_split(&pieces), 0);
    assert_same(&pieces, &whole);
    release(&pieces);
    release(&whole);
    show_all(&net, 1, true, false, &whole);
    show_all(&net, 1, true, true, &pieces);
    assert_same(&pieces, &whole);
    release(&pieces);
    release(&whole);
    close_net(&net);
}

static void of_dense_convolutions_and_sums(void **state)
{
    (void)state;
    pieces_are_the_whole(TARE_SOURCE_DIR "/models/fashion_resnet.onnx", 4);
}

static void of_depthwise_convolutions(void **state)
{
    (void)state;
    pieces_are_the_whole(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", 4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_dense_convolutions_and_sums),
        cmocka_unit_test(of_depthwise_convolutions),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
