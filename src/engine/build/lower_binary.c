/* Arithmetic on two tensors, with broadcasting. */
#include <string.h>

#include "engine/build/lower.h"
#include "engine/build/weights.h"
#include "engine/layers/params_u8.h"

static int32_t binary_op(enum tare_op op)
{
    switch (op) {
    case TARE_OP_SUB: return TARE_BINARY_SUB;
    case TARE_OP_MUL: return TARE_BINARY_MUL;
    case TARE_OP_DIV: return TARE_BINARY_DIV;
    case TARE_OP_POW: return TARE_BINARY_POW;
    case TARE_OP_MIN: return TARE_BINARY_MIN;
    case TARE_OP_MAX: return TARE_BINARY_MAX;
    default: return TARE_BINARY_ADD;
    }
}

/* Dims in the order of memory, so that broadcasting is NumPy's. */
static struct tare_dims memory_dims(const struct tare_plan_tensor *t)
{
    struct tare_dims dims = t->dims;
    if (t->format == TARE_HWC) {
        dims.d[1] = t->dims.d[2];
        dims.d[2] = t->dims.d[3];
        dims.d[3] = t->dims.d[1];
    }
    return dims;
}

/* Both operands in HWC when one of them is there already and the other can follow. */
static enum tare_status binary_operands(struct tare_lower *l,
                                        const struct tare_node *node, int32_t inputs[2],
                                        enum tare_format *format,
                                        struct tare_error *err)
{
    enum tare_form forms[2]; /* constants stay as they are */
    for (int i = 0; i < 2; i++)
        forms[i] = tare_tensor_is_const(tare_lower_tensor(l, node->inputs[i]))
                       ? TARE_FORM_OWN
                       : tare_lower_form(l, node, node->inputs[i]);
    *format = TARE_LINEAR;
    if (tare_lower_tensor(l, node->outputs[0])->dims.rank == 4 &&
        (tare_lower_format(l, node->inputs[0]) == TARE_HWC ||
         tare_lower_format(l, node->inputs[1]) == TARE_HWC)) {
        bool done[2] = {false, false};
        enum tare_status st = tare_lower_use_broadcast(l, node->inputs[0], forms[0],
                                                       &done[0], &inputs[0], err);
        if (st == TARE_OK && done[0])
            st = tare_lower_use_broadcast(l, node->inputs[1], forms[1], &done[1],
                                          &inputs[1], err);
        if (st != TARE_OK) return st;
        if (done[0] && done[1]) {
            *format = TARE_HWC;
            return TARE_OK;
        }
    }
    for (int i = 0; i < 2; i++) {
        const enum tare_status st =
            tare_lower_use(l, node->inputs[i], TARE_LINEAR, forms[i], &inputs[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/* The output's loop over what the operands are in memory. */
static enum tare_status plan_loop(const struct tare_lower *l,
                                  const struct tare_node *node, const int32_t inputs[2],
                                  int32_t y, struct tare_binary_loop *loop,
                                  struct tare_error *err)
{
    const struct tare_dims a = memory_dims(&l->plan->tensors[inputs[0]]);
    const struct tare_dims b = memory_dims(&l->plan->tensors[inputs[1]]);
    const struct tare_dims out = memory_dims(&l->plan->tensors[y]);
    if (!tare_binary_loop_plan(&a, &b, &out, loop))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "its inputs do not broadcast");
    return TARE_OK;
}

/* All of the parameters but the loop. A difference is a sum with -s_b / s_y. */
static void fill_u8(const struct tare_lower *l, const struct tare_node *node,
                    struct tare_u8_binary *params)
{
    const struct tare_quant *a = &tare_lower_tensor(l, node->inputs[0])->quant;
    const struct tare_quant *b = &tare_lower_tensor(l, node->inputs[1])->quant;
    const struct tare_quant *out = &tare_lower_tensor(l, node->outputs[0])->quant;
    const double s_a = (double)a->scale, s_b = (double)b->scale;
    const double s_y = (double)out->scale;
    const int32_t op = binary_op(node->op);
    struct tare_u8_epilogue epilogue = {0};
    tare_u8_epilogue_fill(&epilogue, &node->fused, out);
    params->op = op == TARE_BINARY_SUB ? TARE_BINARY_ADD : op;
    params->a_scale = (float)(s_a / s_y);
    params->b_scale = (float)((op == TARE_BINARY_SUB ? -s_b : s_b) / s_y);
    params->scale = (float)(s_a * s_b / s_y);
    params->a_zero_point = a->zero_point;
    params->b_zero_point = b->zero_point;
    params->negative_slope = epilogue.negative_slope;
    params->lower = epilogue.lower;
    params->upper = epilogue.upper;
    params->out_zero_point = out->zero_point;
}

enum tare_status tare_lower_binary(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    const bool is_u8 = node->precision == TARE_PRECISION_INT8;
    for (size_t i = 0; i < 2; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, node->inputs[i]);
        if (t->dtype != TARE_F32)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "input %zu is no float32", i);
        if (is_u8 && tare_tensor_is_const(t)) /* of one value, says the rule */
            return tare_lower_as_table(l, node, 1 - i, NULL, err);
    }
    if (node->op == TARE_OP_PRELU)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "no float kernel");

    int32_t inputs[2], y;
    enum tare_format format;
    struct tare_f32_binary f32;
    struct tare_u8_binary u8;
    memset(&f32, 0, sizeof f32);
    memset(&u8, 0, sizeof u8);
    enum tare_status st = binary_operands(l, node, inputs, &format, err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], format,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
    if (st == TARE_OK)
        st = plan_loop(l, node, inputs, y, is_u8 ? &u8.loop : &f32.loop, err);
    if (st != TARE_OK) return st;
    if (is_u8) {
        fill_u8(l, node, &u8);
        return tare_lower_add(l, node, TARE_LAYER_U8_BINARY, &u8, inputs, 2, y, err);
    }
    f32.op = binary_op(node->op);
    f32.epilogue.negative_slope = node->fused.negative_slope;
    f32.epilogue.lower = node->fused.lower;
    f32.epilogue.upper = node->fused.upper;
    return tare_lower_add(l, node, TARE_LAYER_F32_BINARY, &f32, inputs, 2, y, err);
}
