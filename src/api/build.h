/* api/build.h - builds whose graph is wanted. */
#ifndef TARE_API_BUILD_H
#define TARE_API_BUILD_H

#include "engine/border.h"
#include "engine/build/tactics.h"
#include "graph/graph.h"
#include "remake/make.h"
#include "tare/builder.h"

struct tare_plan {
    struct tare_plan *next; /* of the next profile, owned, whose tactics count alone */
    uint8_t *bytes;
    size_t n_bytes;
    const struct tare_plugins *plugins; /* that it may want, or NULL */
    struct tare_text passes;
    struct tare_precision_report *report;
    size_t n_recovered;
    struct tare_tactic_report tactics;
    struct tare_make_options make; /* borrows the build's options, and */
    struct tare_range *ranges;
    char *by_time;        /* make.precision.by_time, or NULL */
    uint8_t *stripped_of; /* names in the report of tactics are there, or NULL */
};

/** What an engine is built with beside the build's options. */
struct tare_build_frame {
    uint32_t isa;
    const struct tare_dims *shapes; /* of the inputs; NULL: the model's own */
    bool in_place;   /* false: all tensors are there, and dense, for who looks into a
                        context */
    bool is_quiet;   /* the log has been told already */
    bool is_settled; /* precisions are by_time and the rules: nothing is timed */
    const char *by_time;             /* as in struct tare_precision_options, or NULL */
    struct tare_timing_cache *times; /* that is open already, or NULL */
};

/** The graph that an engine is made of, and a plan that has the report alone; NULL on
 *  failure. */
enum tare_status tare_build_prepare(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    const struct tare_build_frame *frame,
                                    struct tare_graph **graph, struct tare_plan **plan,
                                    struct tare_error *err);
/** The engine of a graph that is prepared. */
enum tare_status tare_build_engine(const struct tare_graph *graph,
                                   const struct tare_build_options *options,
                                   const struct tare_build_frame *frame,
                                   struct tare_plan *plan, struct tare_error *err);

/**
 * The engine whose precisions are the fastest that are allowed, as far as that is in
 * doubt. (fastest.c)
 * @param[in,out] graph, plan  prepared by the rules; others may take their place
 */
enum tare_status tare_build_fastest(const struct tare_model *model,
                                    const struct tare_build_options *options,
                                    const struct tare_build_frame *frame,
                                    struct tare_graph **graph, struct tare_plan **plan,
                                    struct tare_error *err);

/** tare_build() of one shape that also gives the optimised and annotated graph.
 *  @param in_place    as in struct tare_build_frame
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

/** tare_build() for inputs of these shapes, [n_inputs].
 *  @param like  a plan whose precisions by time it shall have, or NULL: its own */
enum tare_status tare_build_at(const struct tare_model *model,
                               const struct tare_build_options *options,
                               const struct tare_dims *shapes,
                               const struct tare_plan *like, struct tare_plan **plan,
                               struct tare_error *err);

/** The shapes of all profiles, [n_profiles][n_inputs]; tare_free() them.
 *  (profiles.c)
 *  @param[out] ranges  NULL: there is one shape, the model's own. */
enum tare_status tare_build_ranges(const struct tare_model *model,
                                   const struct tare_build_options *options,
                                   struct tare_shape_range **ranges,
                                   struct tare_error *err);
/** A plan that runs in all these shapes. (build_profiles.c) */
enum tare_status tare_build_with_ranges(const struct tare_model *model,
                                        const struct tare_build_options *options,
                                        const struct tare_shape_range *ranges,
                                        struct tare_plan **plan,
                                        struct tare_error *err);
/** What the inputs and outputs of an annotated graph are bound as, [n_inputs +
 * n_outputs]; tare_free() it. (io_formats.c)
 *  @param[out] borders  NULL: as the model has them, and on failure */
enum tare_status tare_build_borders(const struct tare_graph *g,
                                    const struct tare_build_options *options,
                                    const struct tare_make_options *make,
                                    struct tare_border **borders,
                                    struct tare_error *err);
/** Do the options want engines that carry their source? (build_source.c) */
bool tare_build_carries_source(const struct tare_build_options *options);
/** Let the plan of one shape carry its source. (build_source.c) */
enum tare_status tare_build_attach_source(const struct tare_model *model,
                                          struct tare_plan *plan,
                                          struct tare_error *err);
/** Leave the weights of a plan that carries its source out. (build_source.c) */
enum tare_status tare_build_strip(struct tare_plan *plan, struct tare_error *err);
/** Give a plan other bytes, whose beginning is as before: the report's names are there.
 *  (build_source.c) */
void tare_build_replace_bytes(struct tare_plan *plan, uint8_t *bytes, size_t n_bytes);

#endif /* TARE_API_BUILD_H */
