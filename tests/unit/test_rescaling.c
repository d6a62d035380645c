/* equalize and smooth on networks that are made to need them: channels of very unequal
 * size in front of depthwise layers, and in front of matrices. Kept where the samples
 * that are held back gain, undone where they lose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "api/build.h"
#include "api/model.h"
#include "api/recovery.h"
#include "base/file.h"
#include "recovery/rescaling.h"
#include "tare/engine.h"
#include "tests/unit/net.h"

enum {
    SIDE = 12,
    CHANNELS = 8,
    TOKENS = 16,
    FEATURES = 32,
    N_SAMPLES = 32,
    MOST_INPUT = CHANNELS * SIDE * SIDE /* more than TOKENS * FEATURES */
};

static char folder[] = "/tmp/tare-rescaling-XXXXXX";
static char path[64];

/* What a test works with. */
struct subject {
    struct tare_model model;
    struct tare_cache *cache;
    size_t n_input;
    bool
        held_differ; /* samples that are held back have one channel 16 times as large */
};

/* Does tare_recover() hold it back? (src/recovery/samples.c) */
static bool is_held(size_t sample)
{
    const size_t n_held = N_SAMPLES / 8;
    return (sample + 1) * n_held / N_SAMPLES > sample * n_held / N_SAMPLES;
}

static enum tare_status fill(void *ctx, size_t sample, void *to, struct tare_error *err)
{
    float *data = to;
    const struct subject *s = ctx;
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15) * (sample + 1);
    (void)err;
    for (size_t i = 0; i < s->n_input; i++)
        data[i] = net_uniform(&seed);
    for (size_t i = 0; s->held_differ && is_held(sample) && i < SIDE * SIDE; i++)
        data[i] *= 16.0F;
    return TARE_OK;
}

/* ---- ranges: the largest magnitudes in FP32, over all samples */

struct largest {
    struct tare_cache *cache;
};

static const float *note_largest(void *ctx, const struct tare_tapped *tensor)
{
    struct tare_cache *cache = ((struct largest *)ctx)->cache;
    float most = 1e-3F;
    for (size_t i = 0; i < tare_cache_count(cache); i++)
        if (strcmp(tare_cache_name(cache, i), tensor->name) == 0)
            most = tare_cache_amax(cache, i);
    for (size_t i = 0; i < tensor->n_elems; i++)
        most = fmaxf(most, fabsf(tensor->data[i]));
    NET_TRY(tare_cache_set(cache, tensor->name, most, &err_));
    return NULL;
}

/* Run all samples with a tap. */
static void run_all(const struct subject *s, const struct tare_build_options *build,
                    tare_tap *tap, void *ctx)
{
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_context *context;
    static float input[MOST_INPUT], output[MOST_INPUT];
    size_t n_bytes;
    NET_TRY(tare_build(&s->model, build, &plan, &err_));
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    NET_TRY(tare_engine_open(bytes, n_bytes, &engine, &err_));
    NET_TRY(tare_context_create(engine, 1, &context, &err_));
    NET_TRY(tare_context_set_tap(context, tap, ctx, true, &err_));
    NET_TRY(tare_context_set_address(context, 0, input, &err_));
    NET_TRY(tare_context_set_address(context, 1, output, &err_));
    for (size_t i = 0; i < N_SAMPLES; i++) {
        NET_TRY(fill((void *)(uintptr_t)s, i, input, NULL));
        NET_TRY(tare_context_run(context, &err_));
    }
    tare_context_destroy(context);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
}

static struct subject finish(struct tare_graph *g, size_t n_input, bool held_differ)
{
    const struct tare_build_options keep = {.keep_tensors = true};
    struct subject s = {.model = {.graph = net_infer(g), .is_bound = true},
                        .n_input = n_input,
                        .held_differ = held_differ};
    NET_TRY(tare_cache_create(NULL, "MinMaxCalibration", &s.cache, &err_));
    struct largest largest = {s.cache};
    run_all(&s, &keep, note_largest, &largest);
    return s;
}

static void drop(struct subject *s)
{
    tare_cache_destroy(s->cache);
    tare_graph_destroy(s->model.graph);
}

/* conv, ReLU6, depthwise conv, ReLU6, conv. Channel c of the first comes out at about
 * 6 / 1.8^c, and the depthwise layer makes all of them of one size again. */
static struct subject depthwise(bool held_differ)
{
    uint64_t seed = 5;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, CHANNELS, SIDE, SIDE));
    net_scalar(g, "zero", 0.0F);
    net_scalar(g, "six", 6.0F);
    net_conv(g, "first", "x", "first", CHANNELS, CHANNELS, 1, true, &seed);
    net_node(g, TARE_OP_CLIP, "wide", "first zero six", "wide");
    net_int(net_conv(g, "depthwise", "wide", "depthwise", 1, CHANNELS, 3, true, &seed),
            "group", CHANNELS);
    net_node(g, TARE_OP_CLIP, "even", "depthwise zero six", "even");
    net_conv(g, "last", "even", "y", CHANNELS, CHANNELS, 1, true, &seed);
    net_output(g, "y");
    float *w = g->tensors[net_tensor(g, "first.w")].data;
    float *b = g->tensors[net_tensor(g, "first.b")].data;
    float *d = g->tensors[net_tensor(g, "depthwise.w")].data;
    for (int c = 0; c < CHANNELS; c++) {
        const float size = 3.0F / powf(1.8F, (float)c);
        for (int i = 0; i < CHANNELS; i++)
            w[c * CHANNELS + i] *= size;
        b[c] = fabsf(b[c]) * size;
        for (int i = 0; i < 9; i++)
            d[c * 9 + i] /= 2.0F * size;
    }
    return finish(g, CHANNELS * SIDE * SIDE, held_differ);
}

/* The end of a LayerNorm, two of its channels a hundred times as large as the others,
 * and two products that read it. */
static struct subject matrices(void)
{
    uint64_t seed = 6;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, TOKENS, FEATURES));
    net_node(g, TARE_OP_TANH, "tanh", "x", "normal");
    net_weights(g, "gamma", NET_DIMS(FEATURES), 1, 2, &seed);
    net_weights(g, "beta", NET_DIMS(FEATURES), -1, 1, &seed);
    ((float *)g->tensors[net_tensor(g, "gamma")].data)[3] = 100.0F;
    ((float *)g->tensors[net_tensor(g, "gamma")].data)[17] = -150.0F;
    net_node(g, TARE_OP_MUL, "mul", "normal gamma", "scaled");
    net_node(g, TARE_OP_ADD, "add", "scaled beta", "t");
    net_weights(g, "a_w", NET_DIMS(FEATURES, FEATURES), -1, 1, &seed);
    net_weights(g, "b_w", NET_DIMS(FEATURES, FEATURES), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "a", "t a_w", "a");
    net_node(g, TARE_OP_MATMUL, "b", "t b_w", "b");
    net_node(g, TARE_OP_ADD, "sum", "a b", "y");
    net_output(g, "y");
    return finish(g, TOKENS * FEATURES, false);
}

/* ---- recovering */

static struct tare_recover_row rows[TARE_RECOVER_MAX_ROWS];
static size_t n_rows;

static enum tare_status recover(struct subject *s, unsigned passes, bool only_if_better,
                                int n_threads, struct tare_recovery **recovery,
                                struct tare_error *err)
{
    const struct tare_build_options build = {.int8 = true, .cache = s->cache};
    const struct tare_sample_source source = {s, N_SAMPLES, fill};
    const struct tare_recover_options options = {passes, only_if_better, n_threads};
    return tare_recover(&s->model, &build, &source, &options, NULL, NULL, recovery,
                        rows, &n_rows, err);
}

static struct tare_recovery *recovered(struct subject *s, unsigned passes)
{
    struct tare_recovery *recovery;
    struct tare_error err = {0};
    if (recover(s, passes, false, 2, &recovery, &err) != TARE_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < n_rows; i++)
        print_message("%s: %.2f dB -> %.2f dB, %zu layers\n", rows[i].pass,
                      rows[i].before_db, rows[i].after_db, rows[i].n_layers);
    return recovery;
}

static const float *factors_of(const struct tare_recovery *recovery, const char *tensor,
                               size_t *n)
{
    for (size_t i = 0; i < tare_recovery_count(recovery); i++) {
        struct tare_recovery_layer layer;
        tare_recovery_get(recovery, i, &layer);
        *n = layer.n_channels;
        if (strcmp(layer.name, tensor) == 0) return layer.factors;
    }
    return NULL;
}

static void equalize_gains(void **state)
{
    struct subject s = depthwise(false);
    size_t n;
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_EQUALIZE);
    assert_int_equal(n_rows, 1);
    assert_string_equal(rows[0].pass, "equalize");
    assert_true(rows[0].kept);
    assert_int_equal(rows[0].n_layers, 1);
    assert_true(rows[0].after_db > rows[0].before_db + 3.0);
    const float *factors = factors_of(r, "wide", &n);
    assert_non_null(factors);
    assert_int_equal(n, CHANNELS);
    float most = 0.0F;
    for (int c = 0; c < CHANNELS; c++) {
        assert_true(factors[c] >= 0.0625F);
        most = fmaxf(most, factors[c]);
    }
    assert_true(most == 1.0F && factors[CHANNELS - 1] == 0.0625F);
    tare_recovery_destroy(r);
    drop(&s);
}

static void smooth_gains(void **state)
{
    struct subject s = matrices();
    size_t n;
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_SMOOTH);
    assert_int_equal(n_rows, 1);
    assert_string_equal(rows[0].pass, "smooth");
    assert_true(rows[0].kept);
    assert_int_equal(rows[0].n_layers, 1);
    assert_true(rows[0].after_db > rows[0].before_db + 3.0);
    const float *factors = factors_of(r, "t", &n);
    assert_non_null(factors);
    assert_int_equal(n, FEATURES);
    assert_true(factors[3] > 2.0F * factors[4] && factors[17] > 2.0F * factors[16]);
    tare_recovery_destroy(r);
    drop(&s);
}

/* The paper's own formula, and the range that stays. */
static void smooth_is_the_papers(void **state)
{
    struct subject s = matrices();
    const struct tare_build_options build = {.int8 = true, .cache = s.cache};
    struct tare_graph *g;
    struct tare_plan *plan;
    float amax[FEATURES], factors[FEATURES];
    (void)state;
    NET_TRY(tare_build_keeping(&s.model, &build, true, &g, &plan, &err_));
    for (int c = 0; c < FEATURES; c++)
        amax[c] = (float)(c + 1);
    const struct tare_rescalable t = {
        .graph = g,
        .tensor = tare_graph_find_tensor(g, "t"),
        .n_channels = FEATURES,
        .amax = amax,
        .most = FEATURES,
    };
    NET_TRY(tare_smooth.choose(&t, factors, &err_));
    const float *a = s.model.graph->tensors[net_tensor(s.model.graph, "a_w")].data;
    const float *b = s.model.graph->tensors[net_tensor(s.model.graph, "b_w")].data;
    for (int c = 0; c < FEATURES; c++) {
        float most = 0.0F;
        for (int o = 0; o < FEATURES; o++)
            most = fmaxf(most,
                         fmaxf(fabsf(a[c * FEATURES + o]), fabsf(b[c * FEATURES + o])));
        const double want = sqrt((double)amax[c]) / sqrt((double)most);
        assert_true(fabs((double)factors[c] - want) < 1e-5 * want);
    }
    tare_graph_destroy(g);
    tare_plan_destroy(plan);
    drop(&s);
}

/* Kept factors whatever the options: they are undone where those held back lose. */
static void equalize_is_undone_where_it_hurts(void **state)
{
    struct subject s = depthwise(true);
    size_t n;
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_EQUALIZE);
    assert_false(rows[0].kept);
    assert_true(rows[0].after_db < rows[0].before_db);
    assert_null(factors_of(r, "wide", &n));
    assert_int_equal(tare_recovery_count(r), 0);
    tare_recovery_destroy(r);
    drop(&s);
}

static void passes_without_a_tensor_say_so(void **state)
{
    struct subject s = depthwise(false);
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_SMOOTH);
    assert_int_equal(n_rows, 1);
    assert_false(rows[0].kept);
    assert_int_equal(rows[0].n_layers, 0);
    assert_true(rows[0].after_db == rows[0].before_db);
    assert_int_equal(tare_recovery_count(r), 0);
    tare_recovery_destroy(r);
    drop(&s);
}

/* ---- with the other passes */

static const unsigned all_passes = TARE_RECOVER_BIAS | TARE_RECOVER_EQUALIZE |
                                   TARE_RECOVER_SMOOTH | TARE_RECOVER_ROUNDING;

static void passes_add_up(void **state)
{
    static const char *const order[] = {"bias", "equalize", "smooth", "rounding"};
    struct subject s = depthwise(false);
    (void)state;
    struct tare_recovery *r = recovered(&s, all_passes);
    assert_int_equal(n_rows, 4);
    double reached = rows[0].before_db;
    for (int i = 0; i < 4; i++) {
        assert_string_equal(rows[i].pass, order[i]);
        assert_true(rows[i].before_db == reached);
        if (rows[i].kept) reached = rows[i].after_db;
    }
    assert_true(rows[1].kept && !rows[2].kept && rows[3].kept);
    assert_true(rows[3].after_db > rows[0].before_db + 6.0);
    tare_recovery_destroy(r);
    drop(&s);
}

static uint8_t *bytes_of(struct subject *s, int n_threads, size_t *n)
{
    struct tare_recovery *r;
    uint8_t *bytes;
    NET_TRY(recover(s, all_passes, false, n_threads, &r, &err_));
    NET_TRY(tare_recovery_write(r, path, &err_));
    tare_recovery_destroy(r);
    NET_TRY(tare_file_read(path, 1 << 24, &bytes, n, &err_));
    return bytes;
}

static void threads_do_not_matter(void **state)
{
    struct subject subjects[] = {depthwise(false), matrices()};
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t n, n_other;
        uint8_t *bytes = bytes_of(&subjects[i], 1, &n);
        for (int n_threads = 2; n_threads <= 3; n_threads++) {
            uint8_t *other = bytes_of(&subjects[i], n_threads, &n_other);
            assert_int_equal(n, n_other);
            assert_memory_equal(bytes, other, n);
            tare_free(other);
        }
        tare_free(bytes);
        drop(&subjects[i]);
    }
}

/* ---- builds */

struct outputs {
    float y[N_SAMPLES][CHANNELS * SIDE * SIDE];
    size_t n;
    bool saw_wide, saw_rescaled;
};

static const float *take_output(void *ctx, const struct tare_tapped *tensor)
{
    struct outputs *o = ctx;
    o->saw_wide |= strcmp(tensor->name, "wide") == 0;
    o->saw_rescaled |= strcmp(tensor->name, "wide.rescaled") == 0;
    if (strcmp(tensor->name, "y") == 0)
        memcpy(o->y[o->n++], tensor->data, sizeof o->y[0]);
    return NULL;
}

static double sqnr(const struct outputs *a, const struct outputs *b)
{
    double signal = 0.0, noise = 0.0;
    for (size_t i = 0; i < N_SAMPLES; i++)
        for (size_t k = 0; k < CHANNELS * SIDE * SIDE; k++) {
            signal += (double)a->y[i][k] * (double)a->y[i][k];
            noise += pow((double)a->y[i][k] - (double)b->y[i][k], 2.0);
        }
    return 10.0 * log10(signal / noise);
}

static struct outputs outputs_of(const struct subject *s,
                                 const struct tare_build_options *build)
{
    static struct outputs o;
    o = (struct outputs){0};
    run_all(s, build, take_output, &o);
    assert_int_equal(o.n, N_SAMPLES);
    return o;
}

/* A file's recovery is the one that was written; the tensor that no longer holds what
 * the model's does has another name; where it cannot be rescaled, what was made for it
 * is left out, and the rest still does no harm. */
static void builds_take_factors_along(void **state)
{
    struct subject s = depthwise(false);
    const struct tare_build_options fp32 = {0};
    struct tare_build_options build = {.int8 = true, .cache = s.cache};
    static struct outputs want, plain, got;
    struct tare_recovery *r = recovered(&s, all_passes);
    (void)state;
    NET_TRY(tare_recovery_write(r, path, &err_));
    tare_recovery_destroy(r);
    NET_TRY(tare_recovery_read(path, &r, &err_));
    want = outputs_of(&s, &fp32);
    plain = outputs_of(&s, &build);
    assert_true(plain.saw_wide && !plain.saw_rescaled);
    build.recovery = r;
    got = outputs_of(&s, &build);
    assert_true(!got.saw_wide && got.saw_rescaled);
    assert_true(sqnr(&want, &got) > sqnr(&want, &plain) + 6.0);
    static const char *const in_fp32[] = {"first:fp32", "depthwise:fp32", "last:fp32"};
    for (int i = 0; i < 3; i++) {
        build.recovery = NULL;
        build.layer_precisions = in_fp32[i];
        build.constraints = TARE_CONSTRAINTS_OBEY;
        plain = outputs_of(&s, &build);
        build.recovery = r;
        got = outputs_of(&s, &build);
        print_message("%s: %.2f dB -> %.2f dB\n", in_fp32[i], sqnr(&want, &plain),
                      sqnr(&want, &got));
        assert_true(got.saw_rescaled == (i != 1));
        assert_true(sqnr(&want, &got) > sqnr(&want, &plain) - 1.0);
    }
    tare_recovery_destroy(r);
    drop(&s);
}

static void factors_that_do_not_fit_are_left_out(void **state)
{
    struct subject s = depthwise(false);
    struct tare_build_options build = {.int8 = true, .cache = s.cache};
    struct tare_plan *plan;
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_EQUALIZE);
    build.recovery = r;
    assert_int_equal(tare_recovery_count(r), 1);
    NET_TRY(tare_build(&s.model, &build, &plan, &err_));
    assert_int_equal(tare_plan_n_recovered(plan), 1);
    tare_plan_destroy(plan);
    r->layers[0].n_channels--;
    NET_TRY(tare_build(&s.model, &build, &plan, &err_));
    assert_int_equal(tare_plan_n_recovered(plan), 0);
    tare_plan_destroy(plan);
    r->layers[0].n_channels++;
    r->layers[0].factors[0] = 1.5F; /* ReLU6 would now cut within the range */
    NET_TRY(tare_build(&s.model, &build, &plan, &err_));
    assert_int_equal(tare_plan_n_recovered(plan), 0);
    tare_plan_destroy(plan);
    tare_recovery_destroy(r);
    drop(&s);
}

/* The name of a rescaled tensor is another tensor's: neither chosen nor applied. */
static void a_taken_name_is_an_obstacle(void **state)
{
    struct subject s = depthwise(false);
    struct tare_graph *g = s.model.graph;
    struct tare_build_options build = {.int8 = true, .cache = s.cache};
    struct tare_plan *plan;
    (void)state;
    struct tare_recovery *r = recovered(&s, TARE_RECOVER_EQUALIZE), *other;
    assert_true(rows[0].kept);
    NET_TRY(tare_graph_rename_tensor(g, net_tensor(g, "even"), "wide.rescaled", &err_));
    NET_TRY(tare_cache_set(s.cache, "wide.rescaled", 6.0F, &err_));
    NET_TRY(tare_recovery_hash_ranges(s.cache, &r->ranges, &err_));
    build.recovery = r;
    NET_TRY(tare_build(&s.model, &build, &plan, &err_));
    assert_int_equal(tare_plan_n_recovered(plan), 0);
    tare_plan_destroy(plan);
    other = recovered(&s, TARE_RECOVER_EQUALIZE);
    assert_false(rows[0].kept);
    assert_int_equal(rows[0].n_layers, 0);
    tare_recovery_destroy(other);
    tare_recovery_destroy(r);
    drop(&s);
}

static void failing_allocations_leave_nothing(void **state)
{
    struct subject subjects[] = {depthwise(false), matrices()};
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct tare_recovery *recovery = NULL;
        for (int64_t i = 0;; i += 1 + i / 16) {
            tare_alloc_fail_after(i);
            const enum tare_status st =
                recover(&subjects[k], TARE_RESCALING_PASSES | TARE_RECOVER_BIAS, true,
                        1, &recovery, NULL);
            tare_alloc_fail_after(-1);
            if (st == TARE_OK) break;
            assert_int_equal(st, TARE_E_NOMEM);
            assert_null(recovery);
        }
        tare_recovery_destroy(recovery);
        drop(&subjects[k]);
    }
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof path, "%s/x.recovery", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equalize_gains),
        cmocka_unit_test(smooth_gains),
        cmocka_unit_test(smooth_is_the_papers),
        cmocka_unit_test(equalize_is_undone_where_it_hurts),
        cmocka_unit_test(passes_without_a_tensor_say_so),
        cmocka_unit_test(passes_add_up),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(builds_take_factors_along),
        cmocka_unit_test(factors_that_do_not_fit_are_left_out),
        cmocka_unit_test(a_taken_name_is_an_obstacle),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests_name("rescaling", tests, make_folder, remove_folder);
}
