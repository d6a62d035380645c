/* node_data.h - ONNX's node tests keep bfloat16 tensors as uint16, their bits. */
#ifndef TESTS_NODE_DATA_H
#define TESTS_NODE_DATA_H

#include "base/dims.h"
#include "base/half.h"
#include "base/mem.h"
#include "graph/graph.h"

/** Bring a tensor of test data to the type that the model has imported. */
static inline void node_data_match(struct tare_const *content, enum tare_dtype model)
{
    if (content->dtype != TARE_U16 || model != TARE_F32) return;
    struct tare_const wide = {.dtype = TARE_F32, .dims = content->dims};
    assert_int_equal(tare_const_alloc(&wide, NULL), TARE_OK);
    for (int64_t i = 0; i < tare_dims_count(&wide.dims); i++)
        ((float *)wide.data)[i] =
            tare_bfloat16_to_float(((const uint16_t *)content->data)[i]);
    tare_free(content->data);
    *content = wide;
}

#endif /* TESTS_NODE_DATA_H */
