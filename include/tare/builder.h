/* tare/builder.h - from a bound model and a calibration cache to an engine. */
#ifndef TARE_BUILDER_H
#define TARE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/cache.h"
#include "tare/export.h"
#include "tare/format.h"
#include "tare/model.h"
#include "tare/monitor.h"
#include "tare/recorder.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What layer precisions and output types mean. */
enum tare_constraints {
    TARE_CONSTRAINTS_NONE = 0,   /**< Nothing: the fastest allowed precision wins. */
    TARE_CONSTRAINTS_PREFER = 1, /**< Keep them where possible, else warn. */
    TARE_CONSTRAINTS_OBEY = 2    /**< Keep them, else fail and list the violations. */
};

/** Biases and weights that take the place of the model's; see tare/recovery.h. */
struct tare_recovery;

/** An optimization profile: which shapes the inputs may have, and the ones that kernels
 * are chosen for. In trtexec's syntax, "name:1x3x224x224[,name:...]"; what one of them
 * does not name, another does: opt for min and max, max or min for opt. An input that
 * none names has the shape that the model is bound to. Axes that the model does not
 * leave open keep their length. min may have axes of length 0. NULL: names nothing. */
struct tare_profile {
    const char *min, *opt, *max;
};

struct tare_tactic_row;

/**
 * A user's say in the choice of tactics: called for each layer that has any, when its
 * candidates are timed. row->chosen is the builder's choice. Called by the thread that
 * builds.
 * @return the index of the tactic that the layer shall run; row->n_tactics or more is
 *         an error.
 */
typedef size_t tare_tactic_chooser(void *ctx, const struct tare_tactic_row *row);

/** The tactic of each layer of an engine, to build it again elsewhere. */
struct tare_tactics;

/** struct tare_build_options.max_aux_streams: the builder decides. */
#define TARE_AUX_STREAMS_AUTO (-1)
/** What no engine has more of. */
#define TARE_MAX_AUX_STREAMS 7

/** Zero-initialise; FP32 is always allowed. Strings are borrowed for the call. */
struct tare_build_options {
    bool int8, fp16, bf16; /**< Precisions allowed beside FP32. */
    const struct tare_cache
        *cache; /**< Ranges; needed with int8, unless tare_model_is_quantized(). */
    const struct tare_recovery
        *recovery; /**< For that cache, or NULL. Layers that it
                        does not fit are left out, with a warning.
                        */
    enum tare_constraints constraints;
    const char *layer_precisions;   /**< "conv1:fp32,block2*:int8", trtexec's syntax */
    const char *layer_output_types; /**< the same for outputs */
    const char *isa;                /**< The most that may be used: "native" (NULL),
                                         "ref", "avx2", "avxvnni", "avx512", "vnni",
                                         "bf16", "amx", "amx16", "neon", "dotprod", "i8mm"; or
                                         "portable": what the CPU has that runs the
                                         engine. */
    bool keep_tensors;              /**< Fold constants only: every ONNX tensor that
                                         depends on the input is made, and can be
                                         tapped. FP32 only. */
    bool cut_early;                 /**< With keep_tensors, for calibration: what only a
                                         Relu, or a Clip from zero, reads is cut where
                                         it is made, so that both tensors hold what is
                                         left. */
    /**
     * Effort to find the fastest kernel of each layer, 0 to 5. All of them give the
     * same bytes. 0 and 1: the one for the best instruction set, nothing is timed. From
     * 2 on kernels are timed on this machine, each on its layer's own shapes: 2 the two
     * best instruction sets in three rounds; 3 the same in up to 15 rounds or 4 ms a
     * layer; 4 all but the portable reference, up to 31 rounds or 20 ms; 5 all, up to
     * 63 rounds or 100 ms. A portable engine leaves the choice to where it
     * is loaded.
     */
    int optimization_level;
    /** Libraries that kernels may come from: "+own,+onednn,-openblas", from "+own"
     * (NULL) on. onednn and openblas compute float32 convolutions and products,
     * onednn-int8 convolutions and products by weights in INT8, where they are faster;
     * "-own" leaves ours for what they do not do. They round differently, in INT8 so
     * that a code may be one off: such an engine is not bit-exact, and needs the
     * library where it runs. For optimization_level 2 and up. */
    const char *tactic_sources;
    int timing_threads;       /**< Threads that kernels are timed with; 0: 1. */
    const char *timing_cache; /**< File of times, or NULL: what it has is not timed
                                 again, what is timed is added; it may not be there yet.
                                 For optimization_level 2 and up. */
    /** Streams that may run beside another one: independent branches of the network
     * then share the threads of a context of two or more, where else each layer has all
     * of them. The results are the same bytes; activations of branches take more
     * memory. 0: none; TARE_AUX_STREAMS_AUTO: as many as pay. Where kernels are timed
     * with two threads or more, those branches are left that are faster so; where not,
     * all of a number that is given, and none of TARE_AUX_STREAMS_AUTO. More than
     * TARE_MAX_AUX_STREAMS are as many. */
    int max_aux_streams;
    /** [n_profiles] The engine then runs in all their shapes, and its file also carries
     * the model's constants (float32), so that it can be made anew. It starts in the
     * first one's opt. With none, or where all shapes are one, it runs in that alone.
     */
    const struct tare_profile *profiles;
    size_t n_profiles;
    bool refit; /**< The engine carries what it is made from, so that it takes other
                     weights; see tare/refit.h. Engines with profiles do anyway. */
    bool version_compatible; /**< The same, so that a tare whose engine files have
                                  another format makes the engine anew when it loads it,
                                  if it knows the format of what is carried. */
    bool strip_weights; /**< What the engine carries has no weights, and nothing else
                             has: it runs when it has been refitted. */
    /** "NAME[,NAME]": kernels and sources that no layer may run, or NULL. For
     *  optimization_level 2 and up. */
    const char *ban_tactics;
    tare_tactic_chooser *choose_tactic; /**< Or NULL; for the same levels. */
    void *choose_tactic_ctx;
    /** Run these, and time nothing; NULL: choose. The engine is then for their
     * instruction sets, which `isa` says, too, or is NULL; optimization_level is not
     * used. The same model and options give the bytes of the engine that they were
     * saved from; a warning says so if they do not. */
    const struct tare_tactics *tactics;
    /** Told of the phases "build" and, in it, "optimize", "make layers" and "time
     * kernels" (again for branches that may run side by side), in each profile anew;
     * NULL: nobody watches. */
    const struct tare_monitor *monitor;
    struct tare_recorder *recorder; /**< Told of what fails, or NULL. */
    /** The types and orders that inputs and outputs have at the user's addresses, in
     * trtexec's syntax, "type:format[+format][,...]": one entry for each, in the
     * network's order, or one for all; an empty entry, or NULL, is the model's own type
     * in ONNX's order. A tensor that is float32 in the model may be fp32, fp16, bf16,
     * int8 (in the scale that it has in INT8, or that the cache has; see struct
     * tare_binding) or uint8 (the values themselves, 0 to 255); others keep their type.
     * Formats are those of tare/format.h; of several it is hwc if that is one, else the
     * first of its list. The engine converts where the network computes with something
     * else; outputs are those that it has without, converted. */
    const char *input_formats, *output_formats;
    /** Let measured times decide where it is in doubt whether a layer is faster in
     * INT8, or in BF16, than in FP32, conversions considered over the whole graph:
     * small products and their surroundings; all layers where the processor has no
     * instructions for INT8 products, and from optimization_level 4 on. A float is
     * taken where that saves 5 % of what the layers concerned take and 2 % of what the
     * network takes. Layers that layer_precisions or layer_output_types name, and
     * models that are quantized themselves, are left as they are. For
     * optimization_level 2 and up, but for isa "ref" and "portable"; with profiles the
     * first one's opt shapes decide for all. false: rules alone. */
    bool fastest_precisions;
};

/** What one input or output may be bound as. */
struct tare_io_format {
    bool is_set; /**< false: nothing was asked for. */
    enum tare_dtype dtype;
    uint32_t formats; /**< Bit i: enum tare_format i. */
};
/**
 * Read input_formats or output_formats.
 * @param what  names the text in messages: "--input-formats".
 * @param n     inputs or outputs.
 * @param[out] entries  [n]
 * @retval TARE_E_ARG          It is malformed, or has not one entry or n.
 * @retval TARE_E_UNSUPPORTED  A format of NVIDIA's DLA; the text says what to use.
 */
TARE_API enum tare_status tare_io_formats_parse(const char *what, const char *spec,
                                                size_t n,
                                                struct tare_io_format *entries,
                                                struct tare_error *err);
/** trtexec's word for a type: "fp32", "int8", …. Static storage. */
TARE_API const char *tare_io_type_name(enum tare_dtype dtype);

/** A kernel that a layer can run. */
struct tare_tactic {
    const char *name;
    double time_us; /**< Median of a run; negative: not timed. */
};

/** How the tactic of one layer was chosen. Strings live as long as the plan. */
struct tare_tactic_row {
    const char *layer;
    const char *type; /**< "conv", "quantize", … */
    const struct tare_tactic
        *tactics;     /**< Candidates, slowest instruction set first. */
    size_t n_tactics; /**< 0: the layer runs no kernel with variants. */
    size_t chosen;    /**< Index into tactics. */
    const char *reason;
};

/** What became of one layer. Strings live as long as the plan. */
struct tare_build_row {
    const char *name;
    const char *op;
    const char *requested; /**< "INT8", …; NULL: nothing was requested. */
    const char *got;
    const char *reason; /**< Why not INT8, or not what was requested; may be "". */
    /** Layer output types that were asked for, one an output, "FP32+INT8", "-" for
     * none; NULL: none at all. How the outputs are held, likewise, if need be by a
     * conversion behind the layer: "INT8", "FP32", …; "int64" and the like for what is
     * no float. Why the first is not as asked; may be "". */
    const char *output_requested, *output_got, *output_reason;
};

/** A built engine in memory. */
struct tare_plan;
struct tare_engine;

/**
 * Optimise, assign precisions, choose kernels, place the activations. The same model,
 * options and CPU give the same bytes; where kernels are timed, with the same timing
 * cache.
 * @param[in]  model  after tare_model_bind().
 * @param[out] plan   tare_plan_destroy() it; NULL on failure.
 * @retval TARE_E_ARG          Options that contradict each other; constraints that
 *                             cannot be obeyed; a recovery of another model.
 * @retval TARE_E_FORMAT       The timing cache is damaged.
 * @retval TARE_E_IO           It cannot be read or written.
 * @retval TARE_E_CANCELLED    The monitor wanted no more.
 * @retval TARE_E_UNSUPPORTED  Something in the model cannot be run, or a tactic source
 * is not installed; the text names it. Threads: safe.
 */
TARE_API enum tare_status tare_build(const struct tare_model *model,
                                     const struct tare_build_options *options,
                                     struct tare_plan **plan, struct tare_error *err);
/** Release; NULL is fine. Engines opened from its bytes must be gone. */
TARE_API void tare_plan_destroy(struct tare_plan *plan);

/** The engine's bytes, for tare_engine_open(); they live as long as the plan. */
TARE_API const void *tare_plan_bytes(const struct tare_plan *plan, size_t *n_bytes);
/** Open it, with the plugins of its model: tare_engine_open(). The engine is gone
 * before the plan is. */
TARE_API enum tare_status tare_plan_open(const struct tare_plan *plan,
                                         struct tare_engine **engine,
                                         struct tare_error *err);
/** Write the engine file, complete or not at all. */
TARE_API enum tare_status tare_plan_save(const struct tare_plan *plan, const char *path,
                                         struct tare_error *err);
/** Layer counts after each optimizer pass, one a line. */
TARE_API const char *tare_plan_passes(const struct tare_plan *plan);
/** Layers that use the recovery. */
TARE_API size_t tare_plan_n_recovered(const struct tare_plan *plan);
/** Rows of the precision report; none for keep_tensors. */
TARE_API size_t tare_plan_n_rows(const struct tare_plan *plan);
TARE_API void tare_plan_row(const struct tare_plan *plan, size_t i,
                            struct tare_build_row *row);
/** Rows of the tactic report, one a layer of the engine; none below optimization_level
 *  2 and for a portable engine. */
TARE_API size_t tare_plan_n_tactic_rows(const struct tare_plan *plan);
TARE_API void tare_plan_tactic_row(const struct tare_plan *plan, size_t i,
                                   struct tare_tactic_row *row);

/**
 * Write the tactics file of an engine whose tactics were chosen: docs/file-formats.md.
 * @retval TARE_E_ARG  None were: below optimization_level 2, or a portable engine.
 */
TARE_API enum tare_status tare_plan_save_tactics(const struct tare_plan *plan,
                                                 const char *path,
                                                 struct tare_error *err);
/**
 * Read a tactics file.
 * @param[out] tactics  tare_tactics_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  It is damaged, or something else; the text says where.
 */
TARE_API enum tare_status tare_tactics_read(const char *path,
                                            struct tare_tactics **tactics,
                                            struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_tactics_destroy(struct tare_tactics *tactics);

#ifdef __cplusplus
}
#endif
#endif /* TARE_BUILDER_H */
