/* tests/unit/one_op.h - tables of single nodes: inputs and attributes as text, and what
 * comes of them.
 *
 * A tensor is "2x3" (float32; no axes: "scalar"), "2x3i" (int64), "n" int32, "b" bool,
 * "u" uint8, "c" int8, "h" and "H" int16 and uint16, "N" uint32, "I" uint64; with
 * "=1,2,..." behind it it is a constant; "i=7" is a scalar; "-" is left out. An
 * attribute is "axis=1", "alpha=0.5", "mode=edge", "pads=[1,1]", "scales=(1.0,2.0)" or
 * "activations={Relu,Tanh}".
 * Entries are separated by blanks. What comes of a node is its outputs, in the same
 * words, or "F: message" (TARE_E_FORMAT) or "U: message" (TARE_E_UNSUPPORTED). */
#ifndef TARE_TESTS_ONE_OP_H
#define TARE_TESTS_ONE_OP_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "net.h"

struct one_op {
    int opset;
    enum tare_op op;
    const char *inputs, *attrs, *want;
};

static const char one_letters[] = {
    [TARE_F32] = ' ', [TARE_U8] = 'u',   [TARE_S8] = 'c',  [TARE_S32] = 'n',
    [TARE_S64] = 'i', [TARE_BOOL] = 'b', [TARE_S16] = 'h', [TARE_U16] = 'H',
    [TARE_U32] = 'N', [TARE_U64] = 'I'};

/* "2x3i=1,2,..." as dims, dtype and the text of the values, NULL when there are none.
 */
static inline struct tare_const one_parse(const char *text, const char **values)
{
    struct tare_const made = {.dtype = TARE_F32};
    while (isdigit((unsigned char)*text)) {
        char *end;
        made.dims.d[made.dims.rank++] = strtoll(text, &end, 10);
        text = *end == 'x' ? end + 1 : end;
    }
    for (int i = TARE_U8; i <= TARE_U64; i++)
        if (*text && *text == one_letters[i]) {
            made.dtype = (enum tare_dtype)i;
            text++;
        }
    *values = *text == '=' ? text + 1 : NULL;
    return made;
}

static inline int32_t one_tensor(struct tare_graph *graph, const char *text, size_t i)
{
    char name[32];
    const char *values;
    int32_t id;
    (void)snprintf(name, sizeof name, "x%zu", i);
    struct tare_const content = one_parse(text, &values);
    if (!values) {
        net_input(graph, name, content.dims);
        id = net_tensor(graph, name);
        graph->tensors[id].dtype = content.dtype;
        return id;
    }
    NET_TRY(tare_const_alloc(&content, &err_));
    for (int64_t j = 0; j < tare_dims_count(&content.dims); j++) {
        char *end;
        if (content.dtype == TARE_F32)
            tare_const_set(&content, j, strtod(values, &end));
        else if (content.dtype == TARE_U64)
            tare_const_set_int(&content, j, (int64_t)strtoull(values, &end, 10));
        else
            tare_const_set_int(&content, j, strtoll(values, &end, 10));
        values = *end == ',' ? end + 1 : end;
    }
    NET_TRY(tare_graph_add_const(graph, name, &content, &id, &err_));
    return id;
}

static inline void one_attr(struct tare_node *node, const char *name, const char *value)
{
    struct tare_attr attr = {.type = TARE_ATTR_INT};
    const bool is_list = *value == '[' || *value == '(';
    if (is_list) {
        attr.type = *value == '[' ? TARE_ATTR_INTS : TARE_ATTR_FLOATS;
        attr.ints = tare_alloc_array(16, sizeof *attr.ints);
        attr.floats = tare_alloc_array(16, sizeof *attr.floats);
        while (value[1] && *value != ']' && *value != ')' && value[1] != ']') {
            char *end;
            attr.floats[attr.n] = strtof(value + 1, &end);
            attr.ints[attr.n++] = strtoll(value + 1, NULL, 10);
            value = end;
        }
    } else if (*value == '{') {
        attr.type = TARE_ATTR_STRINGS;
        attr.s = tare_strndup(value + 1, strcspn(value, "}") - 1);
        attr.n = 1;
        for (char *at = attr.s; (at = strchr(at, ',')) != NULL; attr.n++)
            *at = '\n';
    } else if (isalpha((unsigned char)*value)) {
        attr.type = TARE_ATTR_STRING;
        attr.s = tare_strdup(value);
    } else if (strchr(value, '.')) {
        attr.type = TARE_ATTR_FLOAT;
        attr.f = strtof(value, NULL);
    } else {
        attr.i = strtoll(value, NULL, 10);
    }
    NET_TRY(tare_node_add_attr(node, name, attr, &err_));
}

/* The graph of one node "n", whose outputs are y0, y1, ... */
static inline struct tare_graph *one_create(const struct one_op *test, size_t n_outputs)
{
    struct tare_graph *graph = net_create(test->opset);
    int32_t inputs[16], outputs[8], id;
    char word[65536], name[32];
    size_t n = 0;
    int used;
    for (const char *at = test->inputs; sscanf(at, "%65535s%n", word, &used) == 1;
         at += used) {
        inputs[n] =
            strcmp(word, "-") == 0 ? TARE_NO_TENSOR : one_tensor(graph, word, n);
        n++;
    }
    for (size_t i = 0; i < n_outputs; i++) {
        (void)snprintf(name, sizeof name, "y%zu", i);
        outputs[i] = net_tensor(graph, name);
        net_output(graph, name);
    }
    NET_TRY(tare_graph_add_node(graph, test->op, "n", inputs, n, outputs, n_outputs,
                                &id, &err_));
    for (const char *at = test->attrs; sscanf(at, "%65535s%n", word, &used) == 1;
         at += used) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        one_attr(&graph->nodes[id], word, value);
    }
    return graph;
}

static inline void one_describe(const struct tare_tensor *tensor, struct tare_text *out)
{
    char text[TARE_DIMS_TEXT];
    if (out->length) tare_text_add(out, " ");
    if (!tensor->has_dims) {
        tare_text_add(out, "later");
        return;
    }
    if (tensor->dims.rank || !tensor->data)
        tare_text_add(out, "%s", tare_dims_print(&tensor->dims, text));
    if (tensor->dtype != TARE_F32) tare_text_add(out, "%c", one_letters[tensor->dtype]);
    const struct tare_const content = {
        .dtype = tensor->dtype, .dims = tensor->dims, .data = tensor->data};
    for (int64_t i = 0; tensor->data && i < tare_dims_count(&tensor->dims); i++) {
        tare_text_add(out, "%s", i ? "," : "=");
        if (tensor->dtype == TARE_F32)
            tare_text_add(out, "%.6g", tare_const_get(&content, i));
        else if (tensor->dtype == TARE_U64)
            tare_text_add(out, "%llu",
                          (unsigned long long)tare_const_get_int(&content, i));
        else
            tare_text_add(out, "%lld", (long long)tare_const_get_int(&content, i));
    }
}

/* What comes of a node: its check, its inference and, where it can be, its evaluation.
 */
static inline void one_run(const struct one_op *test, size_t n_outputs,
                           struct tare_text *out)
{
    struct tare_error err = {0};
    struct tare_graph *graph = one_create(test, n_outputs);
    enum tare_status st = tare_node_check(graph, &graph->nodes[0], &err);
    bool evaluated;
    if (st == TARE_OK) st = tare_graph_infer(graph, &err);
    if (st == TARE_OK) st = tare_graph_eval_node(graph, 0, &evaluated, &err);
    if (st != TARE_OK)
        tare_text_add(out, "%c: %s",
                      st == TARE_E_FORMAT        ? 'F'
                      : st == TARE_E_UNSUPPORTED ? 'U'
                                                 : '?',
                      err.text);
    for (size_t i = 0; st == TARE_OK && i < n_outputs; i++)
        one_describe(&graph->tensors[graph->outputs[i]], out);
    tare_graph_destroy(graph);
}

static inline size_t one_words(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text != ' ' && (text[1] == ' ' || !text[1]);
    return n;
}

static inline void one_check(const struct one_op *tests, size_t n)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const struct one_op *test = &tests[i];
        const bool fails =
            strncmp(test->want, "F: ", 3) == 0 || strncmp(test->want, "U: ", 3) == 0;
        struct tare_text text = {0};
        one_run(test, fails ? 1 : one_words(test->want), &text);
        if (strcmp(text.data, test->want) != 0) {
            n_wrong++;
            print_message("%s-%d(%s) {%s}\n  gives %s\n  want  %s\n",
                          tare_op_name(test->op), test->opset, test->inputs,
                          test->attrs, text.data, test->want);
        }
        tare_text_free(&text);
    }
    assert_int_equal(n_wrong, 0);
}
#define ONE_CHECK(tests) one_check((tests), sizeof(tests) / sizeof(tests)[0])

#endif /* TARE_TESTS_ONE_OP_H */
