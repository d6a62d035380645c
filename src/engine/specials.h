/* engine/specials.h - engines that were made anew from one for other shapes, shared by
 * its contexts. Those that nobody uses are kept for later, up to a number. */
#ifndef TARE_ENGINE_SPECIALS_H
#define TARE_ENGINE_SPECIALS_H

#include "engine/engine.h"

struct tare_weight_index;
struct tare_specials;

/** An engine of the shapes that it was made for. */
struct tare_special {
    struct tare_engine *engine;
    uint8_t *bytes; /* of the engine */
    struct tare_dims *dims;
    size_t profile, n_users;
    uint64_t last_use;
};

/** Make the bytes of an engine anew: tare_remake() of its source. */
typedef enum tare_status tare_special_fn(const struct tare_engine *base, size_t profile,
                                         const struct tare_dims *dims,
                                         const struct tare_weight_index *index,
                                         uint8_t **bytes, size_t *n_bytes,
                                         struct tare_error *err);

enum tare_status tare_specials_create(struct tare_specials **specials,
                                      struct tare_error *err);
/** NULL is fine. Nobody uses one of them any more. */
void tare_specials_destroy(struct tare_specials *specials);

/**
 * The engine of a profile and shapes, made when it is not there: one at a time, while
 * those that are there can be had.
 * @param base          whose specials they are.
 * @param dims          [n_inputs]
 * @param[out] special  tare_special_return() it. Threads: safe.
 */
enum tare_status tare_special_borrow(const struct tare_engine *base, size_t profile,
                                     const struct tare_dims *dims,
                                     tare_special_fn *make,
                                     struct tare_special **special,
                                     struct tare_error *err);
/** Threads: safe. */
void tare_special_return(struct tare_specials *specials, struct tare_special *special);

#endif /* TARE_ENGINE_SPECIALS_H */
