/* Cast and CastLike. */
#include "base/dims.h"
#include "base/half.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* Half, bfloat16 and double are float32 here, as the importer makes them. */
static const struct {
    int64_t onnx;
    enum tare_dtype dtype;
} types[] = {
    {1, TARE_F32},  {2, TARE_U8},   {3, TARE_S8},   {4, TARE_U16},  {5, TARE_S16},
    {6, TARE_S32},  {7, TARE_S64},  {9, TARE_BOOL}, {10, TARE_F32}, {11, TARE_F32},
    {12, TARE_U32}, {13, TARE_U64}, {16, TARE_F32},
};

bool tare_onnx_dtype(int64_t onnx, enum tare_dtype *dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].onnx == onnx) {
            *dtype = types[i].dtype;
            return true;
        }
    return false;
}

enum tare_status tare_infer_cast(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const int64_t to = tare_node_int(node, "to", 0);
    enum tare_dtype dtype;
    if (!tare_onnx_dtype(to, &dtype))
        TARE_NODE_FAIL(
            node, err, TARE_E_UNSUPPORTED,
            "casts to ONNX type %lld, tare has float, the integers to 64 bits and bool",
            (long long)to);
    return tare_op_set_output(graph, node, 0, dtype, &x->dims, err);
}

enum tare_status tare_infer_cast_like(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    return tare_op_set_output(graph, node, 0, tare_op_input(graph, node, 1)->dtype,
                              &tare_op_input(graph, node, 0)->dims, err);
}

/* A float as the type of ONNX's number can hold it. */
static void round_floats(int64_t onnx, float *values, int64_t n)
{
    if (onnx == TARE_ONNX_FLOAT16)
        for (int64_t i = 0; i < n; i++)
            values[i] = tare_half_to_float(tare_half_from_float(values[i]));
    if (onnx == TARE_ONNX_BFLOAT16)
        for (int64_t i = 0; i < n; i++)
            values[i] = tare_bfloat16_to_float(tare_bfloat16_from_float(values[i]));
}

static void cast_block(const struct tare_const *x, struct tare_const *y, int64_t at,
                       int64_t n)
{
    int64_t ints[TARE_BLOCK];
    double doubles[TARE_BLOCK];
    float *floats = y->data;
    if (x->dtype == TARE_F32) {
        tare_const_read_doubles(x, at, 1, n, doubles);
        tare_const_write_doubles(y, at, n, doubles);
        return;
    }
    tare_const_read_ints(x, at, 1, n, ints);
    if (y->dtype != TARE_F32)
        tare_const_write_ints(y, at, n, ints);
    else if (x->dtype == TARE_U64)
        for (int64_t i = 0; i < n; i++)
            floats[at + i] = (float)(uint64_t)ints[i];
    else
        for (int64_t i = 0; i < n; i++)
            floats[at + i] = (float)ints[i];
}

enum tare_status tare_eval_cast(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_const *y = &outputs[0];
    const enum tare_status st = tare_const_alloc(y, err);
    if (st != TARE_OK) return st;
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t at = 0; at < n; at += TARE_BLOCK)
        cast_block(&inputs[0], y, at, tare_block(n - at));
    if (y->dtype == TARE_F32) round_floats(tare_node_int(node, "to", 0), y->data, n);
    return st;
}
