/* Layers that plugins compute: in FP32 and INT8, in programs, in contexts on several
 * threads; every way to fail; forged files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "engine/layer.h"
#include "engine/plan.h"
#include "optimizer/optimizer.h"
#include "precision/precision.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/plan_forge.h"
#include "tests/unit/plugin_probe.h"

/** x -> conv1 -> a -> probe (or, for comparison, Mul and Add) -> b -> conv2 -> y */
static struct tare_graph *small_net(bool probe, const char *fail)
{
    uint64_t seed = 5;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 5, 4));
    net_output(g, "y");
    (void)net_conv(g, "conv1", "x", "a", 3, 8, 3, true, &seed);
    net_scalar(g, "bias", 0.25f);
    if (probe) {
        probe_node(g, "probe", "a bias", "b", 0.75f, fail);
    } else {
        net_scalar(g, "factor", 0.75f);
        (void)net_node(g, TARE_OP_MUL, "mul", "a factor", "m");
        (void)net_node(g, TARE_OP_ADD, "add", "m bias", "b");
    }
    (void)net_conv(g, "conv2", "b", "y", 8, 4, 1, true, &seed);
    return g;
}

static struct built build_of(const struct tare_graph *g,
                             const struct tare_plugins *plugins)
{
    struct built built;
    struct tare_error err = {0};
    const struct tare_engine_options options = {
        .isa = tare_cpu_flags(), .in_place = true, .plugins = plugins};
    if (built_make_with(g, &options, &built, &err) != TARE_OK) fail_msg("%s", err.text);
    return built;
}

static float *random_floats(size_t n)
{
    float *values = calloc(n, sizeof *values);
    uint64_t seed = 11;
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = net_uniform(&seed);
    return values;
}

enum { X_ELEMS = 2 * 3 * 5 * 4, Y_ELEMS = 2 * 4 * 5 * 4 };

static void test_float_engine(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    float *x = random_floats(X_ELEMS), *y, *want;
    const float *inputs[] = {x};
    struct tare_error err = {0};
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct tare_graph *graphs[2];
        struct built built[2];
        for (int probe = 0; probe < 2; probe++) {
            graphs[probe] = net_infer(small_net(probe, NULL));
            built[probe] = build_of(graphs[probe], plugins);
            if (built_run(&built[probe], n_threads, inputs, probe ? &y : &want, &err) !=
                TARE_OK)
                fail_msg("%s", err.text);
        }
        assert_memory_equal(y, want, Y_ELEMS * sizeof *y);
        for (int probe = 0; probe < 2; probe++) {
            struct tare_engine_info info;
            tare_engine_info(built[probe].engine, &info);
            assert_true(info.is_exact == !probe);
            built_release(&built[probe]);
            tare_graph_destroy(graphs[probe]);
        }
        free(y);
        free(want);
    }
    free(x);
    tare_plugins_destroy(plugins);
}

/* In small_net(), optimized, with ranges for all. */
static struct tare_graph *int8_net(void)
{
    static const struct tare_range ranges[] = {{"x", 1}, {"a", 4}, {"b", 3}, {"y", 9}};
    const struct tare_precision_options options = {.allow_int8 = true};
    struct tare_graph *g = net_infer(small_net(true, NULL));
    NET_TRY(tare_optimize(g, NULL, &err_));
    NET_TRY(tare_precision_assign(g, ranges, 4, &options, NULL, &err_));
    return g;
}

/* What the probe read and made, dequantized. */
struct seen {
    float a[2 * 8 * 5 * 4], b[2 * 8 * 5 * 4];
    float b_step, b_lowest, b_highest;
};

static const float *look(void *ctx, const struct tare_tapped *t)
{
    struct seen *seen = ctx;
    float *to = strcmp(t->name, "a") == 0   ? seen->a
                : strcmp(t->name, "b") == 0 ? seen->b
                                            : NULL;
    if (to) memcpy(to, t->data, sizeof seen->a);
    if (to == seen->b) {
        seen->b_step = t->step;
        seen->b_lowest = t->lowest;
        seen->b_highest = t->highest;
    }
    return NULL;
}

static void test_int8_engine(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = int8_net();
    assert_int_equal(net_maker(g, "b")->precision, TARE_PRECISION_INT8);
    struct built built = build_of(g, plugins);
    struct seen seen = {.b_step = 0};
    struct tare_context *context;
    struct tare_error err = {0};
    float *x = random_floats(X_ELEMS), y[Y_ELEMS];
    NET_TRY(tare_context_create(built.engine, 2, &context, &err_));
    NET_TRY(tare_context_set_address(context, 0, x, &err_));
    NET_TRY(tare_context_set_address(context, 1, y, &err_));
    NET_TRY(tare_context_set_tap(context, look, &seen, true, &err_));
    assert_int_equal(tare_context_run(context, &err), TARE_OK);
    assert_true(seen.b_step > 0.0f);
    for (size_t i = 0; i < sizeof seen.a / sizeof seen.a[0]; i++) {
        const float v = seen.a[i] * 0.75f + 0.25f;
        const float steps = rintf(v / seen.b_step);
        const float want =
            fminf(fmaxf(steps * seen.b_step, seen.b_lowest), seen.b_highest);
        assert_true(fabsf(seen.b[i] - want) <= 1e-6f);
    }
    tare_context_destroy(context);
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
    free(x);
}

/* One context on one thread, many times. */
struct runner {
    const struct tare_engine *engine;
    float *x;
    float y[Y_ELEMS];
    enum tare_status status;
};

static void *run_often(void *arg)
{
    struct runner *r = arg;
    struct tare_context *context;
    r->status = tare_context_create(r->engine, 2, &context, NULL);
    if (r->status == TARE_OK)
        r->status = tare_context_set_address(context, 0, r->x, NULL);
    if (r->status == TARE_OK)
        r->status = tare_context_set_address(context, 1, r->y, NULL);
    for (int i = 0; r->status == TARE_OK && i < 300; i++)
        r->status = tare_context_run(context, NULL);
    tare_context_destroy(context);
    return NULL;
}

/* The probe fails when one state runs twice at a time: each context has its own. */
static void test_contexts(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = int8_net();
    struct built built = build_of(g, plugins);
    float *x = random_floats(X_ELEMS);
    struct runner runners[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        runners[i] = (struct runner){.engine = built.engine, .x = x};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &runners[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(runners[i].status, TARE_OK);
    }
    assert_memory_equal(runners[0].y, runners[1].y, sizeof runners[0].y);
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
    free(x);
}

/* From the node to a run: what fails first, and what it says. */
static enum tare_status try_all(const char *fail, struct tare_error *err)
{
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = small_net(true, fail);
    struct built built = {0};
    float *y = NULL;
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .plugins = plugins};
    enum tare_status st = tare_graph_infer(g, err);
    if (st == TARE_OK) st = built_make_with(g, &options, &built, err);
    if (st == TARE_OK) st = built_run(&built, 1, NULL, &y, err);
    free(y);
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
    return st;
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        const char *fail, *text;
    } cases[] = {
        {"shapes", "node 'probe' (Probe): plugin 'test::Probe': shapes() is told"},
        {"rank", "node 'probe' (Probe): plugin 'Probe': shapes() gives output 0 a rank "
                 "of 9"},
        {"axis", "shapes() gives output 0"},
        {"size", "shapes() gives output 0"},
        {"type", "shapes() gives output 0"},
        {"save", "plugin 'test::Probe': save() is told to fail"},
        {"load", "layer 2 'probe' (plugin): plugin 'test::Probe': load() is told"},
        {"workspace", "plugin 'test::Probe': workspace() is told to fail"},
        {"copy", "layer 2 'probe': plugin 'test::Probe': copy() is told to fail"},
        {"configure", "layer 2 'probe': plugin 'test::Probe': configure() is told"},
        {"enqueue", "layer 2 'probe': plugin 'test::Probe': enqueue() is told"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_error err = {0};
        assert_int_equal(try_all(cases[i].fail, &err), TARE_E_ARG);
        if (!strstr(err.text, cases[i].text))
            fail_msg("'%s' is not in '%s'", cases[i].text, err.text);
        assert_int_equal(atomic_load(&probe_states), 0);
    }
    struct tare_error err = {0};
    assert_int_equal(try_all("nothing", &err), TARE_OK);
}

static void test_not_loaded(void **state)
{
    (void)state;
    static struct tare_plugin other;
    struct tare_plugins *plugins = with_probe(), *others = no_plugins();
    struct tare_graph *g = net_infer(small_net(true, NULL));
    struct built built = build_of(g, plugins);
    struct tare_engine *engine;
    struct tare_error err = {0};
    assert_int_equal(tare_engine_open(built.bytes, built.n_bytes, &engine, &err),
                     TARE_E_UNSUPPORTED);
    assert_string_equal(err.text,
                        "engine: layer 2 'probe' (plugin): it wants plugin "
                        "'test::Probe' of version '2', which is not loaded: give its "
                        "library with --plugin=FILE.so");
    other = probe_plugin;
    other.version = "1";
    NET_TRY(tare_plugins_add(others, &other, &err_));
    assert_int_equal(tare_engine_open_with(
                         built.bytes, built.n_bytes,
                         &(struct tare_load_options){.plugins = others}, &engine, &err),
                     TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "of version '2', and that of version '1' is "
                                     "loaded: give its library"));
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(others);
    tare_plugins_destroy(plugins);
}

/* Shapes that only a run knows: the plugin runs inside the program at the end. */
static void test_program(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    for (int defer = 0; defer < 2; defer++) {
        struct tare_graph *g = net_create(13);
        net_input(g, "x", NET_DIMS(2, 3));
        net_output(g, "y");
        net_output(g, "n");
        if (defer) {
            probe_node(g, "probe", "x", "y n", 3.0f, "defer");
        } else {
            (void)net_node(g, TARE_OP_NON_ZERO, "where", "x", "i");
            net_int(net_node(g, TARE_OP_CAST, "cast", "i", "f"), "to", 1);
            probe_node(g, "probe", "f", "y n", 3.0f, NULL);
        }
        struct built built = build_of(net_infer(g), plugins);
        struct tare_context *context;
        struct tare_error err = {0};
        struct tare_result y, n;
        float x[] = {0, 0, 5, 0, 7, 0};
        NET_TRY(tare_context_create(built.engine, 1, &context, &err_));
        NET_TRY(tare_context_set_address(context, 0, x, &err_));
        for (int i = 0; i < 2; i++)
            if (tare_context_run(context, &err) != TARE_OK) fail_msg("%s", err.text);
        tare_context_result(context, 1, &y);
        tare_context_result(context, 2, &n);
        static const float want[2][6] = {{0, 3, 6, 3}, {0, 0, 15, 0, 21, 0}};
        assert_int_equal(y.n_bytes, defer ? 24 : 16);
        assert_memory_equal(y.data, want[defer], y.n_bytes);
        assert_int_equal(n.dtype, TARE_S64);
        assert_int_equal(*(const int64_t *)n.data, defer ? 6 : 4);
        tare_context_destroy(context);
        built_release(&built);
        tare_graph_destroy(g);
    }
    tare_plugins_destroy(plugins);
}

/* The record of the plugin layer. */
static size_t record_at(const struct built *built, struct tare_plan_layer *r)
{
    struct tare_plan_header h;
    memcpy(&h, built->bytes, sizeof h);
    size_t at = (size_t)h.sections[TARE_SECTION_LAYERS].offset;
    do {
        memcpy(r, built->bytes + at, sizeof *r);
        at += sizeof *r;
    } while (r->kind != TARE_LAYER_PLUGIN);
    return at - sizeof *r;
}

/* The record of its operand k, inputs first. */
static size_t operand_at(const struct built *built, uint32_t k,
                         struct tare_plan_tensor *t)
{
    struct tare_plan_header h;
    struct tare_plan_layer r;
    int32_t id;
    memcpy(&h, built->bytes, sizeof h);
    (void)record_at(built, &r);
    memcpy(&id,
           built->bytes + h.sections[TARE_SECTION_IDS].offset +
               (r.first_id + k) * sizeof id,
           sizeof id);
    const size_t at =
        (size_t)h.sections[TARE_SECTION_TENSORS].offset + (size_t)id * sizeof *t;
    memcpy(t, built->bytes + at, sizeof *t);
    return at;
}

/* Where the record of the plugin layer, its parameters or its plugin are. */
static size_t place_in(const struct built *built, int what, size_t *n_bytes)
{
    struct tare_plan_header h;
    struct tare_plan_layer r;
    struct tare_plan_tensor blob;
    memcpy(&h, built->bytes, sizeof h);
    const size_t at = record_at(built, &r);
    *n_bytes = what == 0 ? sizeof r : (size_t)r.params_bytes;
    if (what == 0) return at;
    if (what == 1) return (size_t)(h.sections[TARE_SECTION_PARAMS].offset + r.params);
    (void)operand_at(built, r.n_inputs - 1, &blob);
    *n_bytes = (size_t)blob.n_bytes;
    return (size_t)(h.sections[TARE_SECTION_WEIGHTS].offset + blob.offset);
}

/* As many bytes, of another shape than the plugin makes. */
static void test_forged_shape(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = int8_net();
    struct built built = build_of(g, plugins);
    struct tare_plan_layer r;
    struct tare_plan_tensor y;
    struct tare_engine *engine;
    struct tare_error err = {0};
    (void)record_at(&built, &r);
    const size_t at = operand_at(&built, r.n_inputs, &y);
    y.dims.d[2] = 4;
    y.dims.d[3] = 5;
    memcpy(built.bytes + at, &y, sizeof y);
    plan_rehash(built.bytes);
    assert_int_equal(
        tare_engine_open_with(built.bytes, built.n_bytes,
                              &(struct tare_load_options){.plugins = plugins}, &engine,
                              &err),
        TARE_E_FORMAT);
    assert_non_null(
        strstr(err.text, "'probe' (plugin): its record is invalid (outputs)"));
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
}

/* Any byte of what belongs to the plugin may lie, checksums are right: the file is
 * refused, or runs. */
static void test_forged(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = int8_net();
    struct built built = build_of(g, plugins);
    size_t n_refused = 0, n_run = 0;
    for (int what = 0; what < 3; what++) {
        size_t n_bytes;
        const size_t from = place_in(&built, what, &n_bytes);
        for (size_t i = 0; i < n_bytes * 6; i++) {
            static const uint8_t masks[] = {1, 2, 0x10, 0x40, 0x80, 0xff};
            struct built forged = {.bytes = tare_alloc(built.n_bytes),
                                   .n_bytes = built.n_bytes};
            float *y = NULL;
            memcpy(forged.bytes, built.bytes, built.n_bytes);
            forged.bytes[from + i / 6] ^= masks[i % 6];
            plan_rehash(forged.bytes);
            const bool opens =
                tare_engine_open_with(forged.bytes, forged.n_bytes,
                                      &(struct tare_load_options){.plugins = plugins},
                                      &forged.engine, NULL) == TARE_OK;
            if (opens) (void)built_run(&forged, 1, NULL, &y, NULL);
            n_run += opens;
            n_refused += !opens;
            free(y);
            built_release(&forged);
        }
    }
    assert_true(n_run > 50 && n_refused > 300);
    built_release(&built);
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
    assert_int_equal(atomic_load(&probe_states), 0);
}

/* The n-th allocation fails, for every n. */
static void test_no_memory(void **state)
{
    (void)state;
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t i = 0; st != TARE_OK; i++) {
        struct tare_plugins *plugins = with_probe();
        struct tare_graph *g = small_net(true, NULL);
        struct built built = {0};
        float *y = NULL;
        const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                    .plugins = plugins};
        tare_alloc_fail_after(i);
        st = tare_graph_infer(g, NULL);
        if (st == TARE_OK) st = built_make_with(g, &options, &built, NULL);
        if (st == TARE_OK) st = built_run(&built, 1, NULL, &y, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        free(y);
        built_release(&built);
        tare_graph_destroy(g);
        tare_plugins_destroy(plugins);
        assert_int_equal(atomic_load(&probe_states), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_engine), cmocka_unit_test(test_int8_engine),
        cmocka_unit_test(test_contexts),     cmocka_unit_test(test_failures),
        cmocka_unit_test(test_not_loaded),   cmocka_unit_test(test_program),
        cmocka_unit_test(test_forged_shape), cmocka_unit_test(test_forged),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
