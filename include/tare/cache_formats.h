/* tare/cache_formats.h - a cache's ranges as other tools want them. */
#ifndef TARE_CACHE_FORMATS_H
#define TARE_CACHE_FORMATS_H

#include <stddef.h>

#include "tare/cache.h"
#include "tare/export.h"
#include "tare/ranges.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Name of format i: "tensorrt", "json", "ncnn", "onnxruntime"; NULL behind the last.
 */
TARE_API const char *tare_cache_format_name(size_t i);

/**
 * Write a cache, complete or not at all, as
 *   tensorrt     TensorRT's text, as tare_cache_write();
 *   json         {"name": {"amax": a, "scale": s}, …};
 *   onnxruntime  the JSON of onnxruntime.quantization: a TensorsData of TensorData with
 *                "lowest" -amax and "highest" amax;
 *   ncnn         a .table for ncnn2int8: for every layer "<layer>_param_0" and 127 /
 *                max|w| of each output channel (of each group, when there are several),
 *                then "<layer>" and 127 / amax of the tensor that it reads. Layers
 * whose input has no range, or 0, are left out with a message to the log.
 * tare_cache_read_ranges() reads all but ncnn's back.
 * @param[in] layers  [n_layers] The model's weighted layers; for ncnn alone.
 * @retval TARE_E_ARG  Unknown format; ncnn without layers; a layer's name that ncnn
 *                     cannot read (spaces, more than 246 bytes).
 */
TARE_API enum tare_status tare_cache_export(const struct tare_cache *cache,
                                            const char *format,
                                            const struct tare_model_weights *layers,
                                            size_t n_layers, const char *path,
                                            struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CACHE_FORMATS_H */
