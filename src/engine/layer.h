/* engine/layer.h - what runs: one kind of layer a line in layers.inc, one file a family
 * in layers/. A kind has a POD struct of parameters (in layers/params.h), which the
 * builder writes and the runtime reads in place. */
#ifndef TARE_ENGINE_LAYER_H
#define TARE_ENGINE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"
#include "engine/plan.h"
#include "kernels/half_convert/half_convert.h"
#include "kernels/select.h"

#define TARE_LAYER_LINE(id, ...) TARE_LAYER_##id,
enum tare_layer_kind {
#include "engine/layers.inc"
    TARE_LAYER_KIND_COUNT
};
#undef TARE_LAYER_LINE

struct tare_graph;
struct tare_const;
struct tare_layer_run;
struct tare_kernel_module;
struct tare_plugins;
struct tare_plugin_layer;
struct tare_plugin_instance;

/** A layer of a loaded engine. Pointers lead into the file. */
struct tare_layer {
    const struct tare_plan_layer *record;
    const char *name;
    const void *params;
    const struct tare_plan_tensor *const *inputs;  /* [n_inputs] */
    const struct tare_plan_tensor *const *outputs; /* [n_outputs] */
    size_t n_inputs;
    size_t n_outputs;
    const uint8_t *weights;      /* the weights section: constant inputs are in it, */
    const uint8_t *base_weights; /* or in that of another engine; or NULL */
    /** Weights that the layers behind begin with, for kernels that fetch them; or NULL.
     */
    const void *next_weights;
    size_t next_bytes;
    /* chosen by tare_layer_prepare(): */
    const void *kernel; /* the family's variant, whatever its type */
    const char *tactic; /* the variant's name */
    /** Of what check() lets pass, programs, plugins and modules alone can fail: they
     * say so in run->err. */
    void (*run)(const struct tare_layer *layer, const struct tare_layer_run *run);
    const struct tare_kernel_module *module; /* that computes it, or NULL: ours */
    void *state;                             /* what the module made for it */
    /** Where operands are 16-bit floats and the kernel's are not: see layers/half.c. */
    tare_half_convert_fn *convert;
    void (*kernel_run)(const struct tare_layer *layer,
                       const struct tare_layer_run *run);
    /* The operands in float32, in the shared scratch behind the kernel's own part. */
    size_t widened_at, widened_end;
    size_t scratch_bytes;       /* one worker's scratch */
    size_t shared_bytes;        /* the kernel's scratch that is common to all workers */
    struct tare_graph *program; /* of a program layer, owned by the engine; else NULL */
    const struct tare_plugins *plugins; /* that the file may want, or NULL */
    struct tare_plugin_layer *plugin;   /* of a plugin layer; else NULL */
};

/** Told of a layer's output while it is made, by kinds that can: its units run in their
 *  order then, on the calling thread. */
struct tare_layer_watch {
    int64_t piece; /* elements that are wanted from one call to the next, about */
    /** The first n_elems elements of output 0 have their values; never fewer than in
     *  the call before. */
    void (*made)(struct tare_layer_watch *watch, int64_t n_elems);
};

/** Addresses for one run. */
struct tare_layer_run {
    struct tare_pool *pool;
    const void *const *inputs; /* [n_inputs] */
    void *const *outputs;      /* [n_outputs] */
    char *scratch;             /* worker w: scratch + w * scratch_stride */
    size_t scratch_stride;
    char *shared;
    struct tare_graph *program;          /* the context's copy of the layer's */
    struct tare_plugin_instance *plugin; /* likewise */
    struct tare_const *made; /* [n_outputs bindings] where programs' outputs go */
    struct tare_error *err;  /* what went wrong, where something did */
    struct tare_layer_watch *watch; /* or NULL: nobody looks */
};

/** The data of a constant operand. */
static inline const uint8_t *tare_layer_weight(const struct tare_layer *layer,
                                               const struct tare_plan_tensor *t)
{
    return (t->in_base ? layer->base_weights : layer->weights) + t->offset;
}

struct tare_layer_kind_info {
    const char *name;
    size_t params_bytes;
    tare_kernel_list_fn *kernels; /* its tactics, slowest first; may be none */
    /** Prove that params, shapes and sizes fit together, so that run() may trust them:
     *  the file is hostile. */
    enum tare_status (*check)(const struct tare_layer *layer, struct tare_error *err);
    /** Say how much scratch the chosen kernel needs; NULL: none. */
    enum tare_status (*prepare)(struct tare_layer *layer, struct tare_error *err);
    void (*run)(const struct tare_layer *layer, const struct tare_layer_run *run);
};

const struct tare_layer_kind_info *tare_layer_kind_info(uint32_t kind);

/** Whether a layer of this kind may write an output over input `k`, when both are as
 *  tare_plan_may_overwrite() wants them: it has read each value, or row, before it
 *  writes there. */
bool tare_layer_overwrites(uint32_t kind, uint32_t k);

/** The codes that a layer makes beside the floats of its first output, or NULL. */
const struct tare_plan_tensor *tare_layer_codes(const struct tare_layer *layer);

/**
 * Choose the kernel of a layer that was checked, and prepare the layer for it.
 * @param isa     TARE_CPU_* bits that may be used.
 * @param tactic  a kernel's name, or a source's; "": the last one that `isa` allows.
 * @retval TARE_E_UNSUPPORTED  no such kernel, or it needs more than `isa`, or a module
 *                             that is not there.
 * tare_layer_release() the layer, also on failure.
 */
enum tare_status tare_layer_prepare(struct tare_layer *layer, uint32_t isa,
                                    const char *tactic, struct tare_error *err);

/** The weights that a layer reads first, of kinds whose kernels fetch such for each
 *  other. @param[out] n_bytes  of them. @retval NULL  not of this one. */
const void *tare_layer_first_weights(const struct tare_layer *layer, size_t *n_bytes);

/** The part of it that lets a module compute the layer. */
enum tare_status tare_layer_adopt(struct tare_layer *layer, const char *tactic,
                                  struct tare_error *err);

/** All of its scratch that is common to all workers. */
static inline size_t tare_layer_shared(const struct tare_layer *layer)
{
    return layer->convert ? layer->widened_end : layer->shared_bytes;
}

/** Whether it has operands of 16-bit floats that its kernels do not read or write. */
bool tare_layer_is_widened(const struct tare_layer *layer);

/** The part of it that puts conversions around such kernels. (layers/half.c) */
enum tare_status tare_layer_widen(struct tare_layer *layer, uint32_t isa,
                                  struct tare_error *err);

/** Make a copy of a layer's parameters those of `n` times as many samples, which follow
 * each other in all its activations; float32 kinds alone know how.
 * @param layer    of one sample, and so its tensors.
 * @retval false   It cannot be; the copy is of no use then. (layers/batch.c) */
bool tare_layer_times(const struct tare_layer *layer, void *params, int64_t n);

/** Give back what a module made, or a plugin. */
void tare_layer_release(struct tare_layer *layer);

/** A plugin layer's plugin for one context, ready to run. @param[out] instance
 *  tare_plugin_free() it, also on failure. (layers/plugin.c) */
enum tare_status tare_plugin_layer_instance(const struct tare_layer *layer,
                                            struct tare_plugin_instance **instance,
                                            struct tare_error *err);
/** The part of tare_layer_release() about plugins. */
void tare_plugin_layer_release(struct tare_layer *layer);

#endif /* TARE_ENGINE_LAYER_H */
