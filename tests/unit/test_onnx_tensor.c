#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "graph/graph.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"
#include "onnx_model.h"

static struct tare_error error;
static char folder[] = "/tmp/tare-onnx-XXXXXX";
static char path[PATH_MAX];

static const char *in_folder(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/** Write `content`, which is used up. */
static void write_file(const char *name, struct bytes content)
{
    assert_int_equal(tare_file_write(in_folder(name), content.data, content.n, NULL),
                     TARE_OK);
    free(content.data);
}

static enum tare_status read_tensor(struct bytes tensor, struct tare_const *content)
{
    error = (struct tare_error){0};
    write_file("t.pb", tensor);
    const enum tare_status st = tare_onnx_tensor_file_read(path, content, &error);
    assert_true((st == TARE_OK) == (content->data != NULL));
    return st;
}

static void expect_tensor(struct bytes tensor, enum tare_dtype dtype, int rank,
                          const void *data, size_t n_bytes)
{
    struct tare_const content;
    if (read_tensor(tensor, &content) != TARE_OK) fail_msg("%s", error.text);
    assert_int_equal(content.dtype, dtype);
    assert_int_equal(content.dims.rank, rank);
    assert_int_equal(content.n_bytes, n_bytes);
    assert_memory_equal(content.data, data, n_bytes);
    tare_free(content.data);
}

static void expect_bad_tensor(struct bytes tensor, enum tare_status code,
                              const char *text)
{
    struct tare_const content;
    char wanted[PATH_MAX + 256];
    assert_int_equal(read_tensor(tensor, &content), code);
    (void)snprintf(wanted, sizeof wanted, "%s: %s", path, text);
    assert_string_equal(error.text, wanted);
}

static struct bytes raw_tensor(int type, int rank, const int64_t *dims,
                               const void *data, size_t n_bytes)
{
    struct bytes tensor = make_tensor("t", type, rank, dims);
    put_bytes(&tensor, TENSOR_RAW_DATA, data, n_bytes);
    return tensor;
}

static const int64_t two_by_three[] = {2, 3};
static const int64_t three[] = {3};
static const int64_t none[] = {2, 0};

static void test_raw_data(void **state)
{
    (void)state;
    static const uint8_t data[48] = {1, 2, 3, 0xff, 0, 0x80, 7};
    static const struct {
        int type;
        enum tare_dtype dtype;
        size_t n_bytes;
    } cases[] = {
        {TYPE_FLOAT, TARE_F32, 24}, {TYPE_UINT8, TARE_U8, 6},   {TYPE_INT8, TARE_S8, 6},
        {TYPE_INT32, TARE_S32, 24}, {TYPE_INT64, TARE_S64, 48},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_tensor(
            raw_tensor(cases[i].type, 2, two_by_three, data, cases[i].n_bytes),
            cases[i].dtype, 2, data, cases[i].n_bytes);
    /* C's bool has two values; ONNX's byte may come with any. */
    static const uint8_t truth[6] = {1, 1, 1, 1, 0, 1};
    expect_tensor(raw_tensor(TYPE_BOOL, 2, two_by_three, data, 6), TARE_BOOL, 2, truth,
                  6);
    expect_tensor(raw_tensor(TYPE_FLOAT, 2, none, NULL, 0), TARE_F32, 2, data, 0);
    expect_tensor(raw_tensor(TYPE_FLOAT, 0, NULL, data, 4), TARE_F32, 0, data, 4);
}

static void test_typed_data(void **state)
{
    (void)state;
    static const float floats[] = {0.5F, -INFINITY, 3.0F};
    static const double doubles[] = {0.5, -HUGE_VAL, 3.0 + 1e-12};
    static const int64_t longs[] = {INT64_MIN, 0, INT64_MAX};
    static const int32_t ints[] = {INT32_MIN, -1, INT32_MAX};
    static const int8_t chars[] = {-128, 0, 127};
    static const uint8_t bytes[] = {0, 1, 255};
    static const uint8_t truth[] = {0, 1, 1};
    struct bytes tensor = make_tensor("t", TYPE_FLOAT, 1, three);
    put_bytes(&tensor, TENSOR_FLOAT_DATA, floats, sizeof floats);
    expect_tensor(tensor, TARE_F32, 1, floats, sizeof floats);
    tensor = make_tensor("t", TYPE_DOUBLE, 1, three);
    put_bytes(&tensor, TENSOR_DOUBLE_DATA, doubles, sizeof doubles);
    expect_tensor(tensor, TARE_F32, 1, floats, sizeof floats);
    tensor = make_tensor("t", TYPE_INT64, 1, three);
    for (int i = 0; i < 3; i++)
        put_int(&tensor, TENSOR_INT64_DATA, longs[i]);
    expect_tensor(tensor, TARE_S64, 1, longs, sizeof longs);
    tensor = make_tensor("t", TYPE_INT32, 1, three);
    for (int i = 0; i < 3; i++)
        put_int(&tensor, TENSOR_INT32_DATA, ints[i]);
    expect_tensor(tensor, TARE_S32, 1, ints, sizeof ints);
    tensor = make_tensor("t", TYPE_INT8, 1, three);
    for (int i = 0; i < 3; i++)
        put_int(&tensor, TENSOR_INT32_DATA, chars[i]);
    expect_tensor(tensor, TARE_S8, 1, chars, sizeof chars);
    for (int type = 0; type < 2; type++) {
        tensor = make_tensor("t", type ? TYPE_BOOL : TYPE_UINT8, 1, three);
        for (int i = 0; i < 3; i++)
            put_int(&tensor, TENSOR_INT32_DATA, bytes[i]);
        expect_tensor(tensor, type ? TARE_BOOL : TARE_U8, 1, type ? truth : bytes, 3);
    }
    expect_tensor(make_tensor("t", TYPE_INT64, 2, none), TARE_S64, 2, longs, 0);
}

static void test_half(void **state)
{
    (void)state;
    static const int64_t dims[] = {9};
    static const uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xc500, 0x7bff,
                                      0x0001, 0x83ff, 0x0400, 0xfc00};
    static const float wanted[] = {
        0.0F,     -0.0F,    1.0F, -5.0F, 65504.0F, 0x1p-24F, -1023.0F * 0x1p-24F,
        0x1p-14F, -INFINITY};
    expect_tensor(raw_tensor(TYPE_FLOAT16, 1, dims, halves, sizeof halves), TARE_F32, 1,
                  wanted, sizeof wanted);
    struct bytes tensor = make_tensor("t", TYPE_FLOAT16, 1, dims);
    for (int i = 0; i < 9; i++)
        put_int(&tensor, TENSOR_INT32_DATA, halves[i]);
    expect_tensor(tensor, TARE_F32, 1, wanted, sizeof wanted);

    static const uint16_t brains[] = {0x3f80, 0xc040, 0x0001};
    static const float wide[] = {1.0F, -3.0F, 0x1p-133F};
    expect_tensor(raw_tensor(TYPE_BFLOAT16, 1, three, brains, sizeof brains), TARE_F32,
                  1, wide, sizeof wide);

    static const uint16_t nan_half[] = {0x7e00, 0x7c01, 0xffff};
    struct tare_const content;
    assert_int_equal(
        read_tensor(raw_tensor(TYPE_FLOAT16, 1, three, nan_half, 6), &content),
        TARE_OK);
    for (int i = 0; i < 3; i++)
        assert_true(isnan(((float *)content.data)[i]));
    tare_free(content.data);
}

static void test_bad_tensors(void **state)
{
    (void)state;
    static const uint8_t data[24] = {0};
    static const int64_t negative[] = {2, -3};
    static const int64_t huge[] = {INT64_C(1) << 32, INT64_C(1) << 32};
    static const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const int64_t wide[] = {INT64_C(1) << 59};
    expect_bad_tensor(raw_tensor(TYPE_FLOAT, 2, two_by_three, data, 23), TARE_E_FORMAT,
                      "raw_data has 23 bytes, want 24");
    expect_bad_tensor(raw_tensor(TYPE_FLOAT, 2, negative, data, 24), TARE_E_FORMAT,
                      "axis 1 has length -3");
    expect_bad_tensor(raw_tensor(TYPE_FLOAT, 2, huge, data, 24), TARE_E_FORMAT,
                      "the product of the axes is too large");
    expect_bad_tensor(raw_tensor(TYPE_UINT8, 2, huge, data, 24), TARE_E_FORMAT,
                      "the product of the axes is too large");
    expect_bad_tensor(raw_tensor(TYPE_FLOAT, 9, nine, data, 4), TARE_E_UNSUPPORTED,
                      "9 axes, want at most 8");
    expect_bad_tensor(make_tensor("t", TYPE_FLOAT16, 1, wide), TARE_E_FORMAT,
                      "0 values in int32_data, want 576460752303423488");
    expect_bad_tensor(raw_tensor(TYPE_STRING, 1, three, data, 3), TARE_E_UNSUPPORTED,
                      "element type 8 (string) is not supported");
    expect_bad_tensor(raw_tensor(17, 1, three, data, 3), TARE_E_UNSUPPORTED,
                      "element type 17 (unknown) is not supported");
    expect_bad_tensor(raw_tensor(-1, 1, three, data, 3), TARE_E_UNSUPPORTED,
                      "element type -1 (unknown) is not supported");
    expect_bad_tensor(make_tensor("t", TYPE_FLOAT, 1, three), TARE_E_FORMAT,
                      "0 values in float_data, want 3");
    struct bytes tensor = raw_tensor(TYPE_FLOAT, 1, three, data, 12);
    put_float(&tensor, TENSOR_FLOAT_DATA, 1.0F);
    expect_bad_tensor(tensor, TARE_E_FORMAT, "values in both raw_data and float_data");
    tensor = make_tensor("t", TYPE_UINT8, 1, three);
    for (int i = 0; i < 3; i++)
        put_int(&tensor, TENSOR_INT32_DATA, 128 * (int64_t)i);
    expect_bad_tensor(tensor, TARE_E_FORMAT, "int32_data[2] is 256, which is no uint8");
    tensor = make_tensor("t", TYPE_INT8, 1, three);
    for (int i = 0; i < 3; i++)
        put_int(&tensor, TENSOR_INT32_DATA, -127 - (int64_t)i);
    expect_bad_tensor(tensor, TARE_E_FORMAT, "int32_data[2] is -129, which is no int8");
    tensor = make_tensor("t", TYPE_FLOAT, 1, three);
    put_int(&tensor, TENSOR_DATA_LOCATION, 1);
    expect_bad_tensor(tensor, TARE_E_UNSUPPORTED,
                      "external data needs a model that is read from a file");
}

/* ---- external data ---- */

static void put_entry(struct bytes *tensor, const char *key, const char *value)
{
    struct bytes entry = {0};
    put_text(&entry, ENTRY_KEY, key);
    put_text(&entry, ENTRY_VALUE, value);
    put_message(tensor, TENSOR_EXTERNAL_DATA, entry);
}

/** Import a model whose initializer w [3] lies outside; NULL entries are left out. */
static struct tare_graph *import_external(const char *location, const char *offset,
                                          const char *length)
{
    struct bytes graph = {0};
    struct bytes w = make_tensor("w", TYPE_FLOAT, 1, three);
    put_int(&w, TENSOR_DATA_LOCATION, 1);
    if (location) put_entry(&w, "location", location);
    if (offset) put_entry(&w, "offset", offset);
    if (length) put_entry(&w, "length", length);
    put_message(&graph, GRAPH_INITIALIZER, w);
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "w", "y"));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    write_file("m.onnx", make_model(13, graph));
    struct tare_graph *made;
    error = (struct tare_error){0};
    const enum tare_status st = tare_onnx_import(path, NULL, &made, &error);
    assert_true((st == TARE_OK) == (made != NULL));
    return made;
}

static const float outside[] = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F};

static void expect_external(const char *location, const char *offset,
                            const char *length, const float *wanted)
{
    struct tare_graph *graph = import_external(location, offset, length);
    if (!graph) fail_msg("%s", error.text);
    const struct tare_tensor *w = &graph->tensors[tare_graph_find_tensor(graph, "w")];
    assert_int_equal(w->n_bytes, 12);
    assert_memory_equal(w->data, wanted, 12);
    tare_graph_destroy(graph);
}

static void expect_bad_external(const char *location, const char *offset,
                                const char *length, enum tare_status code,
                                const char *text)
{
    char wanted[PATH_MAX + 256];
    assert_null(import_external(location, offset, length));
    (void)snprintf(wanted, sizeof wanted, "%s: initializer 'w': external data: %s",
                   path, text);
    assert_string_equal(error.text, wanted);
    assert_int_equal(error.code, code);
}

static void test_external_data(void **state)
{
    (void)state;
    struct bytes content = {0};
    put_raw(&content, outside, sizeof outside);
    write_file("weights.bin", content);
    assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
    content = (struct bytes){0};
    put_raw(&content, outside + 1, 12);
    write_file("sub/w", content);
    assert_int_equal(symlink("weights.bin", in_folder("inner")), 0);
    expect_external("weights.bin", NULL, NULL, outside);
    expect_external("weights.bin", "8", NULL, outside + 2);
    expect_external("weights.bin", "4", "12", outside + 1);
    expect_external("sub/w", "0", "12", outside + 1);
    expect_external("./sub//w", NULL, NULL, outside + 1);
    expect_external("inner", NULL, "12", outside);

    expect_bad_external("weights.bin", "9", NULL, TARE_E_FORMAT,
                        "'weights.bin' has 20 bytes, want 12 at offset 9");
    expect_bad_external("weights.bin", "999999999999999999", NULL, TARE_E_FORMAT,
                        "'weights.bin' has 20 bytes, want 12 at offset "
                        "999999999999999999");
    expect_bad_external("weights.bin", NULL, "20", TARE_E_FORMAT,
                        "length is 20, want 12");
    expect_bad_external("weights.bin", "-4", NULL, TARE_E_FORMAT,
                        "offset is '-4', want a number of bytes");
    expect_bad_external("weights.bin", "99999999999999999999", NULL, TARE_E_FORMAT,
                        "offset is '99999999999999999999', want a number of bytes");
    expect_bad_external("weights.bin", NULL, "", TARE_E_FORMAT,
                        "length is '', want a number of bytes");
    expect_bad_external(NULL, NULL, NULL, TARE_E_FORMAT,
                        "its location is missing or unprintable");
}

static void test_external_data_stays_inside(void **state)
{
    (void)state;
    assert_int_equal(symlink("/etc/passwd", in_folder("outer")), 0);
    assert_int_equal(symlink("/etc", in_folder("etc")), 0);
    assert_int_equal(symlink("loop", in_folder("loop")), 0);
    static const char *const climbing[] = {"../weights.bin", "/etc/passwd", "sub/..",
                                           "sub/../weights.bin", ".."};
    for (size_t i = 0; i < sizeof climbing / sizeof climbing[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "'%s' leads out of the model's folder",
                       climbing[i]);
        expect_bad_external(climbing[i], NULL, NULL, TARE_E_FORMAT, text);
    }
    expect_bad_external("outer", NULL, NULL, TARE_E_FORMAT,
                        "the link 'outer' leads out of the model's folder");
    expect_bad_external("etc/passwd", NULL, NULL, TARE_E_FORMAT,
                        "the link 'etc/passwd' leads out of the model's folder");
    expect_bad_external("absent", NULL, NULL, TARE_E_IO,
                        "cannot open 'absent': No such file or directory");
    assert_null(import_external("loop", NULL, NULL));
    assert_int_equal(error.code, TARE_E_IO);
    assert_null(import_external("sub", NULL, NULL));
    assert_int_equal(error.code, TARE_E_IO);
    /* A neighbour whose name begins with the folder's is not inside. */
    char neighbour[PATH_MAX];
    (void)snprintf(neighbour, sizeof neighbour, "%s-next", folder);
    assert_int_equal(tare_file_write(neighbour, outside, sizeof outside, NULL),
                     TARE_OK);
    assert_int_equal(symlink(neighbour, in_folder("next")), 0);
    assert_null(import_external("next", NULL, NULL));
    assert_int_equal(error.code, TARE_E_FORMAT);
    assert_int_equal(unlink(neighbour), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"t.pb",  "m.onnx", "weights.bin",
                                        "sub/w", "inner",  "outer",
                                        "etc",   "loop",   "next"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in_folder(names[i]));
    (void)rmdir(in_folder("sub"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_data),
        cmocka_unit_test(test_typed_data),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_external_data),
        cmocka_unit_test(test_external_data_stays_inside),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
