/* The memory planner on random layers: blocks that live at the same time do not
 * overlap, a view or a part lies where its tensor lies, the same input gives the same
 * offsets, and little more is taken than what is alive at one time. Lifetimes are
 * worked out again here, element by element. */
#include "api/model.h"
#include "base/mem.h"
#include "engine/build/plan_builder.h"
#include "engine/layers/params.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"

enum { MAX_LAYERS = 40, MAX_TENSORS = 128 };

static struct tare_dims vector_of(int64_t n)
{
    return (struct tare_dims){.rank = 1, .d = {n}};
}

static void add_layer(struct tare_plan_builder *b, const int32_t *inputs, size_t n,
                      int32_t output)
{
    const struct tare_reshape_params params = {0};
    const struct tare_layer_spec spec = {
        .kind = TARE_LAYER_RESHAPE,
        .name = "layer",
        .params = &params,
        .inputs = inputs,
        .n_inputs = n,
        .outputs = &output,
        .n_outputs = 1,
    };
    assert_int_equal(tare_plan_add_layer(b, &spec, NULL), TARE_OK);
}

static int32_t add_activation(struct tare_plan_builder *b)
{
    /* sizes around the alignment and the slack, some large, some equal */
    const int64_t n = check_u32() % 4 ? check_u32() % 40 + 1 : check_u32() % 5000 + 1;
    const struct tare_dims dims = vector_of(n);
    int32_t id;
    assert_int_equal(
        tare_plan_add_tensor(b, "", TARE_F32, TARE_LINEAR, &dims, NULL, &id, NULL),
        TARE_OK);
    return id;
}

/* Any earlier tensor: a binding, a weight, an activation or a view. */
static int32_t any_tensor(const struct tare_plan_builder *b)
{
    return (int32_t)(check_u32() % b->n_tensors);
}

static int32_t add_view(struct tare_plan_builder *b, int32_t of)
{
    int32_t id;
    const struct tare_dims dims = b->tensors[of].dims;
    assert_int_equal(tare_plan_add_alias(b, "", TARE_LINEAR, &dims, of, &id, NULL),
                     TARE_OK);
    return id;
}

/* Some of the elements of a tensor that has memory. */
static int32_t add_part(struct tare_plan_builder *b, int32_t of)
{
    int32_t id;
    const int64_t n = b->tensors[of].dims.d[0];
    const struct tare_dims dims = vector_of(1 + check_u32() % n);
    const uint64_t at = 4 * (check_u32() % (uint64_t)(n - dims.d[0] + 1));
    assert_int_equal(tare_plan_add_part(b, "", &dims, of, at, 0, &id, NULL), TARE_OK);
    return id;
}

/* A binding, a weight, then layers that read what is there. */
static void random_plan(struct tare_plan_builder *b)
{
    const struct tare_dims dims = vector_of(7);
    const float weight[5] = {0};
    int32_t id;
    assert_int_equal(
        tare_plan_add_binding(b, "x", TARE_F32, NULL, &dims, true, &id, NULL), TARE_OK);
    assert_int_equal(tare_plan_add_vector(b, TARE_F32, 5, weight, &id, NULL), TARE_OK);
    const size_t n_layers = 1 + check_u32() % MAX_LAYERS;
    for (size_t i = 0; i < n_layers; i++) {
        int32_t inputs[3] = {0};
        const size_t n_inputs = 1 + check_u32() % 3;
        for (size_t k = 0; k < n_inputs; k++)
            inputs[k] = any_tensor(b);
        const bool is_view =
            check_u32() % 4 == 0 && b->tensors[inputs[0]].storage == TARE_IN_ARENA;
        add_layer(b, inputs, is_view ? 1 : n_inputs,
                  !is_view          ? add_activation(b)
                  : check_u32() % 2 ? add_part(b, inputs[0])
                                    : add_view(b, inputs[0]));
    }
}

static int32_t root_of(const struct tare_plan_builder *b, int32_t id)
{
    return b->alias_of[id] >= 0 ? b->alias_of[id] : id;
}

/* Does any layer in [first, last] of the life of `root` exist, and which? */
static bool life_of(const struct tare_plan_builder *b, int32_t root, size_t *first,
                    size_t *last)
{
    bool lives = false;
    for (size_t i = 0; i < b->n_layers; i++) {
        const struct tare_plan_layer *l = &b->layers[i];
        for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++) {
            if (root_of(b, b->ids[l->first_id + k]) != root) continue;
            if (!lives) *first = i;
            *last = i;
            lives = true;
        }
    }
    return lives;
}

static bool is_block(const struct tare_plan_builder *b, size_t i)
{
    return b->tensors[i].storage == TARE_IN_ARENA && b->alias_of[i] < 0;
}

static void check_plan(const struct tare_plan_builder *b)
{
    size_t first[MAX_TENSORS], last[MAX_TENSORS];
    bool lives[MAX_TENSORS];
    assert_true(b->n_tensors <= MAX_TENSORS);
    for (size_t i = 0; i < b->n_tensors; i++) {
        const struct tare_plan_tensor *t = &b->tensors[i];
        if (b->alias_of[i] >= 0) {
            const struct tare_plan_tensor *root = &b->tensors[b->alias_of[i]];
            assert_true(b->alias_of[b->alias_of[i]] < 0);
            assert_int_equal(t->storage, root->storage);
            assert_int_equal(t->offset, root->offset + b->alias_at[i]);
            assert_true(b->alias_at[i] + t->n_bytes <= root->n_bytes);
        }
        lives[i] = is_block(b, i) && life_of(b, (int32_t)i, &first[i], &last[i]);
        if (!is_block(b, i)) continue;
        assert_int_equal(t->offset % TARE_ALIGN, 0);
        assert_true(t->offset + t->n_bytes + TARE_PLAN_SLACK <= b->arena_bytes);
    }
    for (size_t i = 0; i < b->n_tensors; i++)
        for (size_t k = 0; k < i; k++) {
            if (!lives[i] || !lives[k] || first[i] > last[k] || first[k] > last[i])
                continue;
            const struct tare_plan_tensor *x = &b->tensors[i], *y = &b->tensors[k];
            assert_true(x->offset + x->n_bytes + TARE_PLAN_SLACK <= y->offset ||
                        y->offset + y->n_bytes + TARE_PLAN_SLACK <= x->offset);
        }
}

/* The sum over the blocks alive in a layer, for the layer where it is largest. */
static uint64_t liveness_bound(const struct tare_plan_builder *b)
{
    uint64_t bound = 0;
    for (size_t layer = 0; layer <= b->n_layers; layer++) {
        uint64_t alive = 0;
        for (size_t i = 0; i < b->n_tensors; i++) {
            size_t first, last, n_bytes = (size_t)b->tensors[i].n_bytes;
            if (!is_block(b, i)) continue;
            assert_true(tare_align_size(n_bytes + TARE_PLAN_SLACK, &n_bytes));
            const bool lives = life_of(b, (int32_t)i, &first, &last);
            if (lives && first <= layer && layer <= last) alive += n_bytes;
            if (!lives && n_bytes > bound)
                bound = n_bytes; /* has memory all the same */
        }
        if (alive > bound) bound = alive;
    }
    return bound;
}

static void test_random_lifetimes(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct tare_plan_builder plans[2] = {{.arena_bytes = 1}, {.arena_bytes = 2}};
        const uint64_t seed = check_state;
        for (int i = 0; i < 2; i++) {
            check_state = seed;
            random_plan(&plans[i]);
            assert_int_equal(tare_memory_plan(&plans[i], NULL), TARE_OK);
            check_plan(&plans[i]);
            assert_int_equal(plans[i].live_bytes, liveness_bound(&plans[i]));
        }
        assert_int_equal(plans[0].arena_bytes, plans[1].arena_bytes);
        assert_int_equal(plans[0].n_tensors, plans[1].n_tensors);
        assert_memory_equal(plans[0].tensors, plans[1].tensors,
                            plans[0].n_tensors * sizeof *plans[0].tensors);
        tare_plan_builder_release(&plans[0]);
        tare_plan_builder_release(&plans[1]);
    }
}

/* As networks are: a layer reads what was made just before, and now and then something
 * a few layers back, which a shortcut has kept. */
static void random_network(struct tare_plan_builder *b)
{
    int32_t made[MAX_LAYERS + 1] = {add_activation(b)};
    for (int i = 0; i < MAX_LAYERS; i++) {
        const int32_t back = (int32_t)(check_u32() % 8);
        const int32_t inputs[2] = {made[i], made[i > back ? i - back : 0]};
        made[i + 1] = add_activation(b);
        add_layer(b, inputs, check_u32() % 3 ? 1 : 2, made[i + 1]);
    }
}

/* The bound is out of reach for a few networks, whatever the offsets. */
static void test_near_the_bound(void **state)
{
    enum { N_ROUNDS = 400 };
    int n_over = 0;
    (void)state;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct tare_plan_builder b = {0};
        random_network(&b);
        assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
        check_plan(&b);
        assert_int_equal(b.live_bytes, liveness_bound(&b));
        n_over += b.arena_bytes > b.live_bytes + b.live_bytes / 20;
        tare_plan_builder_release(&b);
    }
    assert_true(n_over <= N_ROUNDS / 100);
}

static void check_engine(const struct tare_graph *graph)
{
    struct built built;
    struct tare_engine_info info;
    NET_TRY(built_make(graph, tare_cpu_flags(), &built, &err_));
    tare_engine_info(built.engine, &info);
    assert_true(info.live_bytes > 0);
    assert_true(info.activation_bytes >= info.live_bytes);
    assert_true(info.activation_bytes <= info.live_bytes + info.live_bytes / 20);
    built_release(&built);
}

/* The shipped models, in FP32 and in INT8. */
static void test_models_near_the_bound(void **state)
{
    static const char *const paths[] = {TARE_SOURCE_DIR "/models/fashion_resnet.onnx",
                                        TARE_SOURCE_DIR
                                        "/models/fashion_depthwise.onnx"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct tare_model *model;
        NET_TRY(tare_model_load(paths[i % 2], &model, &err_));
        NET_TRY(tare_model_bind(model, NULL, i < 2 ? 1 : 3, NULL, &err_));
        struct tare_graph *graph = graph_optimized(model->graph);
        check_engine(graph);
        graph_to_int8(graph, check_u32());
        check_engine(graph);
        tare_graph_destroy(graph);
        tare_model_destroy(model);
    }
}

/* In a chain of equal tensors only two live at a time. */
static void test_chain_needs_two(void **state)
{
    struct tare_plan_builder b = {0};
    const struct tare_dims dims = vector_of(1000);
    int32_t last, id;
    (void)state;
    assert_int_equal(
        tare_plan_add_tensor(&b, "", TARE_F32, TARE_LINEAR, &dims, NULL, &last, NULL),
        TARE_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            tare_plan_add_tensor(&b, "", TARE_F32, TARE_LINEAR, &dims, NULL, &id, NULL),
            TARE_OK);
        add_layer(&b, &last, 1, id);
        last = id;
    }
    size_t block;
    assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
    assert_true(tare_align_size(4000 + TARE_PLAN_SLACK, &block));
    assert_int_equal(b.arena_bytes, 2 * block);
    tare_plan_builder_release(&b);
}

/* A view keeps its tensor alive, whatever is read through it. */
static void test_view_keeps_alive(void **state)
{
    struct tare_plan_builder b = {0};
    const struct tare_dims dims = vector_of(64);
    int32_t ids[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(tare_plan_add_tensor(&b, "", TARE_F32, TARE_LINEAR, &dims,
                                              NULL, &ids[i], NULL),
                         TARE_OK);
    const int32_t view = add_view(&b, add_view(&b, ids[0]));
    add_layer(&b, &ids[0], 1, view);
    add_layer(&b, &ids[1], 1, ids[2]);
    add_layer(&b, &view, 1, ids[3]);
    assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
    assert_int_equal(b.tensors[view].offset, b.tensors[ids[0]].offset);
    assert_int_not_equal(b.tensors[ids[2]].offset, b.tensors[ids[0]].offset);
    assert_int_not_equal(b.tensors[ids[1]].offset, b.tensors[ids[0]].offset);
    tare_plan_builder_release(&b);
}

static void test_too_large(void **state)
{
    (void)state;
    for (int n = 1; n <= 4; n++) { /* four are more than a size can say */
        struct tare_plan_builder b = {0};
        struct tare_error err = {0};
        const struct tare_dims dims = vector_of((INT64_C(1) << 60) - 1);
        int32_t ids[4];
        for (int i = 0; i < n; i++)
            assert_int_equal(tare_plan_add_tensor(&b, "", TARE_F32, TARE_LINEAR, &dims,
                                                  NULL, &ids[i], NULL),
                             TARE_OK);
        add_layer(&b, ids, (size_t)n - 1, ids[n - 1]);
        assert_int_equal(tare_memory_plan(&b, &err),
                         n < 4 ? TARE_OK : TARE_E_UNSUPPORTED);
        tare_plan_builder_release(&b);
    }
}

static void test_no_memory(void **state)
{
    struct tare_plan_builder b = {0};
    (void)state;
    random_plan(&b);
    for (int64_t n = 0; n < 3; n++) {
        tare_alloc_fail_after(n);
        assert_int_equal(tare_memory_plan(&b, NULL), TARE_E_NOMEM);
        tare_alloc_fail_after(-1);
    }
    assert_int_equal(tare_memory_plan(&b, NULL), TARE_OK);
    check_plan(&b);
    tare_plan_builder_release(&b);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lifetimes),
        cmocka_unit_test(test_near_the_bound),
        cmocka_unit_test(test_models_near_the_bound),
        cmocka_unit_test(test_chain_needs_two),
        cmocka_unit_test(test_view_keeps_alive),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
