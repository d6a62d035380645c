/* Engine files that are damaged or forged: refused, or run without harm. The second
 * kind has right checksums, so that only the checks of the records stand in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/hash.h"
#include "engine/plan.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"

static struct built built_net(bool int8)
{
    struct built built;
    struct tare_error err = {0};
    struct tare_graph *g = engine_net(int8);
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .in_place = true,
                                                .tactics = {.sources = TARE_TACTICS_OWN,
                                                            .level = TARE_MAX_LEVEL,
                                                            .n_threads = 1}};
    if (built_make_with(g, &options, &built, &err) != TARE_OK) fail_msg("%s", err.text);
    tare_graph_destroy(g);
    return built;
}

static void test_every_byte_counts(void **state)
{
    (void)state;
    struct built built = built_net(true);
    uint8_t *copy = tare_alloc(built.n_bytes);
    assert_non_null(copy);
    for (size_t i = 0; i < built.n_bytes; i += i < 4096 ? 1 : 97) {
        struct tare_engine *engine;
        memcpy(copy, built.bytes, built.n_bytes);
        copy[i] ^= 0x40;
        assert_int_not_equal(tare_engine_open(copy, built.n_bytes, &engine, NULL),
                             TARE_OK);
        assert_null(engine);
    }
    tare_free(copy);
    built_release(&built);
}

static void test_every_length(void **state)
{
    (void)state;
    struct built built = built_net(false);
    for (size_t n = 0; n < built.n_bytes; n += n < 2048 ? 1 : 61) {
        uint8_t *copy = tare_alloc(n); /* ASan sees reads behind it, to the alignment */
        struct tare_engine *engine;
        struct tare_error err = {0};
        memcpy(copy, built.bytes, n);
        assert_int_not_equal(tare_engine_open(copy, n, &engine, &err), TARE_OK);
        assert_true(err.text[0]);
        assert_null(engine);
        tare_free(copy);
    }
    built_release(&built);
}

static void rehash(uint8_t *bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    for (int i = 0; i < TARE_SECTION_COUNT; i++)
        h.sections[i].hash =
            tare_hash64(bytes + h.sections[i].offset, (size_t)h.sections[i].n_bytes);
    h.hash = tare_hash64(&h, offsetof(struct tare_plan_header, hash));
    memcpy(bytes, &h, sizeof h);
}

static size_t bytes_to_run(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    size_t n_bytes = info.activation_bytes;
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        n_bytes += binding.n_bytes;
    }
    return n_bytes;
}

/* Any field of any record may lie; a file that is accepted must run. */
static void test_forged_records(void **state)
{
    (void)state;
    size_t n_run = 0;
    for (int round = 0; round < 6000; round++) {
        static struct built nets[2];
        struct built *net = &nets[round % 2];
        if (!net->bytes) *net = built_net(round % 2);
        struct built forged = {.bytes = tare_alloc(net->n_bytes),
                               .n_bytes = net->n_bytes};
        memcpy(forged.bytes, net->bytes, net->n_bytes);
        struct tare_plan_header h;
        memcpy(&h, forged.bytes, sizeof h);
        const int section = TARE_SECTION_TENSORS + (int)(check_u32() % 4);
        const size_t words = (size_t)h.sections[section].n_bytes / 4;
        for (uint32_t k = 0; k <= check_u32() % 2; k++) {
            uint32_t value = check_u32();
            if (check_u32() % 2) value = check_u32() % 300;
            if (check_u32() % 4 == 0) value = UINT32_MAX - check_u32() % 4;
            memcpy(forged.bytes + h.sections[section].offset +
                       4 * (check_u32() % words),
                   &value, sizeof value);
        }
        rehash(forged.bytes);
        if (tare_engine_open(forged.bytes, forged.n_bytes, &forged.engine, NULL) ==
            TARE_OK) {
            if (bytes_to_run(forged.engine) < ((size_t)1 << 28)) {
                float *outputs[1] = {NULL};
                (void)built_run(&forged, 1, NULL, outputs, NULL);
                free(outputs[0]);
                n_run++;
            }
        }
        built_release(&forged);
        if (round >= 5998) built_release(net);
    }
    assert_true(n_run > 100); /* the forger must not be caught every time */
}

static struct tare_plan_layer *layer_records(const struct built *built)
{
    struct tare_plan_header h;
    memcpy(&h, built->bytes, sizeof h);
    void *records = built->bytes + h.sections[TARE_SECTION_LAYERS].offset;
    return records;
}

/* A layer of a later tare may name a kernel that is not here. */
static void test_unknown_tactic(void **state)
{
    (void)state;
    struct built built = built_net(true);
    struct tare_engine *engine;
    struct tare_error err = {0};
    struct tare_plan_layer *record = &layer_records(&built)[1];
    record->tactic = record->name;
    rehash(built.bytes);
    assert_int_equal(tare_engine_open(built.bytes, built.n_bytes, &engine, &err),
                     TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "layer 1 'stem' (conv): this tare has no tactic "
                                     "'stem' for it: build the engine again"));
    built_release(&built);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_forged_records),
        cmocka_unit_test(test_unknown_tactic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
