/* Branches that run side by side. Random networks of forks and joins: whatever runs
 * beside what, on however many threads and in whatever order, the bytes are those of
 * one layer after another; no layer writes where another stream's reads or writes,
 * worked out here byte by byte; and files that say otherwise are refused. */
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/context.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"
#include "tests/unit/plan_forge.h"

enum { MOST_BRANCHES = 4, MOST_OUTPUTS = 6 };

static uint64_t state; /* of the weights */

struct network {
    struct tare_graph *graph;
    char names[128][16]; /* of all tensors that steps make */
    int n_names;
};

static int draw(int n)
{
    return (int)(check_u32() % (uint32_t)n);
}

static const char *fresh(struct network *net)
{
    assert_true(net->n_names < 128);
    char *name = net->names[net->n_names];
    (void)snprintf(name, sizeof net->names[0], "t%d", net->n_names++);
    return name;
}

static int channels_of(const struct network *net, const char *x)
{
    return (int)net->graph->tensors[net_tensor(net->graph, x)].dims.d[1];
}

static const char *conv(struct network *net, const char *x, int out_c, int kernel)
{
    const char *y = fresh(net);
    char name[24];
    (void)snprintf(name, sizeof name, "conv_%s", y);
    net_conv(net->graph, name, x, y, channels_of(net, x), out_c, kernel, draw(2),
             &state);
    net_infer(net->graph);
    return y;
}

static const char *pool(struct network *net, const char *x)
{
    const char *y = fresh(net);
    struct tare_node *node = net_node(
        net->graph, draw(2) ? TARE_OP_MAX_POOL : TARE_OP_AVERAGE_POOL, y, x, y);
    net_ints(node, "kernel_shape", 2, 3, 3);
    net_ints(node, "pads", 4, 1, 1, 1, 1);
    net_infer(net->graph);
    return y;
}

static const char *apply(struct network *net, enum tare_op op, const char *inputs)
{
    const char *y = fresh(net);
    net_node(net->graph, op, y, inputs, y);
    net_infer(net->graph);
    return y;
}

/* Hardmax is a program. */
static const char *step(struct network *net, const char *x)
{
    static const enum tare_op ops[] = {TARE_OP_RELU, TARE_OP_SIGMOID, TARE_OP_SOFTMAX,
                                       TARE_OP_HARDMAX};
    switch (draw(6)) {
    case 0: return pool(net, x);
    case 1: return apply(net, ops[draw(4)], x);
    default: return conv(net, x, 4 + draw(20), draw(2) ? 1 : 3);
    }
}

/* Some layers; now and then their end is an output. */
static const char *branch(struct network *net, const char *x)
{
    const char *y = conv(net, x, 4 + draw(20), draw(2) ? 1 : 3);
    for (int k = draw(3); k > 0; k--)
        y = step(net, y);
    if (net->graph->n_outputs < MOST_OUTPUTS - 2 && draw(8) == 0)
        net_output(net->graph, y);
    return y;
}

/* Branches that are joined in one tensor. */
static const char *concat(struct network *net, const char *x)
{
    char ends[16 * MOST_BRANCHES] = "";
    for (int n = 2 + draw(MOST_BRANCHES - 1); n > 0; n--) {
        const size_t at = strlen(ends);
        (void)snprintf(ends + at, sizeof ends - at, "%s ", branch(net, x));
    }
    const char *y = fresh(net);
    net_int(net_node(net->graph, TARE_OP_CONCAT, y, ends, y), "axis", 1);
    net_infer(net->graph);
    return y;
}

/* Branches that are added up. */
static const char *sum(struct network *net, const char *x)
{
    const int width = 4 + draw(12);
    const char *y = NULL;
    for (int n = 2 + draw(MOST_BRANCHES - 1); n > 0; n--) {
        char terms[40];
        const char *z = conv(net, branch(net, x), width, 1);
        (void)snprintf(terms, sizeof terms, "%s %s", z, y ? y : "");
        y = y ? apply(net, TARE_OP_ADD, terms) : z;
    }
    return y;
}

/* A network of one or two inputs. */
static struct tare_graph *random_network(void)
{
    struct network net = {.graph = net_create(14)};
    const int64_t size = 5 + draw(9);
    char ends[40];
    net_input(net.graph, "a", NET_DIMS(1, 3 + draw(6), size, size));
    net_input(net.graph, "b", NET_DIMS(1, 3 + draw(6), size, size));
    const char *x = conv(&net, "a", 8, 3), *z = conv(&net, "b", 8, 1);
    for (int n = draw(4); n > 0; n--)
        z = step(&net, z);
    for (int n = 1 + draw(3); n > 0; n--)
        x = draw(2) ? concat(&net, x) : sum(&net, x);
    const char *last = conv(&net, x, 8, 1), *other = conv(&net, z, 8, 1);
    (void)snprintf(ends, sizeof ends, "%s %s", last, other);
    net_output(net.graph, apply(&net, TARE_OP_ADD, ends));
    net_output(net.graph, apply(&net, TARE_OP_GLOBAL_AVERAGE_POOL, x));
    return net_infer(net.graph);
}

static struct built build(const struct tare_graph *graph, size_t n_streams)
{
    struct built built;
    const struct tare_engine_options options = {
        .isa = tare_cpu_flags(), .in_place = true, .n_streams = n_streams};
    NET_TRY(built_make_with(graph, &options, &built, &err_));
    return built;
}

/* Which stream has written each byte of the arena, in a region. */
static void mark(const struct tare_plan_tensor *t, uint8_t *arena, uint8_t stream,
                 bool writes)
{
    if (t->storage != TARE_IN_ARENA) return;
    const size_t elem_bytes = (size_t)tare_dtype_bytes((enum tare_dtype)t->dtype);
    const size_t run = t->pitch ? (size_t)t->dims.d[1] * elem_bytes : t->n_bytes;
    const size_t pitch = t->pitch ? (size_t)t->pitch * elem_bytes : t->n_bytes;
    for (size_t at = 0, done = 0; done < t->n_bytes; at += pitch, done += run)
        for (size_t i = 0; i < run; i++) {
            uint8_t *byte = &arena[t->offset + at + i];
            assert_true(*byte == 0 || *byte == stream);
            if (writes) *byte = stream;
        }
}

static void check_region(const struct tare_engine *e, size_t first, size_t end)
{
    uint8_t *arena = calloc(1, e->header->arena_bytes);
    for (int writes = 1; writes >= 0; writes--) /* then what they read */
        for (size_t i = first; i < end; i++) {
            const struct tare_layer *l = &e->layers[i];
            const uint8_t stream = (uint8_t)(l->record->stream + 1);
            for (size_t k = 0; k < (writes ? l->n_outputs : l->n_inputs); k++)
                mark(writes ? l->outputs[k] : l->inputs[k], arena, stream, writes);
        }
    free(arena);
}

/* @return layers that have another one beside them */
static size_t check_plan(const struct tare_engine *e, size_t n_streams)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n_layers;) {
        size_t end = i;
        uint32_t streams = 0;
        while (end < e->n_layers && e->records[end].region == e->records[i].region)
            streams |= UINT32_C(1) << e->records[end++].stream;
        if (e->records[i].region > 0) {
            check_region(e, i, end);
            assert_true(streams > 1 && streams < UINT32_C(1) << n_streams);
            n += end - i;
        }
        i = end;
    }
    return n;
}

/* A context with memory of its own for the bindings. */
struct bound {
    struct tare_context *context;
    void *data[GRAPH_MAX_BINDINGS];
    size_t n_inputs, n;
};

static struct bound bind(const struct tare_engine *e, int n_threads,
                         const struct graph_values *inputs)
{
    struct bound b = {.n_inputs = inputs->n};
    struct tare_engine_info info;
    NET_TRY(tare_context_create(e, n_threads, &b.context, &err_));
    tare_engine_info(e, &info);
    b.n = info.n_bindings;
    for (size_t i = 0; i < b.n; i++) {
        struct tare_binding binding;
        tare_engine_binding(e, i, &binding);
        b.data[i] = calloc(1, binding.n_bytes);
        if (i < inputs->n) memcpy(b.data[i], inputs->data[i], binding.n_bytes);
        NET_TRY(tare_context_set_address(b.context, i, b.data[i], &err_));
    }
    return b;
}

static void unbind(struct bound *b)
{
    tare_context_destroy(b->context);
    for (size_t i = 0; i < b->n; i++)
        free(b->data[i]);
}

/* The outputs are those of `wanted`, and are cleared. */
static void compare(const struct tare_engine *e, struct bound *b,
                    const struct bound *wanted)
{
    for (size_t i = b->n_inputs; i < b->n; i++) {
        struct tare_binding binding;
        tare_engine_binding(e, i, &binding);
        assert_memory_equal(b->data[i], wanted->data[i], binding.n_bytes);
        memset(b->data[i], 0, binding.n_bytes);
    }
}

/* Layers of a region in any order that their streams allow. */
static void run_shuffled(const struct tare_engine *e, struct tare_context *context)
{
    for (size_t i = 0; i < e->n_layers;) {
        size_t next[TARE_MAX_STREAMS], left = 0, end = i;
        while (end < e->n_layers && e->records[end].region == e->records[i].region &&
               (e->records[i].region > 0 || end == i))
            end++;
        for (size_t s = 0; s < TARE_MAX_STREAMS; s++)
            next[s] = i;
        for (left = end - i; left > 0;) {
            const size_t s = check_u32() % TARE_MAX_STREAMS;
            while (next[s] < end && e->records[next[s]].stream != s)
                next[s]++;
            if (next[s] == end) continue;
            tare_context_run_layer(context, next[s]++);
            left--;
        }
        i = end;
    }
    NET_TRY(tare_context_failure(context, &err_));
}

static const float *look(void *ctx, const struct tare_tapped *tensor)
{
    (void)tensor;
    ++*(size_t *)ctx;
    return NULL;
}

/* Tapped, and timed: one layer after another. */
static void check_watched(const struct tare_engine *e, struct bound *b,
                          const struct bound *wanted)
{
    size_t n_seen = 0;
    NET_TRY(tare_context_set_tap(b->context, look, &n_seen, true, &err_));
    NET_TRY(tare_context_run(b->context, &err_));
    assert_int_equal(n_seen, tare_engine_n_taps(e));
    compare(e, b, wanted);
    NET_TRY(tare_context_set_tap(b->context, NULL, NULL, false, &err_));
    tare_context_set_profiling(b->context, true);
    NET_TRY(tare_context_run(b->context, &err_));
    compare(e, b, wanted);
    tare_context_set_profiling(b->context, false);
}

static void check_runs(const struct tare_engine *e, const struct graph_values *inputs,
                       const struct bound *wanted)
{
    static const int threads[] = {1, 2, 3, 8};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        struct bound b = bind(e, threads[t], inputs);
        for (int run = 0; run < 4; run++) {
            NET_TRY(tare_context_run(b.context, &err_));
            compare(e, &b, wanted);
        }
        check_watched(e, &b, wanted);
        for (int run = 0; run < 3; run++) {
            run_shuffled(e, b.context);
            compare(e, &b, wanted);
        }
        unbind(&b);
    }
}

/* @return layers that have another one beside them */
static size_t check_graph(const struct tare_graph *graph,
                          const struct graph_values *inputs)
{
    static const size_t streams[] = {2, 3, 8};
    struct built one = build(graph, 1);
    struct bound wanted = bind(one.engine, 1, inputs);
    size_t n_beside = 0;
    assert_int_equal(check_plan(one.engine, 1), 0);
    NET_TRY(tare_context_run(wanted.context, &err_));
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct built built = build(graph, streams[i]);
        n_beside = check_plan(built.engine, streams[i]);
        check_runs(built.engine, inputs, &wanted);
        built_release(&built);
    }
    unbind(&wanted);
    built_release(&one);
    return n_beside;
}

static void test_random_networks(void **unused)
{
    (void)unused;
    for (int round = 0; round < 8; round++) {
        struct tare_graph *raw = random_network();
        struct tare_graph *graph = graph_optimized(raw);
        struct naive run = naive_run(graph, 7);
        struct graph_values inputs = graph_inputs(&run);
        assert_true(check_graph(graph, &inputs) > 0);
        graph_to_int8(graph, 7);
        assert_true(check_graph(graph, &inputs) > 0);
        graph_values_free(&inputs);
        naive_free(&run);
        tare_graph_destroy(graph);
        tare_graph_destroy(raw);
    }
}

/* Two branches of two layers, and a sum. */
static struct built build_fork(size_t n_streams)
{
    struct network net = {.graph = net_create(14)};
    net_input(net.graph, "x", NET_DIMS(1, 4, 6, 6));
    const char *x = apply(&net, TARE_OP_SIGMOID, "x");
    const char *a = pool(&net, pool(&net, x));
    const char *b = apply(&net, TARE_OP_SOFTMAX, apply(&net, TARE_OP_SIGMOID, x));
    char terms[40];
    (void)snprintf(terms, sizeof terms, "%s %s", a, b);
    net_output(net.graph, apply(&net, TARE_OP_ADD, terms));
    struct built built = build(net_infer(net.graph), n_streams);
    tare_graph_destroy(net.graph);
    return built;
}

static struct tare_plan_layer *layers_of(uint8_t *bytes)
{
    struct tare_plan_header h;
    memcpy(&h, bytes, sizeof h);
    void *at = bytes + h.sections[TARE_SECTION_LAYERS].offset;
    return at;
}

static void refuse(uint8_t *bytes, size_t n_bytes, const char *why)
{
    struct tare_engine *engine;
    struct tare_error err = {0};
    plan_rehash(bytes);
    assert_int_equal(tare_engine_open(bytes, n_bytes, &engine, &err), TARE_E_FORMAT);
    if (!strstr(err.text, why)) fail_msg("'%s', want '%s'", err.text, why);
}

/* What a forger may write into the records of the layers. */
static void test_forged(void **unused)
{
    (void)unused;
    struct built built = build_fork(2);
    const size_t n = built.engine->n_layers;
    size_t first = 0;
    while (built.engine->records[first].region == 0)
        assert_true(++first < n);
    const struct tare_region region = tare_region_at(built.engine->records, n, first);
    assert_int_equal(region.n_streams, 2);
    assert_true(region.end < n);
    tare_engine_destroy(built.engine);
    built.engine = NULL;
    struct tare_plan_layer *l = layers_of(built.bytes);
    struct tare_plan_layer *kept = tare_alloc_array(n, sizeof *kept);
    memcpy(kept, l, n * sizeof *l);

    for (int forgery = 0; forgery < 6; forgery++) {
        const char *why = "list of regions";
        switch (forgery) {
        case 0: l[first].stream = TARE_MAX_STREAMS; break;
        case 1: l[region.end].stream = 1; break; /* of no region */
        case 2:
            for (size_t i = first; i < region.end; i++)
                l[i].region = 2; /* there is no first one */
            break;
        case 3: l[region.end].region = 3; break;
        case 4: /* the join runs beside what it joins */
            l[region.end].region = 1;
            l[region.end].stream = 2;
            why = "need each other";
            break;
        default: /* a branch's layers beside each other */
            l[first].stream = 3;
            why = "need each other";
        }
        refuse(built.bytes, built.n_bytes, why);
        memcpy(l, kept, n * sizeof *l);
    }
    tare_free(kept);
    built_release(&built);
}

/* Memory that one stream frees, another one must not take. */
static void test_forged_memory(void **unused)
{
    (void)unused;
    struct built plain = build_fork(1), built = build_fork(2);
    const size_t n = plain.engine->n_layers;
    struct tare_plan_layer *to = layers_of(plain.bytes);
    tare_engine_destroy(plain.engine);
    plain.engine = NULL;
    for (size_t i = 0; i < n; i++) {
        to[i].region = built.engine->records[i].region;
        to[i].stream = built.engine->records[i].stream;
    }
    refuse(plain.bytes, plain.n_bytes, "need each other");
    built_release(&plain);
    built_release(&built);
}

/* Chains longer than a region may be: it is cut, or not made; files with such are
 * refused. */
static void test_long_branches(void **unused)
{
    (void)unused;
    struct network net = {.graph = net_create(14)};
    net_input(net.graph, "x", NET_DIMS(1, 2, 3, 3));
    const char *ends[2];
    for (int b = 0; b < 2; b++) {
        ends[b] = "x";
        for (int i = 0; i < 50; i++)
            ends[b] = pool(&net, ends[b]);
    }
    char terms[40];
    (void)snprintf(terms, sizeof terms, "%s %s", ends[0], ends[1]);
    net_output(net.graph, apply(&net, TARE_OP_ADD, terms));
    struct built built = build(net_infer(net.graph), 2);
    tare_graph_destroy(net.graph);
    assert_true(check_plan(built.engine, 2) <= TARE_MAX_REGION_LAYERS);
    const size_t n = built.engine->n_layers;
    tare_engine_destroy(built.engine);
    built.engine = NULL;
    struct tare_plan_layer *l = layers_of(built.bytes);
    for (size_t i = 0; i < n; i++) {
        l[i].region = 1;
        l[i].stream = 0;
    }
    refuse(built.bytes, built.n_bytes, "layers, want 64 at most");
    built_release(&built);
}

/* Give the times of regions, in their order, side by side other values. */
static void forge_times(const char *path, const uint64_t *ns)
{
    static const char key[] = "\tside by side\t";
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_text text = {0};
    NET_TRY(tare_file_read(path, 1 << 20, &bytes, &n_bytes, &err_));
    char *at = (char *)bytes, *end;
    for (int i = 0; (end = strchr(at, '\n')) && strncmp(at, "xxh3 ", 5) != 0;
         at = end + 1) {
        *end = '\0';
        char *found = strstr(at, key);
        if (found) found[sizeof key - 1] = '\0';
        tare_text_add(&text, "%s", at);
        if (found) tare_text_add(&text, "%llu", (unsigned long long)ns[i++]);
        tare_text_add(&text, "\n");
    }
    tare_text_add(&text, "xxh3 %016llx\n",
                  (unsigned long long)tare_hash64(text.data, text.length));
    NET_TRY(tare_file_write(path, text.data, text.length, &err_));
    tare_text_free(&text);
    tare_free(bytes);
}

/* Two branches of a layer each. */
static const char *fire(struct network *net, const char *x, int width)
{
    char ends[40];
    const char *a = conv(net, x, width, 1), *b = conv(net, x, width, 3);
    (void)snprintf(ends, sizeof ends, "%s %s", a, b);
    const char *y = fresh(net);
    net_int(net_node(net->graph, TARE_OP_CONCAT, y, ends, y), "axis", 1);
    net_infer(net->graph);
    return y;
}

/* What is kept is what is faster by its times; the rest leaves nothing behind. */
static void test_choice(void **unused)
{
    (void)unused;
    struct network net = {.graph = net_create(14)};
    net_input(net.graph, "x", NET_DIMS(1, 4, 9, 9));
    net_output(net.graph, fire(&net, fire(&net, "x", 8), 12));
    net_infer(net.graph);
    char path[] = "/tmp/tare-regions-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    (void)unlink(path); /* the first build makes it */
    struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                          .in_place = true,
                                          .n_streams = 3,
                                          .tactics = {.sources = TARE_TACTICS_OWN,
                                                      .level = 2,
                                                      .n_threads = 2,
                                                      .timing_cache = path}};
    struct built built, plain;
    NET_TRY(built_make_with(net.graph, &options, &built, &err_));
    built_release(&built);
    for (int wanted = 0; wanted < 4; wanted++) {
        const uint64_t slow = 4000000000000;
        forge_times(path,
                    (const uint64_t[]){wanted & 1 ? 1 : slow, wanted & 2 ? 1 : slow});
        options.n_streams = 3;
        NET_TRY(built_make_with(net.graph, &options, &built, &err_));
        options.n_streams = 1;
        NET_TRY(built_make_with(net.graph, &options, &plain, &err_));
        (void)check_plan(built.engine, 3);
        struct tare_engine_info info;
        tare_engine_info(built.engine, &info);
        assert_int_equal(info.n_regions, (wanted & 1) + (wanted >> 1));
        assert_int_equal(built.n_bytes, plain.n_bytes);
        if (wanted == 0) assert_memory_equal(built.bytes, plain.bytes, plain.n_bytes);
        built_release(&built);
        built_release(&plain);
    }
    (void)unlink(path);
    tare_graph_destroy(net.graph);
}

static void test_no_memory(void **unused)
{
    (void)unused;
    struct network net = {.graph = net_create(14)};
    net_input(net.graph, "x", NET_DIMS(1, 4, 6, 6));
    net_output(net.graph, concat(&net, "x"));
    net_infer(net.graph);
    const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                .n_streams = 4};
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t n = 0; st != TARE_OK; n++) {
        uint8_t *bytes;
        size_t n_bytes;
        tare_alloc_fail_after(n);
        st = tare_engine_build(net.graph, &options, &bytes, &n_bytes, NULL, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        tare_free(bytes);
    }
    tare_graph_destroy(net.graph);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_networks), cmocka_unit_test(test_forged),
        cmocka_unit_test(test_forged_memory),   cmocka_unit_test(test_long_branches),
        cmocka_unit_test(test_choice),          cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
