/* LSTM, GRU and RNN through the engine's kernels: beside onnxruntime's values, beside
 * the operators' own evaluation, and the same bytes however they are run. */
#include "graph/run.h"
#include "onnxruntime_ops.h"
#include "tests/unit/engine_graphs.h"

enum { ROUNDS = 150 };

static size_t n_recurrent, n_kernels;

/* Let X be an input of the network. @return  its values */
static float *open_x(struct tare_graph *graph)
{
    struct tare_tensor *x = &graph->tensors[graph->nodes[0].inputs[0]];
    float *values = malloc(x->n_bytes);
    memcpy(values, x->data, x->n_bytes);
    tare_tensor_clear_data(x);
    NET_TRY(tare_graph_set_inputs(graph, graph->nodes[0].inputs, 1, &err_));
    return values;
}

static void check_case(const struct one_op *test)
{
    static char word[65536];
    if (test->op != TARE_OP_LSTM && test->op != TARE_OP_GRU && test->op != TARE_OP_RNN)
        return;
    struct tare_graph *graph = one_create(test, one_words(test->want));
    struct graph_values inputs = {.data = {open_x(graph)}, .n = 1};
    net_infer(graph);
    struct graph_values got = graph_run(graph, 2, &inputs);
    int used;
    const char *at = test->want;
    for (size_t i = 0; sscanf(at, "%65535s%n", word, &used) == 1; i++, at += used) {
        struct tare_const content =
            tare_tensor_content(&graph->tensors[graph->outputs[i]]);
        content.data = got.data[i];
        if (!ort_agrees(&content, word))
            fail_msg("%s {%s} output %zu", tare_op_name(test->op), test->attrs, i);
    }
    n_recurrent++;
    n_kernels += graph_has_layer(graph, "recurrent", "FP32");
    graph_values_free(&got);
    graph_values_free(&inputs);
    tare_graph_destroy(graph);
}

/* Affine, ScaledTanh, ThresholdedRelu and Softsign have no kernel: three cases. */
static void values_of_onnxruntime(void **state)
{
    (void)state;
    (void)ort_each(check_case);
    assert_int_equal(n_recurrent, 9);
    assert_int_equal(n_kernels, 6);
}

struct shape {
    enum tare_op op;
    int steps, batch, n_in, hidden, directions, layout;
    bool bias, lens, h, c, peephole;
};

static int pick(uint64_t *seed, int low, int high)
{
    return low + (int)(net_random(seed) % (uint64_t)(high - low + 1));
}

static bool flip(uint64_t *seed)
{
    return net_random(seed) % 2 != 0;
}

static struct shape random_shape(uint64_t *seed)
{
    static const enum tare_op ops[] = {TARE_OP_LSTM, TARE_OP_GRU, TARE_OP_RNN};
    const bool is_long = pick(seed, 0, 3) == 0;
    struct shape s = {.op = ops[pick(seed, 0, 2)],
                      .steps = pick(seed, 1, 7),
                      .batch = pick(seed, 1, 9),
                      .n_in = pick(seed, 1, 9),
                      .hidden = is_long ? pick(seed, 30, 70) : pick(seed, 1, 9),
                      .directions = pick(seed, 1, 2),
                      .layout = pick(seed, 0, 1)};
    const bool is_lstm = s.op == TARE_OP_LSTM;
    s.bias = flip(seed);
    s.lens = flip(seed);
    s.h = flip(seed);
    s.c = is_lstm && flip(seed);
    s.peephole = is_lstm && flip(seed);
    return s;
}

static int n_gates(const struct shape *s)
{
    return s->op == TARE_OP_LSTM ? 4 : s->op == TARE_OP_GRU ? 3 : 1;
}

static void add_attrs(const struct shape *s, struct tare_node *node, uint64_t *seed)
{
    static const char *const functions[] = {"Sigmoid",   "Tanh", "Relu",
                                            "LeakyRelu", "Elu",  "HardSigmoid"};
    const char *one = flip(seed) ? "forward" : "reverse";
    net_int(node, "layout", s->layout);
    net_string(node, "direction", s->directions == 2 ? "bidirectional" : one);
    if (s->op == TARE_OP_GRU) net_int(node, "linear_before_reset", flip(seed));
    if (s->op == TARE_OP_LSTM) net_int(node, "input_forget", flip(seed));
    if (pick(seed, 0, 3) == 0) net_float(node, "clip", 0.5f);
    if (flip(seed)) return;
    const int each = s->op == TARE_OP_LSTM ? 3 : s->op == TARE_OP_GRU ? 2 : 1;
    struct tare_text names = {0};
    for (int i = 0; i < each * s->directions; i++)
        tare_text_add(&names, "%s%s", i ? "\n" : "", functions[pick(seed, 0, 5)]);
    const struct tare_attr attr = {.type = TARE_ATTR_STRINGS,
                                   .s = names.data,
                                   .n = (size_t)(each * s->directions)};
    NET_TRY(tare_node_add_attr(node, "activations", attr, &err_));
}

static struct tare_graph *make(const struct shape *s, uint64_t *seed)
{
    struct tare_graph *graph = net_create(14);
    uint64_t of_attrs = *seed;
    const int d = s->directions, rows = n_gates(s) * s->hidden;
    const bool first = s->layout == 1;
    const struct tare_dims state =
        first ? NET_DIMS(s->batch, d, s->hidden) : NET_DIMS(d, s->batch, s->hidden);
    net_input(graph, "x",
              first ? NET_DIMS(s->batch, s->steps, s->n_in)
                    : NET_DIMS(s->steps, s->batch, s->n_in));
    net_weights(graph, "w", NET_DIMS(d, rows, s->n_in), -1, 1, seed);
    net_weights(graph, "r", NET_DIMS(d, rows, s->hidden), -0.3f, 0.3f, seed);
    net_weights(graph, "b", NET_DIMS(d, 2 * rows), -1, 1, seed);
    net_weights(graph, "h", state, -1, 1, seed);
    net_weights(graph, "c", state, -1, 1, seed);
    net_weights(graph, "p", NET_DIMS(d, 3 * s->hidden), -1, 1, seed);
    int32_t *lens = net_const(graph, "lens", TARE_S32, NET_DIMS(s->batch));
    for (int i = 0; i < s->batch; i++)
        lens[i] = pick(seed, 0, s->steps);
    char inputs[64];
    const bool is_lstm = s->op == TARE_OP_LSTM;
    (void)snprintf(inputs, sizeof inputs, "x w r %s %s %s %s %s", s->bias ? "b" : "-",
                   s->lens ? "lens" : "-", s->h ? "h" : "-",
                   is_lstm ? s->c ? "c" : "-" : "",
                   is_lstm ? s->peephole ? "p" : "-" : "");
    add_attrs(s, net_node(graph, s->op, "n", inputs, is_lstm ? "y yh yc" : "y yh"),
              &of_attrs);
    net_output(graph, "y");
    net_output(graph, "yh");
    if (is_lstm) net_output(graph, "yc");
    return net_infer(graph);
}

/* ||got - want|| / ||want||, the measure of docs/numerics.md. */
static double error_of(const float *got, const struct tare_const *want)
{
    double of_error = 0, of_want = 0;
    for (int64_t k = 0; k < tare_dims_count(&want->dims); k++) {
        const double y = tare_const_get(want, k);
        of_error += ((double)got[k] - y) * ((double)got[k] - y);
        of_want += y * y;
    }
    return of_error > 0 ? sqrt(of_error / of_want) : 0;
}

static void near_evaluation(struct tare_graph *graph, const struct graph_values *x,
                            const struct graph_values *got, int round)
{
    struct tare_const outputs[3] = {{0}};
    struct tare_const input = tare_tensor_content(&graph->tensors[graph->inputs[0]]);
    NET_TRY(!tare_dims_bytes(&input.dims, TARE_F32, &input.n_bytes));
    input.data = x->data[0];
    NET_TRY(tare_graph_run(graph, &input, outputs, &err_));
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const double error = error_of(got->data[i], &outputs[i]);
        if (!(error <= 1e-5)) fail_msg("round %d: output %zu: %g", round, i, error);
        tare_free(outputs[i].data);
    }
}

static struct graph_values random_x(const struct shape *s, uint64_t *seed)
{
    const size_t n = (size_t)(s->steps * s->batch * s->n_in);
    struct graph_values x = {.data = {malloc(n * sizeof(float))}, .n = 1};
    for (size_t i = 0; i < n; i++)
        x.data[0][i] = net_uniform(seed);
    return x;
}

static void near_the_operator(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        const struct shape s = random_shape(&seed);
        struct tare_graph *graph = make(&s, &seed);
        struct graph_values x = random_x(&s, &seed);
        struct graph_values got = graph_run(graph, 1 + round % 3, &x);
        assert_true(graph_has_layer(graph, "recurrent", "FP32"));
        near_evaluation(graph, &x, &got, round);
        graph_values_free(&got);
        graph_values_free(&x);
        tare_graph_destroy(graph);
    }
}

static struct graph_values run_on(const struct tare_graph *graph, uint32_t isa,
                                  int n_threads, float *x)
{
    struct built built;
    struct graph_values outputs = {.n = graph->n_outputs};
    const float *inputs[] = {x};
    NET_TRY(built_make(graph, isa, &built, &err_));
    NET_TRY(built_run(&built, n_threads, inputs, outputs.data, &err_));
    built_release(&built);
    return outputs;
}

/* y and the states of all sequences, as the references by one thread make them. */
static void expect_same(const struct tare_graph *graph, const struct shape *s, float *x,
                        const struct graph_values *want)
{
    const size_t n_states = (size_t)(s->batch * s->directions * s->hidden);
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        struct graph_values got = run_on(graph, tare_cpu_flags(), n_threads, x);
        for (size_t i = 0; i < got.n; i++)
            assert_memory_equal(got.data[i], want->data[i],
                                n_states * (i ? 1 : (size_t)s->steps) * sizeof(float));
        graph_values_free(&got);
    }
}

/* A sequence alone, and among others, by one thread or several, in every instruction
 * set: the same bytes. */
static void same_bytes(void **state)
{
    (void)state;
    static const enum tare_op ops[] = {TARE_OP_LSTM, TARE_OP_GRU, TARE_OP_RNN};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        const struct shape many = {.op = ops[i],
                                   .steps = 5,
                                   .batch = 7,
                                   .n_in = 6,
                                   .hidden = 37,
                                   .directions = 2,
                                   .layout = 1,
                                   .bias = true};
        struct shape one = many;
        one.batch = 1;
        uint64_t seed = 11, again = 11; /* weights are drawn before what has a batch */
        struct tare_graph *graph = make(&many, &seed), *single = make(&one, &again);
        struct graph_values x = random_x(&many, &seed);
        struct graph_values want = run_on(graph, TARE_CPU_NONE, 1, x.data[0]);
        expect_same(graph, &many, x.data[0], &want);
        const size_t each = (size_t)(many.steps * many.directions * many.hidden);
        for (int b = 0; b < many.batch; b++) {
            float *sequence = x.data[0] + b * many.steps * many.n_in;
            struct graph_values got = run_on(single, tare_cpu_flags(), 2, sequence);
            assert_memory_equal(got.data[0], want.data[0] + (size_t)b * each,
                                each * sizeof(float));
            graph_values_free(&got);
        }
        graph_values_free(&want);
        graph_values_free(&x);
        tare_graph_destroy(single);
        tare_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_of_onnxruntime),
                                       cmocka_unit_test(near_the_operator),
                                       cmocka_unit_test(same_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
