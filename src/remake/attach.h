/* remake/attach.h - give a plan its last two sections: profiles and source. */
#ifndef TARE_REMAKE_ATTACH_H
#define TARE_REMAKE_ATTACH_H

#include "remake/source.h"

/** What is attached. */
struct tare_attachment {
    struct tare_source_content source; /* but for its bindings, which are the plan's */
    const struct tare_shape_range *ranges; /* [source.n_profiles][n_inputs]; NULL: the
                                              plan has one shape, and no profiles */
    const uint32_t *open_axes; /* [n_bindings] bits of axes whose length is one of
                                  several; NULL: none */
};

/** @param bytes      of a plan where both are empty.
 *  @param[out] made  tare_free() it; NULL on failure. */
enum tare_status tare_source_attach(const uint8_t *bytes, size_t n_bytes,
                                    const struct tare_attachment *attachment,
                                    uint8_t **made, size_t *n_made,
                                    struct tare_error *err);

/** The tactics that a plan's layers name, and its regions, for the source of another
 * one.
 *  @param bytes  of a plan, which owns the names
 *  @param[out] list  tare_free() its items and those of its regions, also on failure.
 */
enum tare_status tare_source_tactics(const uint8_t *bytes,
                                     struct tare_tactic_list *list,
                                     struct tare_error *err);

#endif /* TARE_REMAKE_ATTACH_H */
