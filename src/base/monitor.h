/* base/monitor.h - tell a monitor of tare/monitor.h; NULL: nobody watches. */
#ifndef TARE_BASE_MONITOR_H
#define TARE_BASE_MONITOR_H

#include "base/error.h"
#include "tare/monitor.h"

/** The phases of a build. */
#define TARE_PHASE_BUILD    "build"
#define TARE_PHASE_OPTIMIZE "optimize"
#define TARE_PHASE_LAYERS   "make layers"
#define TARE_PHASE_TACTICS  "time kernels"

void tare_monitor_start(const struct tare_monitor *monitor, const char *phase,
                        const char *parent, size_t n_steps);

/** @retval TARE_E_CANCELLED  the monitor wants no more; the text names the phase. */
enum tare_status tare_monitor_step(const struct tare_monitor *monitor,
                                   const char *phase, size_t step,
                                   struct tare_error *err);

void tare_monitor_finish(const struct tare_monitor *monitor, const char *phase);

#endif /* TARE_BASE_MONITOR_H */
