/* api/build.h - builds whose graph is wanted. */
#ifndef TARE_API_BUILD_H
#define TARE_API_BUILD_H

#include "graph/graph.h"
#include "tare/builder.h"

/** tare_build() that also gives the optimised and annotated graph.
 *  @param in_place    false: every tensor is dense, for who looks into a context.
 *  @param[out] graph  tare_graph_destroy() it; NULL on failure. */
enum tare_status tare_build_keeping(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    bool in_place, struct tare_graph **graph,
                                    struct tare_plan **plan, struct tare_error *err);

/** All of a build but the engine: the optimised and annotated graph, and a plan that
 * has the report alone.
 *  @param[out] graph  tare_graph_destroy() it; NULL on failure. */
enum tare_status tare_build_graph(const struct tare_model *model,
                                  const struct tare_build_options *options,
                                  struct tare_graph **graph, struct tare_plan **plan,
                                  struct tare_error *err);

#endif /* TARE_API_BUILD_H */
