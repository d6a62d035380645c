/* engine/engine.h - a loaded engine: records checked, pointers made. */
#ifndef TARE_ENGINE_ENGINE_H
#define TARE_ENGINE_ENGINE_H

#include "base/allocator.h"
#include "base/file.h"
#include "engine/layer.h"
#include "tare/engine.h"

struct tare_specials;

struct tare_engine {
    struct tare_allocator allocator;
    struct tare_recorder *recorder;     /* or NULL */
    const struct tare_engine *base;     /* that it was made anew from, or NULL */
    uint8_t *own;                       /* its bytes, when they are its own */
    struct tare_map map;                /* of the file, when we opened it */
    const struct tare_plugins *plugins; /* that layers may want, or NULL; for loading
                                           and making anew */
    const uint8_t *bytes;
    const struct tare_plan_header *header;
    const char *strings;
    const struct tare_plan_tensor *tensors;
    const struct tare_plan_layer *records;
    const int32_t *ids;
    const uint8_t *params;
    const uint8_t *weights;
    size_t n_tensors, n_layers, n_ids;
    const struct tare_shape_range *ranges; /* [n_profiles][n_inputs] */
    size_t n_profiles;                     /* 0: the engine has one shape */
    const uint8_t *source;
    size_t source_bytes; /* 0: it cannot be made anew */
    size_t strings_bytes, params_bytes, weights_bytes;
    struct tare_layer *layers;                     /* [n_layers] */
    const struct tare_plan_tensor **layer_tensors; /* [n_ids]: ids as pointers */
    int32_t *taps;                                 /* [n_taps] tensor ids with a name */
    size_t *tap_layer;                             /* [n_taps] SIZE_MAX: an input */
    size_t n_taps;
    size_t scratch_bytes; /* largest of one worker */
    size_t shared_bytes;
    size_t n_streams;               /* most of a region; 1: there are none */
    struct tare_specials *specials; /* what was made anew for other shapes; NULL where
                                       there is one alone */
};

/** What all ways to open bytes end with. @param base  NULL: another engine's weights
 * are not used */
enum tare_status tare_engine_open_as(const struct tare_engine *base, const void *bytes,
                                     size_t n_bytes,
                                     const struct tare_load_options *options,
                                     struct tare_engine **engine,
                                     struct tare_error *err);

/** tare_engine_open() of what was made anew from `base`, whose weights it may use: that
 *  outlives it. */
enum tare_status tare_engine_open_remade(const struct tare_engine *base,
                                         const void *bytes, size_t n_bytes,
                                         const struct tare_plugins *plugins,
                                         struct tare_engine **engine,
                                         struct tare_error *err);

/** tare_engine_open() of bytes that the engine takes over, also on failure:
 *  tare_free(). */
enum tare_status tare_engine_open_own(uint8_t *bytes, size_t n_bytes,
                                      const struct tare_load_options *options,
                                      struct tare_engine **engine,
                                      struct tare_error *err);

/** The string at `offset`, which was checked when the file was opened. */
const char *tare_engine_string(const struct tare_engine *engine, uint32_t offset);

/** What a tensor that is held as bytes can hold; infinities for others, step 0. */
struct tare_held_range {
    float step, lowest, highest;
};
struct tare_held_range tare_held_range(const struct tare_plan_tensor *tensor);

/** tare_engine_binding() in the shape that the engine itself runs. */
void tare_engine_own_binding(const struct tare_engine *engine, size_t i,
                             struct tare_binding *binding);

/** Set the section pointers after checking magic, version, CPU, sizes and checksums. */
enum tare_status tare_plan_read(struct tare_engine *engine, const void *data,
                                size_t n_bytes, struct tare_error *err);
/** Check every record: strings, ids, storage bounds, dims against sizes. */
enum tare_status tare_plan_check(const struct tare_engine *engine,
                                 struct tare_error *err);
/** The part of it about profiles and open axes. (profiles.c) */
enum tare_status tare_profiles_check(const struct tare_engine *engine,
                                     struct tare_error *err);

/** Is there such a profile? The first one always is.
 *  @retval TARE_E_ARG  no; the text has how many there are. */
enum tare_status tare_profile_exists(const struct tare_engine *engine, size_t profile,
                                     struct tare_error *err);
/** Its opt shapes; of an engine without profiles its own. @param[out] dims  [n_inputs]
 */
void tare_profile_opt(const struct tare_engine *engine, size_t profile,
                      struct tare_dims *dims);
/** "name:1x3x224x224[,name:...]" of the inputs. @param[out] dims  [n_inputs]; rank -1:
 *  not named */
enum tare_status tare_profile_parse(const struct tare_engine *engine,
                                    const char *shapes, struct tare_dims *dims,
                                    struct tare_error *err);
/** May input `i` have this shape in a profile?
 *  @retval TARE_E_ARG  no; the text has the input, the axis and the range. */
enum tare_status tare_profile_admits(const struct tare_engine *engine, size_t profile,
                                     size_t i, const struct tare_dims *dims,
                                     struct tare_error *err);

#endif /* TARE_ENGINE_ENGINE_H */
