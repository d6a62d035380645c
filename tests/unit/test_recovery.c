/* Accuracy recovery on a small network: rounding against exhaustive search and by how
 * much there is to go by, biases that bring the means back, the same bytes for any
 * number of threads. */
#include "tests/unit/engine_net.h"

#include <stdlib.h>
#include <unistd.h>

#include "api/model.h"
#include "api/recovery.h"
#include "base/file.h"
#include "recovery/descent.h"
#include "recovery/gram.h"
#include "tare/engine.h"

enum { K = 9, N_SAMPLES = 24, N_INPUT = 3 * 17 * 19, N_LOGITS = 10 };

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static double uniform(void)
{
    return (double)check_u32() / 4294967296.0;
}

/* ---- rounding */

struct problem {
    float w[K];
    double gram[K * K], d[K], scale, ridge;
};

/* A correlated Gram matrix, and a target near, not at, the weights. */
static struct problem random_problem(bool diagonal)
{
    struct problem p = {.scale = 0.01, .ridge = 0.05};
    double x[4 * K][K];
    for (int i = 0; i < K; i++)
        p.w[i] = (float)(2.5 * uniform() - 1.25);
    for (int r = 0; r < 4 * K; r++) {
        const double common = uniform();
        for (int i = 0; i < K; i++)
            x[r][i] = common + uniform();
    }
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++)
            for (int r = 0; r < 4 * K; r++)
                if (i == j || !diagonal) p.gram[i * K + j] += x[r][i] * x[r][j];
    for (int i = 0; i < K; i++)
        for (int j = 0; j < K; j++)
            p.d[i] += p.gram[i * K + j] * ((double)p.w[j] + 0.004 * (uniform() - 0.5));
    return p;
}

static double value_of(const struct problem *p, const int8_t *q)
{
    double value = 0.0;
    for (int i = 0; i < K; i++) {
        const double v = p->scale * q[i], e = v - (double)p->w[i];
        value += p->ridge * e * e - 2.0 * v * p->d[i];
        for (int j = 0; j < K; j++)
            value += v * p->gram[i * K + j] * p->scale * q[j];
    }
    return value;
}

/* Choice `bits` of floor (0) or ceil (1). */
static void choose(const struct problem *p, unsigned bits, int8_t *q)
{
    for (int i = 0; i < K; i++) {
        const double below = floor((double)p->w[i] / p->scale);
        const double v = below + (double)(bits >> i & 1U);
        q[i] = (int8_t)fmin(fmax(v, -127.0), 127.0);
    }
}

static void rounding_comes_near_exhaustive_search(void **state)
{
    double gap = 0.0, gain = 0.0;
    (void)state;
    for (int round = 0; round < 200; round++) {
        const bool diagonal = round % 2 == 0;
        const struct problem p = random_problem(diagonal);
        int8_t found[K], nearest[K], q[K];
        double room[K], best = (double)INFINITY;
        tare_descent_round(K, p.w, p.scale, p.gram, p.d, p.ridge, room, found);
        const double value = value_of(&p, found);
        for (unsigned bits = 0; bits < 1U << K; bits++) {
            choose(&p, bits, q);
            best = fmin(best, value_of(&p, q));
        }
        for (int i = 0; i < K; i++) {
            const double v = (double)p.w[i] / p.scale;
            nearest[i] = (int8_t)fmin(fmax(rint(v), -127.0), 127.0);
            assert_true(found[i] >= fmax(floor(v), -127.0) || v < -127.0);
            assert_true(found[i] <= fmin(ceil(v), 127.0) || v > 127.0);
        }
        assert_true(value >= best - 1e-9);
        assert_true(value <= value_of(&p, nearest) + 1e-9);
        if (diagonal) assert_near(value, best, 1e-9);
        gap += value - best;
        gain += value_of(&p, nearest) - best;
    }
    /* most of what there is to gain; all of it where weights do not hang together */
    if (!(gap < 0.4 * gain)) fail_msg("gap %g of %g", gap, gain);
}

static void moments_are_exact(void **state)
{
    enum { GROUPS = 2, TERMS = 3, OUTPUTS = 4, ROWS = 300 };
    static int16_t x[GROUPS * TERMS * TARE_GRAM_ROWS];
    static float y[OUTPUTS * TARE_GRAM_ROWS];
    static double xs[ROWS][GROUPS * TERMS], ys[ROWS][OUTPUTS];
    struct tare_gram g;
    (void)state;
    assert_int_equal(tare_gram_create(&g, GROUPS, TERMS, OUTPUTS, NULL), TARE_OK);
    for (int first = 0; first < ROWS; first += TARE_GRAM_ROWS) {
        const int n = ROWS - first < TARE_GRAM_ROWS ? ROWS - first : TARE_GRAM_ROWS;
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        for (int r = 0; r < n; r++) {
            for (int i = 0; i < GROUPS * TERMS; i++) {
                x[i * TARE_GRAM_ROWS + r] = (int16_t)(check_u32() % 511U - 255);
                xs[first + r][i] = x[i * TARE_GRAM_ROWS + r];
            }
            for (int o = 0; o < OUTPUTS; o++) {
                y[o * TARE_GRAM_ROWS + r] = engine_net_random();
                ys[first + r][o] = (double)y[o * TARE_GRAM_ROWS + r];
            }
        }
        tare_gram_add(&g, NULL, x, y, (size_t)n);
    }
    tare_gram_finish(&g);
    for (int i = 0; i < GROUPS * TERMS; i++)
        for (int j = 0; j < TERMS; j++) {
            const int other = i / TERMS * TERMS + j;
            double sum = 0.0, a = 0.0, b = 0.0;
            for (int r = 0; r < ROWS; r++) {
                sum += xs[r][i] * xs[r][other];
                a += xs[r][i] / ROWS;
                b += xs[r][other] / ROWS;
            }
            assert_near(g.xx[i * TERMS + j], sum / ROWS - a * b, 1e-6);
        }
    for (int o = 0; o < OUTPUTS; o++)
        for (int j = 0; j < TERMS; j++) {
            const int other = o / (OUTPUTS / GROUPS) * TERMS + j;
            double sum = 0.0, a = 0.0, b = 0.0;
            for (int r = 0; r < ROWS; r++) {
                sum += ys[r][o] * xs[r][other];
                a += ys[r][o] / ROWS;
                b += xs[r][other] / ROWS;
            }
            assert_near(g.xy[o * TERMS + j], sum / ROWS - a * b, 1e-3);
        }
    tare_gram_release(&g);
}

/* ---- a network */

static char folder[] = "/tmp/tare-recover-XXXXXX";
static char path[64];
static struct tare_model model;
static struct tare_cache *cache;
static float *samples; /* [N_SAMPLES][N_INPUT] */

static int make_network(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof path, "%s/x.recovery", folder);
    model = (struct tare_model){.graph = engine_net_raw(), .is_bound = true};
    if (tare_cache_create(NULL, "MinMaxCalibration", &cache, NULL) != TARE_OK) return 1;
    for (size_t i = 0; i < model.graph->n_tensors; i++)
        if (tare_cache_set(cache, model.graph->tensors[i].name, 3.0f, NULL) != TARE_OK)
            return 1;
    samples = malloc(sizeof *samples * N_SAMPLES * N_INPUT);
    for (size_t i = 0; samples && i < (size_t)N_SAMPLES * N_INPUT; i++)
        samples[i] = engine_net_random();
    return samples ? 0 : 1;
}

static int remove_network(void **state)
{
    (void)state;
    free(samples);
    tare_cache_destroy(cache);
    tare_graph_destroy(model.graph);
    (void)unlink(path);
    return rmdir(folder);
}

static enum tare_status fill(void *ctx, size_t sample, void *to, struct tare_error *err)
{
    float *data = to;
    (void)ctx;
    (void)err;
    memcpy(data, samples + sample * N_INPUT, N_INPUT * sizeof *data);
    return TARE_OK;
}

static struct tare_build_options int8_build(void)
{
    return (struct tare_build_options){.int8 = true, .cache = cache};
}

static struct tare_recover_row rows[TARE_RECOVER_MAX_ROWS];
static size_t n_rows;

static enum tare_status recover(unsigned passes, bool only_if_better, int n_threads,
                                struct tare_recovery **recovery, struct tare_error *err)
{
    const struct tare_build_options build = int8_build();
    const struct tare_sample_source source = {NULL, N_SAMPLES, fill};
    const struct tare_recover_options options = {passes, only_if_better, n_threads};
    return tare_recover(&model, &build, &source, &options, NULL, NULL, recovery, rows,
                        &n_rows, err);
}

static struct tare_recovery *recover_or_fail(unsigned passes, int n_threads)
{
    struct tare_recovery *recovery;
    struct tare_error err = {0};
    if (recover(passes, false, n_threads, &recovery, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return recovery;
}

struct means {
    double of[N_LOGITS];
};

static const float *add_logits(void *ctx, const struct tare_tapped *tensor)
{
    struct means *means = ctx;
    for (size_t i = 0; strcmp(tensor->name, "fc_out") == 0 && i < N_LOGITS; i++)
        means->of[i] += (double)tensor->data[i] / N_SAMPLES;
    return NULL;
}

/* Mean logits over all samples. */
static struct means mean_logits(const struct tare_build_options *build)
{
    struct means means = {0};
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_context *context;
    float probabilities[N_LOGITS];
    size_t n_bytes;
    assert_int_equal(tare_build(&model, build, &plan, NULL), TARE_OK);
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    assert_int_equal(tare_engine_open(bytes, n_bytes, &engine, NULL), TARE_OK);
    assert_int_equal(tare_context_create(engine, 1, &context, NULL), TARE_OK);
    assert_int_equal(tare_context_set_tap(context, add_logits, &means, true, NULL), 0);
    assert_int_equal(tare_context_set_address(context, 1, probabilities, NULL), 0);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        assert_int_equal(
            tare_context_set_address(context, 0, samples + i * N_INPUT, NULL), 0);
        assert_int_equal(tare_context_run(context, NULL), TARE_OK);
    }
    tare_context_destroy(context);
    tare_engine_destroy(engine);
    tare_plan_destroy(plan);
    return means;
}

static double distance(const struct means *a, const struct means *b)
{
    double most = 0.0;
    for (int i = 0; i < N_LOGITS; i++)
        most = fmax(most, fabs(a->of[i] - b->of[i]));
    return most;
}

static void means_come_back(void **state)
{
    const struct tare_build_options fp32 = {0};
    struct tare_build_options int8 = int8_build();
    (void)state;
    const struct means want = mean_logits(&fp32), before = mean_logits(&int8);
    struct tare_recovery *recovery = recover_or_fail(TARE_RECOVER_BIAS, 2);
    int8.recovery = recovery;
    const struct means after = mean_logits(&int8);
    assert_true(distance(&want, &before) > 1e-3);
    if (distance(&want, &after) > 1e-5)
        fail_msg("%g after, %g before", distance(&want, &after),
                 distance(&want, &before));
    assert_int_equal(n_rows, 1);
    assert_string_equal(rows[0].pass, "bias");
    assert_true(rows[0].kept);
    assert_int_equal(rows[0].n_layers, 7);
    assert_int_equal(tare_recovery_count(recovery), 7);
    tare_recovery_destroy(recovery);
}

static void rounding_gives_weights(void **state)
{
    (void)state;
    struct tare_recovery *recovery =
        recover_or_fail(TARE_RECOVER_BIAS | TARE_RECOVER_ROUNDING, 1);
    assert_int_equal(n_rows, 2);
    assert_string_equal(rows[1].pass, "rounding");
    assert_true(rows[1].before_db == rows[0].after_db);
    struct tare_recovery_layer layer;
    tare_recovery_get(recovery, 1, &layer);
    assert_string_equal(layer.name, "depthwise_leaky_out");
    assert_int_equal(layer.n_channels, 20);
    assert_int_equal(layer.n_weights, 9);
    assert_non_null(layer.weights);
    tare_recovery_destroy(recovery);
}

/* Percent of a convolution's weights that rounding on some samples takes to a step that
 * is not the nearest. */
static double percent_moved(size_t n_samples, const char *output, const char *weights)
{
    const struct tare_build_options build = int8_build();
    const struct tare_sample_source source = {NULL, n_samples, fill};
    const struct tare_recover_options options = {TARE_RECOVER_ROUNDING, false, 1};
    const int32_t id = tare_graph_find_tensor(model.graph, weights);
    struct tare_recovery *recovery;
    struct tare_recovery_layer layer = {.name = ""};
    size_t n_moved = 0;
    assert_true(id != TARE_NO_TENSOR);
    const float *w = model.graph->tensors[id].data;
    assert_int_equal(tare_recover(&model, &build, &source, &options, NULL, NULL,
                                  &recovery, rows, &n_rows, NULL),
                     TARE_OK);
    for (size_t i = 0; strcmp(layer.name, output) != 0; i++) {
        assert_true(i < tare_recovery_count(recovery));
        tare_recovery_get(recovery, i, &layer);
    }
    const size_t n = layer.n_channels * layer.n_weights;
    for (size_t i = 0; i < n; i++)
        n_moved += layer.weights[i] !=
                   (int)rint((double)w[i] / (double)layer.scales[i / layer.n_weights]);
    tare_recovery_destroy(recovery);
    return 100.0 * (double)n_moved / (double)n;
}

/* The fewer rows there are for a term, the nearer weights stay to what they were: with
 * a ridge that does not depend on it, more of them move the less there is to go by. */
static void few_rows_move_few_weights(void **state)
{
    (void)state;
    double few = 0.0, many = 0.0;
    static const char *const layers[][2] = {{"grouped_out", "grouped_w"},
                                            {"last_out", "last_w"}};
    for (size_t i = 0; i < 2; i++) {
        few += percent_moved(3, layers[i][0], layers[i][1]) / 2.0;
        many += percent_moved(N_SAMPLES, layers[i][0], layers[i][1]) / 2.0;
    }
    if (few > 10.0 || many < few)
        fail_msg("moved: %g %% by few rows, %g %% by many", few, many);
}

static uint8_t *bytes_of(int n_threads, size_t *n)
{
    uint8_t *bytes;
    struct tare_recovery *r =
        recover_or_fail(TARE_RECOVER_BIAS | TARE_RECOVER_ROUNDING, n_threads);
    assert_int_equal(tare_recovery_write(r, path, NULL), TARE_OK);
    tare_recovery_destroy(r);
    assert_int_equal(tare_file_read(path, 1 << 24, &bytes, n, NULL), TARE_OK);
    return bytes;
}

static void threads_do_not_matter(void **state)
{
    size_t n, n_other;
    (void)state;
    uint8_t *bytes = bytes_of(1, &n);
    for (int n_threads = 2; n_threads <= 3; n_threads++) {
        uint8_t *other = bytes_of(n_threads, &n_other);
        assert_int_equal(n, n_other);
        assert_memory_equal(bytes, other, n);
        tare_free(other);
    }
    tare_free(bytes);
}

static size_t n_recovered(const struct tare_build_options *build)
{
    struct tare_plan *plan;
    struct tare_error err = {0};
    if (tare_build(&model, build, &plan, &err) != TARE_OK) fail_msg("%s", err.text);
    const size_t n = tare_plan_n_recovered(plan);
    tare_plan_destroy(plan);
    return n;
}

static void builds_take_what_fits(void **state)
{
    struct tare_build_options build = int8_build();
    struct tare_error err = {0};
    struct tare_plan *plan;
    (void)state;
    struct tare_recovery *recovery = recover_or_fail(TARE_RECOVER_BIAS, 1);
    build.recovery = recovery;
    assert_int_equal(n_recovered(&build), 7);
    build.layer_precisions = "grouped:fp32";
    build.constraints = TARE_CONSTRAINTS_OBEY;
    assert_int_equal(n_recovered(&build), 6);
    build = int8_build();
    build.recovery = recovery;
    recovery->layers[0].n_channels = 4; /* another shape */
    assert_int_equal(n_recovered(&build), 6);
    recovery->layers[0].n_channels = 20;
    recovery->ranges ^= 1;
    assert_int_equal(n_recovered(&build), 0);
    recovery->model ^= 1;
    assert_int_equal(tare_build(&model, &build, &plan, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "other weights"));
    tare_recovery_destroy(recovery);
}

static void what_cannot_be_done_is_refused(void **state)
{
    struct tare_recovery *recovery;
    struct tare_error err = {0};
    struct tare_build_options build = {0};
    struct tare_sample_source source = {NULL, N_SAMPLES, fill};
    const struct tare_recover_options options = {TARE_RECOVER_BIAS, false, 1};
    (void)state;
    assert_int_equal(tare_recover(&model, &build, &source, &options, NULL, NULL,
                                  &recovery, rows, &n_rows, &err),
                     TARE_E_ARG);
    assert_null(recovery);
    build = int8_build();
    source.n_samples = 1;
    assert_int_equal(tare_recover(&model, &build, &source, &options, NULL, NULL,
                                  &recovery, rows, &n_rows, &err),
                     TARE_E_ARG);
    assert_non_null(strstr(err.text, "at least 2"));
    source.n_samples = N_SAMPLES;
    build.layer_precisions = "*:fp32";
    build.constraints = TARE_CONSTRAINTS_OBEY;
    assert_int_equal(tare_recover(&model, &build, &source, &options, NULL, NULL,
                                  &recovery, rows, &n_rows, &err),
                     TARE_E_ARG);
    assert_non_null(strstr(err.text, "nothing to recover"));
}

static void failing_allocations_leave_nothing(void **state)
{
    struct tare_recovery *recovery = NULL;
    (void)state;
    for (int64_t i = 0;; i += 1 + i / 8) {
        tare_alloc_fail_after(i);
        const enum tare_status st = recover(TARE_RECOVER_BIAS | TARE_RECOVER_ROUNDING,
                                            true, 1, &recovery, NULL);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_null(recovery);
    }
    tare_recovery_destroy(recovery);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_comes_near_exhaustive_search),
        cmocka_unit_test(moments_are_exact),
        cmocka_unit_test(means_come_back),
        cmocka_unit_test(rounding_gives_weights),
        cmocka_unit_test(few_rows_move_few_weights),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(builds_take_what_fits),
        cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests_name("recovery", tests, make_network, remove_network);
}
