/* The choice among kernels: which are tried, who wins, what the engine then says and
 * runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/build/tactics.h"
#include "engine/engine.h"
#include "kernels/f32_conv/f32_conv.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"

static char folder[] = "/tmp/tare-tactics-XXXXXX";
static char file_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(file_path, sizeof file_path, "%s/times", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file_path);
    return rmdir(folder);
}

static size_t picked(double a, double b, double c)
{
    const struct tare_tactic tactics[] = {{"a", a}, {"b", b}, {"c", c}};
    return tare_tactic_pick(tactics, 3);
}

static void test_pick(void **state)
{
    (void)state;
    assert_int_equal(picked(1.0, 2.0, 3.0), 0);
    assert_int_equal(picked(3.0, 2.0, 1.0), 2);
    assert_int_equal(picked(3.0, 1.0, 2.0), 1);
    assert_int_equal(picked(1.0, 1.02, 3.0), 1); /* noise: the later one */
    assert_int_equal(picked(1.0, 1.02, 1.02), 2);
    assert_int_equal(picked(1.0, 1.02, 1.04), 1); /* against the best, not in a chain */
    assert_int_equal(picked(1.02, 3.0, 1.0), 2);
}

static void test_candidates(void **state)
{
    (void)state;
    struct tare_kernel all[TARE_MAX_TACTICS], some[TARE_MAX_TACTICS];
    const uint32_t isa = UINT32_MAX;
    const size_t n = tare_tactic_candidates(TARE_LAYER_F32_CONV, isa, 5, NULL, all);
    assert_int_equal(n, tare_f32_conv_count);
    assert_string_equal(all[0].name, "tare_f32_conv__ref");

    assert_int_equal(tare_tactic_candidates(TARE_LAYER_F32_CONV, isa, 4, NULL, some),
                     n - 1);
    assert_string_equal(some[0].name, all[1].name);
    assert_int_equal(tare_tactic_candidates(TARE_LAYER_F32_CONV, isa, 3, NULL, some),
                     2);
    assert_string_equal(some[1].name, all[n - 1].name);
    assert_string_equal(some[0].name, all[n - 2].name);

    assert_int_equal(
        tare_tactic_candidates(TARE_LAYER_F32_CONV, TARE_CPU_AVX2, 3, NULL, some), 1);
    assert_string_equal(some[0].name, "tare_f32_conv__avx2");
    assert_int_equal(
        tare_tactic_candidates(TARE_LAYER_F32_CONV, TARE_CPU_NONE, 3, NULL, some), 1);
    assert_int_equal(tare_tactic_candidates(TARE_LAYER_COPY, isa, 5, NULL, some), 0);
}

/* Both convolutions' kernels that come first in the table; others as they are. */
static size_t choose_first(void *ctx, const struct tare_tactic_row *row)
{
    size_t *n_asked = ctx;
    assert_true(row->n_tactics > 0 && row->chosen < row->n_tactics);
    for (size_t i = 0; row->n_tactics > 1 && i < row->n_tactics; i++)
        assert_true(row->tactics[i].time_us > 0.0);
    ++*n_asked;
    return strcmp(row->type, "conv") == 0 ? 0 : row->chosen;
}

static size_t choose_too_far(void *ctx, const struct tare_tactic_row *row)
{
    (void)ctx;
    return row->n_tactics;
}

static enum tare_status build_with(const struct tare_graph *g,
                                   const struct tare_tactic_options *tactics,
                                   struct built *built, struct tare_engine_notes *notes,
                                   struct tare_error *err)
{
    const struct tare_engine_options options = {
        .isa = tare_cpu_flags(), .in_place = true, .tactics = *tactics};
    *notes = (struct tare_engine_notes){0};
    *built = (struct built){0};
    enum tare_status st =
        tare_engine_build(g, &options, &built->bytes, &built->n_bytes, notes, err);
    if (st == TARE_OK)
        st = tare_engine_open(built->bytes, built->n_bytes, &built->engine, err);
    return st;
}

static void build(struct tare_graph *g, int level, const char *timing_cache,
                  struct built *built, struct tare_engine_notes *notes)
{
    struct tare_error err = {0};
    const struct tare_tactic_options options = {.sources = TARE_TACTICS_OWN,
                                                .level = level,
                                                .n_threads = 1,
                                                .timing_cache = timing_cache};
    if (build_with(g, &options, built, notes, &err) != TARE_OK)
        fail_msg("%s", err.text);
}

static float *output_of(const struct built *built)
{
    float input[3 * 17 * 19], *outputs[1];
    const float *inputs[1] = {input};
    for (size_t i = 0; i < sizeof input / sizeof *input; i++)
        input[i] = (float)(i % 31) * 0.1f - 1.5f;
    assert_int_equal(built_run(built, 1, inputs, outputs, NULL), TARE_OK);
    return outputs[0];
}

/* The report, the file and the loaded engine say the same, and the bytes are those of
 * the engine that leaves its tactics open. */
static void test_build(void **state)
{
    (void)state;
    for (int int8 = 0; int8 <= 1; int8++) {
        struct tare_graph *g = engine_net(int8);
        struct built timed = {0}, open = {0};
        struct tare_engine_notes notes;
        build(g, 0, NULL, &open, &notes);
        assert_null(notes.tactics.rows);
        build(g, 5, NULL, &timed, &notes);
        assert_int_equal(notes.tactics.n_rows, timed.engine->n_layers);
        size_t n_timed = 0;
        for (size_t i = 0; i < notes.tactics.n_rows; i++) {
            const struct tare_tactic_choice *row = &notes.tactics.rows[i];
            assert_string_equal(row->layer, timed.engine->layers[i].name);
            if (row->n_tactics == 0) continue;
            assert_string_equal(row->tactics[row->chosen].name,
                                timed.engine->layers[i].tactic);
            if (row->n_tactics < 2) continue;
            n_timed++;
            for (size_t k = 0; k < row->n_tactics; k++)
                assert_true(row->tactics[k].time_us > 0.0);
            assert_string_equal(
                row->tactics[row->chosen].name,
                tare_engine_string(timed.engine, timed.engine->records[i].tactic));
            assert_int_equal(row->chosen,
                             tare_tactic_pick(row->tactics, row->n_tactics));
        }
        assert_true(n_timed > 8 || tare_cpu_flags() == TARE_CPU_NONE);
        float *a = output_of(&open), *b = output_of(&timed);
        assert_memory_equal(a, b, 10 * sizeof *a);
        free(a);
        free(b);
        tare_free(notes.tactics.rows);
        built_release(&timed);
        built_release(&open);
        tare_graph_destroy(g);
    }
}

/* A build with a full cache times nothing and is the same; ranges do not matter. */
static void test_timing_cache(void **state)
{
    (void)state;
    struct built cold = {0}, warm = {0};
    struct tare_engine_notes notes;
    struct tare_graph *g = engine_net(true);
    build(g, 5, file_path, &cold, &notes);
    tare_free(notes.tactics.rows);
    for (int changed = 0; changed <= 1; changed++) {
        for (size_t i = 0; changed && i < g->n_tensors; i++)
            g->tensors[i].quant.scale *= 1.25f;
        build(g, 5, file_path, &warm, &notes);
        for (size_t i = 0; i < notes.tactics.n_rows; i++)
            if (notes.tactics.rows[i].n_tactics > 1)
                assert_non_null(
                    strstr(notes.tactics.rows[i].reason, "(from the timing cache)"));
        assert_int_equal(cold.n_bytes, warm.n_bytes);
        if (!changed) assert_memory_equal(cold.bytes, warm.bytes, cold.n_bytes);
        tare_free(notes.tactics.rows);
        built_release(&warm);
    }
    built_release(&cold);
    tare_graph_destroy(g);
}

/* A user's selector is asked once a layer with tactics, and has its way. */
static void test_selector(void **state)
{
    (void)state;
    size_t n_asked = 0, n_rows = 0;
    struct built built;
    struct tare_error err = {0};
    struct tare_engine_notes notes;
    struct tare_graph *g = engine_net(false);
    struct tare_tactic_options options = {.sources = TARE_TACTICS_OWN,
                                          .level = 5,
                                          .n_threads = 1,
                                          .choose = choose_first,
                                          .choose_ctx = &n_asked};
    assert_int_equal(build_with(g, &options, &built, &notes, &err), TARE_OK);
    for (size_t i = 0; i < notes.tactics.n_rows; i++) {
        const struct tare_tactic_choice *row = &notes.tactics.rows[i];
        n_rows += row->n_tactics > 0;
        if (strcmp(row->type, "conv") != 0) continue;
        assert_int_equal(row->chosen, 0);
        assert_non_null(strstr(built.engine->layers[i].tactic, "__ref"));
    }
    assert_int_equal(n_asked, n_rows);
    tare_free(notes.tactics.rows);
    built_release(&built);
    options.choose = choose_too_far;
    assert_int_equal(build_with(g, &options, &built, &notes, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "the tactic selector chose number"));
    tare_free(notes.tactics.rows);
    tare_graph_destroy(g);
}

static void check_bans(const char *bans, const char *message)
{
    struct tare_error err = {0};
    const enum tare_status st = tare_tactic_bans_check(bans, &err);
    assert_int_equal(st, message ? TARE_E_ARG : TARE_OK);
    if (message && !strstr(err.text, message)) fail_msg("%s", err.text);
}

static void test_bans(void **state)
{
    (void)state;
    check_bans(NULL, NULL);
    check_bans("tare_f32_conv__ref", NULL);
    check_bans("onednn,tare_u8_conv__ref", NULL);
    check_bans("tare_f32_conv_ref", "'tare_f32_conv_ref'; did you mean "
                                    "'tare_f32_conv__ref'?");
    check_bans("", "called ''");
    check_bans("onednn,", "called ''");
    check_bans("onednn,,openblas", "called ''");
    const char *bans = "tare_f32_conv__avx2,onednn";
    assert_true(tare_tactic_is_banned(bans, "onednn"));
    assert_true(tare_tactic_is_banned(bans, "tare_f32_conv__avx2"));
    assert_false(tare_tactic_is_banned(bans, "tare_f32_conv__avx"));
    assert_false(tare_tactic_is_banned(bans, "tare_f32_conv__avx2_6x16"));
    assert_false(tare_tactic_is_banned(NULL, "onednn"));

    struct tare_kernel all[TARE_MAX_TACTICS], some[TARE_MAX_TACTICS];
    const size_t n =
        tare_tactic_candidates(TARE_LAYER_F32_CONV, UINT32_MAX, 5, NULL, all);
    assert_int_equal(tare_tactic_candidates(TARE_LAYER_F32_CONV, UINT32_MAX, 5,
                                            all[n - 1].name, some),
                     n - 1);
    assert_string_equal(some[n - 2].name, all[n - 2].name);
}

/* The names of the chosen tactics give the same bytes; wrong ones are refused. */
static void check_script(const struct tare_graph *g, const struct built *saved,
                         struct tare_scripted_tactic *lines, size_t n,
                         const char *message)
{
    struct built built;
    struct tare_error err = {0};
    struct tare_engine_notes notes;
    const struct tare_tactic_script script = {"file", lines, n, {NULL, 0}};
    const struct tare_tactic_options options = {
        .sources = TARE_TACTICS_OWN, .n_threads = 1, .script = &script};
    const enum tare_status st = build_with(g, &options, &built, &notes, &err);
    if (message) {
        assert_int_not_equal(st, TARE_OK);
        if (!strstr(err.text, message)) fail_msg("%s", err.text);
    } else {
        assert_int_equal(st, TARE_OK);
        assert_int_equal(built.n_bytes, saved->n_bytes);
        assert_memory_equal(built.bytes, saved->bytes, saved->n_bytes);
        for (size_t i = 0; i < notes.tactics.n_rows; i++)
            if (notes.tactics.rows[i].n_tactics > 0)
                assert_string_equal(notes.tactics.rows[i].reason,
                                    "from the tactics file");
    }
    tare_free(notes.tactics.rows);
    built_release(&built);
}

static void test_script(void **state)
{
    (void)state;
    enum { MOST = 64 };
    static char layers[MOST][64], types[MOST][16], names[MOST][64];
    struct tare_scripted_tactic lines[MOST];
    struct built saved;
    struct tare_error err = {0};
    struct tare_engine_notes notes;
    size_t n = 0, n_asked = 0;
    struct tare_graph *g = engine_net(false);
    const struct tare_tactic_options options = {.sources = TARE_TACTICS_OWN,
                                                .level = 2,
                                                .n_threads = 1,
                                                .choose = choose_first,
                                                .choose_ctx = &n_asked};
    assert_int_equal(build_with(g, &options, &saved, &notes, &err), TARE_OK);
    for (size_t i = 0; i < notes.tactics.n_rows && n < MOST; i++) {
        const struct tare_tactic_choice *row = &notes.tactics.rows[i];
        if (row->n_tactics == 0) continue;
        (void)snprintf(layers[n], 64, "%s", row->layer);
        (void)snprintf(types[n], 16, "%s", row->type);
        (void)snprintf(names[n], 64, "%s", row->tactics[row->chosen].name);
        lines[n] = (struct tare_scripted_tactic){layers[n], types[n], names[n]};
        n++;
    }
    check_script(g, &saved, lines, n, NULL);
    check_script(g, &saved, lines, n - 1, "file: has no tactic for layer 'softmax'");
    lines[n] = lines[0];
    check_script(g, &saved, lines, n + 1, "file: names layer 'stem' (conv), which");
    char other[] = "tare_f32_conv__avx9000", source[] = "onednn", softmax[] = "softmax";
    lines[0].tactic = other;
    check_script(g, &saved, lines, n,
                 "file: layer 'stem' (conv): this tare has no tactic "
                 "'tare_f32_conv__avx9000' for it");
    lines[0].tactic = names[n - 1]; /* softmax's */
    check_script(g, &saved, lines, n, "file: layer 'stem' (conv): this tare has no");
    lines[0] = lines[n];
    lines[n - 1].tactic = source;
    check_script(g, &saved, lines, n, "layer 'softmax' (softmax)");
    lines[n - 1] = lines[n];
    lines[n - 1].layer = softmax;
    check_script(g, &saved, lines, n, "it is 'softmax' (conv) there");
    built_release(&saved);
    tare_free(notes.tactics.rows);
    tare_graph_destroy(g);
}

/* A kernel of a higher instruction set than the engine may use. */
static void test_isa_of_tactic(void **state)
{
    (void)state;
    if (!(tare_cpu_flags() & TARE_CPU_AVX2)) skip();
    struct built built = {0};
    struct tare_error err = {0};
    struct tare_engine_notes notes;
    struct tare_graph *g = engine_net(false);
    build(g, 5, NULL, &built, &notes);
    tare_free(notes.tactics.rows);
    struct tare_layer layer = {0};
    for (size_t i = 0; i < built.engine->n_layers; i++)
        if (built.engine->records[i].kind == TARE_LAYER_F32_CONV)
            layer = built.engine->layers[i];
    assert_int_equal(
        tare_layer_prepare(&layer, TARE_CPU_NONE, "tare_f32_conv__avx2", &err),
        TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'tare_f32_conv__avx2' needs an instruction set"));
    assert_int_equal(tare_layer_prepare(&layer, TARE_CPU_NONE, "", &err), TARE_OK);
    assert_string_equal(layer.tactic, "tare_f32_conv__ref");
    built_release(&built);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick),     cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_build),    cmocka_unit_test(test_timing_cache),
        cmocka_unit_test(test_selector), cmocka_unit_test(test_bans),
        cmocka_unit_test(test_script),   cmocka_unit_test(test_isa_of_tactic)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
