/* tare/monitor.h - watch a long call, and end it early. */
#ifndef TARE_MONITOR_H
#define TARE_MONITOR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What a call tells of its work, as TensorRT's IProgressMonitor does: phases that
 * begin, make steps and end, one inside another. A phase that began ends, whether the
 * call succeeds or not. Called by the thread that made the call; phases are named by
 * strings that live as long as the program. A member may be NULL.
 */
struct tare_monitor {
    /** @param parent  the phase that it is a part of, or NULL
     *  @param n_steps  how many steps it will make; 0: none */
    void (*phase_start)(void *ctx, const char *phase, const char *parent,
                        size_t n_steps);
    /** Step `step`, counted from 0, is done; the last one may be told several times.
     * @return false: give up. The call returns TARE_E_CANCELLED and leaves nothing
     * behind.
     */
    bool (*step_complete)(void *ctx, const char *phase, size_t step);
    void (*phase_finish)(void *ctx, const char *phase);
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif /* TARE_MONITOR_H */
