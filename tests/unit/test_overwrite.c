/* Layers in place, on random ones: run by the names of what lies in memory, every layer
 * finds what it reads, and writes over nothing that it still reads but what its kind
 * may; and the cases in which a layer is not in place, one by one. */
#include "base/mem.h"
#include "engine/build/plan_builder.h"
#include "engine/layers/params.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"

enum { MAX_TENSORS = 128, N_LAYERS = 40, RESIDUAL = 3 };

static int32_t add_tensor(struct tare_plan_builder *b, enum tare_dtype dtype, int64_t n)
{
    const struct tare_dims dims = {.rank = 1, .d = {n}};
    int32_t id;
    assert_int_equal(
        tare_plan_add_tensor(b, "", dtype, TARE_LINEAR, &dims, NULL, &id, NULL),
        TARE_OK);
    return id;
}

static int32_t add_view(struct tare_plan_builder *b, int32_t of)
{
    const struct tare_dims dims = b->tensors[of].dims;
    int32_t id;
    assert_int_equal(tare_plan_add_alias(b, "", TARE_LINEAR, &dims, of, &id, NULL),
                     TARE_OK);
    return id;
}

static void add_multi(struct tare_plan_builder *b, enum tare_layer_kind kind,
                      const int32_t *inputs, size_t n, const int32_t *outputs,
                      size_t n_outputs)
{
    /* of whatever kind: nothing but a convolution's residual is looked at */
    const union {
        struct tare_f32_conv conv;
        struct tare_f32_unary unary;
        struct tare_f32_pool pool;
        struct tare_f32_layer_norm norm;
        struct tare_reshape_params reshape;
    } none = {0}, conv = {.conv.epilogue.has_residual = n > RESIDUAL};
    const struct tare_layer_spec spec = {
        .kind = kind,
        .name = "layer",
        .params = kind == TARE_LAYER_F32_CONV ? &conv : &none,
        .inputs = inputs,
        .n_inputs = n,
        .outputs = outputs,
        .n_outputs = n_outputs,
    };
    assert_int_equal(tare_plan_add_layer(b, &spec, NULL), TARE_OK);
}

static void add(struct tare_plan_builder *b, enum tare_layer_kind kind,
                const int32_t *inputs, size_t n, int32_t output)
{
    add_multi(b, kind, inputs, n, &output, 1);
}

/* Convolutions with residuals, functions, and layers that only read. Sizes are few, so
 * that many are equal. */
static void random_plan(struct tare_plan_builder *b)
{
    add_tensor(b, TARE_F32, 100);
    for (int i = 0; i < N_LAYERS; i++) {
        const int32_t n = (int32_t)b->n_tensors, back = (int32_t)(check_u32() % 4);
        const int32_t x = n - 1, old = x > back ? x - back : 0;
        const int32_t w = 0;
        if (check_u32() % 3 == 0) {
            const int32_t view = check_u32() % 2 ? add_view(b, x) : -1;
            add(b, TARE_LAYER_RESHAPE, &x, 1,
                view >= 0 ? view : add_tensor(b, TARE_F32, 100));
            continue;
        }
        if (check_u32() % 3 == 0) {
            add(b, TARE_LAYER_F32_UNARY, &old, 1,
                add_tensor(b, TARE_F32, check_u32() % 8 ? 100 : 40));
            continue;
        }
        const int32_t inputs[] = {x, w, w, old};
        add(b, TARE_LAYER_F32_CONV, inputs, check_u32() % 4 ? 4 : 3,
            add_tensor(b, check_u32() % 8 ? TARE_F32 : TARE_F16,
                       check_u32() % 8 ? 100 : 40));
    }
}

static bool is_at(const int32_t *names, const struct tare_plan_tensor *t, int32_t name)
{
    for (uint64_t i = 0; i < t->n_bytes; i++)
        if (names[t->offset + i] != name) return false;
    return true;
}

/* Runs the layers on memory that knows only names: those of `roots`, the tensors'
 * memory before any was given away. The first tensor is there from the start. */
static void run(const struct tare_plan_builder *b, const int32_t *roots)
{
    int32_t *names = tare_alloc_array(b->arena_bytes, sizeof *names);
    assert_non_null(names);
    for (uint64_t i = 0; i < b->arena_bytes; i++)
        names[i] = i - b->tensors[0].offset < b->tensors[0].n_bytes ? 0 : -1;
    for (size_t i = 0; i < b->n_layers; i++) {
        const struct tare_plan_layer *l = &b->layers[i];
        const int32_t *ids = b->ids + l->first_id;
        const int32_t out = ids[l->n_inputs];
        const struct tare_plan_tensor *y = &b->tensors[out];
        for (uint32_t k = 0; k < l->n_inputs; k++) {
            const struct tare_plan_tensor *x = &b->tensors[ids[k]];
            assert_true(is_at(names, x, roots[ids[k]]));
            if (roots[ids[k]] == roots[out] || tare_layer_overwrites(l->kind, k))
                continue;
            assert_true(x->offset + x->n_bytes <= y->offset ||
                        y->offset + y->n_bytes <= x->offset);
        }
        for (uint64_t k = 0; k < y->n_bytes; k++)
            names[y->offset + k] = roots[out];
    }
    tare_free(names);
}

static void test_random_layers(void **state)
{
    size_t n_overwritten = 0;
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct tare_plan_builder b = {0};
        int32_t roots[MAX_TENSORS];
        random_plan(&b);
        assert_true(b.n_tensors <= MAX_TENSORS);
        for (size_t i = 0; i < b.n_tensors; i++)
            roots[i] = tare_plan_root(&b, (int32_t)i);
        assert_int_equal(tare_plan_overwrite(&b, NULL), TARE_OK);
        assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
        run(&b, roots);
        for (size_t i = 0; i < b.n_tensors; i++)
            n_overwritten += roots[i] == (int32_t)i && b.alias_of[i] >= 0;
        tare_plan_builder_release(&b);
    }
    assert_true(n_overwritten > 400);
}

/* What keeps a layer from its place. IS_X does so where there is another input. */
enum hindrance {
    NONE,
    READ_LATER,
    IS_X,
    OTHER_TYPE,
    OTHER_SIZE,
    OTHER_FORMAT,
    OTHER_STREAM,
    N_CASES
};

static bool is_in_place(enum tare_layer_kind kind, enum hindrance h)
{
    struct tare_plan_builder b = {0};
    const int32_t w = add_tensor(&b, TARE_F32, 100), x = add_tensor(&b, TARE_F32, 100);
    const int32_t residual = add_tensor(&b, TARE_F32, 100);
    const int32_t y = add_tensor(&b, h == OTHER_TYPE ? TARE_F16 : TARE_F32,
                                 h == OTHER_SIZE ? 99 : 100);
    const int32_t beside = add_tensor(&b, TARE_F32, 100);
    const int32_t inputs[] = {h == IS_X ? residual : x, w, w, residual};
    const int32_t read[] = {x, residual, y};
    add(&b, TARE_LAYER_RESHAPE, &x, 1, residual);
    add(&b, TARE_LAYER_RESHAPE, &residual, 1, beside);
    if (h == OTHER_FORMAT) b.tensors[y].format = TARE_HWC;
    if (kind == TARE_LAYER_F32_CONV)
        add(&b, kind, inputs, 4, y);
    else
        add(&b, kind, &residual, 1, y);
    add(&b, TARE_LAYER_RESHAPE, h == READ_LATER ? read + 1 : read + 2, 1, x);
    for (size_t i = 1; i < 3; i++)
        b.layers[i].region = 1;
    b.layers[1].stream = h == OTHER_STREAM;
    assert_int_equal(tare_plan_overwrite(&b, NULL), TARE_OK);
    assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
    const bool in_place = b.tensors[y].offset == b.tensors[residual].offset;
    tare_plan_builder_release(&b);
    return in_place;
}

static void test_what_keeps_it(void **state)
{
    (void)state;
    for (int h = NONE; h < N_CASES; h++) {
        assert_int_equal(is_in_place(TARE_LAYER_F32_CONV, (enum hindrance)h),
                         h == NONE);
        assert_int_equal(is_in_place(TARE_LAYER_F32_UNARY, (enum hindrance)h),
                         h == NONE || h == IS_X);
        assert_false(is_in_place(TARE_LAYER_F32_POOL, (enum hindrance)h));
    }
}

/* Three functions of one value after another, the second of a view: all in the memory
 * of the first's input; a part of a tensor is not given away. */
static void test_chain(void **state)
{
    struct tare_plan_builder b = {0};
    const struct tare_dims dims = {.rank = 1, .d = {50}};
    int32_t part;
    (void)state;
    const int32_t x = add_tensor(&b, TARE_F32, 100), a = add_tensor(&b, TARE_F32, 100);
    const int32_t view = add_view(&b, a), c = add_tensor(&b, TARE_F32, 100);
    const int32_t d = add_tensor(&b, TARE_F32, 100), e = add_tensor(&b, TARE_F32, 50);
    assert_int_equal(tare_plan_add_part(&b, "", &dims, d, 0, 0, &part, NULL), TARE_OK);
    add(&b, TARE_LAYER_F32_UNARY, &x, 1, a);
    add(&b, TARE_LAYER_RESHAPE, &a, 1, view);
    add(&b, TARE_LAYER_F32_UNARY, &view, 1, c);
    add(&b, TARE_LAYER_F32_UNARY, &c, 1, d);
    add(&b, TARE_LAYER_F32_UNARY, &part, 1, e);
    assert_int_equal(tare_plan_overwrite(&b, NULL), TARE_OK);
    assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
    assert_int_equal(tare_plan_root(&b, a), x);
    assert_int_equal(tare_plan_root(&b, view), x);
    assert_int_equal(tare_plan_root(&b, c), x);
    assert_int_equal(tare_plan_root(&b, d), x);
    assert_int_equal(tare_plan_root(&b, part), x);
    assert_int_equal(tare_plan_root(&b, e), e);
    tare_plan_builder_release(&b);
}

/* A norm of x + addend makes y and sum. Each has a place of its own, also where nothing
 * reads them, and it is an addend's where that is read no more. */
static void test_outputs(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 16; c++) {
        const bool is_read = c & 1U, keeps_x = c & 2U, is_twice = c & 4U;
        const bool is_codes = c & 8U;
        struct tare_plan_builder b = {0};
        const int32_t w = add_tensor(&b, TARE_F32, 100);
        const int32_t x = add_tensor(&b, TARE_F32, 100);
        const int32_t other = add_tensor(&b, TARE_F32, 100);
        const int32_t y = add_tensor(&b, is_codes ? TARE_U8 : TARE_F32, 100);
        const int32_t sum = add_tensor(&b, TARE_F32, 100);
        const int32_t last = add_tensor(&b, TARE_F32, 100);
        const int32_t addend = is_twice ? x : other;
        const int32_t inputs[] = {x, w, w, addend}, outputs[] = {y, sum};
        add(&b, TARE_LAYER_RESHAPE, &w, 1, x);
        add(&b, TARE_LAYER_RESHAPE, &w, 1, addend);
        add_multi(&b, TARE_LAYER_F32_LAYER_NORM, inputs, 4, outputs, 2);
        if (is_read) add(&b, TARE_LAYER_F32_POOL, &y, 1, last);
        if (is_read) add(&b, TARE_LAYER_F32_POOL, &sum, 1, last);
        if (keeps_x) add(&b, TARE_LAYER_F32_POOL, &x, 1, last);
        assert_int_equal(tare_plan_overwrite(&b, NULL), TARE_OK);
        const bool has_x = !keeps_x && !is_twice, has_addend = !is_twice;
        const int32_t free_places[] = {has_x ? x : addend, addend};
        const size_t n_free = (size_t)has_x + has_addend;
        size_t n = 0;
        assert_int_equal(tare_plan_root(&b, y),
                         !is_codes && n < n_free ? free_places[n++] : y);
        assert_int_equal(tare_plan_root(&b, sum), n < n_free ? free_places[n] : sum);
        tare_plan_builder_release(&b);
    }
}

static void test_no_memory(void **state)
{
    struct tare_plan_builder b = {0};
    (void)state;
    random_plan(&b);
    tare_alloc_fail_after(0);
    assert_int_equal(tare_plan_overwrite(&b, NULL), TARE_E_NOMEM);
    tare_alloc_fail_after(-1);
    tare_plan_builder_release(&b);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_layers), cmocka_unit_test(test_what_keeps_it),
        cmocka_unit_test(test_chain),         cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
