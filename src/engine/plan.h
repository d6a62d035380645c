/* engine/plan.h - the engine file: plain records in checksummed sections.
 *
 *     header | section table | strings | tensors | layers | ids | params | weights |
 *     profiles | source
 *
 * Sections start on 64-byte boundaries. All numbers are little-endian, as on every
 * machine that we support; nothing is parsed or copied when a file is loaded. Any
 * change of a record here, or of how weights are packed, needs a new
 * TARE_PLAN_VERSION. */
#ifndef TARE_ENGINE_PLAN_H
#define TARE_ENGINE_PLAN_H

#include <stdint.h>

#include "tare/format.h"
#include "tare/tensor.h"

#define TARE_PLAN_MAGIC   "TAREPLAN"
#define TARE_PLAN_VERSION 14
/* From this version on, the header up to the end of the section table, the order of the
 * sections there (others come behind them), struct tare_shape_range and what `isa`
 * means stay: so the source of an engine is found by a tare of another version. */
#define TARE_PLAN_LASTING_VERSION 8

/* What is said of an engine without weights. */
#define TARE_STRIPPED                                                                  \
    "its weights are stripped: refit it with `tare refit --engine=FILE --onnx=MODEL "  \
    "--output=OUT`"

/* Bytes behind a tensor that a kernel may read: TARE_KERNEL_SLACK elements. */
#define TARE_PLAN_SLACK 256

enum tare_plan_section_kind {
    TARE_SECTION_STRINGS, /* NUL-terminated, back to back; offset 0 is "" */
    TARE_SECTION_TENSORS, /* struct tare_plan_tensor */
    TARE_SECTION_LAYERS,  /* struct tare_plan_layer */
    TARE_SECTION_IDS,     /* int32_t tensor ids, lists of the layers and the bindings */
    TARE_SECTION_PARAMS,  /* each layer's own struct, on 64-byte boundaries */
    TARE_SECTION_WEIGHTS, /* constant data, on 64-byte boundaries, slack behind each */
    TARE_SECTION_PROFILES, /* struct tare_shape_range [profiles][n_inputs]; empty: the
                              engine has one shape */
    TARE_SECTION_SOURCE, /* what the engine can be made anew from (remake/source.h), or
                            empty */
    TARE_SECTION_COUNT
};

struct tare_plan_section {
    uint64_t offset; /* from the start of the file */
    uint64_t n_bytes;
    uint64_t hash; /* XXH3 of the content */
};

struct tare_plan_header {
    char magic[8];
    uint32_t version;
    uint32_t isa; /* TARE_CPU_* bits that must be there, and all that is used; or
                     TARE_ISA_PORTABLE */
    uint64_t file_bytes;
    uint64_t arena_bytes;  /* activations of one context */
    uint64_t live_bytes;   /* most of them that are alive while one layer runs */
    uint32_t model;        /* string */
    uint32_t tare_version; /* string */
    uint32_t n_inputs;     /* bindings: the first ids of the ids section */
    uint32_t n_outputs;
    struct tare_plan_section sections[TARE_SECTION_COUNT];
    uint64_t hash; /* of all before it */
};

enum tare_storage {
    TARE_IN_ARENA,   /* offset into the context's arena */
    TARE_IN_WEIGHTS, /* offset into the weights section */
    TARE_IN_BINDING, /* offset is the number of the binding */
    TARE_IN_CONTEXT /* an output that a program makes, of a shape that only a run tells:
                       dims.rank is 0, n_bytes 0, offset the number of the binding */
};

struct tare_plan_tensor {
    uint32_t name;  /* string; "" for what has no ONNX name of its own */
    uint32_t dtype; /* kernels know TARE_F32, TARE_U8, TARE_F16 and TARE_BF16, programs
                       all types but the last */
    uint32_t
        format; /* enum tare_format: linear or, where the rank is 4, HWC; others and
                   other ranks are for bindings, which copies alone read or write */
    uint32_t storage;
    struct tare_dims dims; /* in ONNX's order, whatever the format */
    uint64_t offset;
    uint64_t n_bytes; /* of the values, without what lies between a slice's pixels; of a
                         binding with the padding of its format */
    uint64_t pitch; /* of a slice of the channels of a larger HWC tensor: elements from
                       one pixel to the next, more than its channels; else 0 */
    float scale; /* of TARE_U8: real = scale * (q - zero_point); 1 of ONNX's uint8, and
                    of one that the user gives as the values of a float tensor; of
                    TARE_S8 likewise, where it is a float tensor's; else 0 */
    int16_t zero_point, lowest; /* 0 to 255; q in [lowest, 255] */
    uint32_t open_axes; /* of a binding: bit i is set where the length of axis i is one
                           of several; dims has that of the first profile */
    uint32_t in_base;   /* of a weight: 1 where the offset is into the weights of the
                           engine that this one was made anew from; never in files */
    uint32_t model_dtype; /* of a binding: the type that it has in the model, TARE_F32
                             where it is bound as another one; else 0 */
    uint32_t reserved;    /* 0 */
};

/** Bytes from the first value to the end of the last one. */
static inline uint64_t tare_plan_extent(const struct tare_plan_tensor *t)
{
    if (!t->pitch) return t->n_bytes;
    const uint64_t n_pixels = (uint64_t)(t->dims.d[0] * t->dims.d[2] * t->dims.d[3]);
    const uint64_t pixel_bytes = t->n_bytes / n_pixels;
    const uint64_t elem_bytes = pixel_bytes / (uint64_t)t->dims.d[1];
    return (n_pixels - 1) * t->pitch * elem_bytes + pixel_bytes;
}

/** Whether a layer that knows how may write `y` over its input `x`: each value is where
 *  what is made of it will be. */
static inline bool tare_plan_may_overwrite(const struct tare_plan_tensor *x,
                                           const struct tare_plan_tensor *y)
{
    return x->storage == TARE_IN_ARENA && y->storage == TARE_IN_ARENA &&
           x->dtype == y->dtype && x->format == y->format && x->n_bytes == y->n_bytes &&
           !x->pitch && !y->pitch;
}

struct tare_plan_layer {
    uint32_t name;
    uint32_t nodes; /* string: ONNX nodes inside */
    uint32_t kind;  /* enum tare_layer_kind */
    uint32_t precision;
    uint32_t first_id; /* of the inputs, then the outputs, in the ids section */
    uint32_t n_inputs;
    uint32_t n_outputs;
    uint32_t is_reformat;
    uint32_t tactic; /* string: the kernel; "": the best that `isa` allows */
    uint16_t region; /* engine/regions.h; 0: no other layer runs beside it */
    uint16_t stream; /* of the region */
    uint64_t params; /* offset */
    uint64_t params_bytes;
};

#endif /* TARE_ENGINE_PLAN_H */
