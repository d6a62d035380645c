/* Functions of one input in INT8: a table of what each code becomes. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "engine/build/lower.h"
#include "engine/layers/params_u8.h"
#include "graph/run.h"

enum { N_CODES = 256 };

/* The real values of the codes. */
static void decode(const struct tare_quant *from, float x[N_CODES])
{
    for (int q = 0; q < N_CODES; q++)
        x[q] = (float)(q - from->zero_point) * from->scale;
}

static enum tare_status add_codes(struct tare_lower *l, const uint8_t codes[N_CODES],
                                  int32_t *id, struct tare_error *err)
{
    int8_t table[N_CODES];
    memcpy(table, codes, N_CODES);
    return tare_plan_add_vector(l->plan, TARE_S8, N_CODES, table, id, err);
}

/* The table as a weight: y[q], quantized. */
static enum tare_status add_table(struct tare_lower *l, const float y[N_CODES],
                                  const struct tare_quant *to, int32_t *id,
                                  struct tare_error *err)
{
    uint8_t codes[N_CODES];
    for (int q = 0; q < N_CODES; q++)
        codes[q] = tare_quant_code(to, y[q]);
    return add_codes(l, codes, id, err);
}

static struct tare_table_params params_of(const struct tare_lower *l, int32_t y)
{
    struct tare_table_params params;
    memset(&params, 0, sizeof params);
    params.n_elems = tare_dims_count(&l->plan->tensors[y].dims);
    return params;
}

enum tare_status tare_lower_add_table(struct tare_lower *l, int32_t tensor,
                                      const uint8_t y[N_CODES], int32_t from,
                                      int32_t to, struct tare_error *err)
{
    const struct tare_table_params params = params_of(l, to);
    int32_t inputs[2] = {from};
    const enum tare_status st = add_codes(l, y, &inputs[1], err);
    return st == TARE_OK
               ? tare_lower_add_reformat(l, "convert", tensor, TARE_LAYER_U8_TABLE,
                                         &params, inputs, 2, to, err)
               : st;
}

static enum tare_status add_layer(struct tare_lower *l, const struct tare_node *node,
                                  const int32_t inputs[2], int32_t y,
                                  struct tare_error *err)
{
    const struct tare_table_params params = params_of(l, y);
    return tare_lower_add(l, node, TARE_LAYER_U8_TABLE, &params, inputs, 2, y, err);
}

enum tare_status tare_lower_requantized(struct tare_lower *l,
                                        const struct tare_node *node, int32_t tensor,
                                        enum tare_format format,
                                        const struct tare_quant *to, int32_t *id,
                                        struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    int32_t inputs[2];
    float x[N_CODES];
    if (t->quant.scale == to->scale && t->quant.zero_point == to->zero_point)
        return tare_lower_use_slice(l, tensor, format, TARE_FORM_U8, id, err);
    enum tare_status st =
        tare_lower_use(l, tensor, format, TARE_FORM_U8, &inputs[0], err);
    if (st != TARE_OK) return st;
    decode(&t->quant, x);
    st = add_table(l, x, to, &inputs[1], err);
    if (st == TARE_OK)
        st =
            tare_plan_add_tensor(l->plan, NULL, TARE_U8, format, &t->dims, to, id, err);
    return st == TARE_OK ? add_layer(l, node, inputs, *id, err) : st;
}

enum tare_status tare_lower_as_table(struct tare_lower *l, const struct tare_node *node,
                                     size_t input, const struct tare_f32_unary *kernel,
                                     struct tare_error *err)
{
    const int32_t in = node->inputs[input], out = node->outputs[0];
    const enum tare_format format = tare_lower_format(l, in);
    float x[N_CODES], y[N_CODES];
    int32_t inputs[2], id;
    enum tare_status st = TARE_OK;
    decode(&tare_lower_tensor(l, in)->quant, x);
    if (kernel)
        tare_f32_unary_select(TARE_CPU_NONE)(kernel, x, y, 0, N_CODES);
    else
        st = tare_node_apply(l->graph, node, input, x, y, N_CODES, err);
    if (st == TARE_OK)
        st = tare_lower_use(l, in, format, TARE_FORM_U8, &inputs[0], err);
    if (st == TARE_OK)
        st = add_table(l, y, &tare_lower_tensor(l, out)->quant, &inputs[1], err);
    if (st == TARE_OK) st = tare_lower_make(l, out, format, TARE_FORM_U8, &id, err);
    return st == TARE_OK ? add_layer(l, node, inputs, id, err) : st;
}
