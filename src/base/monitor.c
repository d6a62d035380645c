#include "base/monitor.h"

void tare_monitor_start(const struct tare_monitor *monitor, const char *phase,
                        const char *parent, size_t n_steps)
{
    if (monitor && monitor->phase_start)
        monitor->phase_start(monitor->ctx, phase, parent, n_steps);
}

enum tare_status tare_monitor_step(const struct tare_monitor *monitor,
                                   const char *phase, size_t step,
                                   struct tare_error *err)
{
    TARE_FAIL_IF(monitor && monitor->step_complete &&
                     !monitor->step_complete(monitor->ctx, phase, step),
                 err, TARE_E_CANCELLED, "cancelled in phase '%s'", phase);
    return TARE_OK;
}

void tare_monitor_finish(const struct tare_monitor *monitor, const char *phase)
{
    if (monitor && monitor->phase_finish) monitor->phase_finish(monitor->ctx, phase);
}
