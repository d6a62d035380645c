/* kernels/f32_observe/f32_observe.h - extremes and histogram bins of floats. */
#ifndef TARE_KERNELS_F32_OBSERVE_H
#define TARE_KERNELS_F32_OBSERVE_H

#include "base/observe.h"
#include "kernels/select.h"

/** The contract is in base/observe.h. */
typedef tare_observe_values_fn tare_f32_observe_fn;

#define TARE_UKERNEL(isa, name, tile) tare_f32_observe_fn name;
#include "kernels/f32_observe/f32_observe.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_f32_observe);

#endif /* TARE_KERNELS_F32_OBSERVE_H */
