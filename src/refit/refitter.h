/* refit/refitter.h - what tare_refitter holds. */
#ifndef TARE_REFIT_REFITTER_H
#define TARE_REFIT_REFITTER_H

#include "engine/engine.h"
#include "remake/source.h"
#include "tare/refit.h"

struct tare_refit_slot {
    int32_t tensor; /* of the source's graph; without data: the weight is missing */
    char *nodes;
    bool is_given;
};

struct tare_refitter {
    const struct tare_engine *engine;
    struct tare_source source;
    struct tare_refit_slot *slots; /* [n_slots], by tensor */
    size_t n_slots;
    bool is_changed; /* something that the engine has got another value */
};

/** Make constants of weights that are no longer missing.
 *  @retval TARE_E_ARG  Some still are; the text names the first ones. */
enum tare_status tare_refitter_complete(struct tare_refitter *refitter,
                                        struct tare_error *err);

#endif /* TARE_REFIT_REFITTER_H */
