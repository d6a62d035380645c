/* Engines that carry what they are made from, and those that have nothing else. */
#include "api/build.h"
#include "api/model.h"
#include "base/mem.h"
#include "refit/strip_plan.h"
#include "remake/attach.h"

bool tare_build_carries_source(const struct tare_build_options *options)
{
    return options->refit || options->version_compatible || options->strip_weights;
}

void tare_build_replace_bytes(struct tare_plan *plan, uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < plan->tactics.n_rows; i++) {
        struct tare_tactic_choice *row = &plan->tactics.rows[i];
        row->layer = (const char *)bytes + (row->layer - (const char *)plan->bytes);
    }
    tare_free(plan->bytes);
    plan->bytes = bytes;
    plan->n_bytes = n_bytes;
}

enum tare_status tare_build_attach_source(const struct tare_model *model,
                                          struct tare_plan *plan,
                                          struct tare_error *err)
{
    struct tare_tactic_list tactics = {0};
    uint8_t *made = NULL;
    size_t n_made = 0;
    enum tare_status st = tare_source_tactics(plan->bytes, &tactics, err);
    const struct tare_attachment attachment = {.source = {.graph = model->graph,
                                                          .make = &plan->make,
                                                          .tactics = &tactics,
                                                          .n_profiles = 1}};
    if (st == TARE_OK)
        st = tare_source_attach(plan->bytes, plan->n_bytes, &attachment, &made, &n_made,
                                err);
    tare_free(tactics.items);
    tare_free(tactics.regions.items);
    if (st == TARE_OK) tare_build_replace_bytes(plan, made, n_made);
    return st;
}

enum tare_status tare_build_strip(struct tare_plan *plan, struct tare_error *err)
{
    uint8_t *bare;
    size_t n_bare;
    const enum tare_status st =
        tare_strip_plan(plan->bytes, plan->n_bytes, plan->plugins, &bare, &n_bare, err);
    if (st != TARE_OK) return st;
    plan->stripped_of = plan->bytes;
    plan->bytes = bare;
    plan->n_bytes = n_bare;
    return TARE_OK;
}
