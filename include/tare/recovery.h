/* tare/recovery.h - get back accuracy that INT8 lost: biases and weights, changed layer
 * by layer so that the INT8 network's tensors are again like the FP32 network's.
 *
 * A recovery belongs to one network and one calibration cache, and lies beside the
 * cache as OUT.recovery. All numbers in the file are little-endian:
 *
 *     "TARERCVR"  u32 version = 2   u32 n_layers
 *     u64 model   u64 ranges        hashes of what it was made for
 *     n_layers times:
 *         u32 name_bytes  u32 parts  u32 n_channels  u32 n_weights
 *         char name[name_bytes]               of the layer's output tensor
 *         float bias[n_channels]              where parts has bit 0
 *         float scales[n_channels]            where parts has bit 1
 *         int8 weights[n_channels][n_weights] where parts has bit 1
 *         float factors[n_channels]           where parts has bit 2
 *     u64 hash                      XXH3 of all before it
 *
 * Factors are in [1e-6, 1e6]. The channels of the tensor are divided by them before it
 * is quantized, in its own range: they are part of the weights and biases of what makes
 * it, and the weights of all that read it are multiplied by them. Biases and weights in
 * the file are those of the network rescaled so. */
#ifndef TARE_RECOVERY_H
#define TARE_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/builder.h"
#include "tare/calibration.h"
#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One layer's part. Pointers live as long as the recovery. */
struct tare_recovery_layer {
    const char *name; /**< Of the layer's output tensor, after its activation. */
    size_t n_channels;
    size_t n_weights;      /**< Of one channel. */
    const float *bias;     /**< [n_channels], in place of the model's; or NULL. */
    const int8_t *weights; /**< [n_channels, n_weights], quantized; or NULL. */
    const float *scales;   /**< [n_channels] real = scale * weight; beside weights. */
    const float *factors;  /**< [n_channels] that the tensor's channels are divided by;
                                or NULL. A tensor without a weighted layer of its own
                                has n_weights 1. */
};

/** Parse a recovery file of at most 2 GiB. @param[out] recovery tare_recovery_destroy()
 *  it; NULL on failure.
 *  @retval TARE_E_FORMAT  Not such a file, truncated or damaged.
 *  @retval TARE_E_UNSUPPORTED  Of another version; the text says what to do. */
TARE_API enum tare_status tare_recovery_read(const char *path,
                                             struct tare_recovery **recovery,
                                             struct tare_error *err);
/** Write the file: complete or not at all. The bytes depend on the content alone. */
TARE_API enum tare_status tare_recovery_write(const struct tare_recovery *recovery,
                                              const char *path, struct tare_error *err);
/** Release; NULL is fine. Plans built with it do not need it any more. */
TARE_API void tare_recovery_destroy(struct tare_recovery *recovery);

/** Number of layers. */
TARE_API size_t tare_recovery_count(const struct tare_recovery *recovery);
/** Layer i in [0, count). */
TARE_API void tare_recovery_get(const struct tare_recovery *recovery, size_t i,
                                struct tare_recovery_layer *layer);

/** Passes, as bits. */
enum tare_recover_passes {
    /** Move each bias so that the mean of every channel of the layer's output, after
     * its activation, is again what it is in FP32 (Nagel et al., arXiv 1906.04721, with
     *  measured means). */
    TARE_RECOVER_BIAS = 1,
    /** Choose for each weight the step above or below it so that the layer's output
     *  comes nearest to FP32's (the aim of AdaRound, arXiv 2004.10568, by coordinate
     *  descent). */
    TARE_RECOVER_ROUNDING = 2,
    /** Give every channel of a tensor that feeds depthwise convolutions the whole range
     *  of the tensor (the aim of cross-layer equalization, Nagel et al., arXiv
     *  1906.04721, section 4.1, by the ranges of activations). */
    TARE_RECOVER_EQUALIZE = 4,
    /** Share the range of the channels of what a Gemm or MatMul reads with its weights
     *  (SmoothQuant, Xiao et al., arXiv 2211.10438). */
    TARE_RECOVER_SMOOTH = 8
};

/** Where samples come from. */
struct tare_sample_source {
    void *ctx;
    size_t n_samples; /**< A sample is what one run of the network takes. */
    /** Write sample `sample` to `data`, the network's one input. Called from the
     *  thread of tare_recover(), once for each sample that is used. */
    enum tare_status (*fill)(void *ctx, size_t sample, void *data,
                             struct tare_error *err);
};

/** Zero-initialise. */
struct tare_recover_options {
    unsigned passes;     /**< enum tare_recover_passes */
    bool only_if_better; /**< Undo a pass that does not raise the SQNR of the samples
                              that are held back. */
    int n_threads;       /**< 1 to 1024; the result does not depend on it. */
};

/** What a pass did, measured on samples that it has not seen. */
struct tare_recover_row {
    const char *pass; /**< "bias", "equalize", "smooth" or "rounding". Static. */
    double before_db, after_db; /**< SQNR of the network's output (in front of a
                                   Softmax; signal: the output less its mean over the
                                   sample); INFINITY: no noise. */
    bool kept;
    size_t n_layers; /**< Layers that it changed, or tensors that it rescaled. */
    double seconds;
};
#define TARE_RECOVER_MAX_ROWS 4

/**
 * Run the passes: bias, equalize, smooth, rounding, each on top of what is kept of
 * those in front; all after bias correct the biases again. equalize and smooth are
 * undone where they do not raise the SQNR, whatever the options say. Uses up to 128
 * samples, fewer when activations are large; an eighth of them is held back to judge
 * by, and what is kept is then done again with all of them.
 * @param[in]  model    after tare_model_bind(), with one input.
 * @param[in]  build    the INT8 build to recover; its `recovery` does not matter.
 * @param[in]  progress NULL: nobody asks.  Layers done of layers to do.
 * @param[out] recovery tare_recovery_destroy() it; NULL on failure.
 * @param[out] rows     [TARE_RECOVER_MAX_ROWS]   @param[out] n_rows
 * @retval TARE_E_ARG  Fewer than 2 samples; a model of several inputs; no INT8 layer.
 * Threads: starts options->n_threads - 1, and joins them before it returns.
 */
TARE_API enum tare_status
tare_recover(const struct tare_model *model, const struct tare_build_options *build,
             const struct tare_sample_source *source,
             const struct tare_recover_options *options, tare_progress_fn *progress,
             void *progress_ctx, struct tare_recovery **recovery,
             struct tare_recover_row *rows, size_t *n_rows, struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_RECOVERY_H */
