/* Single nodes as onnxruntime computes them: tests/data/onnxruntime_ops.js made the
 * file. Integers and shapes are the same, floats to 1e-5 of the output's largest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "one_op.h"

#define CASES TARE_SOURCE_DIR "/tests/data/onnxruntime_ops.txt"

static struct tare_const read_values(const char *text)
{
    const char *at;
    struct tare_const made = one_parse(text, &at);
    assert_non_null(at);
    assert_int_equal(tare_const_alloc(&made, NULL), TARE_OK);
    for (int64_t i = 0; i < tare_dims_count(&made.dims); i++) {
        char *end;
        tare_const_set(&made, i, strtod(at, &end));
        at = *end == ',' ? end + 1 : end;
    }
    return made;
}

static bool agrees(const struct tare_tensor *have, const char *text)
{
    struct tare_const want = read_values(text);
    const struct tare_const values = {
        .dtype = have->dtype, .dims = have->dims, .data = have->data};
    bool ok = have->data && have->dtype == want.dtype &&
              tare_dims_equal(&have->dims, &want.dims);
    const int64_t n = tare_dims_count(&want.dims);
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(tare_const_get(&want, i)));
    for (int64_t i = 0; i < n && ok; i++) {
        const double d = fabs(tare_const_get(&values, i) - tare_const_get(&want, i));
        ok = want.dtype == TARE_F32 ? d <= 1e-5 * largest : d == 0.0;
    }
    tare_free(want.data);
    return ok;
}

static bool check_one(const struct one_op *test)
{
    static char word[65536];
    struct tare_error err = {0};
    bool evaluated = false, ok = true;
    struct tare_graph *graph = one_create(test, one_words(test->want));
    enum tare_status st = tare_node_check(graph, &graph->nodes[0], &err);
    if (st == TARE_OK) st = tare_graph_infer(graph, &err);
    if (st == TARE_OK) st = tare_graph_eval_node(graph, 0, &evaluated, &err);
    ok = st == TARE_OK && evaluated;
    if (!ok) print_message("%s: %s\n", tare_op_name(test->op), err.text);
    int used;
    const char *at = test->want;
    for (size_t i = 0; ok && sscanf(at, "%65535s%n", word, &used) == 1; i++, at += used)
        if (!agrees(&graph->tensors[graph->outputs[i]], word)) {
            struct tare_text text = {0};
            one_describe(&graph->tensors[graph->outputs[i]], &text);
            print_message("%s {%s} output %zu\n  is   %.400s\n  want %.400s\n",
                          tare_op_name(test->op), test->attrs, i, text.data, word);
            tare_text_free(&text);
            ok = false;
        }
    tare_graph_destroy(graph);
    return ok;
}

static char *read_line(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    const ssize_t length = getline(&line, &capacity, file);
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    assert_true(length >= 0 || feof(file));
    return line;
}

static void test_cases(void **state)
{
    (void)state;
    size_t n = 0, n_wrong = 0;
    FILE *file = fopen(CASES, "r");
    assert_non_null(file);
    free(read_line(file)); /* the version of onnxruntime */
    for (;; n++) {
        char name[64], *lines[4];
        struct one_op test = {0};
        for (size_t i = 0; i < 4; i++)
            lines[i] = read_line(file);
        if (!feof(file)) {
            assert_int_equal(sscanf(lines[0], "%d %63s", &test.opset, name), 2);
            test.op = tare_op_find(name);
            assert_true(test.op != TARE_OP_COUNT);
            test.inputs = lines[1];
            test.attrs = lines[2];
            test.want = lines[3];
            n_wrong += !check_one(&test);
        }
        for (size_t i = 0; i < 4; i++)
            free(lines[i]);
        if (feof(file)) break;
    }
    (void)fclose(file);
    assert_int_equal(n_wrong, 0);
    assert_true(n >= 117);
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
