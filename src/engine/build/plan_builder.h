/* engine/build/plan_builder.h - collect the records of an engine, place its
 * activations, write its bytes. The same calls give the same bytes. */
#ifndef TARE_ENGINE_BUILD_PLAN_BUILDER_H
#define TARE_ENGINE_BUILD_PLAN_BUILDER_H

#include "base/error.h"
#include "engine/border.h"
#include "engine/layer.h"
#include "graph/graph.h"

struct tare_bytes {
    uint8_t *data;
    size_t n_bytes;
    size_t capacity;
};

/** One weight, until the engine is written: growing a block of all of them would hold
 *  them twice. */
struct tare_plan_weight {
    void *data; /* owned */
    size_t n_bytes;
};

struct tare_weight_index;

struct tare_plan_builder {
    const struct tare_weight_index
        *base; /* weights that need not be written; or NULL */
    struct tare_bytes strings;
    struct tare_bytes params;
    struct tare_plan_weight *weights; /* [n_weights], one behind the other */
    size_t n_weights, cap_weights;
    size_t weights_bytes; /* of the section */
    struct tare_plan_tensor *tensors;
    int32_t *alias_of;  /* [n_tensors] the tensor whose memory this one shares, or -1 */
    uint64_t *alias_at; /* [n_tensors] where in it, in bytes */
    size_t n_tensors, cap_tensors, cap_alias, cap_at;
    struct tare_plan_layer *layers;
    size_t n_layers, cap_layers;
    int32_t *ids; /* of the layers, which first_id counts; when written, those of the
                     bindings come first */
    size_t n_ids, cap_ids;
    int32_t *bindings; /* tensor ids, inputs first */
    size_t n_bindings, cap_bindings;
    uint32_t n_inputs;
    uint64_t arena_bytes; /* set by tare_memory_plan() */
    uint64_t live_bytes;  /* likewise: no plan can need less */
};

/** The tensor whose memory this one is in. */
static inline int32_t tare_plan_root(const struct tare_plan_builder *b, int32_t id)
{
    return b->alias_of[id] >= 0 ? b->alias_of[id] : id;
}

/** What a layer is made of; strings and arrays are copied. */
struct tare_layer_spec {
    enum tare_layer_kind kind;
    const char *name;
    const char *nodes;
    enum tare_precision precision;
    bool is_reformat;
    const void *params; /* of the kind's params_bytes, padding zeroed */
    const int32_t *inputs;
    size_t n_inputs;
    const int32_t *outputs;
    size_t n_outputs;
};

void tare_plan_builder_release(struct tare_plan_builder *b);

/** A string that no record points to yet. */
enum tare_status tare_plan_add_text(struct tare_plan_builder *b, const char *text,
                                    struct tare_error *err);

/** A tensor in the arena. `quant` counts for TARE_U8 alone; NULL: ONNX's uint8. */
enum tare_status tare_plan_add_tensor(struct tare_plan_builder *b, const char *name,
                                      enum tare_dtype dtype, enum tare_format format,
                                      const struct tare_dims *dims,
                                      const struct tare_quant *quant, int32_t *id,
                                      struct tare_error *err);
/** Another view of the memory of tensor `of`: other dims or format, as many bytes. */
enum tare_status tare_plan_add_alias(struct tare_plan_builder *b, const char *name,
                                     enum tare_format format,
                                     const struct tare_dims *dims, int32_t of,
                                     int32_t *id, struct tare_error *err);
/** A part of the memory of arena tensor `whole`, of its type and format, from byte `at`
 *  on. @param pitch  of a slice of its channels, as in struct tare_plan_tensor; else 0
 */
enum tare_status tare_plan_add_part(struct tare_plan_builder *b, const char *name,
                                    const struct tare_dims *dims, int32_t whole,
                                    uint64_t at, uint64_t pitch, int32_t *id,
                                    struct tare_error *err);
/** Constant data, copied. */
enum tare_status tare_plan_add_weight(struct tare_plan_builder *b,
                                      enum tare_dtype dtype, enum tare_format format,
                                      const struct tare_dims *dims, const void *data,
                                      int32_t *id, struct tare_error *err);
/** A rank 1 weight of `n` elements; takes ownership of `data`, also on failure. */
enum tare_status tare_plan_give_vector(struct tare_plan_builder *b,
                                       enum tare_dtype dtype, size_t n, void *data,
                                       int32_t *id, struct tare_error *err);
/** The same of a copy. */
enum tare_status tare_plan_add_vector(struct tare_plan_builder *b,
                                      enum tare_dtype dtype, size_t n, const void *data,
                                      int32_t *id, struct tare_error *err);
/** An output of the network whose shape only a run tells; inputs are bound before. */
enum tare_status tare_plan_add_result(struct tare_plan_builder *b, const char *name,
                                      int32_t *id, struct tare_error *err);
/** A tensor at an address that the user gives; inputs before outputs.
 *  @param dtype   its type in the model
 *  @param border  NULL: not set */
enum tare_status tare_plan_add_binding(struct tare_plan_builder *b, const char *name,
                                       enum tare_dtype dtype,
                                       const struct tare_border *border,
                                       const struct tare_dims *dims, bool is_input,
                                       int32_t *id, struct tare_error *err);
/** Let the user give the address of arena tensor `id`, an output, which is `dtype` in
 * the model. */
enum tare_status tare_plan_bind_tensor(struct tare_plan_builder *b, int32_t id,
                                       const char *name, enum tare_dtype dtype,
                                       struct tare_error *err);
enum tare_status tare_plan_add_layer(struct tare_plan_builder *b,
                                     const struct tare_layer_spec *spec,
                                     struct tare_error *err);

/** Name the tactic of layer `i`. */
enum tare_status tare_plan_set_tactic(struct tare_plan_builder *b, size_t i,
                                      const char *tactic, struct tare_error *err);
/** Name the nodes that layer `i` has inside. @param nodes  copied; not in the builder
 */
enum tare_status tare_plan_set_nodes(struct tare_plan_builder *b, size_t i,
                                     const char *nodes, struct tare_error *err);

/** Let layers whose kernels can quantize what they make do so, in the place of the
 *  conversions behind them (fuse_quantize.c), and normalizations add what they read, in
 *  the place of the layers in front (fuse_sum.c). Before regions. (plan_edit.c) */
enum tare_status tare_plan_fuse(struct tare_plan_builder *b, struct tare_error *err);

/** Let layers write over residuals that nothing reads afterwards: those outputs become
 *  aliases. Before tare_memory_plan(), after regions. */
enum tare_status tare_plan_overwrite(struct tare_plan_builder *b,
                                     struct tare_error *err);

/** Give every arena tensor its offset. Layers of different streams of a region may run
 *  at once. */
enum tare_status tare_memory_plan(struct tare_plan_builder *b, struct tare_error *err);

/**
 * The engine's bytes, after tare_memory_plan(). Weights are given back while they are
 * written, so that there is no second copy of all of them: once for each builder.
 * @param isa   TARE_CPU_* bits that the engine may use, or TARE_ISA_PORTABLE.
 * @param[out] data  tare_free() it.
 */
enum tare_status tare_plan_write(struct tare_plan_builder *b, const char *model,
                                 uint32_t isa, uint8_t **data, size_t *n_bytes,
                                 struct tare_error *err);

/** Take the offsets and regions over into the builder's bytes, which it has written
 *  when they were others. */
void tare_plan_place_anew(const struct tare_plan_builder *b, uint8_t *bytes);

/** A plan with its last two sections, zeroed: fill them, then tare_plan_seal() it. */
struct tare_plan_appended {
    size_t profiles_bytes, source_bytes; /* in */
    uint8_t *bytes;                      /* out: tare_free() them */
    size_t n_bytes;
    uint8_t *profiles, *source; /* in them */
};
/** @param bytes  of tare_plan_write(), where both are empty. (plan_append.c) */
enum tare_status tare_plan_append(const uint8_t *bytes, size_t n_bytes,
                                  struct tare_plan_appended *appended,
                                  struct tare_error *err);
/** Make the checksums of a plan anew. */
void tare_plan_seal(uint8_t *bytes);

#endif /* TARE_ENGINE_BUILD_PLAN_BUILDER_H */
