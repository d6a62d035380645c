/* tare/engine.h - load an engine file and run it. Everything here is in libtare-rt.
 *
 * An engine is immutable and may be shared by any number of contexts and threads. A
 * context holds the activations and serves one thread at a time. */
#ifndef TARE_ENGINE_H
#define TARE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/allocator.h"
#include "tare/export.h"
#include "tare/format.h"
#include "tare/recorder.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tare_engine;
struct tare_context;
struct tare_plugins;

/** An input or an output of the network. */
struct tare_binding {
    const char *name;      /**< The ONNX tensor's name; lives as long as the engine. */
    struct tare_dims dims; /**< In ONNX's order, for example [N,C,H,W]. Rank -1: an
                              output whose shape and type only a run tells. An axis of
                              -1: one of several lengths, which contexts set. */
    enum tare_dtype dtype; /**< Of the values at the user's address. */
    enum tare_format format;     /**< Their order there. */
    enum tare_dtype model_dtype; /**< The tensor's type in the model: TARE_F32 where it
                                    was bound as another type; else dtype. */
    float
        scale; /**< Of TARE_S8 that stands for float32: real = scale * value; else 1. */
    size_t n_bytes; /**< Of a tensor of dims and dtype, with the format's padding; 0:
                       not known. */
    bool is_input;
};

/** What a run made of an output. */
struct tare_result {
    struct tare_dims dims;
    enum tare_dtype dtype;
    const void *data; /**< [dims], in the order of the binding's format. */
    size_t n_bytes;
};

/** One layer of an engine. Strings live as long as the engine. */
struct tare_layer_info {
    const char *name;      /**< Name of the main ONNX node, or of the reformat. */
    const char *type;      /**< "conv", "quantize", … */
    const char *precision; /**< "INT8", "FP32": what it computes in. */
    const char *tactic;    /**< The kernel variant that runs. */
    const char *nodes;     /**< ONNX nodes inside, joined with " + ". */
    const char *output;    /**< Name of its (first) output tensor. */
    struct tare_dims output_dims;
    const char *output_format; /**< "linear" or "hwc"; of a binding others of
                                  tare/format.h. */
    const char *output_dtype;  /**< "float32" or "uint8". */
    float output_scale;        /**< Of a uint8 output; 0 otherwise. */
    int32_t output_zero_point; /**< 0 to 255, of a uint8 output. */
    size_t weight_bytes;       /**< Constant data that the layer reads. */
    bool is_reformat; /**< Quantize, dequantize, layout: no ONNX node of its own. */
    size_t n_inputs;  /**< Tensors that it reads, constants included. */
    size_t n_outputs;
    size_t region; /**< Layers of a region run side by side, where a context has two
                        threads or more, is not tapped and not profiled; 0: it runs
                        alone. */
    size_t stream; /**< Of the region: those of one stream follow each other. */
};

/** Where a tensor of an engine is. */
enum tare_place {
    TARE_PLACE_ARENA = 0,   /**< In the activations of a context. */
    TARE_PLACE_WEIGHTS = 1, /**< In the engine file: a constant. */
    TARE_PLACE_BINDING = 2, /**< At the user's address. */
    TARE_PLACE_CONTEXT = 3  /**< An output whose shape only a run tells. */
};

/** A tensor that a layer reads or writes. Strings live as long as the engine. */
struct tare_layer_tensor {
    size_t id;        /**< The same number: the same tensor. */
    const char *name; /**< ONNX's; "" for a constant, what a reformat makes, or codes
                           that a layer makes beside its floats. */
    struct tare_dims dims; /**< In ONNX's order. */
    enum tare_dtype dtype;
    const char *format; /**< As output_format above. */
    enum tare_place place;
    size_t offset;  /**< In the arena or the weights; else the binding's number. */
    size_t n_bytes; /**< Of the values, without gaps. */
    float step;     /**< Of uint8 that stands for real values; else 0. */
    int32_t zero_point;
    float lowest,
        highest; /**< What it can hold; -INFINITY and INFINITY without a step. */
};

/** What an engine file says about itself. */
struct tare_engine_info {
    const char *model;   /**< Name of the ONNX graph. */
    const char *version; /**< tare's version that built it. */
    const char *isa;     /**< Least instruction set, as tare_cpu_isa() names it; or
                              "portable". */
    size_t file_bytes;
    size_t weight_bytes;
    size_t activation_bytes; /**< Arena of one context. */
    size_t live_bytes; /**< The most of it that is alive while one layer runs, with what
                            kernels want behind each tensor: no arena can be smaller. */
    size_t n_layers;
    size_t n_bindings;
    bool is_exact;  /**< All kernels are tare's own, none a plugin's: the same bytes on
                       every machine, for any number of threads. */
    bool can_refit; /**< It carries what it was made from; see tare/refit.h. */
    bool is_stripped;   /**< It has no weights, and no layers, until it is refitted. */
    size_t n_regions;   /**< Where layers run side by side. */
    size_t n_streams;   /**< Most streams of a region; 1: there are none. */
    bool is_int8_exact; /**< Of those that work in INT8 all are tare's own; else their
                           codes may be one off. */
};

/**
 * Map an engine file and check it: magic, version, instruction set, every checksum,
 * every record. An engine of another format that carries what it was made from (see
 * version_compatible in tare/builder.h) is made anew, which takes time and memory, with
 * a warning.
 * @param[out] engine  NULL on failure; tare_engine_destroy() it.
 * @retval TARE_E_IO          The file cannot be read.
 * @retval TARE_E_FORMAT      Not an engine, truncated or damaged; the text says where.
 * @retval TARE_E_UNSUPPORTED Made by another version or for another CPU; the text says
 *                            how to rebuild.
 * Threads: safe.
 */
TARE_API enum tare_status
tare_engine_load(const char *path, struct tare_engine **engine, struct tare_error *err);
/** The same from memory. `bytes` is aligned to 64, borrowed, and outlives the engine.
 */
TARE_API enum tare_status tare_engine_open(const void *bytes, size_t n_bytes,
                                           struct tare_engine **engine,
                                           struct tare_error *err);
/** Zero-initialise. */
struct tare_load_options {
    /** Of the engine's tables; weights stay in the file. What programs, the engines of
     * other shapes and the libraries of other tactic sources take is not of it. NULL:
     * the C library's. */
    const struct tare_allocator *allocator;
    struct tare_recorder *recorder; /**< Of the engine and its contexts, or NULL. */
    /** Where it finds the plugins of its layers (tare/plugin.h), now and when it is
     * made anew; outlives the engine; or NULL. */
    const struct tare_plugins *plugins;
};
/** tare_engine_load() and tare_engine_open() with options.
 *  @retval TARE_E_UNSUPPORTED  Also: a plugin is not there; the text says which. */
TARE_API enum tare_status tare_engine_load_with(const char *path,
                                                const struct tare_load_options *options,
                                                struct tare_engine **engine,
                                                struct tare_error *err);
TARE_API enum tare_status tare_engine_open_with(const void *bytes, size_t n_bytes,
                                                const struct tare_load_options *options,
                                                struct tare_engine **engine,
                                                struct tare_error *err);

/** The engine's file; lives as long as the engine. NULL for what tare_engine_fix() has
 *  made. */
TARE_API const void *tare_engine_bytes(const struct tare_engine *engine,
                                       size_t *n_bytes);
/** Write that file, complete or not at all. @retval TARE_E_ARG  There is none. */
TARE_API enum tare_status tare_engine_save(const struct tare_engine *engine,
                                           const char *path, struct tare_error *err);

/** Release; NULL is fine. All its contexts must be gone. */
TARE_API void tare_engine_destroy(struct tare_engine *engine);

TARE_API void tare_engine_info(const struct tare_engine *engine,
                               struct tare_engine_info *info);
/** @param i  below info.n_bindings; inputs come first, each in the model's order. */
TARE_API void tare_engine_binding(const struct tare_engine *engine, size_t i,
                                  struct tare_binding *binding);
/**
 * Write values as a binding has them: converted, in its order, its padding zeroed.
 * @param binding  of known shape: of tare_context_binding(), say.
 * @param values   [dims] in ONNX's order.
 * @param dtype    of the values: the binding's own, or TARE_F32 where that is the
 * tensor's type in the model. Float32 becomes float16 or bfloat16 to the nearest; int8
 * rint(value / scale) in [-127, 127]; uint8 rint(value) in [0, 255].
 * @param[out] data  [binding->n_bytes]
 * @retval TARE_E_ARG  The shape is not known, or the type is another.
 * Allocates: room for the values where both type and order change.
 */
TARE_API enum tare_status tare_binding_put(const struct tare_binding *binding,
                                           const void *values, enum tare_dtype dtype,
                                           void *data, struct tare_error *err);
/** The way back: `data` as a binding has it to `values` of `dtype`, in ONNX's order. */
TARE_API enum tare_status tare_binding_get(const struct tare_binding *binding,
                                           const void *data, enum tare_dtype dtype,
                                           void *values, struct tare_error *err);
/** @param i  below info.n_layers; in order of execution. */
TARE_API void tare_engine_layer(const struct tare_engine *engine, size_t i,
                                struct tare_layer_info *layer);
/** @param k  below the layer's n_inputs + n_outputs: inputs, then outputs. */
TARE_API void tare_engine_layer_tensor(const struct tare_engine *engine, size_t layer,
                                       size_t k, struct tare_layer_tensor *tensor);

/** Optimization profiles; 0: all shapes are fixed. */
TARE_API size_t tare_engine_n_profiles(const struct tare_engine *engine);
/** The shapes of an input in a profile. @param input  of the bindings */
TARE_API void tare_engine_profile(const struct tare_engine *engine, size_t profile,
                                  size_t input, struct tare_shape_range *range);

/**
 * An engine of one shape, made from one that has profiles: its bindings have no open
 * axes, and its layers are those of that shape. Weights stay where they are.
 * @param base    outlives the other.
 * @param shapes  as for tare_context_set_shapes(); inputs that it does not name, or all
 *                where it is NULL, have the profile's opt.
 * @param[out] fixed  tare_engine_destroy() it. NULL on failure, and where `base` has
 * one shape itself, which is what `shapes` says.
 * @retval TARE_E_ARG  Out of range, or no such profile; the text says the range.
 */
TARE_API enum tare_status tare_engine_fix(const struct tare_engine *base,
                                          size_t profile, const char *shapes,
                                          struct tare_engine **fixed,
                                          struct tare_error *err);

/**
 * Make a context. It is in the first profile, with the inputs' opt shapes.
 * @param n_threads  Threads that a run uses, this one included; 1 to 1024. The results
 *                   do not depend on it.
 */
TARE_API enum tare_status tare_context_create(const struct tare_engine *engine,
                                              int n_threads,
                                              struct tare_context **context,
                                              struct tare_error *err);
/** Zero-initialise. */
struct tare_context_options {
    int n_threads; /**< As above. */
    /** Of all that the context has: activations, scratch, tables, threads, a tap's
     * buffer; not of what programs take. NULL: the C library's. */
    const struct tare_allocator *allocator;
    struct tare_recorder *recorder; /**< NULL: the engine's, if it has one. */
};
TARE_API enum tare_status
tare_context_create_with(const struct tare_engine *engine,
                         const struct tare_context_options *options,
                         struct tare_context **context, struct tare_error *err);
TARE_API void tare_context_destroy(struct tare_context *context);

/**
 * Go over to a profile, with its opt shapes, whose kernels were chosen for these.
 * @retval TARE_E_ARG  There is no such profile; the text says how many there are.
 */
TARE_API enum tare_status tare_context_set_profile(struct tare_context *context,
                                                   size_t profile,
                                                   struct tare_error *err);
/**
 * Set the shape of an input. It counts from the next tare_context_binding() or
 * tare_context_run() on, when the shapes of all inputs are there: an engine for them is
 * made then, or found if there was one, which costs microseconds. Results are the bytes
 * of an engine that is built for these shapes. A tap ends with the shapes it was set
 * for, and times of layers start again from zero. A context keeps the memory of the
 * largest shape that it has had.
 * @param dims  within the range that tare_engine_profile() says; an axis of length 0,
 *              where that begins at 0, makes empty tensors.
 * @retval TARE_E_ARG  It is not: the text names input, axis, length and range.
 */
TARE_API enum tare_status tare_context_set_shape(struct tare_context *context, size_t i,
                                                 const struct tare_dims *dims,
                                                 struct tare_error *err);
/** The same for inputs by name, in trtexec's syntax: "name:1x3x224x224[,name:...]", or
 * a bare "1x3x224x224" where there is one input. */
TARE_API enum tare_status tare_context_set_shapes(struct tare_context *context,
                                                  const char *shapes,
                                                  struct tare_error *err);
/**
 * Binding `i` in the shape that the next run gives it.
 * @retval TARE_E_FORMAT       The model does not take the shapes that were set
 *                             together; the text names the node.
 * @retval TARE_E_UNSUPPORTED  It cannot be run in them.
 */
TARE_API enum tare_status tare_context_binding(struct tare_context *context, size_t i,
                                               struct tare_binding *binding,
                                               struct tare_error *err);
/** The engine whose layers the last tare_context_binding() or tare_context_run() was
 *  about, for those functions here that look at layers; valid until the shapes change.
 */
TARE_API const struct tare_engine *
tare_context_engine(const struct tare_context *context);

/**
 * Tell where binding `i` is. @param data  the bytes of tare_context_binding(), aligned
 * to the element; borrowed until another address is set.
 */
TARE_API enum tare_status tare_context_set_address(struct tare_context *context,
                                                   size_t i, void *data,
                                                   struct tare_error *err);

/**
 * Run the network once. All bindings of known shape need an address. Allocates nothing,
 * but for what layers of type "program" make while they run, what plugins and the
 * libraries of other tactic sources do, and when shapes have been set since the last
 * run.
 * @retval TARE_E_ARG  A binding has no address; the text names it.
 * Other errors come from programs and plugins: an index out of range, no memory;
 * outputs are then undefined.
 */
TARE_API enum tare_status tare_context_run(struct tare_context *context,
                                           struct tare_error *err);

/**
 * Where the values of output binding `i` are after a run: at the address that was set,
 * or, where only the run could tell the shape, in the context, until the next run.
 * `data` is NULL when no run has made it.
 */
TARE_API void tare_context_result(const struct tare_context *context, size_t i,
                                  struct tare_result *result);

/** A tensor as a tap sees it: dense float32, dequantized. Valid during the call. */
struct tare_tapped {
    const char *name; /**< The ONNX tensor's name. */
    size_t index;     /**< Its number among tare_engine_n_taps(). */
    size_t layer;     /**< The layer that made it; SIZE_MAX: a network input. */
    struct tare_dims dims;
    const float
        *data;      /**< [dims]; in the engine's own element order unless `linear`. */
    size_t first;   /**< Element that data[0] is: 0, but in later pieces. */
    size_t n_elems; /**< All, or those of the piece. */
    float step;     /**< Of a tensor that is held as uint8; else 0. */
    float lowest, highest; /**< What it can hold; -INFINITY and INFINITY without. */
};
/** @return NULL; or, where taps are linear, [n_elems] values to put in the tensor's
 * place before the run goes on (quantized when it is held so; a network's input stays).
 * An input of a Concat may be a part of its output's memory: both change then. A norm
 * that makes the sum that it reads has run before the sum is shown.
 */
typedef const float *tare_tap(void *ctx, const struct tare_tapped *tensor);

/** How many tensors with an ONNX name a run makes, inputs included. */
TARE_API size_t tare_engine_n_taps(const struct tare_engine *engine);
/** Name of tapped tensor `i`; lives as long as the engine. */
TARE_API const char *tare_engine_tap_name(const struct tare_engine *engine, size_t i);
/**
 * Which tapped tensors' values follow from others': of views, Relu, and Clip from zero.
 * @param[out] origins  [tare_engine_n_taps()], for each; `tensor` is a tap's number.
 */
TARE_API enum tare_status tare_engine_tap_origins(const struct tare_engine *engine,
                                                  struct tare_origin *origins,
                                                  struct tare_error *err);
/**
 * Show every named tensor of later runs to `tap`, right after it is made. Layers then
 * run one after another, regions too.
 * @param linear  give all tensors in ONNX's order; otherwise the order is the engine's,
 *                which costs less.
 * Allocates: a conversion buffer, here.
 */
TARE_API enum tare_status tare_context_set_tap(struct tare_context *context,
                                               tare_tap *tap, void *ctx, bool linear,
                                               struct tare_error *err);

/**
 * Let the tap that is set be shown tensors in pieces of some ten thousand elements,
 * first to last, each while it is still in cache. Only large tensors come so, and only
 * in the engine's own order, from a context with one thread.
 */
TARE_API void tare_context_split_tap(struct tare_context *context);

/** Switch the layer clock on (from zero) or off. */
TARE_API void tare_context_set_profiling(struct tare_context *context, bool on);
/** Milliseconds spent in layer `i` over the runs since profiling was switched on. While
 *  it is on, layers run one after another, regions too. */
TARE_API double tare_context_layer_ms(const struct tare_context *context, size_t i);

#ifdef __cplusplus
}
#endif
#endif /* TARE_ENGINE_H */
