/* Pow: the base's type comes out, the exponent may be of another. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_pow(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    const struct tare_tensor *base = tare_op_input(graph, node, 0);
    const struct tare_tensor *exponent = tare_op_input(graph, node, 1);
    struct tare_dims out;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_NUMBER, err);
    if (st == TARE_OK)
        st = tare_op_broadcast(node, &base->dims, &exponent->dims, &out, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, base->dtype, &out, err)
                         : st;
}

/* Exact, and wrapping; a negative power of a whole number is cut towards zero. */
static int64_t int_power(int64_t base, int64_t exponent)
{
    if (exponent < 0 && base != 1 && base != -1) return 0;
    uint64_t factor = (uint64_t)base, result = 1;
    for (uint64_t left = (uint64_t)exponent; left; left >>= 1) {
        if (left & 1) result *= factor;
        factor *= factor;
    }
    return (int64_t)result;
}

struct operands {
    const struct tare_const *base, *exponent;
    struct tare_const *out;
};

static void int_block(const struct operands *o, const int64_t at[3],
                      const int64_t step[2], int64_t n)
{
    int64_t base[TARE_BLOCK], exponent[TARE_BLOCK];
    tare_const_read_ints(o->base, at[0], step[0], n, base);
    tare_const_read_ints(o->exponent, at[1], step[1], n, exponent);
    for (int64_t i = 0; i < n; i++)
        base[i] = int_power(base[i], exponent[i]);
    tare_const_write_ints(o->out, at[2], n, base);
}

/* In double. Squares and cubes, which networks are full of, are products. */
static void float_block(const struct operands *o, const int64_t at[3],
                        const int64_t step[2], int64_t n)
{
    double base[TARE_BLOCK], exponent[TARE_BLOCK];
    tare_const_read_doubles(o->base, at[0], step[0], n, base);
    tare_const_read_doubles(o->exponent, at[1], step[1], n, exponent);
    const double all = step[1] == 0 ? exponent[0] : 0.0;
    for (int64_t i = 0; i < n; i++)
        base[i] = all == 2.0   ? base[i] * base[i]
                  : all == 3.0 ? base[i] * base[i] * base[i]
                               : pow(base[i], exponent[i]);
    tare_const_write_doubles(o->out, at[2], n, base);
}

enum tare_status tare_eval_pow(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const struct operands o = {&inputs[0], &inputs[1], &outputs[0]};
    const struct tare_dims *const dims[] = {&inputs[0].dims, &inputs[1].dims};
    const bool is_int = inputs[0].dtype != TARE_F32 && inputs[1].dtype != TARE_F32;
    struct tare_rows rows;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || !tare_rows_begin(&rows, &outputs[0].dims, dims, 2)) return st;
    int64_t out = 0;
    do {
        for (int64_t done = 0; done < rows.n; done += TARE_BLOCK) {
            const int64_t at[3] = {rows.at[0] + done * rows.step[0],
                                   rows.at[1] + done * rows.step[1], out + done};
            (is_int ? int_block : float_block)(&o, at, rows.step,
                                               tare_block(rows.n - done));
        }
        out += rows.n;
    } while (tare_rows_next(&rows));
    return st;
}
