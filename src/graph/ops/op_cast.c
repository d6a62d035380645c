#include "base/dims.h"
#include "graph/ops/ops.h"

/* ONNX's numbers for element types. Half and double are float32 here, as the importer
 * makes them. */
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
    if (tare_onnx_dtype(to, &dtype))
        return tare_op_set_output(graph, node, 0, dtype, &x->dims, err);
    TARE_NODE_FAIL(
        node, err, TARE_E_UNSUPPORTED,
        "casts to ONNX type %lld, tare has float, the integers to 64 bits and bool",
        (long long)to);
}

enum tare_status tare_eval_cast(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const struct tare_const *x = &inputs[0];
    struct tare_const *y = &outputs[0];
    const enum tare_status st = tare_const_alloc(y, err);
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t i = 0; st == TARE_OK && i < n; i++) {
        if (x->dtype == TARE_F32 || y->dtype == TARE_F32)
            tare_const_set(y, i, tare_const_get(x, i));
        else
            tare_const_set_int(y, i, tare_const_get_int(x, i));
    }
    return st;
}
