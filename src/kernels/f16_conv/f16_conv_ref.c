#include "kernels/f16_conv/f16_conv.h"

#define CONV_NAME                tare_f16_conv__ref
#define HALF_WIDEN               tare_half_to_float
#define HALF_NARROW              tare_half_from_float
#define HALF_WEIGHT(k, o, width) ((k) * (width) + (o))
#include "kernels/half_conv/half_conv_ref.h"
