/* Engine files that carry their source: without weights, of other formats, damaged. */
#include <stdlib.h>

#include "base/dims.h"
#include "base/hash.h"
#include "engine/plan.h"
#include "remake/source.h"
#include "tare/log.h"
#include "tests/kernels/check.h"
#include "tests/unit/refit_nets.h"

static const struct tare_profile profile = {"x:1x3x8x8", "x:2x3x8x8", "x:4x3x8x8"};

/* INT8 engines of the first network. */
static struct tare_build_options int8_options(const struct tare_cache *cache,
                                              bool has_profiles)
{
    return (struct tare_build_options){.int8 = true,
                                       .cache = cache,
                                       .profiles = has_profiles ? &profile : NULL,
                                       .n_profiles = has_profiles};
}

static bool contains(const uint8_t *bytes, size_t n_bytes, const void *part, size_t n)
{
    for (size_t i = 0; i + n <= n_bytes; i++)
        if (memcmp(bytes + i, part, n) == 0) return true;
    return false;
}

/* Eight bytes of any weight. */
static bool has_weights(const struct tare_engine *engine, const struct tare_graph *g)
{
    size_t n_bytes;
    const uint8_t *bytes = tare_engine_bytes(engine, &n_bytes);
    for (size_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].data && g->tensors[i].dtype == TARE_F32 &&
            contains(bytes, n_bytes, g->tensors[i].data, 8))
            return true;
    return false;
}

static void test_stripped(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    for (int k = 0; k < 2; k++) {
        struct tare_build_options options = int8_options(cache, k);
        options.refit = true;
        struct refit_engine full = refit_build(refit_image_net, 1, &options);
        struct refit_engine fresh = refit_build(refit_image_net, 2, &options);
        options.strip_weights = true;
        struct refit_engine bare = refit_build(refit_image_net, 1, &options);
        struct tare_graph *first = refit_image_net(1), *second = refit_image_net(2);
        assert_true(has_weights(full.engine, first));
        assert_false(has_weights(bare.engine, first));

        /* What it is can be seen, but it does not run. */
        struct tare_engine_info info, want;
        struct tare_context *context;
        struct tare_error err = {0};
        tare_engine_info(bare.engine, &info);
        tare_engine_info(full.engine, &want);
        assert_true(info.is_stripped && info.can_refit && !want.is_stripped);
        assert_int_equal(info.n_bindings, want.n_bindings);
        for (size_t i = 0; i < info.n_bindings; i++) {
            struct tare_binding a, b;
            tare_engine_binding(bare.engine, i, &a);
            tare_engine_binding(full.engine, i, &b);
            assert_string_equal(a.name, b.name);
            assert_int_equal(a.is_input, b.is_input);
            assert_true(tare_dims_equal(&a.dims, &b.dims));
        }
        assert_int_equal(tare_engine_n_profiles(bare.engine), k);
        assert_int_equal(tare_context_create(bare.engine, 1, &context, &err),
                         TARE_E_UNSUPPORTED);
        assert_string_equal(err.text,
                            "engine: its weights are stripped: refit it with `tare "
                            "refit --engine=FILE --onnx=MODEL --output=OUT`");

        /* Every weight is wanted. */
        struct tare_refitter *refitter;
        struct tare_engine *made;
        NET_TRY(tare_refitter_create(bare.engine, &refitter, &err_));
        const size_t n = tare_refitter_n_weights(refitter);
        assert_int_equal(tare_refitter_n_missing(refitter), n);
        assert_int_equal(tare_refitter_refit(refitter, &made, &err), TARE_E_ARG);
        assert_string_equal(err.text, "9 weights are missing: 'stem.w', 'bn.scale', "
                                      "'bn.bias' and 6 more");
        for (size_t i = 0; i < n; i++) {
            struct tare_refit_weight w;
            tare_refitter_weight(refitter, i, &w);
            assert_true(w.is_missing && !w.is_given);
            if (strcmp(w.name, "gain") != 0) refit_set(refitter, i, second);
        }
        assert_int_equal(tare_refitter_refit(refitter, &made, &err), TARE_E_ARG);
        assert_string_equal(err.text, "1 weight is missing: 'gain'");
        for (size_t i = 0; i < n; i++)
            refit_set(refitter, i, second);
        NET_TRY(tare_refitter_refit(refitter, &made, &err_));
        refit_expect_same_file(made, fresh.engine);
        tare_engine_destroy(made);
        for (size_t i = 0; i < n; i++)
            refit_set(refitter, i, first);
        NET_TRY(tare_refitter_refit(refitter, &made, &err_));
        refit_expect_same_file(made, full.engine);
        tare_engine_destroy(made);
        tare_refitter_destroy(refitter);
        tare_graph_destroy(first);
        tare_graph_destroy(second);
        refit_release(&full);
        refit_release(&fresh);
        refit_release(&bare);
    }
    tare_cache_destroy(cache);
}

/* ---- other formats */

static void count_warnings(void *ctx, enum tare_log_level level, const char *message)
{
    size_t *n = ctx;
    *n +=
        level == TARE_LOG_WARN && strstr(message, "is made anew from what it carries");
}

static uint8_t *copy_of(const struct tare_engine *engine, size_t *n_bytes)
{
    const void *bytes = tare_engine_bytes(engine, n_bytes);
    uint8_t *copy = tare_alloc(*n_bytes);
    assert_non_null(copy);
    memcpy(copy, bytes, *n_bytes);
    return copy;
}

/* As another format may look: what has no place of its own is gone. */
static void forge_format(uint8_t *bytes, uint32_t version)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    h.version = version;
    h.hash ^= 1;
    h.arena_bytes = h.live_bytes = 0;
    h.model = h.tare_version = UINT32_MAX;
    for (int i = 0; i < TARE_SECTION_PROFILES; i++) {
        memset(bytes + h.sections[i].offset, 0x99, (size_t)h.sections[i].n_bytes);
        h.sections[i] = (struct tare_plan_section){0};
    }
    memcpy(bytes, &h, sizeof h);
}

/* Engines of a later and, once there is one, an earlier format become what this tare
 * makes. */
static void test_other_formats(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    for (int k = 0; k < 4; k++) {
        struct tare_build_options options = int8_options(cache, k % 2);
        options.version_compatible = true;
        options.strip_weights = k / 2;
        struct refit_engine old = refit_build(refit_image_net, 1, &options);
        for (uint32_t version = TARE_PLAN_LASTING_VERSION;
             version < TARE_PLAN_VERSION + 3; version++) {
            size_t n_bytes, n_warnings = 0;
            struct tare_engine *engine;
            uint8_t *bytes = copy_of(old.engine, &n_bytes);
            if (version != TARE_PLAN_VERSION) forge_format(bytes, version);
            tare_log_set_sink(count_warnings, &n_warnings, TARE_LOG_WARN);
            NET_TRY(tare_engine_open(bytes, n_bytes, &engine, &err_));
            tare_log_set_sink(NULL, NULL, TARE_LOG_WARN);
            assert_int_equal(n_warnings, version != TARE_PLAN_VERSION);
            if (version != TARE_PLAN_VERSION) tare_free(bytes); /* needed no longer */
            refit_expect_same_file(engine, old.engine);
            tare_engine_destroy(engine);
            if (version == TARE_PLAN_VERSION) tare_free(bytes);
        }
        refit_release(&old);
    }
    tare_cache_destroy(cache);
}

static void expect_refused(const uint8_t *bytes, size_t n_bytes, enum tare_status want,
                           const char *text)
{
    struct tare_engine *engine;
    struct tare_error err = {0};
    assert_int_equal(tare_engine_open(bytes, n_bytes, &engine, &err), want);
    assert_null(engine);
    assert_string_equal(err.text, text);
}

static void rehash(uint8_t *bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    for (int i = TARE_SECTION_PROFILES; i <= TARE_SECTION_SOURCE; i++) {
        struct tare_plan_section *s = &h.sections[i];
        s->hash = tare_hash64(bytes + s->offset, (size_t)s->n_bytes);
    }
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}

static void test_refused_formats(void **state)
{
    (void)state;
    const struct tare_build_options options = {.version_compatible = true};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct tare_plan_header h;
    size_t n_bytes;
    char text[200];
    uint8_t *bytes = copy_of(old.engine, &n_bytes);
    memcpy(&h, bytes, sizeof h);
    const size_t source = (size_t)h.sections[TARE_SECTION_SOURCE].offset;
    const uint32_t next = TARE_SOURCE_VERSION + 1;

    /* A source of another version: it says so, in both formats. */
    memcpy(bytes + source + sizeof TARE_SOURCE_MAGIC, &next, sizeof next);
    rehash(bytes);
    struct tare_engine *engine;
    struct tare_refitter *refitter;
    struct tare_error err = {0};
    (void)snprintf(text, sizeof text,
                   "engine: its source has version %u, this tare reads versions %d to "
                   "%d: build the engine again with `tare build`",
                   (unsigned)next, TARE_SOURCE_LEAST_VERSION, TARE_SOURCE_VERSION);
    NET_TRY(tare_engine_open(bytes, n_bytes, &engine, &err_));
    assert_int_equal(tare_refitter_create(engine, &refitter, &err), TARE_E_UNSUPPORTED);
    assert_string_equal(err.text, text);
    tare_engine_destroy(engine);
    forge_format(bytes, TARE_PLAN_VERSION + 1);
    expect_refused(bytes, n_bytes, TARE_E_UNSUPPORTED, text);

    /* A damaged or missing one: as any engine of another format. */
    (void)snprintf(text, sizeof text,
                   "engine: engine format %d, this tare reads format %d: build the "
                   "engine again with `tare build`",
                   TARE_PLAN_VERSION + 1, TARE_PLAN_VERSION);
    bytes[source + 40] ^= 1;
    expect_refused(bytes, n_bytes, TARE_E_UNSUPPORTED, text);
    tare_free(bytes);
    bytes = copy_of(old.engine, &n_bytes);
    forge_format(bytes, TARE_PLAN_VERSION + 1);
    h.version = TARE_PLAN_VERSION + 1;
    h.sections[TARE_SECTION_SOURCE] = (struct tare_plan_section){0};
    h.sections[TARE_SECTION_SOURCE].hash = tare_hash64("", 0);
    memcpy(bytes, &h, sizeof h);
    expect_refused(bytes, n_bytes, TARE_E_UNSUPPORTED, text);
    tare_free(bytes);
    refit_release(&old);
}

/* The way out of a foreign format does not lead around the instruction set. */
static void test_other_processor(void **state)
{
    (void)state;
    const struct tare_build_options options = {.version_compatible = true,
                                               .isa = "ref"};
    struct refit_engine old = refit_build(refit_image_net, 1, &options);
    struct tare_engine *engine;
    struct tare_error err = {0};
    size_t n_bytes;
    uint8_t *bytes = copy_of(old.engine, &n_bytes);
    forge_format(bytes, TARE_PLAN_VERSION + 1);
    const uint32_t neon_and_avx2 = (UINT32_C(1) << 16) | 1U;
    memcpy(bytes + offsetof(struct tare_plan_header, isa), &neon_and_avx2,
           sizeof neon_and_avx2);
    assert_int_equal(tare_engine_open(bytes, n_bytes, &engine, &err),
                     TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "needs the instruction set"));
    tare_free(bytes);
    refit_release(&old);
}

/* What is made of a part of an engine has no file, and what has no weights no parts. */
static void test_fixed(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    struct tare_build_options options = int8_options(cache, true);
    struct refit_engine full = refit_build(refit_image_net, 1, &options);
    options.strip_weights = true;
    struct refit_engine bare = refit_build(refit_image_net, 1, &options);
    struct tare_engine *fixed;
    struct tare_refitter *refitter;
    struct tare_error err = {0};
    size_t n_bytes;
    NET_TRY(tare_engine_fix(full.engine, 0, "x:3x3x8x8", &fixed, &err_));
    assert_null(tare_engine_bytes(fixed, &n_bytes));
    assert_int_equal(n_bytes, 0);
    assert_int_equal(tare_engine_save(fixed, "/nonexistent/e", &err), TARE_E_ARG);
    assert_string_equal(err.text, "/nonexistent/e: the engine uses another one's "
                                  "weights: save that");
    assert_int_equal(tare_refitter_create(fixed, &refitter, NULL), TARE_E_UNSUPPORTED);
    tare_engine_destroy(fixed);
    assert_int_equal(tare_engine_fix(bare.engine, 0, "x:3x3x8x8", &fixed, &err),
                     TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "its weights are stripped"));
    refit_release(&full);
    refit_release(&bare);
    tare_cache_destroy(cache);
}

/* ---- damage */

/* Give every weight a value, and make the engine. */
static bool try_refit(const struct tare_engine *engine)
{
    struct tare_refitter *refitter;
    struct tare_engine *made = NULL;
    struct tare_error err = {0};
    enum tare_status st = tare_refitter_create(engine, &refitter, &err);
    const size_t n = st == TARE_OK ? tare_refitter_n_weights(refitter) : 0;
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_refit_weight w;
        tare_refitter_weight(refitter, i, &w);
        void *data = w.n_bytes < 1 << 20 ? calloc(w.n_bytes + 1, 1) : NULL;
        st = data ? tare_refitter_set_weights(refitter, w.name, w.dtype, &w.dims, data,
                                              &err)
                  : TARE_E_NOMEM;
        free(data);
    }
    if (st == TARE_OK) st = tare_refitter_refit(refitter, &made, &err);
    tare_engine_destroy(made);
    tare_refitter_destroy(refitter);
    return st == TARE_OK;
}

static void test_forged(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    struct tare_build_options options = int8_options(cache, true);
    options.strip_weights = true;
    struct refit_engine bare = refit_build(refit_image_net, 1, &options);
    struct tare_plan_header h;
    size_t n_bytes, n_made = 0, n_refused = 0;
    uint8_t *bytes = copy_of(bare.engine, &n_bytes);
    memcpy(&h, bytes, sizeof h);
    for (int round = 0; round < 2000; round++) {
        const struct tare_plan_section *s =
            &h.sections[round % 4 < 3 ? TARE_SECTION_SOURCE : TARE_SECTION_PROFILES];
        struct tare_engine *engine = NULL;
        uint8_t *forged = tare_alloc(n_bytes);
        memcpy(forged, bytes, n_bytes);
        uint32_t value = check_u32() % 4 ? check_u32() % 300 : check_u32();
        const size_t n = 1 + check_u32() % 4;
        memcpy(forged + s->offset + check_u32() % (s->n_bytes - 4), &value, n);
        rehash(forged);
        if (round / 4 % 2) forge_format(forged, TARE_PLAN_VERSION + 1);
        const bool made = tare_engine_open(forged, n_bytes, &engine, NULL) == TARE_OK &&
                          try_refit(engine);
        n_made += made;
        n_refused += !made;
        tare_engine_destroy(engine);
        tare_free(forged);
    }
    assert_true(n_made > 30 && n_refused > 300);
    tare_free(bytes);
    refit_release(&bare);
    tare_cache_destroy(cache);
}

/* Layers that are gone, without a source that could make them. */
static void test_no_layers(void **state)
{
    (void)state;
    const struct tare_build_options options = {.strip_weights = true};
    struct refit_engine bare = refit_build(refit_image_net, 1, &options);
    struct tare_plan_header h;
    size_t n_bytes;
    uint8_t *bytes = copy_of(bare.engine, &n_bytes);
    memcpy(&h, bytes, sizeof h);
    struct tare_plan_section *s = &h.sections[TARE_SECTION_SOURCE];
    memset(bytes + s->offset, 0, (size_t)s->n_bytes);
    s->n_bytes = 0;
    memcpy(bytes, &h, sizeof h);
    rehash(bytes);
    expect_refused(
        bytes, n_bytes, TARE_E_FORMAT,
        "engine: it has no layers: build the engine again with `tare build`");
    tare_free(bytes);
    refit_release(&bare);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_cache *cache = refit_cache(refit_image_net, NULL, 0);
    struct tare_build_options options = int8_options(cache, true);
    options.strip_weights = true;
    struct refit_engine bare = refit_build(refit_image_net, 1, &options);
    size_t n_failures = 0;
    for (int64_t n = 0;; n += 1 + n / 32) {
        tare_alloc_fail_after(n);
        const bool made = try_refit(bare.engine);
        tare_alloc_fail_after(-1);
        if (made) break;
        n_failures++;
    }
    assert_true(n_failures > 50);
    refit_release(&bare);
    tare_cache_destroy(cache);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stripped),        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_refused_formats), cmocka_unit_test(test_other_processor),
        cmocka_unit_test(test_forged),          cmocka_unit_test(test_no_layers),
        cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_fixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
