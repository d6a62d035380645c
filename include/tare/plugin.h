/* tare/plugin.h - operators of one's own: a shared library that exports
 * tare_plugin_get(), which lists plugins. A node of an ONNX model whose domain and
 * op_type are a plugin's becomes a layer that the plugin computes.
 *
 *     cc -shared -fPIC -I.../include -o mine.so mine.c
 *     tare build --plugin=./mine.so --onnx=net.onnx --engine=net.tare
 *
 * Everything here is in libtare-rt. docs/plugins.md walks through two of them. */
#ifndef TARE_PLUGIN_H
#define TARE_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The form of the structures below. */
#define TARE_PLUGIN_ABI 1

/** Most inputs, and most outputs, of a node that a plugin computes. */
#define TARE_PLUGIN_MAX_OPERANDS 64

/** What a plugin computes in: what its float activations are held as. Stored in engine
 *  files: append only. */
enum tare_plugin_precision {
    TARE_PLUGIN_FP32 = 0, /**< TARE_F32 */
    TARE_PLUGIN_INT8 = 1, /**< TARE_U8 with a scale and a zero point */
    TARE_PLUGIN_FP16 = 2, /**< TARE_F16 */
    TARE_PLUGIN_BF16 = 3  /**< TARE_BF16 */
};

/** The order of the elements of float activations of rank 4; all other tensors are in
 *  ONNX's. */
enum tare_plugin_format {
    TARE_PLUGIN_LINEAR = 0, /**< ONNX's: [N,C,H,W], W fastest */
    TARE_PLUGIN_HWC = 1     /**< [N,H,W,C], C fastest; dims stay [N,C,H,W] */
};

/**
 * A tensor as a plugin sees it. All tensors are dense.
 *
 * In INT8 every float activation is TARE_U8, and stands for
 *
 *     real = scale * (q - zero_point),   q in [lowest, 255].
 *
 * A tensor that cannot be negative has zero_point 0, lowest 0 and scale = amax / 255;
 * another one zero_point 128, lowest 1 and scale = amax / 127, so that q - 128 is the
 * int8 code in [-127, 127] of other tools. A model with QuantizeLinear of its own may
 * have any zero_point in [0, 255], with lowest 0. To write a value:
 *
 *     q = clamp(rint(value / scale) + zero_point, lowest, 255),
 *
 * rint to the nearest, ties to even. Inputs and outputs may differ in scale and zero
 * point.
 */
struct tare_plugin_tensor {
    bool is_given; /**< false: an optional input that the node leaves out; nothing below
                        counts */
    enum tare_dtype dtype; /**< ONNX's float16, bfloat16 and double come as TARE_F32 */
    enum tare_plugin_format format;
    struct tare_dims dims; /**< in ONNX's order, whatever the format */
    float scale;           /**< of a float activation in INT8; else 0 */
    int32_t zero_point, lowest;
    const void *data; /**< of a constant: [dims], linear, its own type in every
                           precision, TARE_F32 for floats; NULL: only a run knows */
};

/** All tensors of a node, in its order. */
struct tare_plugin_io {
    enum tare_plugin_precision precision;
    size_t n_inputs, n_outputs;
    const struct tare_plugin_tensor *inputs;  /**< [n_inputs] */
    const struct tare_plugin_tensor *outputs; /**< [n_outputs] all given */
};

enum tare_plugin_field_type {
    TARE_PLUGIN_INTS,
    TARE_PLUGIN_FLOATS,
    TARE_PLUGIN_STRINGS,
    TARE_PLUGIN_TENSOR
};

/** An attribute of the ONNX node. A single number or text comes as a list of one. */
struct tare_plugin_field {
    const char *name;
    enum tare_plugin_field_type type;
    size_t n;                                /**< values; 1 of a tensor */
    const int64_t *ints;                     /**< [n], INTS */
    const float *floats;                     /**< [n], FLOATS */
    const char *const *strings;              /**< [n], STRINGS */
    const struct tare_plugin_tensor *tensor; /**< TENSOR */
};

/** Work on the units [begin, end). `worker` is in [0, n_threads). */
typedef void tare_plugin_loop_fn(void *arg, int64_t begin, int64_t end, int worker);

/** Memory that enqueue() wants for itself. */
struct tare_plugin_space {
    size_t shared; /**< bytes for all workers together */
    size_t worker; /**< bytes for each worker */
};

/** One run of a node. */
struct tare_plugin_run {
    const void *const *inputs; /**< [n_inputs] aligned to an element; NULL: left out */
    void *const *outputs;      /**< [n_outputs] likewise; never one of the inputs */
    void *shared;              /**< the space asked for, aligned to 64 */
    char *workers;             /**< worker w's: workers + w * worker_stride, likewise */
    size_t worker_stride;
    int n_threads; /**< that parallel_for() uses; at least 1 */
    /**
     * Call `fn` on chunks that cover [0, n_units) once, `grain` units each (the last
     * may be shorter), on the context's threads, and return when all are done. Which
     * thread gets which chunk is not fixed: split the work by output, so that the same
     * bytes come for any number of threads. Not to be called from within `fn`.
     * @param pool  this run's.
     */
    void (*parallel_for)(void *pool, int64_t n_units, int64_t grain,
                         tare_plugin_loop_fn *fn, void *arg);
    void *pool;
};

/**
 * A plugin. The structure, its texts and functions live as long as the process.
 *
 * A *state* is what the plugin keeps for one node: made of the node's attributes while
 * a model is read, or of saved bytes when an engine is loaded. tare copies it for every
 * graph, engine and context that needs one, and destroys each copy.
 *
 * Threads: functions that take a const state are called by several threads at a time,
 * also on the same state; configure() and enqueue() by one thread at a time on a state,
 * and by several at a time on different ones. So a plugin has no variables but its
 * states', or guards them.
 *
 * Errors: functions that return a status other than TARE_OK write why to err->text, at
 * most sizeof err->text bytes; err is never NULL. tare puts the node and the plugin in
 * front of it.
 */
struct tare_plugin {
    uint32_t abi;        /**< TARE_PLUGIN_ABI */
    const char *domain;  /**< its namespace: the node's domain; "": ONNX's own */
    const char *name;    /**< the node's op_type */
    const char *version; /**< engines want the same one again; a node that has an
                              attribute `plugin_version` of text, too */

    /** Make a state of the node's attributes. @param fields  for the call. */
    enum tare_status (*create)(const struct tare_plugin_field *fields, size_t n_fields,
                               void **state, struct tare_error *err);
    /** Make a state of what save() wrote. The bytes come from a file: check them. */
    enum tare_status (*load)(const void *bytes, size_t n_bytes, void **state,
                             struct tare_error *err);
    /** Write the state. @param bytes  NULL: only tell `*n_bytes`, which may be 0; else
     *  there is room for so many. The same state writes the same bytes. */
    enum tare_status (*save)(const void *state, void *bytes, size_t *n_bytes,
                             struct tare_error *err);
    enum tare_status (*copy)(const void *state, void **copy, struct tare_error *err);
    void (*destroy)(void *state);

    /**
     * Tell the outputs' shapes and types, of which a float is TARE_F32 here.
     * @param inputs   [n_inputs] all dims are known; of any precision's node as FP32.
     * @param outputs  [n_outputs] set dims and dtype, which is TARE_F32 so far.
     * @retval TARE_E_DEFERRED  that takes the data of an input which is no constant: it
     *         is asked again in a run, and then computes in FP32, on one thread.
     */
    enum tare_status (*shapes)(const void *state,
                               const struct tare_plugin_tensor *inputs, size_t n_inputs,
                               struct tare_plugin_tensor *outputs, size_t n_outputs,
                               struct tare_error *err);

    /* The others may be NULL, but for enqueue. */

    /** Whether it computes in this precision, with activations of rank 4 in this order.
     *  FP32 in ONNX's order it must, and is not asked. NULL: that alone. */
    bool (*supports)(const void *state, enum tare_plugin_precision precision,
                     enum tare_plugin_format format);
    /** Memory that enqueue() needs for itself. @param space  zeros so far. NULL: none.
     */
    enum tare_status (*workspace)(const void *state, const struct tare_plugin_io *io,
                                  struct tare_plugin_space *space,
                                  struct tare_error *err);
    /** Get ready for tensors like these, before the first run with them. @param io  for
     *  the call; enqueue() is given it again. NULL: nothing to do. */
    enum tare_status (*configure)(void *state, const struct tare_plugin_io *io,
                                  struct tare_error *err);
    /** Compute the outputs, for the tensors that it was configured for; they are there
     *  when it returns. It allocates nothing. */
    enum tare_status (*enqueue)(void *state, const struct tare_plugin_io *io,
                                const struct tare_plugin_run *run,
                                struct tare_error *err);
};

/** What the library exports: its plugins, NULL behind the last one. */
TARE_API const struct tare_plugin *const *tare_plugin_get(void);

/** Plugins that models and engines may use. Threads: reading may be shared. */
struct tare_plugins;

/** None yet. @param[out] plugins  tare_plugins_destroy() it; NULL on failure. */
TARE_API enum tare_status tare_plugins_create(struct tare_plugins **plugins,
                                              struct tare_error *err);
/** Release, behind the models and engines that were given them; NULL is fine. Libraries
 *  stay open. */
TARE_API void tare_plugins_destroy(struct tare_plugins *plugins);

/**
 * Add the plugins of a library, all or none; those that are there already count as
 * added. It runs code of the library: name only what you trust.
 * @param[in] path  as dlopen() takes it: one without a slash is searched for.
 * @retval TARE_E_IO      The library cannot be opened.
 * @retval TARE_E_FORMAT  It has no tare_plugin_get(), or a plugin of another form.
 * @retval TARE_E_ARG     As for tare_plugins_add().
 */
TARE_API enum tare_status tare_plugin_load(struct tare_plugins *plugins,
                                           const char *path, struct tare_error *err);
/**
 * Add a plugin that is linked into the program.
 * @retval TARE_E_FORMAT  Of another form, or something is missing.
 * @retval TARE_E_ARG     Another one has its domain, name and version, or it has the
 *                        name of an operator of ONNX that tare computes itself.
 */
TARE_API enum tare_status tare_plugins_add(struct tare_plugins *plugins,
                                           const struct tare_plugin *plugin,
                                           struct tare_error *err);

/** How many there are. */
TARE_API size_t tare_plugins_count(const struct tare_plugins *plugins);
/** Plugin i, in the order in which they were added. */
TARE_API const struct tare_plugin *tare_plugins_item(const struct tare_plugins *plugins,
                                                     size_t i);

#ifdef __cplusplus
}
#endif
#endif /* TARE_PLUGIN_H */
