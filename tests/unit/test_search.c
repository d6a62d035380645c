/* Sensitivity against whole networks run by taps; the search on a network that was made
 * fragile in one place. */
#include "tests/unit/engine_net.h"

#include <stdlib.h>

#include "api/build.h"
#include "api/model.h"
#include "search/search.h"
#include "tare/engine.h"

enum { N_SAMPLES = 12, N_INPUT = 3 * 17 * 19, MOST_TENSORS = 64 };

static struct tare_model model;
static struct tare_cache *cache;
static float *samples; /* [N_SAMPLES][N_INPUT] */

static enum tare_status fill(void *ctx, size_t sample, void *to, struct tare_error *err)
{
    (void)ctx;
    (void)err;
    memcpy(to, samples + sample * N_INPUT, N_INPUT * sizeof(float));
    return TARE_OK;
}

static const struct tare_sample_source source = {NULL, N_SAMPLES, fill};

static struct tare_build_options int8_build(void)
{
    return (struct tare_build_options){.int8 = true, .cache = cache};
}

/* ---- an engine that shows its tensors, and takes others */

struct net {
    struct tare_graph *graph;
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct tare_context *context;
    float probabilities[10];
};

static void open_net(struct net *net, const struct tare_build_options *build)
{
    struct tare_error err = {0};
    size_t n_bytes;
    if (tare_build_keeping(&model, build, false, &net->graph, &net->plan, &err) !=
        TARE_OK)
        fail_msg("%s", err.text);
    const void *bytes = tare_plan_bytes(net->plan, &n_bytes);
    assert_int_equal(tare_engine_open(bytes, n_bytes, &net->engine, NULL), TARE_OK);
    assert_int_equal(tare_context_create(net->engine, 1, &net->context, NULL), TARE_OK);
    assert_int_equal(
        tare_context_set_address(net->context, 1, net->probabilities, NULL), TARE_OK);
}

static void close_net(struct net *net)
{
    tare_context_destroy(net->context);
    tare_engine_destroy(net->engine);
    tare_plan_destroy(net->plan);
    tare_graph_destroy(net->graph);
}

/* Values of tensors by name. */
struct values {
    size_t n;
    struct {
        char name[64];
        float *data;
        size_t n_elems;
    } of[MOST_TENSORS];
};

static size_t find(const struct values *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->of[i].name, name) == 0) return i;
    return SIZE_MAX;
}

static void keep(struct values *v, const struct tare_tapped *t)
{
    size_t i = find(v, t->name);
    if (i == SIZE_MAX) {
        i = v->n++;
        assert_true(v->n <= MOST_TENSORS);
        (void)snprintf(v->of[i].name, sizeof v->of[i].name, "%s", t->name);
        v->of[i].data = malloc(t->n_elems * sizeof(float));
        v->of[i].n_elems = t->n_elems;
    }
    memcpy(v->of[i].data, t->data, t->n_elems * sizeof(float));
}

static void drop(struct values *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->of[i].data);
    v->n = 0;
}

/* A run that keeps what is made, and puts others in the place of some. */
struct run {
    struct values made;
    const struct values *instead;
    const char *const *replaced; /* [n_replaced] names; NULL: all */
    size_t n_replaced;
};

static const float *look(void *ctx, const struct tare_tapped *t)
{
    struct run *run = ctx;
    keep(&run->made, t);
    bool replace = run->instead && !run->replaced;
    for (size_t i = 0; run->replaced && i < run->n_replaced; i++)
        replace = replace || strcmp(run->replaced[i], t->name) == 0;
    if (!replace) return NULL;
    const size_t i = find(run->instead, t->name);
    return i == SIZE_MAX ? NULL : run->instead->of[i].data;
}

static void run_net(struct net *net, size_t sample, struct run *run)
{
    assert_int_equal(tare_context_set_tap(net->context, look, run, true, NULL),
                     TARE_OK);
    assert_int_equal(
        tare_context_set_address(net->context, 0, samples + sample * N_INPUT, NULL),
        TARE_OK);
    assert_int_equal(tare_context_run(net->context, NULL), TARE_OK);
}

struct sums {
    double signal, noise;
};

static void add(struct sums *sums, const struct values *a, const struct values *b,
                const char *name, bool centred)
{
    const float *x = a->of[find(a, name)].data, *y = b->of[find(b, name)].data;
    const size_t n = a->of[find(a, name)].n_elems;
    double mean = 0.0;
    for (size_t i = 0; centred && i < n; i++)
        mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)y[i] - (double)x[i], v = (double)x[i] - mean;
        sums->noise += d * d;
        sums->signal += v * v;
    }
}

static void assert_sqnr(const char *what, const char *name, double sqnr_db,
                        const struct sums *sums)
{
    const double want = 10.0 * log10(sums->signal / sums->noise);
    if (!(fabs(sqnr_db - want) < 1e-6))
        fail_msg("%s of '%s': %.9f dB, want %.9f", what, name, sqnr_db, want);
}

static struct tare_sensitivity *measure(int n_threads)
{
    const struct tare_build_options build = int8_build();
    const struct tare_sensitivity_options options = {.n_threads = n_threads};
    struct tare_sensitivity *s;
    struct tare_error err = {0};
    if (tare_sensitivity_create(&model, &build, &source, &options, NULL, NULL, &s,
                                &err) != TARE_OK)
        fail_msg("%s", err.text);
    return s;
}

/* One row, by whole networks: `names` are the outputs of all rows up to it. */
static void check_row(struct net *fp32, struct net *int8, const char *const *names,
                      size_t n, const struct tare_sensitivity_row *row)
{
    struct sums alone[2] = {{0.0, 0.0}, {0.0, 0.0}},
                accumulated[2] = {{0.0, 0.0}, {0.0, 0.0}};
    for (size_t sample = 0; sample < N_SAMPLES; sample++) {
        struct run f = {.n_replaced = 0}, q = {.n_replaced = 0};
        run_net(fp32, sample, &f);
        run_net(int8, sample, &q);
        struct run a = {.instead = &f.made}; /* each layer from FP32's inputs */
        run_net(int8, sample, &a);
        struct run b = {.instead = &a.made, .replaced = &names[n - 1], .n_replaced = 1};
        run_net(fp32, sample, &b);
        struct run c = {.instead = &q.made, .replaced = names, .n_replaced = n};
        run_net(fp32, sample, &c);
        add(&alone[0], &f.made, &a.made, row->output, false);
        /* what is replaced was kept before */
        const bool is_last = strcmp(row->output, "fc_out") == 0;
        add(&alone[1], &f.made, is_last ? &a.made : &b.made, "fc_out", true);
        add(&accumulated[0], &f.made, &q.made, row->output, false);
        add(&accumulated[1], &f.made, is_last ? &q.made : &c.made, "fc_out", true);
        drop(&f.made);
        drop(&q.made);
        drop(&a.made);
        drop(&b.made);
        drop(&c.made);
    }
    assert_sqnr("alone, layer", row->name, row->alone.layer.sqnr_db, &alone[0]);
    assert_sqnr("accumulated, layer", row->name, row->accumulated.layer.sqnr_db,
                &accumulated[0]);
    assert_sqnr("alone, outputs", row->name, row->alone.outputs.sqnr_db, &alone[1]);
    assert_sqnr("accumulated, outputs", row->name, row->accumulated.outputs.sqnr_db,
                &accumulated[1]);
}

static void rows_are_what_whole_networks_say(void **state)
{
    const struct tare_build_options fp32_build = {0}, build = int8_build();
    const char *names[MOST_TENSORS];
    struct net fp32, int8;
    (void)state;
    struct tare_sensitivity *s = measure(2);
    open_net(&fp32, &fp32_build);
    open_net(&int8, &build);
    assert_true(tare_sensitivity_count(s) >= 10);
    assert_int_equal(tare_sensitivity_n_samples(s, false), N_SAMPLES);
    assert_int_equal(tare_sensitivity_n_samples(s, true), N_SAMPLES);
    for (size_t i = 0; i < tare_sensitivity_count(s); i++) {
        struct tare_sensitivity_row row;
        tare_sensitivity_get(s, i, &row);
        names[i] = row.output;
        check_row(&fp32, &int8, names, i + 1, &row);
    }
    close_net(&fp32);
    close_net(&int8);
    tare_sensitivity_destroy(s);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct tare_sensitivity *one = measure(1), *three = measure(3);
    assert_int_equal(tare_sensitivity_count(one), tare_sensitivity_count(three));
    for (size_t i = 0; i < tare_sensitivity_count(one); i++) {
        struct tare_sensitivity_row a, b;
        tare_sensitivity_get(one, i, &a);
        tare_sensitivity_get(three, i, &b);
        assert_string_equal(a.name, b.name);
        assert_memory_equal(&a.alone, &b.alone, sizeof a.alone);
        assert_memory_equal(&a.accumulated, &b.accumulated, sizeof a.accumulated);
    }
    tare_sensitivity_destroy(one);
    tare_sensitivity_destroy(three);
}

/* ---- a chain of convolutions, three of which are fragile */

enum { N_CONVS = 7, WIDTH = 24, N_FRAGILE = 3 };
static const char *const convs[N_CONVS] = {"conv0", "conv1", "conv2", "conv3",
                                           "conv4", "conv5", "conv6"};
static const char *const fragile[N_FRAGILE] = {"conv2", "conv3", "conv4"};

static float *constant(struct tare_graph *g, const char *conv, const char *what)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", conv, what);
    return g->tensors[tare_graph_find_tensor(g, name)].data;
}

/* Multiply every second channel between two convolutions by 1000, and divide it again:
 * of the others, bytes keep nothing. */
static void make_fragile(struct tare_graph *g, const char *producer,
                         const char *consumer)
{
    float *w = constant(g, producer, "_w"), *b = constant(g, producer, "_b");
    float *next = constant(g, consumer, "_w");
    for (size_t c = 0; c < WIDTH; c++) {
        const float s = c % 2 ? 1000.0f : 1.0f;
        for (size_t i = 0; i < (size_t)WIDTH * 9; i++)
            w[c * WIDTH * 9 + i] *= s;
        b[c] *= s;
        for (size_t o = 0; o < WIDTH; o++)
            for (size_t i = 0; i < 9; i++)
                next[(o * WIDTH + c) * 9 + i] /= s;
    }
}

static struct tare_graph *chain(bool is_fragile)
{
    struct tare_graph *g;
    int32_t x;
    assert_int_equal(tare_graph_create(&g, NULL), TARE_OK);
    g->opset = 13;
    assert_int_equal(tare_graph_add_tensor(g, "input", &x, NULL), TARE_OK);
    g->tensors[x].dtype = TARE_F32;
    g->tensors[x].has_dims = true;
    g->tensors[x].dims = (struct tare_dims){4, {1, 3, 17, 19}};
    assert_int_equal(tare_graph_set_inputs(g, &x, 1, NULL), TARE_OK);
    for (int i = 0; i < N_CONVS; i++) {
        char relu[32];
        (void)snprintf(relu, sizeof relu, "relu%d", i);
        x = engine_net_conv(g, convs[i], x, i ? WIDTH : 3, WIDTH, 3, 1, 1);
        x = engine_net_node(g, TARE_OP_RELU, relu, &x, 1);
    }
    x = engine_net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", &x, 1);
    x = engine_net_node(g, TARE_OP_FLATTEN, "flat", &x, 1);
    const int64_t fc[2] = {WIDTH, 10}, ten = 10;
    const int32_t gemm[3] = {x, engine_net_const(g, "fc_w", 2, fc, 0.5f),
                             engine_net_const(g, "fc_b", 1, &ten, 0.1f)};
    x = engine_net_node(g, TARE_OP_GEMM, "fc", gemm, 3);
    assert_int_equal(tare_graph_set_outputs(g, &x, 1, NULL), TARE_OK);
    for (int i = 0; is_fragile && i + 1 < N_FRAGILE; i++)
        make_fragile(g, fragile[i], fragile[i + 1]);
    assert_int_equal(tare_graph_infer(g, NULL), TARE_OK);
    return g;
}

/* The model is `g` from here on, with the ranges of its samples. */
static void take(struct tare_graph *g)
{
    const struct tare_build_options fp32 = {0};
    struct net net;
    struct run run = {.n_replaced = 0};
    float amax[MOST_TENSORS] = {0.0f};
    tare_cache_destroy(cache);
    tare_graph_destroy(model.graph);
    model = (struct tare_model){.graph = g, .is_bound = true};
    assert_int_equal(tare_cache_create(NULL, "MinMaxCalibration", &cache, NULL),
                     TARE_OK);
    open_net(&net, &fp32);
    for (size_t sample = 0; sample < N_SAMPLES; sample++) {
        run_net(&net, sample, &run);
        for (size_t t = 0; t < run.made.n; t++)
            for (size_t i = 0; i < run.made.of[t].n_elems; i++)
                amax[t] = fmaxf(amax[t], fabsf(run.made.of[t].data[i]));
    }
    for (size_t t = 0; t < run.made.n; t++)
        assert_int_equal(tare_cache_set(cache, run.made.of[t].name, amax[t], NULL),
                         TARE_OK);
    drop(&run.made);
    close_net(&net);
}

static bool is_fragile_layer(const char *name)
{
    for (int i = 0; i < N_FRAGILE; i++)
        if (strcmp(fragile[i], name) == 0) return true;
    return false;
}

static void fragile_layers_come_first(void **state)
{
    (void)state;
    take(chain(true));
    struct tare_sensitivity *s = measure(2);
    double best_fragile = -HUGE_VAL, worst_other = HUGE_VAL;
    assert_int_equal(tare_sensitivity_count(s), N_CONVS + 2); /* mean and fc */
    for (size_t i = 0; i < tare_sensitivity_count(s); i++) {
        struct tare_sensitivity_row row;
        tare_sensitivity_get(s, i, &row);
        const double db = row.alone.outputs.sqnr_db;
        if (is_fragile_layer(row.name))
            best_fragile = fmax(best_fragile, db);
        else
            worst_other = fmin(worst_other, db);
    }
    if (!(best_fragile + 3.0 < worst_other))
        fail_msg("a fragile layer has %g dB, another one %g", best_fragile,
                 worst_other);
    tare_sensitivity_destroy(s);
}

static struct tare_search *search_or_fail(double drop, enum tare_search_metric metric)
{
    const struct tare_build_options build = int8_build();
    const struct tare_search_options options = {
        .drop = drop, .metric = metric, .n_threads = 2};
    struct tare_search *search;
    struct tare_error err = {0};
    if (tare_search_create(&model, &build, &source, &options, &search, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return search;
}

/* 0.003 dB of signal are a SQNR of 31.6 dB. */
static void search_holds_its_budget(void **state)
{
    const double budget = 0.003;
    (void)state;
    take(chain(true));
    struct tare_search *search = search_or_fail(budget, TARE_SEARCH_SQNR);
    struct tare_search_point fp32, int8, point = {0};
    tare_search_get_ends(search, &fp32, &int8);
    assert_true(int8.search.drop > budget && int8.held_back.drop > budget);
    assert_int_equal(tare_search_n_samples(search, false), N_SAMPLES / 2);
    assert_int_equal(tare_search_n_samples(search, true), N_SAMPLES / 2);
    assert_non_null(tare_search_plan(search));
    for (size_t i = 0; !point.is_chosen; i++) {
        assert_true(i < tare_search_n_points(search));
        tare_search_get_point(search, i, &point);
    }
    assert_true(point.search.drop <= budget && point.held_back.drop <= budget);
    assert_true(point.n_int8 < int8.n_int8);
    if (point.n_int8 == 0) /* only where it is the fastest */
        assert_true(fp32.measured_ms <= point.measured_ms);
    for (size_t i = 0; i < N_CONVS + 2; i++) {
        struct tare_sensitivity_row row;
        char entry[64];
        tare_sensitivity_get(tare_search_sensitivity(search), i, &row);
        (void)snprintf(entry, sizeof entry, "'%s':fp32", row.name);
        const bool is_named = strstr(tare_search_precisions(search), entry) != NULL;
        assert_true(is_named !=
                    (strcmp(tare_search_precision(search, i), "INT8") == 0));
        /* what reads the fragile tensors cannot stay; what makes the first one can,
         * writing floats */
        if (strcmp(row.name, "conv3") == 0 || strcmp(row.name, "conv4") == 0)
            assert_true(is_named);
    }
    tare_search_destroy(search);
}

static void nothing_may_hold(void **state)
{
    (void)state;
    take(chain(true));
    struct tare_search *search = search_or_fail(0.0, TARE_SEARCH_SQNR);
    assert_null(tare_search_plan(search));
    assert_string_equal(tare_search_precisions(search), "");
    assert_true(tare_search_n_points(search) >= N_CONVS + 2);
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point point;
        tare_search_get_point(search, i, &point);
        assert_false(point.is_chosen);
        assert_true(point.search.drop > 0.0);
    }
    tare_search_destroy(search);
}

static void a_loose_budget_keeps_int8(void **state)
{
    (void)state;
    take(chain(false));
    struct tare_search *search = search_or_fail(100.0, TARE_SEARCH_AGREEMENT);
    assert_non_null(tare_search_plan(search));
    double least = HUGE_VAL, chosen = HUGE_VAL;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point point;
        tare_search_get_point(search, i, &point);
        least = fmin(least, isnan(point.measured_ms) ? HUGE_VAL : point.measured_ms);
        if (point.is_chosen) chosen = point.measured_ms;
    }
    assert_true(chosen <= least); /* all hold: the fastest is taken */
    struct tare_search_point fp32, int8;
    tare_search_get_ends(search, &fp32, &int8);
    assert_true(chosen <= fp32.measured_ms);
    tare_search_destroy(search);
}

/* Times that are not measured: a layer is 3 ms in FP32, 1 in INT8, a conversion 0.5. */
static void make_costs(struct tare_searcher *s)
{
    for (size_t n = 0; n < s->costs.graph->n_nodes; n++) {
        double *ms = s->costs.times.nodes[n].ms;
        ms[TARE_PRECISION_FP32] = 3.0;
        ms[TARE_PRECISION_INT8] = 1.0;
        ms[TARE_PRECISION_FP16] = ms[TARE_PRECISION_BF16] = 2.0;
    }
    for (size_t t = 0; t < s->costs.graph->n_tensors; t++)
        s->costs.times.quantize_ms[t] = s->costs.times.dequantize_ms[t] =
            s->costs.times.convert_ms[t] = 0.5;
    s->costs.int8_ms = 10.0;
}

static void predictions_count_conversions(void **state)
{
    enum { N_NODES = N_CONVS + 3 }; /* mean, flat, fc */
    struct tare_costs costs;
    uint8_t precision[N_NODES];
    double ms;
    size_t n_int8;
    (void)state;
    take(chain(false));
    const struct tare_build_options build = int8_build();
    struct tare_searcher s = {0};
    assert_int_equal(tare_costs_open(&costs, &model, &build, 1, samples, NULL),
                     TARE_OK);
    assert_int_equal(costs.graph->n_nodes, N_NODES);
    s.costs = costs;
    make_costs(&s);
    memset(precision, TARE_PRECISION_INT8, sizeof precision);
    assert_int_equal(tare_costs_predict(&costs, precision, &ms, &n_int8, NULL),
                     TARE_OK);
    assert_int_equal(n_int8, N_NODES);
    assert_true(fabs(ms - (N_NODES + 0.5)) < 1e-9); /* the input is quantized */
    precision[3] = TARE_PRECISION_FP32; /* conv2 writes floats for conv3, whose output
                                           conv4 quantizes */
    assert_int_equal(tare_costs_predict(&costs, precision, &ms, &n_int8, NULL),
                     TARE_OK);
    assert_int_equal(n_int8, N_NODES - 1);
    assert_true(fabs(ms - (N_NODES - 1 + 3.0 + 1.0)) < 1e-9);
    char *spec;
    assert_int_equal(tare_costs_spec(&costs, precision, false, &spec, NULL), TARE_OK);
    assert_string_equal(spec, "'conv3':fp32");
    tare_free(spec);
    memset(precision, TARE_PRECISION_FP32, sizeof precision);
    assert_int_equal(tare_costs_predict(&costs, precision, &ms, &n_int8, NULL),
                     TARE_OK);
    assert_int_equal(n_int8, 0);
    assert_true(fabs(ms - 3.0 * N_NODES) < 1e-9);
    precision[3] = TARE_PRECISION_BF16; /* between floats: there and back */
    assert_int_equal(tare_costs_predict(&costs, precision, &ms, &n_int8, NULL),
                     TARE_OK);
    assert_true(fabs(ms - (3.0 * N_NODES - 1.0 + 2 * 0.5)) < 1e-9);
    tare_costs_release(&costs);
}

/* With equal times those that make most noise go first, to `wanted`; by noise alone
 * they do even where that takes very long. */
static void check_path(enum tare_precision wanted, bool by_noise)
{
    struct tare_search search = {.n_rows = 0};
    size_t nodes[N_CONVS];
    double noise[N_CONVS];
    uint8_t by_node[N_CONVS + 3];
    take(chain(false));
    const struct tare_build_options build = int8_build();
    struct tare_searcher s = {
        .search = &search, .nodes = nodes, .noise = noise, .by_node = by_node};
    memset(by_node, TARE_PRECISION_INT8, sizeof by_node);
    assert_int_equal(tare_costs_open(&s.costs, &model, &build, 1, samples, NULL),
                     TARE_OK);
    make_costs(&s);
    for (size_t n = 0; n < s.costs.graph->n_nodes; n++) /* whatever this machine's */
        s.costs.nodes[n].can[wanted] = true;
    search.n_rows = N_CONVS;
    for (size_t i = 0; i < N_CONVS; i++) {
        nodes[i] = (size_t)tare_graph_find_node(s.costs.graph, convs[i]);
        noise[i] = is_fragile_layer(convs[i]) ? 0.1 : 1e-4;
        for (int p = 0; by_noise && noise[i] == 0.1 && p < TARE_N_PRECISIONS; p++)
            s.costs.times.nodes[nodes[i]].ms[p] += p == TARE_PRECISION_INT8 ? 0.0 : 1e6;
    }
    assert_int_equal(tare_search_walk_path(&s, by_noise, NULL), TARE_OK);
    assert_int_equal(s.path.n, N_CONVS);
    for (size_t i = 0; i < N_CONVS; i++) {
        const struct tare_assignment *a = &s.path.items[i];
        size_t n_out = 0, n_fragile = 0;
        for (size_t r = 0; r < N_CONVS; r++) {
            const bool is_out = a->precision[r] != TARE_PRECISION_INT8;
            n_out += is_out;
            n_fragile += is_out && is_fragile_layer(convs[r]);
            if (is_out) assert_int_equal(a->precision[r], wanted);
        }
        assert_int_equal(n_out, i);
        assert_int_equal(n_fragile, i < N_FRAGILE ? i : N_FRAGILE);
        assert_int_equal(a->point.n_int8, N_CONVS + 3 - i);
    }
    tare_assignments_release(&s.path);
    tare_costs_release(&s.costs);
}

static void path_begins_with_the_noisiest(void **state)
{
    (void)state;
    check_path(TARE_PRECISION_FP32, false);
    check_path(TARE_PRECISION_FP32, true);
}

/* A layer takes 2 ms in 16 bits, 3 in FP32. */
static void path_takes_faster_halves(void **state)
{
    (void)state;
    check_path(TARE_PRECISION_FP16, false);
    check_path(TARE_PRECISION_BF16, false);
}

/* Asked for, they are timed; where no layer is faster, none is in them, and it is said.
 * What was chosen holds, with whatever is in it. */
static void halves_are_chosen_by_time(void **state)
{
    (void)state;
    take(chain(true));
    struct tare_build_options build = int8_build();
    build.fp16 = build.bf16 = true;
    const struct tare_search_options options = {
        .drop = 0.01, .metric = TARE_SEARCH_SQNR, .n_threads = 1};
    struct tare_search *search;
    struct tare_error err = {0};
    if (tare_search_create(&model, &build, &source, &options, &search, &err) != TARE_OK)
        fail_msg("%s", err.text);
    const char *spec = tare_search_precisions(search);
    assert_non_null(tare_search_plan(search));
    assert_false(tare_search_is_slow(search, false) && strstr(spec, ":fp16"));
    assert_false(tare_search_is_slow(search, true) && strstr(spec, ":bf16"));
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point point;
        tare_search_get_point(search, i, &point);
        if (point.is_chosen)
            assert_true(point.search.drop <= 0.01 && point.held_back.drop <= 0.01);
    }
    tare_search_destroy(search);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct tare_build_options build = int8_build(), fp32 = {0};
    const struct tare_sensitivity_options o = {.n_threads = 1};
    struct tare_search_options top1 = {.drop = 1.0, .n_threads = 1};
    const struct tare_sample_source one = {NULL, 1, fill};
    struct tare_sensitivity *s;
    struct tare_search *search;
    struct tare_error err = {0};
    (void)state;
    assert_int_equal(
        tare_sensitivity_create(&model, &fp32, &source, &o, NULL, NULL, &s, &err),
        TARE_E_ARG);
    assert_null(s);
    assert_int_equal(tare_search_create(&model, &build, &one, &top1, &search, &err),
                     TARE_E_ARG);
    assert_int_equal(tare_search_create(&model, &build, &source, &top1, &search, &err),
                     TARE_E_ARG); /* no labels */
    assert_non_null(strstr(err.text, "labels"));
    top1.drop = -1.0;
    assert_int_equal(tare_search_create(&model, &build, &source, &top1, &search, &err),
                     TARE_E_ARG);
    assert_null(search);
}

/* Whatever allocation fails: an error, and nothing is left behind (ASan looks). */
static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    take(chain(false));
    const struct tare_build_options build = int8_build();
    const struct tare_sensitivity_options o = {.n_threads = 1};
    const struct tare_search_options agreement = {
        .drop = 100.0, .metric = TARE_SEARCH_AGREEMENT, .n_threads = 1};
    const struct tare_sample_source few = {NULL, 2, fill};
    struct tare_sensitivity *s = NULL;
    struct tare_search *search = NULL;
    for (int64_t n = 0; !s; n += n / 4 + 7) {
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        const enum tare_status st =
            tare_sensitivity_create(&model, &build, &few, &o, NULL, NULL, &s, &err);
        tare_alloc_fail_after(-1);
        assert_true(s ? st == TARE_OK : st == TARE_E_NOMEM);
    }
    for (int64_t n = 0; !search; n += n / 2 + 7) { /* each times engines */
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        const enum tare_status st =
            tare_search_create(&model, &build, &few, &agreement, &search, &err);
        tare_alloc_fail_after(-1);
        assert_true(search ? st == TARE_OK : st == TARE_E_NOMEM);
    }
    tare_sensitivity_destroy(s);
    tare_search_destroy(search);
}

static int make_network(void **state)
{
    (void)state;
    samples = malloc(sizeof *samples * N_SAMPLES * N_INPUT);
    for (size_t i = 0; samples && i < (size_t)N_SAMPLES * N_INPUT; i++)
        samples[i] = engine_net_random();
    if (samples) take(engine_net_raw());
    return samples ? 0 : 1;
}

static int remove_network(void **state)
{
    (void)state;
    free(samples);
    tare_cache_destroy(cache);
    tare_graph_destroy(model.graph);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_whole_networks_say),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(fragile_layers_come_first),
        cmocka_unit_test(search_holds_its_budget),
        cmocka_unit_test(nothing_may_hold),
        cmocka_unit_test(a_loose_budget_keeps_int8),
        cmocka_unit_test(predictions_count_conversions),
        cmocka_unit_test(path_begins_with_the_noisiest),
        cmocka_unit_test(path_takes_faster_halves),
        cmocka_unit_test(halves_are_chosen_by_time),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests_name("search", tests, make_network, remove_network);
}
