/* engine/build/tactics.h - which of its kernels each layer of a finished engine runs.
 *
 * All our kernels of a layer read the same packed weights and give the same bytes, so
 * the choice is made when the engine is finished, and changes only the name in the
 * layer's record. */
#ifndef TARE_ENGINE_BUILD_TACTICS_H
#define TARE_ENGINE_BUILD_TACTICS_H

#include "engine/build/regions.h"
#include "kernels/modules/sources.h"
#include "kernels/select.h"
#include "tare/builder.h"

/** Most tactics of one layer. */
#define TARE_MAX_TACTICS 16

/** Effort goes from 0 to TARE_MAX_LEVEL. From TARE_LEAST_TIMED_LEVEL on kernels are
 *  timed; below it, and in portable engines, the best that the engine's `isa` allows
 *  run. */
#define TARE_LEAST_TIMED_LEVEL 2
#define TARE_MAX_LEVEL         5

/** Where candidates come from. */
#define TARE_TACTICS_OWN UINT32_C(1)
#define TARE_TACTICS_FROM(source)                                                      \
    (UINT32_C(2) << (source)) /* enum tare_kernel_source */

/** The tactic of one layer, as a tactics file has it. */
struct tare_scripted_tactic {
    char *layer, *type, *tactic;
};

/** Those of all layers that have kernels, in their order, and what runs side by side.
 */
struct tare_tactic_script {
    const char *path; /* of the file, for messages */
    struct tare_scripted_tactic *lines;
    size_t n;
    struct tare_region_list regions;
};

struct tare_timing_cache;

struct tare_tactic_options {
    uint32_t sources;                /* bits of them */
    int level;                       /* 0 to TARE_MAX_LEVEL; see tare/builder.h */
    int n_threads;                   /* that kernels are timed with; 1 or more */
    const char *timing_cache;        /* path, or NULL */
    struct tare_timing_cache *times; /* that of this path, open already, or NULL */
    const char *bans;                /* "NAME[,NAME]", or NULL */
    const struct tare_tactic_script *script; /* no choice at all; or NULL */
    tare_tactic_chooser *choose;             /* or NULL */
    void *choose_ctx;
    const struct tare_monitor *monitor; /* of the build, or NULL */
};

/** How the tactic of one layer was chosen. */
struct tare_tactic_choice {
    const char *layer, *type;                     /* in the engine's bytes; static */
    struct tare_tactic tactics[TARE_MAX_TACTICS]; /* names are static */
    size_t n_tactics, chosen;
    char reason[96];
};

/** A row a layer, in their order. Zero-initialise. */
struct tare_tactic_report {
    struct tare_tactic_choice *rows; /* owned */
    size_t n_rows;
};

/** "+own,-onednn,..." to bits, from TARE_TACTICS_OWN on. @param spec  NULL: nothing
 *  more. (tactic_sources.c) */
enum tare_status tare_tactic_sources_parse(const char *spec, uint32_t *sources,
                                           struct tare_error *err);

/** All names of "NAME[,NAME]" are those of kernels or sources. @param bans  NULL: none.
 *  (tactic_script.c) */
enum tare_status tare_tactic_bans_check(const char *bans, struct tare_error *err);

/** @param bans  NULL: none is. */
bool tare_tactic_is_banned(const char *bans, const char *name);

struct tare_engine;

/** Make each layer's only candidate the one that the script has for it.
 *  @param rows  with layer and type set. */
enum tare_status tare_tactic_script_apply(const struct tare_tactic_script *script,
                                          const struct tare_engine *engine,
                                          struct tare_tactic_choice *rows,
                                          struct tare_error *err);

/** The modules of `sources`; NULL where one is not asked for. */
enum tare_status
tare_tactic_sources_open(uint32_t sources,
                         const struct tare_kernel_module *modules[TARE_SOURCE_COUNT],
                         struct tare_error *err);

/** Put the modules that can compute layer `i` in front of a row's candidates: they win
 *  no ties. Without TARE_TACTICS_OWN in options->sources: in their place. */
enum tare_status
tare_tactic_sources_add(struct tare_engine *engine, size_t i,
                        const struct tare_kernel_module *const *modules,
                        const struct tare_tactic_options *options,
                        struct tare_tactic_choice *row, struct tare_error *err);

/** The kernels of ours that layers of a kind may run and that are worth a try at
 * `level`, slowest first: one or more, or none where the kind has none at all
 *  or all are banned.
 *  @param level  TARE_LEAST_TIMED_LEVEL or more. */
size_t tare_tactic_candidates(uint32_t kind, uint32_t isa, int level, const char *bans,
                              struct tare_kernel candidates[TARE_MAX_TACTICS]);

/** Add the names that tare_tactics_choose() may need to the engine's strings: all that
 *  layers of these kinds may run, so that the choice alone tells two engines apart. */
enum tare_status tare_tactics_name(struct tare_plan_builder *plan, uint32_t isa,
                                   struct tare_error *err);

/**
 * Choose the tactic of each layer that has several candidates, by time or as the script
 * has it, and note it in its record.
 * @param bytes   what tare_plan_write() made behind tare_tactics_name().
 * @param plugins  that the engine wants, or NULL
 * @param report  how; tare_free() its rows, also on failure.
 */
enum tare_status tare_tactics_choose(uint8_t *bytes, size_t n_bytes,
                                     const struct tare_tactic_options *options,
                                     const struct tare_plugins *plugins,
                                     struct tare_tactic_report *report,
                                     struct tare_error *err);

/** As the API has it. */
struct tare_tactic_row tare_tactic_row_of(const struct tare_tactic_choice *choice);

/** The fastest, or the last of those that are about as fast: the choice then does not
 *  hang on noise. */
size_t tare_tactic_pick(const struct tare_tactic *tactics, size_t n);

/** What the time of a layer depends on, hashed: kind, shapes, formats, parameters; not
 *  its scales. */
uint64_t tare_tactic_signature(const struct tare_layer *layer);

/** A layer whose kernels are to be timed. */
struct tare_tactic_contest {
    size_t layer;
    struct tare_tactic *tactics; /* [n_tactics] names in, times out */
    size_t n_tactics;
};

/**
 * Time the kernels of some layers of an engine, in one run of the network on made-up
 * input.
 * @param contests  in the order of their layers.
 */
enum tare_status tare_tactics_time(const struct tare_engine *engine,
                                   const struct tare_tactic_options *options,
                                   struct tare_tactic_contest *contests,
                                   size_t n_contests, struct tare_error *err);

struct tare_binding;
/** Made-up input: always the same float32 in [-1, 1); of other types 0 and 1.
 *  @param data  [binding->n_bytes] */
void tare_tactics_make_up(const struct tare_binding *binding, uint8_t *data);

/** A region to be timed in both ways. */
struct tare_region_contest {
    struct tare_region region;
    /* out: median; and what the other way takes in 7 of 8 rounds at the most, in
     * proportion to the run before it */
    double in_turn_us, side_by_side_us;
};

/** Time regions of an engine whose tactics are chosen. @param contests  in their order
 */
enum tare_status tare_regions_time(const struct tare_engine *engine,
                                   const struct tare_tactic_options *options,
                                   struct tare_region_contest *contests,
                                   size_t n_contests, struct tare_error *err);

/**
 * Which regions of a finished engine are faster side by side than one layer behind the
 * other, on options->n_threads.
 * @param[out] wanted  [n_regions]
 */
enum tare_status tare_regions_choose(const uint8_t *bytes, size_t n_bytes,
                                     const struct tare_tactic_options *options,
                                     const struct tare_plugins *plugins, bool *wanted,
                                     size_t n_regions, struct tare_error *err);

#endif /* TARE_ENGINE_BUILD_TACTICS_H */
