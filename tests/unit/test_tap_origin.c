/* What follows from another tensor is observed as if it had been looked at, through
 * whole networks and over values of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrators/observations.h"
#include "tare/builder.h"
#include "tare/engine.h"
#include "tests/kernels/check.h"
#include "tests/unit/showing.h"

enum { N_SAMPLES = 6, N_TAPS = 256, N_ELEMS = 28 * 28, N_CLASSES = 10 };

struct net {
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_context *context;
    size_t n_taps;
    const char *names[N_TAPS];
    struct tare_origin origins[N_TAPS];
    float x[N_SAMPLES][N_ELEMS];
    float input[N_ELEMS], output[N_CLASSES];
};

struct observing {
    tare_observe_fn *observe;
    void *ctx;
    size_t sample;
};

static const float *hand_on(void *ctx, const struct tare_tapped *tensor)
{
    const struct observing *o = ctx;
    show_values(o->observe, o->ctx, tensor->index, o->sample, tensor->data,
                tensor->n_elems);
    return NULL;
}

static enum tare_status run(void *ctx, int worker, size_t sample,
                            tare_observe_fn *observe, void *observe_ctx,
                            struct tare_error *err)
{
    struct net *net = ctx;
    struct observing observing = {observe, observe_ctx, sample};
    (void)worker;
    memcpy(net->input, net->x[sample], sizeof net->input);
    enum tare_status st =
        tare_context_set_tap(net->context, hand_on, &observing, false, err);
    return st == TARE_OK ? tare_context_run(net->context, err) : st;
}

static void open_net(struct net *net, const char *path)
{
    const int64_t sample[3] = {1, 28, 28};
    const struct tare_build_options build = {.keep_tensors = true};
    struct tare_error err = {TARE_OK, ""};
    size_t n_bytes;
    assert_int_equal(tare_model_load(path, &net->model, &err), TARE_OK);
    assert_int_equal(tare_model_bind(net->model, NULL, 1, sample, &err), TARE_OK);
    assert_int_equal(tare_build(net->model, &build, &net->plan, &err), TARE_OK);
    const void *bytes = tare_plan_bytes(net->plan, &n_bytes);
    assert_int_equal(tare_engine_open(bytes, n_bytes, &net->engine, &err), TARE_OK);
    assert_int_equal(tare_context_create(net->engine, 1, &net->context, &err), TARE_OK);
    struct tare_binding in, out;
    tare_engine_binding(net->engine, 0, &in);
    tare_engine_binding(net->engine, 1, &out);
    assert_int_equal(in.n_bytes, sizeof net->input);
    assert_int_equal(out.n_bytes, sizeof net->output);
    assert_int_equal(tare_context_set_address(net->context, 0, net->input, &err),
                     TARE_OK);
    assert_int_equal(tare_context_set_address(net->context, 1, net->output, &err),
                     TARE_OK);
    net->n_taps = tare_engine_n_taps(net->engine);
    assert_in_range(net->n_taps, 1, N_TAPS);
    for (size_t i = 0; i < net->n_taps; i++)
        net->names[i] = tare_engine_tap_name(net->engine, i);
    assert_int_equal(tare_engine_tap_origins(net->engine, net->origins, &err), TARE_OK);
}

static void close_net(struct net *net)
{
    tare_context_destroy(net->context);
    tare_engine_destroy(net->engine);
    tare_plan_destroy(net->plan);
    tare_model_destroy(net->model);
}

/* Images; then some that overflow inside, and some with NaN and infinity. */
static void fill(struct net *net, int kind)
{
    for (size_t s = 0; s < N_SAMPLES; s++)
        for (size_t i = 0; i < N_ELEMS; i++) {
            const float u = (float)(check_u32() >> 8) * 0x1p-24F;
            net->x[s][i] = kind == 1 ? (u - 0.5F) * ldexpf(1.0F, 20 * (int)s) : u;
            if (kind == 2 && s > 2 && check_u32() % 100 == 0) net->x[s][i] = NAN;
            if (kind == 3 && s > 3 && check_u32() % 100 == 0) net->x[s][i] = INFINITY;
        }
}

static struct tare_observations *observe(struct net *net,
                                         const struct tare_origin *origins)
{
    const struct tare_forward forward = {.ctx = net,
                                         .n_workers = 1,
                                         .n_tensors = net->n_taps,
                                         .names = net->names,
                                         .origins = origins,
                                         .run = run};
    struct tare_observations *o;
    struct tare_error err = {TARE_OK, ""};
    assert_int_equal(tare_observations_start(&forward, 0, &o, &err), TARE_OK);
    assert_int_equal(tare_observations_run(o, &forward, 0, N_SAMPLES, NULL, NULL, &err),
                     TARE_OK);
    return o;
}

static void equals_looking(const char *path, size_t least_n_following)
{
    static struct net net;
    size_t n_following = 0;
    open_net(&net, path);
    for (size_t i = 0; i < net.n_taps; i++)
        n_following += net.origins[i].follows;
    assert_in_range(n_following, least_n_following, net.n_taps);
    for (int kind = 0; kind < 4; kind++) {
        fill(&net, kind);
        struct tare_observations *want = observe(&net, NULL);
        struct tare_observations *got = observe(&net, net.origins);
        for (size_t i = 0; i < net.n_taps; i++) {
            assert_memory_equal(&got->tensors[i].observer, &want->tensors[i].observer,
                                sizeof want->tensors[i].observer);
            assert_int_equal(got->tensors[i].first_bad_sample,
                             want->tensors[i].first_bad_sample);
        }
        tare_observations_destroy(want);
        tare_observations_destroy(got);
    }
    close_net(&net);
}

static void clips_at_six(void **state)
{
    (void)state;
    equals_looking(TARE_SOURCE_DIR "/models/fashion_depthwise.onnx", 3);
}

static void clips_at_zero(void **state)
{
    (void)state;
    equals_looking(TARE_SOURCE_DIR "/models/fashion_resnet.onnx", 3);
}

static void bad_origins_are_refused(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    const struct tare_origin bad[][3] = {
        {{.follows = true, .tensor = 0}},
        {{.follows = false}, {.follows = true, .tensor = 2}},
        {{.follows = false}, {.follows = true}, {.follows = true, .tensor = 1}},
        {{.follows = false}, {.follows = true, .is_clipped = true, .upper = NAN}},
        {{.follows = false}, {.follows = true, .is_clipped = true, .upper = 0.0F}},
        {{.follows = false},
         {.follows = true, .is_clipped = true, .upper = 6.0F},
         {.follows = true, .is_clipped = true, .upper = 7.0F}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct tare_forward forward = {.n_workers = 1,
                                             .n_tensors = 3,
                                             .names = names,
                                             .origins = bad[i],
                                             .run = run};
        struct tare_observations *o;
        struct tare_error err;
        assert_int_equal(tare_observations_start(&forward, 0, &o, &err), TARE_E_ARG);
        assert_non_null(strstr(err.text, "cannot follow"));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_at_six),
        cmocka_unit_test(clips_at_zero),
        cmocka_unit_test(bad_origins_are_refused),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
