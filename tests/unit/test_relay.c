/* Samples that go through an engine in two legs have, in every tensor, the bytes that
 * they have alone. */
#include "tare/relay.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"

enum { SAMPLES = 3, ROUNDS = 2, WIDTH = 12, IMAGE = 3 * WIDTH * WIDTH, MOST_TAPS = 32 };

/* From "h", [1, 8, 6, 6], to "t", [1, c, 3, 3]; returns c. */
typedef int layers_fn(struct tare_graph *g, uint64_t *seed);

static void strided(struct tare_graph *g, const char *name, const char *x,
                    const char *y, int in, int out, uint64_t *seed)
{
    net_ints(net_conv(g, name, x, y, in, out, 3, true, seed), "strides", 2, 2, 2);
}

static int plain(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "t", 8, 512, seed);
    return 512;
}

/* Rows the other way round: a copy, which no second leg has. */
static void turn(struct tare_graph *g, const char *x, const char *y)
{
    net_longs(g, "starts", 1, -1);
    net_longs(g, "ends", 1, -100);
    net_longs(g, "axes", 1, 2);
    net_longs(g, "steps", 1, -1);
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s starts ends axes steps", x);
    net_node(g, TARE_OP_SLICE, "turn", inputs, y);
}

/* The second leg begins behind the turn, and reads what went into it as well. */
static int residual(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "a", 8, 384, seed);
    turn(g, "a", "b");
    net_conv(g, "product", "b", "c", 384, 384, 1, true, seed);
    net_node(g, TARE_OP_SIGMOID, "gate", "c", "d");
    net_node(g, TARE_OP_ADD, "sum", "d a", "t");
    return 384;
}

static int depthwise(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "a", 8, 300, seed);
    net_conv(g, "product", "a", "b", 300, 300, 1, false, seed);
    net_int(net_conv(g, "apart", "b", "t", 1, 300, 3, true, seed), "group", 300);
    return 300;
}

static int normalized(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "a", 8, 512, seed);
    net_weights(g, "scale", NET_DIMS(512), -1, 1, seed);
    net_weights(g, "shift", NET_DIMS(512), -1, 1, seed);
    net_weights(g, "mean", NET_DIMS(512), -1, 1, seed);
    net_weights(g, "variance", NET_DIMS(512), 1, 2, seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "normal", "a scale shift mean variance",
             "t");
    return 512;
}

/* Along the first axis, which a second leg has as many of as samples, among others. */
static int soft(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "a", 8, 512, seed);
    net_int(net_node(g, TARE_OP_SOFTMAX, "soft0", "a", "b"), "axis", 0);
    net_node(g, TARE_OP_ADD, "sum", "a b", "c");
    net_int(net_node(g, TARE_OP_SOFTMAX, "soft2", "c", "d"), "axis", 2);
    net_int(net_node(g, TARE_OP_SOFTMAX, "soft1", "d", "t"), "axis", 1);
    return 512;
}

static int pooled(struct tare_graph *g, uint64_t *seed)
{
    net_conv(g, "wide", "h", "a", 8, 512, 3, true, seed);
    struct tare_node *node = net_node(g, TARE_OP_MAX_POOL, "most", "a", "t");
    net_ints(node, "kernel_shape", 2, 2, 2);
    net_ints(node, "strides", 2, 2, 2);
    return 512;
}

/* An average, a view, and rows of numbers. */
static void add_rows(struct tare_graph *g, int n, uint64_t *seed)
{
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean1", "t", "m");
    net_node(g, TARE_OP_FLATTEN, "flat", "m", "f");
    net_weights(g, "ln.w", NET_DIMS(n), -1, 1, seed);
    net_weights(g, "ln.b", NET_DIMS(n), -1, 1, seed);
    net_node(g, TARE_OP_SIGMOID, "wave", "f", "g");
    net_node(g, TARE_OP_ADD, "both", "f g", "z"); /* by the norm */
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "z ln.w ln.b", "r");
    net_weights(g, "w", NET_DIMS(n, 900), -1, 1, seed);
    net_node(g, TARE_OP_GEMM, "product1", "r w", "p0");
    net_weights(g, "bias", NET_DIMS(900), -1, 1, seed);
    net_node(g, TARE_OP_ADD, "shift", "bias p0", "p");
    net_int(net_node(g, TARE_OP_SOFTMAX, "classes", "p", "q"), "axis", 1);
    net_longs(g, "shape", 3, 1, 30, 30);
    net_node(g, TARE_OP_RESHAPE, "square", "q shape", "s");
    struct tare_node *node = net_node(g, TARE_OP_REDUCE_MAX, "last", "s", "y");
    net_ints(node, "axes", 1, 2);
    net_int(node, "keepdims", 0);
}

static void add_convolutions(struct tare_graph *g, int n, uint64_t *seed)
{
    net_conv(g, "deep", "t", "u", n, 600, 1, true, seed);
    net_node(g, TARE_OP_SIGMOID, "bend", "u", "e");
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean1", "e", "gate");
    net_node(g, TARE_OP_MUL, "gated", "e gate", "i");
    net_weights(g, "all", NET_DIMS(1, 600, 3, 3), -1, 1, seed);
    net_node(g, TARE_OP_SUB, "less", "i all", "v");
    net_conv(g, "last", "v", "y", 600, 300, 3, true, seed);
}

static struct tare_graph *make_graph(layers_fn *make, bool has_rows, uint64_t seed)
{
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(1, 3, WIDTH, WIDTH));
    strided(g, "head", "x", "h", 3, 8, &seed);
    const int n = make(g, &seed);
    if (has_rows)
        add_rows(g, n, &seed);
    else
        add_convolutions(g, n, &seed);
    net_output(g, "y");
    return net_infer(g);
}

/* What a tap has seen of each tensor, of all samples one after the other. */
struct seen {
    float *values[MOST_TAPS];
    size_t sample; /* those of one sample; SIZE_MAX: of all */
    size_t n_elems[MOST_TAPS];
    int n_whole[MOST_TAPS]; /* times that its last element came */
};

static const float *note(void *ctx, const struct tare_tapped *t)
{
    struct seen *seen = ctx;
    const size_t n_samples = seen->sample == SIZE_MAX ? SAMPLES : 1;
    size_t all = 1;
    for (int32_t k = 0; k < t->dims.rank; k++)
        all *= (size_t)t->dims.d[k];
    assert_true(t->index < MOST_TAPS && t->dims.d[0] == (int64_t)n_samples);
    const size_t one = all / n_samples;
    const size_t skipped = seen->sample == SIZE_MAX ? 0 : seen->sample * one;
    if (!seen->values[t->index])
        seen->values[t->index] = calloc(SAMPLES * one, sizeof(float));
    seen->n_elems[t->index] = one;
    memcpy(seen->values[t->index] + skipped + t->first, t->data,
           t->n_elems * sizeof(float));
    seen->n_whole[t->index] += t->first + t->n_elems == all;
    return NULL;
}

static void free_seen(struct seen *seen)
{
    for (size_t i = 0; i < MOST_TAPS; i++)
        free(seen->values[i]);
    memset(seen, 0, sizeof *seen);
}

static struct tare_context *open_context(const struct tare_engine *engine, float *x,
                                         float *y)
{
    struct tare_context *context;
    NET_TRY(tare_context_create(engine, 1, &context, &err_));
    NET_TRY(tare_context_set_address(context, 0, x, &err_));
    NET_TRY(tare_context_set_address(context, 1, y, &err_));
    return context;
}

struct net {
    struct built built;
    struct tare_context *context;
    float x[IMAGE], y[300 * 3 * 3 + 900];
    float samples[SAMPLES][IMAGE];
};

static void draw_samples(struct net *net)
{
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < IMAGE; i++)
            net->samples[s][i] = (float)(int32_t)check_u32() / 2147483648.0F;
}

static struct net *open_net(const struct tare_graph *g)
{
    const struct tare_engine_options options = {.isa = tare_cpu_flags()};
    struct net *net = calloc(1, sizeof *net);
    NET_TRY(built_make_with(g, &options, &net->built, &err_));
    net->context = open_context(net->built.engine, net->x, net->y);
    return net;
}

static void close_net(struct net *net)
{
    tare_context_destroy(net->context);
    built_release(&net->built);
    free(net);
}

static void run_alone(struct net *net, struct seen *seen)
{
    for (size_t s = 0; s < SAMPLES; s++) {
        seen->sample = s;
        memcpy(net->x, net->samples[s], sizeof net->x);
        NET_TRY(tare_context_set_tap(net->context, note, seen, false, &err_));
        NET_TRY(tare_context_run(net->context, &err_));
    }
}

/* In any order of places. */
static void run_relay(struct net *net, struct tare_relay *relay, struct seen *seen)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        const size_t s = SAMPLES - 1 - i;
        seen->sample = s;
        memcpy(net->x, net->samples[s], sizeof net->x);
        NET_TRY(tare_context_set_tap(net->context, note, seen, false, &err_));
        tare_context_split_tap(net->context);
        NET_TRY(tare_relay_lead(relay, s, &err_));
    }
    seen->sample = SIZE_MAX;
    NET_TRY(tare_relay_follow(relay, note, seen, &err_));
}

static void compare(const struct net *net, const struct tare_relay *relay,
                    const struct seen *want, const struct seen *got)
{
    const size_t cut = tare_relay_cut(relay);
    int n_first = 0, n_second = 0;
    for (size_t i = 0; i < tare_engine_n_taps(net->built.engine); i++) {
        assert_non_null(want->values[i]);
        assert_non_null(got->values[i]);
        assert_int_equal(got->n_elems[i], want->n_elems[i]);
        assert_memory_equal(got->values[i], want->values[i],
                            SAMPLES * want->n_elems[i] * sizeof(float));
        assert_true(got->n_whole[i] == SAMPLES || got->n_whole[i] == 1);
        n_first += got->n_whole[i] == SAMPLES;
        n_second += got->n_whole[i] == 1;
    }
    assert_true(n_first > 0 && n_second > 0 && cut > 0);
}

static void check_net(layers_fn *make, bool has_rows)
{
    struct tare_graph *g = make_graph(make, has_rows, check_u32() | 1U);
    struct net *net = open_net(g);
    struct tare_relay *relay;
    NET_TRY(tare_relay_create(net->context, SAMPLES, &relay, &err_));
    assert_non_null(relay);
    for (int round = 0; round < ROUNDS; round++) {
        struct seen want = {0}, got = {0};
        draw_samples(net);
        run_alone(net, &want);
        run_relay(net, relay, &got);
        compare(net, relay, &want, &got);
        free_seen(&want);
        free_seen(&got);
    }
    NET_TRY(tare_relay_follow(relay, NULL, NULL, &err_)); /* nobody has to look */
    tare_relay_destroy(relay);
    close_net(net);
    tare_graph_destroy(g);
}

static void values_are_those_of_samples_alone(void **state)
{
    static layers_fn *const nets[] = {plain, residual,   depthwise,
                                      soft,  normalized, pooled};
    (void)state;
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        check_net(nets[i], true);
        check_net(nets[i], false);
    }
}

static int narrow(struct tare_graph *g, uint64_t *seed)
{
    strided(g, "wide", "h", "t", 8, 16, seed);
    return 16;
}

static int turned_last(struct tare_graph *g, uint64_t *seed)
{
    const int n = plain(g, seed);
    net_conv(g, "more", "t", "z", n, n, 1, true, seed);
    turn(g, "z", "s");
    return n;
}

static struct tare_relay *relay_of(layers_fn *make, bool ends_there)
{
    uint64_t seed = check_u32() | 1U;
    struct tare_graph *g = ends_there ? net_create(17) : make_graph(make, true, seed);
    if (ends_there) {
        net_input(g, "x", NET_DIMS(1, 3, WIDTH, WIDTH));
        strided(g, "head", "x", "h", 3, 8, &seed);
        make(g, &seed);
        net_output(g, "s");
        net_infer(g);
    }
    struct net *net = open_net(g);
    struct tare_relay *relay;
    NET_TRY(tare_relay_create(net->context, SAMPLES, &relay, &err_));
    tare_relay_destroy(relay); /* its address still tells whether there was one */
    close_net(net);
    tare_graph_destroy(g);
    return relay;
}

static void networks_that_gain_nothing_have_none(void **state)
{
    (void)state;
    assert_null(relay_of(narrow, false));
    assert_null(relay_of(turned_last, true));
}

static void wrong_numbers_are_refused(void **state)
{
    (void)state;
    struct tare_graph *g = make_graph(plain, true, 5);
    struct net *net = open_net(g);
    struct tare_relay *relay;
    struct tare_error err = {0};
    static const size_t wrong[] = {0, 1, TARE_RELAY_MOST + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tare_relay_create(net->context, wrong[i], &relay, &err),
                         TARE_E_ARG);
        assert_null(relay);
    }
    NET_TRY(tare_relay_create(net->context, TARE_RELAY_MOST, &relay, &err_));
    assert_int_equal(tare_relay_lead(relay, TARE_RELAY_MOST, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "sample 1024"));
    tare_relay_destroy(relay);
    close_net(net);
    tare_graph_destroy(g);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct tare_graph *g = make_graph(residual, false, 5);
    struct net *net = open_net(g);
    struct tare_relay *relay = NULL;
    int64_t n = 0;
    for (; !relay; n++) {
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        const enum tare_status st =
            tare_relay_create(net->context, SAMPLES, &relay, &err);
        tare_alloc_fail_after(-1);
        assert_int_equal(st, relay ? TARE_OK : TARE_E_NOMEM);
    }
    assert_true(n > 5);
    tare_relay_destroy(relay);
    close_net(net);
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_samples_alone),
        cmocka_unit_test(networks_that_gain_nothing_have_none),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
