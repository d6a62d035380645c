/* Hands calibration the kernel that this CPU runs best. */
#include "base/observe.h"

#include "base/cpu.h"
#include "kernels/f32_observe/f32_observe.h"

tare_observe_values_fn *tare_observe_values_select(void)
{
    return tare_f32_observe_select(tare_cpu_flags());
}
