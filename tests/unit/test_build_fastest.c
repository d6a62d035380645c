/* Builds whose precisions are chosen by time, the times being those of a timing cache:
 * what the engine is then, what the report says, and that nothing else decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <unistd.h>

#include "api/model.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "net.h"
#include "tare/builder.h"
#include "tare/cache.h"
#include "tare/engine.h"

enum { N_CONVS = 3 };

static char folder[] = "/tmp/tare-fastest-XXXXXX";
static char times_path[64], tactics_path[64];
static struct tare_model model;
static struct tare_cache *cache;

/* x -> c1 -> t1 -> c2 -> t2 -> c3 -> y, too small not to be in doubt. */
static int set_up(void **state)
{
    uint64_t seed = 81;
    char name[24], in[24] = "x", out[24];
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(times_path, sizeof times_path, "%s/times", folder);
    (void)snprintf(tactics_path, sizeof tactics_path, "%s/tactics", folder);
    struct tare_graph *g = net_create(13);
    NET_TRY(tare_cache_create(NULL, "MinMaxCalibration", &cache, &err_));
    net_input(g, "x", NET_DIMS(-1, 4, 8, 8));
    NET_TRY(tare_cache_set(cache, "x", 1.0F, &err_));
    for (int i = 1; i <= N_CONVS; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        (void)snprintf(out, sizeof out, i == N_CONVS ? "y" : "t%d", i);
        net_conv(g, name, in, out, 4, 4, 3, true, &seed);
        NET_TRY(tare_cache_set(cache, out, 1.0F, &err_));
        memcpy(in, out, sizeof in);
    }
    net_output(g, "y");
    NET_TRY(tare_graph_sort(g, &err_));
    model = (struct tare_model){.graph = g};
    NET_TRY(tare_model_bind(&model, NULL, 1, NULL, &err_));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(times_path);
    (void)unlink(tactics_path);
    tare_cache_destroy(cache);
    tare_graph_destroy(model.graph);
    return rmdir(folder);
}

static struct tare_build_options options(void)
{
    return (struct tare_build_options){.int8 = true,
                                       .cache = cache,
                                       .optimization_level = 2,
                                       .timing_cache = times_path,
                                       .fastest_precisions = true};
}

static struct tare_plan *build(const struct tare_build_options *build_options)
{
    struct tare_plan *plan;
    struct tare_error err = {0};
    if (tare_build(&model, build_options, &plan, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return plan;
}

static void check_equal(const struct tare_plan *a, const struct tare_plan *b)
{
    size_t n_a, n_b;
    const void *bytes_a = tare_plan_bytes(a, &n_a), *bytes_b = tare_plan_bytes(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(bytes_a, bytes_b, n_a);
}

static struct tare_build_row row_of(const struct tare_plan *plan, const char *name)
{
    struct tare_build_row row = {0};
    for (size_t i = 0; i < tare_plan_n_rows(plan); i++) {
        tare_plan_row(plan, i, &row);
        if (strcmp(row.name, name) == 0) return row;
    }
    fail_msg("no layer %s", name);
    return row;
}

/* Nanoseconds for something that the timing cache has; 0: leave what is there. */
typedef uint64_t invent_fn(const char *tactic);

/* Write the timing cache anew. */
static void invent(invent_fn *fn)
{
    static const char checksum[] = "xxh3 ";
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_text text = {0};
    NET_TRY(tare_file_read(times_path, 1 << 20, &bytes, &n_bytes, &err_));
    for (const char *at = (const char *)bytes;;) {
        const char *end =
            memchr(at, '\n', n_bytes - (size_t)(at - (const char *)bytes));
        if (strncmp(at, checksum, strlen(checksum)) == 0) break;
        char line[512];
        (void)snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
        char *ns = strrchr(line, '\t');
        uint64_t other = 0;
        if (ns) {
            *ns = '\0';
            other = fn(strrchr(line, '\t') + 1);
            if (!other) other = strtoull(ns + 1, NULL, 10);
        }
        tare_text_add(&text, ns ? "%s\t%" PRIu64 "\n" : "%s\n", line, other);
        at = end + 1;
    }
    const uint64_t hash = tare_hash64(text.data, text.length);
    tare_text_add(&text, "%s%016" PRIx64 "\n", checksum, hash);
    NET_TRY(tare_file_write(times_path, text.data, text.length, &err_));
    tare_text_free(&text);
    tare_free(bytes);
}

/* Nodes are slow in INT8. */
static uint64_t floats_win(const char *tactic)
{
    if (strcmp(tactic, "INT8") == 0) return 50000;
    if (strcmp(tactic, "FP32") == 0) return 10000;
    if (strcmp(tactic, "quantize") == 0) return 2000;
    if (strcmp(tactic, "dequantize") == 0) return 2000;
    if (strcmp(tactic, "network") == 0) return 152000;
    if (strcmp(tactic, "by rule") == 0) return 100000;
    return strcmp(tactic, "by time") == 0 ? 50000 : 0;
}

static uint64_t no_node_is_slow(const char *tactic)
{
    return strcmp(tactic, "INT8") == 0 ? 10000 : 0;
}

static uint64_t the_race_is_lost(const char *tactic)
{
    return strcmp(tactic, "by time") == 0 ? 99000 : 0;
}

/* The times of this machine, then those that we want; the second build is to time the
 * race of a choice that is made now. */
static void make_times(const struct tare_build_options *build_options, invent_fn *fn)
{
    (void)unlink(times_path);
    for (int i = 0; i < 2; i++) {
        tare_plan_destroy(build(build_options));
        invent(fn);
    }
}

static void floats_are_chosen(void **state)
{
    (void)state;
    struct tare_build_options by_time = options();
    make_times(&by_time, floats_win);
    uint8_t *before, *after;
    size_t n_before, n_after;
    NET_TRY(tare_file_read(times_path, 1 << 20, &before, &n_before, &err_));
    struct tare_plan *a = build(&by_time), *b = build(&by_time);
    NET_TRY(tare_file_read(times_path, 1 << 20, &after, &n_after, &err_));
    check_equal(a, b); /* with all times there nothing is timed */
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    tare_free(before);
    tare_free(after);
    for (int i = 0; i < N_CONVS; i++) {
        const char *const names[] = {"c1", "c2", "c3"};
        const struct tare_build_row row = row_of(a, names[i]);
        assert_string_equal(row.got, "FP32");
        assert_null(row.requested);
        assert_string_equal(row.reason,
                            "FP32 is faster: 30.00 us, in INT8 152.00 us, with "
                            "conversions and the layers that it is connected with");
    }

    /* the same as if they had been asked for */
    struct tare_build_options asked = options();
    asked.fastest_precisions = false;
    asked.constraints = TARE_CONSTRAINTS_PREFER;
    asked.layer_precisions = "'c1':fp32,'c2':fp32,'c3':fp32";
    struct tare_plan *c = build(&asked);
    check_equal(a, c);
    tare_plan_destroy(a);
    tare_plan_destroy(b);
    tare_plan_destroy(c);
}

static void rules_stand(void **state)
{
    (void)state;
    struct tare_build_options by_time = options(), by_rule = options();
    by_rule.fastest_precisions = false;
    for (int i = 0; i < 2; i++) {
        make_times(&by_time, floats_win);
        invent(i ? the_race_is_lost : no_node_is_slow);
        struct tare_plan *a = build(&by_time), *b = build(&by_rule);
        assert_string_equal(row_of(a, "c2").got, "INT8");
        check_equal(a, b);
        tare_plan_destroy(a);
        tare_plan_destroy(b);
    }
}

/* What an engine carries says the same without times; so does a tactics file. */
static void choices_are_carried(void **state)
{
    (void)state;
    const struct tare_profile profiles[] = {{"x:1x4x8x8", "x:1x4x8x8", "x:2x4x8x8"},
                                            {"x:4x4x8x8", "x:4x4x8x8", "x:4x4x8x8"}};
    for (size_t n = 0; n < 2; n++) {
        struct tare_build_options by_time = options(), asked = options();
        struct tare_tactics *tactics;
        by_time.profiles = asked.profiles = profiles;
        by_time.n_profiles = asked.n_profiles = n ? 2 : 0;
        by_time.refit = asked.refit = true;
        asked.fastest_precisions = false;
        asked.constraints = TARE_CONSTRAINTS_PREFER;
        asked.layer_precisions = "'c1':fp32,'c2':fp32,'c3':fp32";
        make_times(&by_time, floats_win);
        struct tare_plan *a = build(&by_time), *b = build(&asked);
        check_equal(a, b);
        NET_TRY(tare_plan_save_tactics(a, tactics_path, &err_));
        NET_TRY(tare_tactics_read(tactics_path, &tactics, &err_));
        struct tare_build_options again = by_time;
        again.tactics = tactics;
        again.timing_cache = NULL;
        struct tare_plan *c = build(&again);
        check_equal(a, c);
        tare_tactics_destroy(tactics);
        tare_plan_destroy(a);
        tare_plan_destroy(b);
        tare_plan_destroy(c);
    }
}

/* Only where something can be timed, and it was asked for. */
static void rules_alone(void **state)
{
    (void)state;
    struct tare_build_options by_time = options();
    make_times(&by_time, floats_win);
    struct tare_build_options quick = by_time, portable = by_time, reference = by_time;
    quick.optimization_level = 1;
    portable.isa = "portable";
    reference.isa = "ref";
    quick.timing_cache = portable.timing_cache = NULL;
    const struct tare_build_options *const all[] = {&quick, &portable, &reference};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct tare_plan *plan = build(all[i]);
        assert_string_equal(row_of(plan, "c2").got, "INT8");
        tare_plan_destroy(plan);
    }
}

/* All kernels of float convolutions are banned: INT8 needs none. */
static void bans_stand(void **state)
{
    (void)state;
    struct tare_build_options by_time = options();
    if (!(tare_cpu_flags() & TARE_CPU_AVX2)) skip();
    by_time.isa = "avx2";
    by_time.ban_tactics = "tare_f32_conv__ref,tare_f32_conv__avx2";
    struct tare_plan *plan = build(&by_time);
    assert_string_equal(row_of(plan, "c2").got, "INT8");
    tare_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_chosen),   cmocka_unit_test(rules_stand),
        cmocka_unit_test(choices_are_carried), cmocka_unit_test(rules_alone),
        cmocka_unit_test(bans_stand),
    };
    if (tare_cpu_flags() == TARE_CPU_NONE) return 77; /* nothing to choose from */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
