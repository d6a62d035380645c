/* Single nodes as onnxruntime computes them. */
#include "onnxruntime_ops.h"

static size_t n_wrong;

static void check_one(const struct one_op *test)
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
    for (size_t i = 0; ok && sscanf(at, "%65535s%n", word, &used) == 1;
         i++, at += used) {
        const struct tare_tensor *y = &graph->tensors[graph->outputs[i]];
        const struct tare_const content = tare_tensor_content(y);
        if (ort_agrees(&content, word)) continue;
        struct tare_text text = {0};
        one_describe(y, &text);
        print_message("%s {%s} output %zu\n  is   %.400s\n  want %.400s\n",
                      tare_op_name(test->op), test->attrs, i, text.data, word);
        tare_text_free(&text);
        ok = false;
    }
    tare_graph_destroy(graph);
    n_wrong += !ok;
}

static void test_cases(void **state)
{
    (void)state;
    assert_true(ort_each(check_one) >= 117);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(all, NULL, NULL);
}
