/* engine/build/plan_edit.h - passes over a lowered plan that let one layer do what
 * another did: what they ask of it, and what they change. Private to these passes. */
#ifndef TARE_ENGINE_BUILD_PLAN_EDIT_H
#define TARE_ENGINE_BUILD_PLAN_EDIT_H

#include "engine/build/plan_builder.h"

/** What becomes of a layer. */
struct tare_layer_edit {
    bool is_gone;
    int32_t first_input, first_output; /* in the place of its own, or -1 */
    int32_t more_input, more_output;   /* behind its own, or -1 */
};

struct tare_plan_edit {
    struct tare_layer_edit *layers; /* [n_layers] */
    bool *drops;                    /* [n_tensors] those that nothing names then */
    size_t n;                       /* layers that are gone */
};

static inline const void *tare_plan_params(const struct tare_plan_builder *b,
                                           const struct tare_plan_layer *l)
{
    return b->params.data + l->params;
}

/** The first output. */
static inline int32_t tare_plan_output(const struct tare_plan_builder *b,
                                       const struct tare_plan_layer *l)
{
    return b->ids[l->first_id + l->n_inputs];
}

/** The layer before layer `i` whose first output is `tensor`; n_layers: there is none.
 */
size_t tare_plan_maker(const struct tare_plan_builder *b, size_t i, int32_t tensor);

/** Is any of its operands in the memory of `root`? */
bool tare_plan_touches(const struct tare_plan_builder *b,
                       const struct tare_plan_layer *l, int32_t root);

/** Does the user want `tensor`, or a layer that stays, other than layer `i`? */
bool tare_plan_wants(const struct tare_plan_builder *b,
                     const struct tare_plan_edit *edit, int32_t tensor, size_t i);

/** Nothing changes yet. @param[out] edit  tare_plan_edit_release() it, also on failure
 */
enum tare_status tare_plan_edit_begin(const struct tare_plan_builder *b,
                                      struct tare_plan_edit *edit,
                                      struct tare_error *err);
/** Change the plan, if any layer is gone. */
enum tare_status tare_plan_edit_apply(struct tare_plan_builder *b,
                                      const struct tare_plan_edit *edit,
                                      struct tare_error *err);
void tare_plan_edit_release(struct tare_plan_edit *edit);

/* The passes, in their order: sums look at whether norms make floats. */
enum tare_status tare_plan_fuse_quantize(struct tare_plan_builder *b,
                                         struct tare_error *err);
enum tare_status tare_plan_fuse_sums(struct tare_plan_builder *b,
                                     struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_PLAN_EDIT_H */
