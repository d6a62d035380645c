/* Operators of two inputs of one type, element by element, broadcast as NumPy does. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* A row of n results; a step is 1, or 0 for one value that counts for the whole row. */
typedef void float_fn(const float *a, int64_t step_a, const float *b, int64_t step_b,
                      float *y, int64_t n);
typedef void test_fn(const float *a, int64_t step_a, const float *b, int64_t step_b,
                     uint8_t *y, int64_t n);
typedef void int_fn(const int64_t *a, const int64_t *b, int64_t *y, int64_t n);

/* Apart for the steps, so that the loops are vectors. */
#define FLOAT_ROW(name, type, expression)                                              \
    static inline type name##_one(float a, float b)                                    \
    {                                                                                  \
        return (type)(expression);                                                     \
    }                                                                                  \
    static void name(const float *a, int64_t step_a, const float *b, int64_t step_b,   \
                     type *y, int64_t n)                                               \
    {                                                                                  \
        const float first = *a, second = *b;                                           \
        if (step_a && step_b)                                                          \
            for (int64_t i = 0; i < n; i++)                                            \
                y[i] = name##_one(a[i], b[i]);                                         \
        else if (step_a)                                                               \
            for (int64_t i = 0; i < n; i++)                                            \
                y[i] = name##_one(a[i], second);                                       \
        else                                                                           \
            for (int64_t i = 0; i < n; i++)                                            \
                y[i] = name##_one(first, b[i * step_b]);                               \
    }
FLOAT_ROW(f_add, float, a + b)
FLOAT_ROW(f_sub, float, a - b)
FLOAT_ROW(f_mul, float, a *b)
FLOAT_ROW(f_div, float, a / b)
FLOAT_ROW(f_min, float, isnan(a) || a < b ? a : b)
FLOAT_ROW(f_max, float, isnan(a) || a > b ? a : b)
FLOAT_ROW(f_mod, float, fmodf(a, b))
FLOAT_ROW(f_prelu, float, a < 0.0F ? a * b : a)
FLOAT_ROW(f_equal, uint8_t, a == b)
FLOAT_ROW(f_less, uint8_t, a < b)
FLOAT_ROW(f_less_equal, uint8_t, a <= b)
FLOAT_ROW(f_greater, uint8_t, a > b)
FLOAT_ROW(f_greater_equal, uint8_t, a >= b)

/* Overflow wraps: it is computed without signs. */
#define U(value) ((uint64_t)(value))
#define INT_ROW(name, expression)                                                      \
    static void name(const int64_t *a, const int64_t *b, int64_t *y, int64_t n)        \
    {                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                \
            y[i] = (int64_t)(expression);                                              \
    }
INT_ROW(i_add, U(a[i]) + U(b[i]))
INT_ROW(i_sub, U(a[i]) - U(b[i]))
INT_ROW(i_mul, U(a[i]) * U(b[i]))
INT_ROW(i_div, b[i] == -1 ? 0 - U(a[i]) : U(a[i] / b[i]))
INT_ROW(u_div, U(a[i]) / U(b[i]))
INT_ROW(i_min, a[i] < b[i] ? a[i] : b[i])
INT_ROW(i_max, a[i] > b[i] ? a[i] : b[i])
INT_ROW(i_remainder, b[i] == -1 ? 0 : a[i] % b[i])
INT_ROW(u_remainder, U(a[i]) % U(b[i]))
INT_ROW(i_prelu, a[i] < 0 ? U(a[i]) * U(b[i]) : U(a[i]))
INT_ROW(i_equal, a[i] == b[i])
INT_ROW(i_less, a[i] < b[i])
INT_ROW(i_less_equal, a[i] <= b[i])
INT_ROW(i_greater, a[i] > b[i])
INT_ROW(i_greater_equal, a[i] >= b[i])
INT_ROW(i_and, a[i] & b[i])
INT_ROW(i_or, a[i] | b[i])
INT_ROW(i_xor, a[i] ^ b[i])
INT_ROW(u_shift_left, U(b[i]) > 63 ? 0 : U(a[i]) << U(b[i]))
INT_ROW(u_shift_right, U(b[i]) > 63 ? 0 : U(a[i]) >> U(b[i]))

/* The result has the sign of the divisor, as in Python. */
static void i_mod(const int64_t *a, const int64_t *b, int64_t *y, int64_t n)
{
    i_remainder(a, b, y, n);
    for (int64_t i = 0; i < n; i++)
        if (y[i] != 0 && (y[i] < 0) != (b[i] < 0)) y[i] += b[i];
}

#define IS_UNSIGNED                                                                    \
    (TARE_IS(TARE_U8) | TARE_IS(TARE_U16) | TARE_IS(TARE_U32) | TARE_IS(TARE_U64))
#define IS_SIGNED (TARE_IS_INT & ~IS_UNSIGNED)
/* What uint64 needs. */
enum { BITS, ORDER, OWN };

static const struct {
    unsigned dtypes;
    float_fn *f;
    test_fn *test; /* instead of f: a bool comes out */
    int_fn *i;
    int u64;   /* BITS: i does it; ORDER: i does, once flipped; OWN: u does */
    int_fn *u; /* of uint64 */
} binaries[TARE_OP_COUNT] = {
    [TARE_OP_ADD] = {TARE_IS_NUMBER, f_add, NULL, i_add, BITS, NULL},
    [TARE_OP_SUB] = {TARE_IS_NUMBER, f_sub, NULL, i_sub, BITS, NULL},
    [TARE_OP_MUL] = {TARE_IS_NUMBER, f_mul, NULL, i_mul, BITS, NULL},
    [TARE_OP_DIV] = {TARE_IS_NUMBER, f_div, NULL, i_div, OWN, u_div},
    [TARE_OP_MIN] = {TARE_IS_NUMBER, f_min, NULL, i_min, ORDER, NULL},
    [TARE_OP_MAX] = {TARE_IS_NUMBER, f_max, NULL, i_max, ORDER, NULL},
    [TARE_OP_MOD] = {TARE_IS_NUMBER, f_mod, NULL, i_mod, OWN, u_remainder},
    [TARE_OP_PRELU] = {TARE_IS_FLOAT | IS_SIGNED, f_prelu, NULL, i_prelu, BITS, NULL},
    [TARE_OP_EQUAL] = {TARE_IS_NUMBER | TARE_IS_BOOL, NULL, f_equal, i_equal, BITS,
                       NULL},
    [TARE_OP_LESS] = {TARE_IS_NUMBER, NULL, f_less, i_less, ORDER, NULL},
    [TARE_OP_LESS_OR_EQUAL] = {TARE_IS_NUMBER, NULL, f_less_equal, i_less_equal, ORDER,
                               NULL},
    [TARE_OP_GREATER] = {TARE_IS_NUMBER, NULL, f_greater, i_greater, ORDER, NULL},
    [TARE_OP_GREATER_OR_EQUAL] = {TARE_IS_NUMBER, NULL, f_greater_equal,
                                  i_greater_equal, ORDER, NULL},
    [TARE_OP_AND] = {TARE_IS_BOOL, NULL, NULL, i_and, BITS, NULL},
    [TARE_OP_OR] = {TARE_IS_BOOL, NULL, NULL, i_or, BITS, NULL},
    [TARE_OP_XOR] = {TARE_IS_BOOL, NULL, NULL, i_xor, BITS, NULL},
    [TARE_OP_BITWISE_AND] = {TARE_IS_INT, NULL, NULL, i_and, BITS, NULL},
    [TARE_OP_BITWISE_OR] = {TARE_IS_INT, NULL, NULL, i_or, BITS, NULL},
    [TARE_OP_BITWISE_XOR] = {TARE_IS_INT, NULL, NULL, i_xor, BITS, NULL},
    [TARE_OP_BIT_SHIFT] = {IS_UNSIGNED, NULL, NULL, u_shift_left, BITS, NULL},
};

static bool is_shift_right(const struct tare_node *node)
{
    return strcmp(tare_node_string(node, "direction", ""), "RIGHT") == 0;
}

static bool is_fmod(const struct tare_node *node)
{
    return tare_node_int(node, "fmod", 0) != 0;
}

static enum tare_status check_attributes(const struct tare_node *node,
                                         enum tare_dtype dtype, struct tare_error *err)
{
    const char *direction = tare_node_string(node, "direction", "");
    if (node->op == TARE_OP_BIT_SHIFT && strcmp(direction, "LEFT") != 0 &&
        strcmp(direction, "RIGHT") != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "direction is '%.20s', want LEFT or RIGHT", direction);
    if (node->op == TARE_OP_MOD && dtype == TARE_F32 && !is_fmod(node))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "fmod is 0, but the inputs are float32, which want 1");
    return TARE_OK;
}

enum tare_status tare_op_broadcast(const struct tare_node *node,
                                   const struct tare_dims *a, const struct tare_dims *b,
                                   struct tare_dims *out, struct tare_error *err)
{
    char text_a[TARE_DIMS_TEXT], text_b[TARE_DIMS_TEXT];
    if (!tare_dims_broadcast(a, b, out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not broadcast with %.80s",
                       tare_dims_print(a, text_a), tare_dims_print(b, text_b));
    return TARE_OK;
}

enum tare_status tare_infer_binary(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *a = tare_op_input(graph, node, 0);
    const struct tare_tensor *b = tare_op_input(graph, node, 1);
    const unsigned dtypes = binaries[node->op].dtypes;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, dtypes, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, dtypes, err);
    if (st == TARE_OK) st = check_attributes(node, a->dtype, err);
    if (st != TARE_OK) return st;
    if (a->dtype != b->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "inputs are %s and %s, want the same",
                       tare_dtype_name(a->dtype), tare_dtype_name(b->dtype));
    struct tare_dims out;
    char text_a[TARE_DIMS_TEXT], text_b[TARE_DIMS_TEXT];
    st = tare_op_broadcast(node, &a->dims, &b->dims, &out, err);
    if (st != TARE_OK) return st;
    if (node->op == TARE_OP_PRELU && !tare_dims_equal(&a->dims, &out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the slope %.80s does not broadcast to the input %.80s",
                       tare_dims_print(&b->dims, text_b),
                       tare_dims_print(&a->dims, text_a));
    return tare_op_set_output(
        graph, node, 0, binaries[node->op].test ? TARE_BOOL : a->dtype, &out, err);
}

/* The function for a row of integers of the type. */
static int_fn *int_function(const struct tare_node *node, enum tare_op op,
                            enum tare_dtype dtype)
{
    if (op == TARE_OP_BIT_SHIFT && is_shift_right(node)) return u_shift_right;
    if (dtype == TARE_U64 && binaries[op].u64 == OWN) return binaries[op].u;
    if (op == TARE_OP_MOD && is_fmod(node)) return i_remainder;
    return binaries[op].i;
}

/* Two inputs and the output, at the row that is computed. */
struct operands {
    enum tare_op op;
    const struct tare_const *a, *b;
    struct tare_const *out;
    const struct tare_rows *rows;
    int64_t at; /* of the output's row */
};

static enum tare_status int_row(const struct tare_node *node, const struct operands *o,
                                int_fn *compute, struct tare_error *err)
{
    int64_t a[TARE_BLOCK], b[TARE_BLOCK], y[TARE_BLOCK];
    const bool divides = o->op == TARE_OP_DIV || o->op == TARE_OP_MOD;
    const bool flips = o->a->dtype == TARE_U64 && binaries[o->op].u64 == ORDER;
    const struct tare_rows *rows = o->rows;
    for (int64_t done = 0; done < rows->n; done += TARE_BLOCK) {
        const int64_t n = tare_block(rows->n - done);
        tare_const_read_ints(o->a, rows->at[0] + done * rows->step[0], rows->step[0], n,
                             a);
        tare_const_read_ints(o->b, rows->at[1] + done * rows->step[1], rows->step[1], n,
                             b);
        for (int64_t i = 0; divides && i < n; i++)
            if (b[i] == 0)
                TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%lld is divided by 0",
                               (long long)a[i]);
        if (flips) {
            tare_ints_flip(a, n);
            tare_ints_flip(b, n);
        }
        compute(a, b, y, n);
        if (flips && o->out->dtype == TARE_U64) tare_ints_flip(y, n);
        tare_const_write_ints(o->out, o->at + done, n, y);
    }
    return TARE_OK;
}

static void float_row(const struct operands *o)
{
    const int64_t *step = o->rows->step;
    const float *a = (const float *)o->a->data + o->rows->at[0];
    const float *b = (const float *)o->b->data + o->rows->at[1];
    const int64_t n = o->rows->n;
    if (binaries[o->op].test)
        binaries[o->op].test(a, step[0], b, step[1], (uint8_t *)o->out->data + o->at,
                             n);
    else
        binaries[o->op].f(a, step[0], b, step[1], (float *)o->out->data + o->at, n);
}

enum tare_status tare_binary_run(const struct tare_node *node, enum tare_op op,
                                 const struct tare_const *a, const struct tare_const *b,
                                 struct tare_const *out, struct tare_error *err)
{
    struct tare_rows rows;
    const struct tare_dims *const dims[] = {&a->dims, &b->dims};
    struct operands o = {.op = op, .a = a, .b = b, .out = out, .rows = &rows};
    enum tare_status st = TARE_OK;
    if (!tare_rows_begin(&rows, &out->dims, dims, 2)) return TARE_OK;
    do {
        if (a->dtype == TARE_F32)
            float_row(&o);
        else
            st = int_row(node, &o, int_function(node, op, a->dtype), err);
        o.at += rows.n;
    } while (st == TARE_OK && tare_rows_next(&rows));
    return st;
}

enum tare_status tare_eval_binary(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    return tare_binary_run(node, node->op, &inputs[0], &inputs[1], &outputs[0], err);
}
