/* engine/tap.h - show a held tensor as dense floats. */
#ifndef TARE_ENGINE_TAP_H
#define TARE_ENGINE_TAP_H

#include "engine/engine.h"
#include "engine/layer.h"

struct tare_tap_state {
    const struct tare_allocator *allocator; /* of the context */
    tare_tap *show;                         /* NULL: nobody looks */
    void *ctx;
    bool linear;
    float *buffer;      /* room for the largest tensor that needs converting */
    const bool *wanted; /* [taps] those to show; NULL: all */
    bool in_pieces;     /* as they are made, where that can be */
};

/** The taps of one layer, while it runs. */
struct tare_tap_pieces {
    struct tare_layer_watch watch;
    const struct tare_tap_state *state;
    const struct tare_engine *engine;
    size_t first, end; /* taps that show the layer's output */
    void *data;        /* the output */
    int64_t n_shown;   /* elements */
};

enum tare_status tare_tap_prepare(struct tare_tap_state *state,
                                  const struct tare_engine *engine, tare_tap *show,
                                  void *ctx, bool linear, struct tare_error *err);
void tare_tap_release(struct tare_tap_state *state);

/** Show tap number `tap`, whose tensor is at `data`, and put back what comes in return.
 *  @param codes  of the same tensor, where tare_layer_codes() has them; else NULL */
void tare_tap_show(const struct tare_tap_state *state, const struct tare_engine *engine,
                   size_t tap, void *data, void *codes);

/** Begin with a layer that makes `data`. @retval false  Taps [first, end) of it cannot
 *  be shown in pieces; else pass on pieces->watch, and end with tare_tap_finish(). */
bool tare_tap_begin(const struct tare_tap_state *state,
                    const struct tare_engine *engine, const struct tare_layer *layer,
                    size_t first, size_t end, void *data,
                    struct tare_tap_pieces *pieces);
/** Show what is left. */
void tare_tap_finish(struct tare_tap_pieces *pieces);

#endif /* TARE_ENGINE_TAP_H */
