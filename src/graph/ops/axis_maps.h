/* graph/ops/axis_maps.h - outputs that show elements of the input, axis by axis: Pad,
 * CenterCropPad, Tile and the nearest Resize. */
#ifndef TARE_GRAPH_OPS_AXIS_MAPS_H
#define TARE_GRAPH_OPS_AXIS_MAPS_H

#include "graph/graph.h"

/** The element at output index (o0, o1, ...) is the input's at (map[0][o0], map[1][o1],
 *  ...), or the fill where one of those is negative. */
struct tare_axis_maps {
    int64_t *map[TARE_MAX_RANK];
    int64_t *storage; /* of all maps */
};

/** Make maps for the axes of `out`, all indices 0. */
enum tare_status tare_axis_maps_create(const struct tare_dims *out,
                                       struct tare_axis_maps *maps,
                                       struct tare_error *err);
void tare_axis_maps_destroy(struct tare_axis_maps *maps);

/** Fill `out`, whose rank and type are `in`'s. @param fill  one element; NULL when no
 *  map is negative. */
void tare_axis_maps_copy(const struct tare_axis_maps *maps, const struct tare_const *in,
                         const void *fill, struct tare_const *out);

#endif /* TARE_GRAPH_OPS_AXIS_MAPS_H */
