/* Engines of other processors and other formats: refused, and how to go on is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/hash.h"
#include "engine/isa.h"
#include "engine/plan.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

/* Built for nothing but C, so that every processor loads it. */
static struct built plain_engine(void)
{
    struct built built;
    uint64_t seed = 5;
    struct tare_error err = {0};
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 6, 6));
    net_output(g, "y");
    (void)net_conv(g, "conv", "x", "y", 4, 8, 3, true, &seed);
    g = net_infer(g);
    if (built_make(g, TARE_CPU_NONE, &built, &err) != TARE_OK) fail_msg("%s", err.text);
    tare_graph_destroy(g);
    return built;
}

/* Open it as if its header said this. */
static enum tare_status open_as(const struct built *built, uint32_t version,
                                uint32_t isa, struct tare_error *err)
{
    struct tare_engine *engine;
    struct tare_plan_header h;
    uint8_t *bytes = tare_alloc(built->n_bytes);
    assert_non_null(bytes);
    memcpy(bytes, built->bytes, built->n_bytes);
    memcpy(&h, bytes, sizeof h);
    h.version = version;
    h.isa = isa;
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
    const enum tare_status st = tare_engine_open(bytes, built->n_bytes, &engine, err);
    assert_true((engine != NULL) == (st == TARE_OK));
    tare_engine_destroy(engine);
    tare_free(bytes);
    return st;
}

/* Every level on every lesser processor: it names both, and the flag that helps. */
static void test_levels(void **state)
{
    static const char *const levels[] = {"avx2",    "avxvnni", "avx512", "vnni",
                                         "bf16",    "amx",     "amx16",  "neon",
                                         "dotprod", "i8mm"};
    (void)state;
    struct built built = plain_engine();
    const uint32_t here = tare_cpu_flags();
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t isa;
        char want[200];
        struct tare_error err = {0};
        assert_true(tare_isa_find(levels[i], &isa));
        tare_cpu_set_mask(here & isa & ~(isa & (0 - isa))); /* less its lowest bit */
        const char *cpu = tare_isa_name(tare_cpu_flags());
        assert_int_equal(open_as(&built, TARE_PLAN_VERSION, isa, &err),
                         TARE_E_UNSUPPORTED);
        (void)snprintf(
            want, sizeof want,
            "engine: engine needs the instruction set '%s', this CPU offers '%s': "
            "build it again here, or with --isa=%s or --isa=portable",
            levels[i], cpu, cpu);
        assert_string_equal(err.text, want);
        tare_cpu_set_mask(UINT32_MAX);
    }
    built_release(&built);
}

/* What asks for less than there is loads, and so does what asks for nothing. */
static void test_lesser_levels(void **state)
{
    (void)state;
    struct built built = plain_engine();
    assert_int_equal(open_as(&built, TARE_PLAN_VERSION, tare_cpu_flags(), NULL),
                     TARE_OK);
    assert_int_equal(open_as(&built, TARE_PLAN_VERSION, TARE_CPU_NONE, NULL), TARE_OK);
    tare_cpu_set_mask(0);
    assert_int_equal(open_as(&built, TARE_PLAN_VERSION, TARE_ISA_PORTABLE, NULL),
                     TARE_OK);
    tare_cpu_set_mask(UINT32_MAX);
    built_release(&built);
}

static void test_other_formats(void **state)
{
    static const uint32_t versions[] = {0, 1, TARE_PLAN_VERSION - 1,
                                        TARE_PLAN_VERSION + 1, UINT32_MAX};
    (void)state;
    struct built built = plain_engine();
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char want[120];
        struct tare_error err = {0};
        assert_int_equal(open_as(&built, versions[i], TARE_CPU_NONE, &err),
                         TARE_E_UNSUPPORTED);
        (void)snprintf(
            want, sizeof want,
            "engine: engine format %u, this tare reads format %d: build the engine "
            "again with `tare build`",
            (unsigned)versions[i], TARE_PLAN_VERSION);
        assert_string_equal(err.text, want);
    }
    built_release(&built);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_lesser_levels),
        cmocka_unit_test(test_other_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
