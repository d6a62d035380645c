/* Layers for several samples where a record has one: what it takes of their parameters.
 */
#include <string.h>

#include "engine/layers/common.h"
#include "engine/layers/params.h"

static bool times(int64_t *length, int64_t n)
{
    return !__builtin_mul_overflow(*length, n, length);
}

/* From a sample's operand to the next one's, in elements; a weight is there for all. */
static int64_t sample_stride(const struct tare_plan_tensor *t)
{
    return t->storage == TARE_IN_WEIGHTS ? 0 : tare_plan_count(t);
}

/* Samples are one more axis, the outermost. */
static bool binary_times(struct tare_binary_loop *loop, const struct tare_layer *layer,
                         int64_t n)
{
    const size_t rank = (size_t)loop->rank;
    if (rank == TARE_MAX_RANK) return false;
    memmove(loop->dims + 1, loop->dims, rank * sizeof *loop->dims);
    memmove(loop->a_strides + 1, loop->a_strides, rank * sizeof *loop->a_strides);
    memmove(loop->b_strides + 1, loop->b_strides, rank * sizeof *loop->b_strides);
    loop->dims[0] = n;
    loop->a_strides[0] = sample_stride(layer->inputs[0]);
    loop->b_strides[0] = sample_stride(layer->inputs[1]);
    loop->rank++;
    return true;
}

/* Every sample is computed as if it were alone, whatever axis the layer works along:
 * what is outside of that is repeated. */
bool tare_layer_times(const struct tare_layer *layer, void *params, int64_t n)
{
    switch (layer->record->kind) {
    case TARE_LAYER_RESHAPE:
    case TARE_LAYER_F32_UNARY: return true; /* the tensors say it all */
    case TARE_LAYER_F32_CONV:
    case TARE_LAYER_F32_WINOGRAD:
        return times(&((struct tare_f32_conv *)params)->window.batch, n);
    case TARE_LAYER_F32_DEPTHWISE:
        return times(&((struct tare_f32_depthwise *)params)->window.batch, n);
    case TARE_LAYER_F32_POOL:
        return times(&((struct tare_f32_pool *)params)->window.batch, n);
    case TARE_LAYER_F32_AFFINE:
        return times(&((struct tare_affine_params *)params)->n_pixels, n);
    case TARE_LAYER_F32_SOFTMAX:
        return times(&((struct tare_f32_softmax *)params)->outer, n);
    case TARE_LAYER_F32_REDUCE:
        return times(&((struct tare_f32_reduce *)params)->outer, n);
    case TARE_LAYER_F32_LAYER_NORM:
        return times(&((struct tare_f32_layer_norm *)params)->rows, n);
    case TARE_LAYER_F32_BINARY:
        return binary_times(&((struct tare_f32_binary *)params)->loop, layer, n);
    default: return false;
    }
}
