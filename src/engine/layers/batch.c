/* Layers for several samples where a record has one: what it takes of their parameters.
 */
#include <string.h>

#include "engine/layers/common.h"
#include "engine/layers/params.h"

static bool times(int64_t *length, int64_t n)
{
    return !__builtin_mul_overflow(*length, n, length);
}

/* Where all three are dense and of one shape; a broadcast operand may have one for all.
 */
static bool binary_times(struct tare_binary_loop *loop, int64_t n)
{
    return loop->rank == 1 && loop->a_strides[0] == 1 && loop->b_strides[0] == 1 &&
           times(&loop->dims[0], n);
}

/* Every sample is computed as if it were alone, whatever axis the layer works along:
 * what is outside of that is repeated. */
bool tare_layer_times(uint32_t kind, void *params, int64_t n)
{
    switch (kind) {
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
        return binary_times(&((struct tare_f32_binary *)params)->loop, n);
    default: return false;
    }
}
