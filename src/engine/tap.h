/* engine/tap.h - show a held tensor as dense floats. */
#ifndef TARE_ENGINE_TAP_H
#define TARE_ENGINE_TAP_H

#include "engine/engine.h"

struct tare_tap_state {
    const struct tare_allocator *allocator; /* of the context */
    tare_tap *show;                         /* NULL: nobody looks */
    void *ctx;
    bool linear;
    float *buffer;      /* room for the largest tensor that needs converting */
    const bool *wanted; /* [taps] those to show; NULL: all */
};

enum tare_status tare_tap_prepare(struct tare_tap_state *state,
                                  const struct tare_engine *engine, tare_tap *show,
                                  void *ctx, bool linear, struct tare_error *err);
void tare_tap_release(struct tare_tap_state *state);

/** Show tap number `tap`, whose tensor is at `data`, and put back what comes in return.
 */
void tare_tap_show(const struct tare_tap_state *state, const struct tare_engine *engine,
                   size_t tap, void *data);

#endif /* TARE_ENGINE_TAP_H */
