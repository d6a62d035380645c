#include "kernels/bf16_conv/bf16_conv.h"

#define CONV_NAME                tare_bf16_conv__ref
#define HALF_WIDEN               tare_bfloat16_to_float
#define HALF_NARROW              tare_bfloat16_from_float
#define HALF_WEIGHT(k, o, width) (((k) - (k) % 2) * (width) + 2 * (o) + (k) % 2)
#include "kernels/half_conv/half_conv_ref.h"
