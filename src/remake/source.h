/* remake/source.h - the source section of an engine: all that it takes to make the
 * engine anew, also by a tare that has another TARE_PLAN_VERSION, in this order:
 *
 *     "TARESRC"   u32 TARE_SOURCE_VERSION   u64 bytes up to the graph's end
 *     u32 flags   u32 constraints   text layer precisions   text layer output types
 *     u32 n, ranges: text name, f64 amax
 *     u32 bytes, what a recovery file holds (none: 0)
 *     u32 n, profiles: u32 n, tactics: text layer, text tactic; then, since
 *         version 2, u32 n, regions: text layer, u32 first layer, layers, streams
 *     u32 n, bindings of the engine: u32 dtype in the model (all ones: a run tells it,
 *         and the shape), since version 2 u32 dtype, u32 format, f32 scale of the
 *         binding, u32 open axes, shape
 *     u32 n, weights that have been taken out: shape. They are the last of the graph's
 *         inputs
 *     graph   as graph/blob.h writes it, larger constants apart: behind it all, from
 * the next multiple of 64 on */
#ifndef TARE_REMAKE_SOURCE_H
#define TARE_REMAKE_SOURCE_H

#include <stdatomic.h>

#include "base/blob.h"
#include "engine/border.h"
#include "engine/build/regions.h"
#include "engine/build/tactic_names.h"
#include "remake/make.h"

#define TARE_SOURCE_MAGIC "TARESRC" /* with its NUL */
/* Any change of what is above, of graph/blob.h, of an operator's attributes or of a
 * number that stands for something needs a new one. */
#define TARE_SOURCE_VERSION       2
#define TARE_SOURCE_LEAST_VERSION 1 /* that is read as well */

/** An input or output of the engine, by the order of its bindings. */
struct tare_source_binding {
    bool is_told; /* false: a run tells type and shape */
    enum tare_dtype model_dtype;
    struct tare_border border; /* set where it is told */
    uint32_t open_axes;        /* as in struct tare_plan_tensor */
    struct tare_dims dims;
};

/** The tactics of one profile, and its regions, which were timed at its opt shapes. */
struct tare_tactic_list {
    struct tare_tactic_name *items; /* [n] */
    size_t n;
    struct tare_region_list regions;
};

/** What is written. */
struct tare_source_content {
    const struct tare_graph *graph; /* as imported; shapes that were inferred are not
                                       written */
    const struct tare_make_options *make;
    const struct tare_tactic_list *tactics; /* [n_profiles] */
    size_t n_profiles;
    const struct tare_source_binding *bindings; /* [n_bindings] */
    size_t n_bindings;
    size_t n_stripped; /* of the graph's last inputs: weights that are left out */
};

/** A source that was read. Stays where it is. */
struct tare_source {
    struct tare_graph *graph; /* the engine's inputs have no dims. Larger constants are
                                 borrowed from the section, which outlives the source */
    uint32_t version;
    struct tare_make_options make; /* made of what follows; its isa is the engine's */
    struct tare_range *ranges;
    struct tare_recovery *recovery;
    char *layer_precisions, *layer_output_types;
    struct tare_tactic_list *tactics; /* [n_profiles]; they own their texts */
    size_t n_profiles;
    struct tare_source_binding *bindings; /* [n_bindings] */
    size_t n_bindings;
    size_t n_stripped;      /* of the graph's last inputs: weights, which have dims */
    atomic_size_t n_owners; /* of the borrowed constants */
};

/** A source section in the making. Zero-initialise; tare_free() blob.data. */
struct tare_source_bytes {
    struct tare_blob blob;
    size_t n_apart, n_bytes; /* of constants, of all */
};
enum tare_status tare_source_encode(const struct tare_source_content *content,
                                    struct tare_source_bytes *bytes,
                                    struct tare_error *err);
/** @param[out] section  [bytes->n_bytes] of zeros, aligned to TARE_ALIGN */
void tare_source_put(const struct tare_source_bytes *bytes,
                     const struct tare_graph *graph, uint8_t *section);

/**
 * Read a section that may be damaged or forged.
 * @param section  aligned to TARE_ALIGN; outlives the source.
 * @param isa      the engine's.
 * @param plugins  that its graph may want; may be NULL. It outlives the source.
 * @param[out] source  tare_source_release() it, also on failure.
 * @retval TARE_E_FORMAT  damaged; the text says where.
 * @retval TARE_E_UNSUPPORTED  A plugin is not there; the text says which.
 */
enum tare_status tare_source_read(const uint8_t *section, size_t n_bytes, uint32_t isa,
                                  const struct tare_plugins *plugins,
                                  struct tare_source *source, struct tare_error *err);
void tare_source_release(struct tare_source *source);

#endif /* TARE_REMAKE_SOURCE_H */
