#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"
#include "precision/spec.h"

/* "name=int8+fp32;…" */
static void print_spec(const struct tare_spec *spec, struct tare_text *out)
{
    for (size_t i = 0; i < spec->n_entries; i++) {
        tare_text_add(out, "%s%s=", i ? ";" : "", spec->entries[i].name);
        for (size_t k = 0; k < spec->entries[i].n_values; k++)
            tare_text_add(out, "%s%s", k ? "+" : "",
                          tare_precision_name(spec->entries[i].values[k]));
    }
}

static void test_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {NULL, NULL},
        {"", NULL},
        {"conv1:fp32", "conv1=FP32"},
        {"a:fp32,b:int8,c:fp16,d:bf16", "a=FP32;b=INT8;c=FP16;d=BF16"},
        {"scope:conv:0:int8", "scope:conv:0=INT8"}, /* the last ':' splits */
        {"'a:b':fp32,c:int8", "a:b=FP32;c=INT8"},
        {"'a,b':fp32", "a,b=FP32"},
        {"'a' + b':fp32", "a' + b=FP32"},
        {"it's:fp32", "it's=FP32"},
        {"*:int8,block*conv:fp32", "*=INT8;block*conv=FP32"},
        {" a:fp32 , 'b ':int8 ", "a=FP32;b =INT8"},
        {"split:fp32+int8", "split=FP32+INT8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_spec spec;
        struct tare_text text = {0};
        NET_TRY(tare_spec_parse("layer precisions", cases[i].text, &spec, &err_));
        print_spec(&spec, &text);
        if (cases[i].want)
            assert_string_equal(text.data, cases[i].want);
        else
            assert_int_equal(spec.n_entries, 0);
        tare_text_free(&text);
        tare_spec_free(&spec);
    }
}

static void test_grammar_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"conv1", "layer precisions: entry 'conv1' has no ':', want name:precision"},
        {"a:fp32,,b:int8",
         "layer precisions: entry '' has no ':', want name:precision"},
        {"a:fp32,", "layer precisions: entry '' has no ':', want name:precision"},
        {":fp32", "layer precisions: entry ':fp32' has no layer name, want "
                  "name:precision"},
        {"'':fp32", "layer precisions: entry ':fp32' has no layer name, want "
                    "name:precision"},
        {"a:int4", "layer precisions: 'int4' of layer 'a' is no precision, want fp32, "
                   "fp16, bf16 or int8"},
        {"a:FP32", "layer precisions: 'FP32' of layer 'a' is no precision, want fp32, "
                   "fp16, bf16 or int8"},
        {"a:",
         "layer precisions: '' of layer 'a' is no precision, want fp32, fp16, bf16 "
         "or int8"},
        {"a:fp32+",
         "layer precisions: '' of layer 'a' is no precision, want fp32, fp16, "
         "bf16 or int8"},
        {"'a:fp32", "layer precisions: the quote in 'a:fp32 is not closed, want "
                    "'name':precision"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_spec spec;
        struct tare_error err = {0};
        assert_int_equal(
            tare_spec_parse("layer precisions", cases[i].text, &spec, &err),
            TARE_E_ARG);
        assert_string_equal(err.text, cases[i].want);
        tare_spec_free(&spec);
    }
}

/* x -> block1/conv1 (+ relu1) -> block1/conv2 -> shape of it. */
static struct tare_graph *three_layers(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    net_output(g, "s");
    struct tare_node relu = {.name = (char[]){"relu1"}};
    net_node(g, TARE_OP_RELU, "block1/conv1", "x", "a");
    NET_TRY(tare_node_absorb(net_maker(g, "a"), &relu, &err_));
    net_node(g, TARE_OP_SIGMOID, "block1/conv2", "a", "y");
    net_node(g, TARE_OP_SHAPE, "shape", "y", "s");
    return net_infer(g);
}

/* The entry that decides for the layer that makes `tensor`. */
static void check_choice(const char *text, const char *tensor, const char *want)
{
    struct tare_graph *g = three_layers();
    struct tare_spec spec;
    NET_TRY(tare_spec_parse("layer precisions", text, &spec, &err_));
    const struct tare_spec_entry *entry =
        tare_spec_find(&spec, g, net_maker(g, tensor));
    if (want) {
        assert_non_null(entry);
        assert_string_equal(entry->name, want);
        /* Which of two equal names: the second value tells. */
        assert_int_equal(entry->values[0], TARE_PRECISION_INT8);
    } else {
        assert_null(entry);
    }
    tare_spec_free(&spec);
    tare_graph_destroy(g);
}

static void test_precedence(void **state)
{
    (void)state;
    check_choice("other:int8", "a", NULL);
    check_choice("block1/conv1:int8", "a", "block1/conv1");
    check_choice("relu1:int8", "a", "relu1");
    check_choice("*:fp32,block1/conv1:int8,*conv1:fp32", "a", "block1/conv1");
    check_choice("block1/conv1:int8,relu1:fp32", "a", "block1/conv1");
    check_choice("relu1:int8,block1/*:fp32", "a", "relu1");
    check_choice("block1/*:int8,*1:fp32", "a", "block1/*");
    check_choice("*1:fp32,block1/*:int8", "a", "block1/*");
    check_choice("*1:fp32,*1:int8", "a", "*1");
    check_choice("relu1:fp32,relu1:int8", "a", "relu1");
    check_choice("*lu1:fp32,b*1:int8,*lu1:fp32", "y", NULL);
    check_choice("relu*:int8", "a", "relu*"); /* a fused layer's name, by wildcard */
    check_choice("*:int8", "s", NULL);        /* integers: only by name */
    check_choice("shape:int8", "s", "shape");
}

static void test_wildcards(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool matches; /* "block1/conv2" */
    } cases[] = {
        {"*", true},
        {"b*", true},
        {"*2", true},
        {"block1*conv2", true},
        {"block1/conv2*", true},
        {"*block1/conv2", true},
        {"b*k*v2", true},
        {"**", true},
        {"*o*o*", true},
        {"*o*o*o*", false},
        {"block1*conv", false},
        {"conv*", false},
        {"*v", false},
        {"block1/conv2*2", false},
        {"block1/*block1/conv2", false},
        {"block1/c*conv2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s:int8", cases[i].pattern);
        check_choice(text, "y", cases[i].matches ? cases[i].pattern : NULL);
    }
}

static void test_unused(void **state)
{
    (void)state;
    struct tare_graph *g = three_layers();
    struct tare_spec spec;
    struct tare_text lines = {0};
    NET_TRY(tare_spec_parse("layer precisions",
                            "block1/conv3:int8,*:fp32,block1/conv1:fp32,relu:fp32,"
                            "nothing-like-it:fp32,head*:fp32",
                            &spec, &err_));
    for (size_t n = 0; n < g->n_nodes; n++)
        (void)tare_spec_find(&spec, g, &g->nodes[n]);
    tare_spec_unused(&spec, "layer precisions", g, &lines);
    assert_string_equal(
        lines.data, "layer precisions: no layer matches 'block1/conv3', did you mean "
                    "'block1/conv1'?\n"
                    "layer precisions: no layer matches 'relu', did you mean 'relu1'?\n"
                    "layer precisions: no layer matches 'nothing-like-it'\n"
                    "layer precisions: no layer matches 'head*'\n");
    tare_text_free(&lines);
    tare_spec_free(&spec);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),    cmocka_unit_test(test_grammar_errors),
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
