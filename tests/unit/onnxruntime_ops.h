/* tests/unit/onnxruntime_ops.h - single nodes as onnxruntime computes them, from
 * tests/data/onnxruntime_ops.txt, which onnxruntime_ops.js made: four lines each. */
#ifndef TARE_TESTS_ONNXRUNTIME_OPS_H
#define TARE_TESTS_ONNXRUNTIME_OPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "one_op.h"

static inline struct tare_const ort_values(const char *text)
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

/** Integers and shapes are the same, floats to 1e-5 of the output's largest. */
static inline bool ort_agrees(const struct tare_const *have, const char *text)
{
    struct tare_const want = ort_values(text);
    bool ok = have->data && have->dtype == want.dtype &&
              tare_dims_equal(&have->dims, &want.dims);
    const int64_t n = tare_dims_count(&want.dims);
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(tare_const_get(&want, i)));
    for (int64_t i = 0; i < n && ok; i++) {
        const double d = fabs(tare_const_get(have, i) - tare_const_get(&want, i));
        ok = want.dtype == TARE_F32 ? d <= 1e-5 * largest : d == 0.0;
    }
    tare_free(want.data);
    return ok;
}

static inline char *ort_line(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    const ssize_t length = getline(&line, &capacity, file);
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    assert_true(length >= 0 || feof(file));
    return line;
}

/** Call check() on every case. @return  how many there are */
static inline size_t ort_each(void (*check)(const struct one_op *test))
{
    size_t n = 0;
    FILE *file = fopen(TARE_SOURCE_DIR "/tests/data/onnxruntime_ops.txt", "r");
    assert_non_null(file);
    free(ort_line(file)); /* the version of onnxruntime */
    for (;; n++) {
        char name[64], *lines[4];
        struct one_op test = {0};
        for (size_t i = 0; i < 4; i++)
            lines[i] = ort_line(file);
        if (!feof(file)) {
            assert_int_equal(sscanf(lines[0], "%d %63s", &test.opset, name), 2);
            test.op = tare_op_find(name);
            assert_true(test.op != TARE_OP_COUNT);
            test.inputs = lines[1];
            test.attrs = lines[2];
            test.want = lines[3];
            check(&test);
        }
        for (size_t i = 0; i < 4; i++)
            free(lines[i]);
        if (feof(file)) break;
    }
    (void)fclose(file);
    return n;
}

#endif /* TARE_TESTS_ONNXRUNTIME_OPS_H */
