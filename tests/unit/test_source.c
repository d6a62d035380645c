/* Sources: an engine that is made anew is the one that a build makes, and damage is
 * noticed or harmless. */
#include "engine/weight_index.h"
#include "remake/remake.h"
#include "remake/source_flags.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

static const struct tare_dims shapes[] = {
    {4, {1, 3, 17, 19}}, {4, {2, 3, 17, 19}}, {4, {3, 3, 9, 30}}, {4, {1, 3, 32, 32}}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* A range a tensor of the net, whose names outlive it. */
static struct tare_range *list_ranges(const struct tare_graph *g)
{
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t i = 0; i < g->n_tensors; i++)
        ranges[i] = (struct tare_range){g->tensors[i].name, 3.0};
    return ranges;
}

/* The net, how it is made, and its source section. */
struct fixture {
    struct tare_graph *graph;
    struct tare_range *ranges;
    struct tare_make_options make;
    uint8_t *section;
    size_t n_bytes;
};

static struct fixture fixture_with(bool int8, size_t n_regions)
{
    struct fixture f = {.graph = engine_net_raw()};
    f.graph->opset = 14; /* HardSwish's, which reading checks */
    f.ranges = list_ranges(f.graph);
    f.make = (struct tare_make_options){.precision = {.allow_int8 = int8,
                                                      .isa = tare_cpu_flags(),
                                                      .layer_precisions = "swish:fp32"},
                                        .ranges = f.ranges,
                                        .n_ranges = f.graph->n_tensors,
                                        .in_place = true};
    struct tare_tactic_name names[] = {{"stem", "tare_u8_conv__ref"}, {"no such", "x"}};
    /* none of them is there in the engine, whatever a forger may say */
    struct tare_region_name regions[] = {
        {"no such", 0, 2, 2}, {"stem", UINT32_MAX, 5, 3}, {"", 1, UINT32_MAX, 9}};
    const struct tare_tactic_list tactics = {names, 2, {regions, n_regions}};
    const struct tare_source_binding bindings[2] = {
        {.is_told = true, .dims = shapes[0]}, {.dims = {.rank = 0}}};
    const struct tare_source_content content = {f.graph,  &f.make, &tactics, 1,
                                                bindings, 2,       0};
    struct tare_source_bytes bytes = {0};
    NET_TRY(tare_source_encode(&content, &bytes, &err_));
    f.n_bytes = bytes.n_bytes;
    f.section = tare_alloc_array(f.n_bytes, 1);
    tare_source_put(&bytes, f.graph, f.section);
    tare_free(bytes.blob.data);
    return f;
}

static struct fixture fixture_make(bool int8)
{
    return fixture_with(int8, 3);
}

static void fixture_release(struct fixture *f)
{
    tare_graph_destroy(f->graph);
    tare_free(f->ranges);
    tare_free(f->section);
}

/* What tare_build() does at level 0. */
static struct built build_fresh(const struct fixture *f, const struct tare_dims *shape)
{
    size_t n_recovered;
    struct built built = {0};
    struct tare_graph *g = net_copy(f->graph);
    const struct tare_engine_options options = {.isa = f->make.precision.isa,
                                                .in_place = true};
    g->tensors[g->inputs[0]].dims = *shape;
    NET_TRY(tare_graph_infer(g, &err_));
    NET_TRY(tare_optimize(g, NULL, &err_));
    NET_TRY(tare_make_annotated(g, &f->make, NULL, &n_recovered, &err_));
    NET_TRY(built_make_with(g, &options, &built, &err_));
    tare_graph_destroy(g);
    return built;
}

static struct built build_anew(const struct fixture *f, const struct tare_dims *shape,
                               size_t profile, const struct built *base)
{
    struct tare_source source;
    struct tare_weight_index *index = NULL;
    struct built built = {0};
    if (base) NET_TRY(tare_weight_index_create(base->engine, &index, &err_));
    NET_TRY(tare_source_read(f->section, f->n_bytes, f->make.precision.isa, NULL,
                             &source, &err_));
    NET_TRY(tare_remake(&source, shape, profile, index, &built.bytes, &built.n_bytes,
                        &err_));
    NET_TRY(tare_engine_open_remade(base ? base->engine : NULL, built.bytes,
                                    built.n_bytes, NULL, &built.engine, &err_));
    tare_source_release(&source);
    tare_weight_index_destroy(index);
    return built;
}

static void expect_same_output(const struct built *a, const struct built *b)
{
    struct tare_binding x, y;
    float *outputs[2];
    tare_engine_binding(a->engine, 0, &x);
    tare_engine_binding(a->engine, 1, &y);
    float *input = malloc(x.n_bytes);
    for (size_t i = 0; i < x.n_bytes / sizeof *input; i++)
        input[i] = engine_net_random();
    const float *inputs[1] = {input};
    NET_TRY(built_run(a, 1, inputs, &outputs[0], &err_));
    NET_TRY(built_run(b, 2, inputs, &outputs[1], &err_));
    assert_memory_equal(outputs[0], outputs[1], y.n_bytes);
    free(input);
    free(outputs[0]);
    free(outputs[1]);
}

static void test_same_bytes(void **state)
{
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct fixture f = fixture_make(int8);
        for (size_t i = 0; i < N_SHAPES; i++) {
            struct built fresh = build_fresh(&f, &shapes[i]);
            struct built anew = build_anew(&f, &shapes[i], SIZE_MAX, NULL);
            assert_int_equal(fresh.n_bytes, anew.n_bytes);
            assert_memory_equal(fresh.bytes, anew.bytes, fresh.n_bytes);
            built_release(&fresh);
            built_release(&anew);
        }
        fixture_release(&f);
    }
}

/* Where a section has what version 1 had not. */
struct cut {
    size_t at, n_bytes;
};

/* A section as version 1 had it: without regions behind the tactics of the only
 * profile, and bindings without type, format and scale of their own. They stand before
 * the graph, whose constants lie apart, on the next boundary. */
static void write_first_version(struct fixture *f)
{
    enum { BORDER_BYTES = 12, SHAPE_BYTES = 4 + 4 * 8, N_CUTS = 3 };
    static const uint8_t tactic[] = {1, 0, 0, 0, 'x', 0, 0, 0, 0}; /* and no regions */
    const uint32_t bindings[] = {2, 0, 0, 0,
                                 0, 0, 4}; /* n, the first input up to its rank */
    const uint32_t version = 1;
    size_t regions = 0, at = 0, apart, end;
    uint64_t n_blob;
    memcpy(&n_blob, f->section + SOURCE_SIZE_AT, sizeof n_blob);
    while (memcmp(f->section + regions, tactic, sizeof tactic) != 0)
        assert_true(++regions < n_blob - sizeof tactic);
    while (memcmp(f->section + at, bindings, sizeof bindings) != 0)
        assert_true(++at < n_blob - sizeof bindings);
    const size_t input = at + 8; /* behind n and the type in the model */
    const struct cut cuts[N_CUTS] = {
        {regions + sizeof tactic - 4, 4},
        {input, BORDER_BYTES},
        {input + BORDER_BYTES + 4 + SHAPE_BYTES + 4, BORDER_BYTES}};
    assert_true(tare_align_size((size_t)n_blob, &apart));
    uint8_t *old = tare_alloc_array(f->n_bytes, 1);
    size_t n = 0, from = 0;
    for (size_t i = 0; i < N_CUTS; i++) {
        memcpy(old + n, f->section + from, cuts[i].at - from);
        n += cuts[i].at - from;
        from = cuts[i].at + cuts[i].n_bytes;
    }
    memcpy(old + n, f->section + from, (size_t)n_blob - from);
    n += (size_t)n_blob - from;
    assert_true(tare_align_size(n, &end));
    memcpy(old + end, f->section + apart, f->n_bytes - apart);
    f->n_bytes = end + (f->n_bytes - apart);
    n_blob = n;
    memcpy(old + sizeof TARE_SOURCE_MAGIC, &version, sizeof version);
    memcpy(old + SOURCE_SIZE_AT, &n_blob, sizeof n_blob);
    tare_free(f->section);
    f->section = old;
}

static void test_first_version(void **state)
{
    (void)state;
    struct fixture f = fixture_with(true, 0);
    write_first_version(&f);
    struct built fresh = build_fresh(&f, &shapes[1]);
    struct built anew = build_anew(&f, &shapes[1], SIZE_MAX, NULL);
    assert_int_equal(fresh.n_bytes, anew.n_bytes);
    assert_memory_equal(fresh.bytes, anew.bytes, fresh.n_bytes);
    built_release(&fresh);
    built_release(&anew);
    fixture_release(&f);
}

/* Weights are the base's, but for what hangs on the shape. */
static void test_base(void **state)
{
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct fixture f = fixture_make(int8);
        struct built base = build_fresh(&f, &shapes[0]);
        for (size_t i = 0; i < N_SHAPES; i++) {
            struct tare_engine *engine;
            struct tare_error err = {0};
            struct built fresh = build_fresh(&f, &shapes[i]);
            struct built anew = build_anew(&f, &shapes[i], 0, &base);
            assert_true(anew.engine->weights_bytes < base.engine->weights_bytes / 4);
            expect_same_output(&fresh, &anew);
            /* it is nothing by itself */
            assert_int_equal(tare_engine_open(anew.bytes, anew.n_bytes, &engine, &err),
                             TARE_E_FORMAT);
            built_release(&fresh);
            built_release(&anew);
        }
        built_release(&base);
        fixture_release(&f);
    }
}

/* A tactic goes to the layer of its name; one that no kernel has does no harm. */
static void test_tactics(void **state)
{
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct fixture f = fixture_make(int8);
        struct built base = build_fresh(&f, &shapes[0]);
        struct built anew = build_anew(&f, &shapes[2], 0, &base);
        bool is_seen = false;
        for (size_t i = 0; i < anew.engine->n_layers; i++) {
            const struct tare_layer *layer = &anew.engine->layers[i];
            if (strcmp(layer->name, "stem") != 0 || layer->record->is_reformat)
                continue;
            is_seen = true;
            assert_int_equal(strcmp(layer->tactic, "tare_u8_conv__ref") == 0, int8);
        }
        assert_true(is_seen);
        built_release(&anew);
        built_release(&base);
        fixture_release(&f);
    }
}

/* Read it and, when that can be, make the engine anew. */
static bool try_section(const uint8_t *section, size_t n_bytes)
{
    struct tare_source source;
    struct tare_error err = {0};
    uint8_t *bytes = NULL;
    size_t n;
    const enum tare_status st =
        tare_source_read(section, n_bytes, tare_cpu_flags(), NULL, &source, &err);
    if (st == TARE_OK && source.graph->n_inputs == 1)
        (void)tare_remake(&source, &shapes[0], 0, NULL, &bytes, &n, &err);
    if (st != TARE_OK) assert_true(err.text[0]);
    tare_free(bytes);
    tare_source_release(&source);
    return st == TARE_OK;
}

static void test_damage(void **state)
{
    (void)state;
    struct fixture f = fixture_make(true);
    for (size_t n = 0; n < f.n_bytes; n += n < 256 ? 1 : 509) {
        uint8_t *cut = tare_alloc(n);
        memcpy(cut, f.section, n);
        assert_false(try_section(cut, n));
        tare_free(cut);
    }
    uint64_t n_blob;
    size_t n_refused = 0;
    memcpy(&n_blob, f.section + SOURCE_SIZE_AT, sizeof n_blob);
    for (int round = 0; round < 400; round++) {
        const size_t at = check_u32() % n_blob;
        const uint8_t old = f.section[at];
        f.section[at] = (uint8_t)(round % 2 ? check_u32() : old ^ 1U);
        n_refused += !try_section(f.section, f.n_bytes);
        f.section[at] = old;
    }
    assert_true(n_refused > 40);
    assert_true(try_section(f.section, f.n_bytes));
    fixture_release(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct fixture f = fixture_make(true);
    enum tare_status st = TARE_E_NOMEM;
    size_t n_failures = 0;
    for (int64_t n = 0; st != TARE_OK; n += 1 + n / 16) {
        struct tare_source source;
        uint8_t *bytes = NULL;
        size_t n_bytes;
        tare_alloc_fail_after(n);
        st = tare_source_read(f.section, f.n_bytes, tare_cpu_flags(), NULL, &source,
                              NULL);
        if (st == TARE_OK)
            st = tare_remake(&source, &shapes[1], 0, NULL, &bytes, &n_bytes, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        n_failures += st != TARE_OK;
        tare_free(bytes);
        tare_source_release(&source);
    }
    assert_true(n_failures > 50);
    fixture_release(&f);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_base),
        cmocka_unit_test(test_tactics),    cmocka_unit_test(test_damage),
        cmocka_unit_test(test_no_memory),  cmocka_unit_test(test_first_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
