/* engine/build/regions.h - find layers that may run side by side (engine/regions.h). */
#ifndef TARE_ENGINE_BUILD_REGIONS_H
#define TARE_ENGINE_BUILD_REGIONS_H

#include "engine/build/plan_builder.h"
#include "engine/regions.h"

/** A region that was found before, to be made again in a plan of the same layers. */
struct tare_region_name {
    const char *layer; /* the first one's name */
    uint32_t first, n_layers, n_streams;
};

struct tare_region_list {
    struct tare_region_name *items; /* [n] in the order of their layers */
    size_t n;
};

/** Free a list that owns the names, which tare_strdup() made. */
void tare_region_list_free(struct tare_region_list *list);

/**
 * Note the regions of a lowered plan in its layers: of all ways to cut it, one where
 * most layers have another one beside them, and of those one with the shortest regions.
 * @param n_streams  of a region, at the most; 2 or more
 * @param[out] n     how many
 */
enum tare_status tare_regions_find(struct tare_plan_builder *plan, size_t n_streams,
                                   size_t *n, struct tare_error *err);

/** Note those of a list whose layers are there and can be shared out; the others are
 *  left. */
enum tare_status tare_regions_note(struct tare_plan_builder *plan,
                                   const struct tare_region_list *list,
                                   struct tare_error *err);

/** Leave those out that are not wanted; the others are numbered anew.
 *  @param wanted  [regions] */
void tare_regions_keep(struct tare_plan_layer *layers, size_t n_layers,
                       const bool *wanted);

/** The regions of a plan's bytes. @param[out] list  tare_free() its items, also on
 *  failure; their names are in the bytes */
enum tare_status tare_regions_list(const uint8_t *bytes, struct tare_region_list *list,
                                   struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_REGIONS_H */
