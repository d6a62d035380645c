/* Plugins: what is loaded and what is refused; nodes of them in graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/blob.h"
#include "optimizer/optimizer.h"
#include "tests/unit/plugin_probe.h"

static const char add_scalar[] = TARE_BINARY_DIR "/examples/plugins/add_scalar.so";

static void refuse_library(const char *path, enum tare_status status, const char *text)
{
    struct tare_plugins *plugins = no_plugins();
    struct tare_error err = {0};
    assert_int_equal(tare_plugin_load(plugins, path, &err), status);
    if (!strstr(err.text, text)) fail_msg("'%s' is not in '%s'", text, err.text);
    assert_int_equal(tare_plugins_count(plugins), 0);
    tare_plugins_destroy(plugins);
}

static void test_libraries(void **state)
{
    (void)state;
    struct tare_plugins *plugins = no_plugins();
    struct tare_error err = {0};
    for (int i = 0; i < 2; i++) /* the second time it is there already */
        assert_int_equal(tare_plugin_load(plugins, add_scalar, &err), TARE_OK);
    assert_int_equal(tare_plugins_count(plugins), 1);
    assert_string_equal(tare_plugins_item(plugins, 0)->name, "AddScalar");
    tare_plugins_destroy(plugins);
    refuse_library("./there-is-none.so", TARE_E_IO, "there-is-none.so");
    refuse_library(TARE_BINARY_DIR "/tests/no_plugin.so", TARE_E_FORMAT,
                   "no_plugin.so: exports no tare_plugin_get()");
    refuse_library(TARE_BINARY_DIR "/tests/other_form.so", TARE_E_FORMAT,
                   "other_form.so: a plugin of form 999, want 1: compile it again");
}

static void refuse_plugin(const struct tare_plugin *plugin, enum tare_status status,
                          const char *text)
{
    struct tare_plugins *plugins = with_probe();
    struct tare_error err = {0};
    assert_int_equal(tare_plugins_add(plugins, plugin, &err), status);
    if (!strstr(err.text, text)) fail_msg("'%s' is not in '%s'", text, err.text);
    assert_int_equal(tare_plugins_count(plugins), 1);
    tare_plugins_destroy(plugins);
}

static void test_refused_plugins(void **state)
{
    (void)state;
    static char long_name[TARE_PLUGIN_NAME_MAX + 2];
    struct tare_plugin p = probe_plugin;
    p.abi = 2;
    refuse_plugin(&p, TARE_E_FORMAT, "a plugin of form 2, want 1");
    p = probe_plugin;
    refuse_plugin(&p, TARE_E_ARG, "'test::Probe' version '2' is loaded already");
    p.shapes = NULL;
    refuse_plugin(&p, TARE_E_FORMAT, "plugin 'Probe' lacks a function");
    p = probe_plugin;
    p.version = "";
    refuse_plugin(&p, TARE_E_FORMAT, "wants a domain, a name and a version");
    memset(long_name, 'x', sizeof long_name - 1);
    p.version = long_name;
    refuse_plugin(&p, TARE_E_FORMAT, "of 255 bytes at most");
    p = probe_plugin;
    p.domain = "";
    p.name = "Conv";
    refuse_plugin(&p, TARE_E_ARG, "an operator that tare computes itself");
    p.domain = "ai.onnx";
    refuse_plugin(&p, TARE_E_ARG, "the domain of ONNX's own operators is \"\"");
}

/* A later version is taken where none is wanted, an older one stays to be found. */
static void test_versions(void **state)
{
    (void)state;
    static struct tare_plugin next;
    struct tare_plugins *plugins = with_probe();
    next = probe_plugin;
    next.version = "3";
    NET_TRY(tare_plugins_add(plugins, &next, &err_));
    assert_ptr_equal(tare_plugins_find(plugins, "test", "Probe", NULL), &next);
    assert_ptr_equal(tare_plugins_find(plugins, "test", "Probe", "2"), &probe_plugin);
    assert_null(tare_plugins_find(plugins, "test", "Probe", "4"));
    assert_null(tare_plugins_find(plugins, "", "Probe", NULL));
    assert_null(tare_plugins_find(NULL, "test", "Probe", NULL));
    tare_plugins_destroy(plugins);
}

/* What create() of the next test was given. */
static enum tare_status see_fields(const struct tare_plugin_field *f, size_t n,
                                   void **state, struct tare_error *err)
{
    static const int32_t want[] = {1, 2};
    (void)err;
    assert_int_equal(n, 7);
    assert_string_equal(f[0].name, "i");
    assert_true(f[0].type == TARE_PLUGIN_INTS && f[0].n == 1 && f[0].ints[0] == -3);
    assert_true(f[1].type == TARE_PLUGIN_FLOATS && f[1].n == 1);
    assert_true(f[1].floats[0] == 0.5f);
    assert_true(f[2].type == TARE_PLUGIN_STRINGS && f[2].n == 1);
    assert_string_equal(f[2].strings[0], "one text");
    assert_true(f[3].type == TARE_PLUGIN_INTS && f[3].n == 2 && f[3].ints[1] == 8);
    assert_true(f[4].type == TARE_PLUGIN_FLOATS && f[4].n == 0);
    assert_true(f[5].type == TARE_PLUGIN_STRINGS && f[5].n == 3);
    assert_string_equal(f[5].strings[0], "a");
    assert_string_equal(f[5].strings[1], "");
    assert_string_equal(f[5].strings[2], "c d");
    assert_true(f[6].type == TARE_PLUGIN_TENSOR && f[6].tensor->dtype == TARE_S32);
    assert_memory_equal(f[6].tensor->data, want, sizeof want);
    *state = NULL;
    return TARE_OK;
}

static void test_fields(void **state)
{
    (void)state;
    int64_t ints[] = {7, 8};
    int32_t values[] = {1, 2};
    char i[] = "i", f[] = "f", s[] = "s", is[] = "is", fs[] = "fs", ss[] = "ss",
         t[] = "t", g[] = "g", text[] = "one text", texts[] = "a\n\nc d";
    const struct tare_attr attrs[] = {
        {.name = i, .type = TARE_ATTR_INT, .i = -3},
        {.name = f, .type = TARE_ATTR_FLOAT, .f = 0.5f},
        {.name = s, .type = TARE_ATTR_STRING, .s = text},
        {.name = is, .type = TARE_ATTR_INTS, .ints = ints, .n = 2},
        {.name = fs, .type = TARE_ATTR_FLOATS},
        {.name = ss, .type = TARE_ATTR_STRINGS, .s = texts, .n = 3},
        {.name = t,
         .type = TARE_ATTR_TENSOR,
         .t = {TARE_S32, NET_DIMS(2), values, sizeof values}},
        {.name = g, .type = TARE_ATTR_GRAPH},
    };
    struct tare_plugin seer = probe_plugin;
    struct tare_plugin_instance *instance;
    struct tare_error err = {0};
    seer.create = see_fields;
    seer.destroy = free;
    assert_int_equal(tare_plugin_create(&seer, attrs, 7, &instance, &err), TARE_OK);
    tare_plugin_free(instance);
    assert_int_equal(tare_plugin_create(&seer, attrs, 8, &instance, &err),
                     TARE_E_UNSUPPORTED);
    assert_null(instance);
    assert_string_equal(err.text,
                        "attribute 'g' is a graph, which plugins are not given");
}

/* A plugin that says no word is spoken for. */
static void test_no_text(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    struct tare_error err = {0};
    net_input(g, "x", NET_DIMS(2));
    net_output(g, "y");
    probe_node(g, "probe", "x x x", "y", 1.0f, NULL);
    assert_int_equal(tare_graph_infer(g, &err), TARE_E_FORMAT);
    assert_string_equal(err.text,
                        "node 'probe' (Probe): plugin 'test::Probe': shapes() failed");
    tare_graph_destroy(g);
}

/* Two equal nodes stay two, one of constants is no constant, and nothing is known of
 * the sign of what it makes. */
static void test_passes(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    net_output(g, "z");
    net_scalar(g, "c", 1.0f);
    (void)net_node(g, TARE_OP_RELU, "relu", "x", "r");
    probe_node(g, "p1", "r", "p", 1.0f, NULL);
    probe_node(g, "p2", "r", "q", 1.0f, NULL);
    probe_node(g, "p3", "c", "d", 1.0f, NULL);
    (void)net_node(g, TARE_OP_ADD, "add1", "p q", "y");
    (void)net_node(g, TARE_OP_ADD, "add2", "q d", "z");
    NET_TRY(tare_optimize(net_infer(g), NULL, &err_));
    assert_int_equal(g->n_nodes, 6);
    assert_null(g->tensors[net_tensor(g, "d")].data);
    bool *flags = calloc(g->n_tensors, sizeof *flags);
    assert_non_null(flags);
    tare_graph_nonnegative(g, flags);
    assert_true(flags[net_tensor(g, "r")]);
    assert_false(flags[net_tensor(g, "p")]);
    free(flags);
    tare_graph_destroy(g);
}

static struct tare_graph *blob_net(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "b");
    net_scalar(g, "bias", 0.25f);
    (void)net_node(g, TARE_OP_RELU, "relu", "x", "a");
    probe_node(g, "probe", "a bias", "b", 0.75f, NULL);
    return g;
}

static void test_blob(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = blob_net(), *read;
    struct tare_blob blob = {0}, again = {0};
    struct tare_error err = {0};
    NET_TRY(tare_blob_write_graph(&blob, g, &err_));
    NET_TRY(tare_blob_read_graph(blob.data, blob.n_bytes, plugins, &read, &err_));
    const struct probe *probe = net_maker(read, "b")->plugin->state;
    assert_true(probe->factor == 0.75f);
    assert_string_equal(tare_node_op_type(net_maker(read, "b")), "Probe");
    NET_TRY(tare_blob_write_graph(&again, read, &err_));
    assert_int_equal(again.n_bytes, blob.n_bytes);
    assert_memory_equal(again.data, blob.data, blob.n_bytes);
    tare_graph_destroy(read);
    assert_int_equal(tare_blob_read_graph(blob.data, blob.n_bytes, NULL, &read, &err),
                     TARE_E_UNSUPPORTED);
    for (size_t n = 0; n < blob.n_bytes; n++)
        assert_int_not_equal(tare_blob_read_graph(blob.data, n, plugins, &read, NULL),
                             TARE_OK);
    tare_graph_destroy(g);
    tare_free(blob.data);
    tare_free(again.data);
    tare_plugins_destroy(plugins);
    assert_int_equal(atomic_load(&probe_states), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_libraries), cmocka_unit_test(test_refused_plugins),
        cmocka_unit_test(test_versions),  cmocka_unit_test(test_fields),
        cmocka_unit_test(test_no_text),   cmocka_unit_test(test_passes),
        cmocka_unit_test(test_blob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
