/* Quantization by what makes the floats: a layer whose kernel can write codes takes the
 * place of the conversion behind it. Floats that nothing else reads are then never in
 * memory. */
#include <string.h>

#include "base/mem.h"
#include "engine/build/plan_builder.h"
#include "engine/layers/params_u8.h"

/* What becomes of layer i. */
struct fusion {
    bool is_gone;   /* it is a conversion that another layer does */
    int32_t codes;  /* what it makes besides, or -1 */
    bool is_silent; /* its floats are not wanted */
};

static const void *params_of(const struct tare_plan_builder *b,
                             const struct tare_plan_layer *l)
{
    return b->params.data + l->params;
}

static int32_t output_of(const struct tare_plan_builder *b,
                         const struct tare_plan_layer *l)
{
    return b->ids[l->first_id + l->n_inputs];
}

static bool can_quantize(const struct tare_plan_builder *b,
                         const struct tare_plan_layer *l)
{
    const struct tare_f32_softmax *softmax = params_of(b, l);
    return l->kind == TARE_LAYER_F32_LAYER_NORM ||
           (l->kind == TARE_LAYER_F32_SOFTMAX && softmax->inner == 1);
}

/* Is every code where its float is? */
static bool keeps_order(const struct tare_convert_params *p)
{
    return p->pixel_stride == p->n_channels &&
           (p->channel_stride == 1 || p->n_channels == 1) &&
           (p->image_stride == p->n_channels * p->n_pixels || p->n_images == 1);
}

/* The layer that may do what conversion `i` does; n_layers: there is none. */
static size_t find_maker(const struct tare_plan_builder *b,
                         const struct fusion *fusions, size_t i)
{
    const struct tare_plan_layer *l = &b->layers[i];
    if (l->kind != TARE_LAYER_QUANTIZE) return b->n_layers;
    const int32_t x = b->ids[l->first_id];
    const struct tare_plan_tensor *codes = &b->tensors[output_of(b, l)];
    if (b->tensors[x].dtype != TARE_F32 || codes->storage != TARE_IN_ARENA ||
        !tare_f32_u8_quantize_is_plain(codes->scale) || !keeps_order(params_of(b, l)))
        return b->n_layers;
    for (size_t k = 0; k < i; k++)
        if (output_of(b, &b->layers[k]) == x)
            return can_quantize(b, &b->layers[k]) && fusions[k].codes < 0 ? k
                                                                          : b->n_layers;
    return b->n_layers;
}

static bool touches(const struct tare_plan_builder *b, const struct tare_plan_layer *l,
                    int32_t root)
{
    for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++)
        if (tare_plan_root(b, b->ids[l->first_id + k]) == root) return true;
    return false;
}

/* Does the user want the floats of layer `maker`, or another layer that stays? */
static bool is_wanted(const struct tare_plan_builder *b, const struct fusion *fusions,
                      size_t maker)
{
    const int32_t x = output_of(b, &b->layers[maker]), root = tare_plan_root(b, x);
    if (b->tensors[root].storage != TARE_IN_ARENA) return true;
    for (size_t t = 0; t < b->n_tensors; t++)
        if (tare_plan_root(b, (int32_t)t) == root && (int32_t)t != x) return true;
    for (size_t i = 0; i < b->n_layers; i++)
        if (i != maker && !fusions[i].is_gone && touches(b, &b->layers[i], root))
            return true;
    return false;
}

static size_t find(const struct tare_plan_builder *b, struct fusion *fusions)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_layers; i++)
        fusions[i] = (struct fusion){.codes = -1};
    for (size_t i = 0; i < b->n_layers; i++) {
        const size_t maker = find_maker(b, fusions, i);
        if (maker == b->n_layers) continue;
        fusions[maker].codes = output_of(b, &b->layers[i]);
        fusions[i].is_gone = true;
        n++;
    }
    for (size_t i = 0; i < b->n_layers; i++)
        fusions[i].is_silent = fusions[i].codes >= 0 && !is_wanted(b, fusions, i);
    return n;
}

/* Lists of ids anew, without those of layers that are gone. @param ids  with room for
 * one more of each fusion */
static void rewrite_layers(struct tare_plan_builder *b, const struct fusion *fusions,
                           int32_t *ids)
{
    size_t n_ids = 0, n_layers = 0;
    for (size_t i = 0; i < b->n_layers; i++) {
        struct tare_plan_layer l = b->layers[i];
        const int32_t codes = fusions[i].codes, x = output_of(b, &l);
        if (fusions[i].is_gone) continue;
        const size_t n = l.n_inputs + l.n_outputs;
        memcpy(ids + n_ids, b->ids + l.first_id, n * sizeof *ids);
        l.first_id = (uint32_t)n_ids;
        n_ids += n;
        if (fusions[i].is_silent) {
            ids[n_ids - 1] = codes;
            b->tensors[codes].name = b->tensors[x].name;
        } else if (codes >= 0) {
            ids[n_ids++] = codes;
            l.n_outputs++;
        }
        b->layers[n_layers++] = l;
    }
    tare_free(b->ids);
    b->ids = ids;
    b->n_ids = n_ids;
    b->n_layers = n_layers;
}

static void renumber(int32_t *ids, size_t n, const int32_t *numbers)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= 0) ids[i] = numbers[ids[i]];
}

/* @param numbers  [n_tensors] -1: it goes; else its new number, written here */
static void drop_tensors(struct tare_plan_builder *b, int32_t *numbers)
{
    size_t n = 0;
    for (size_t t = 0; t < b->n_tensors; t++) {
        if (numbers[t] < 0) continue;
        b->tensors[n] = b->tensors[t];
        b->alias_of[n] = b->alias_of[t];
        b->alias_at[n] = b->alias_at[t];
        numbers[t] = (int32_t)n++;
    }
    b->n_tensors = n;
    renumber(b->alias_of, n, numbers);
    renumber(b->ids, b->n_ids, numbers);
    renumber(b->bindings, b->n_bindings, numbers);
}

static enum tare_status apply(struct tare_plan_builder *b, const struct fusion *fusions,
                              size_t n, struct tare_error *err)
{
    int32_t *ids = tare_alloc_array(b->n_ids + n, sizeof *ids);
    int32_t *numbers = tare_alloc_array(b->n_tensors, sizeof *numbers);
    if (!ids || !numbers) {
        tare_free(ids);
        tare_free(numbers);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    for (size_t i = 0; i < b->n_layers; i++)
        if (fusions[i].is_silent) numbers[output_of(b, &b->layers[i])] = -1;
    b->cap_ids = b->n_ids + n;
    rewrite_layers(b, fusions, ids);
    drop_tensors(b, numbers);
    tare_free(numbers);
    return TARE_OK;
}

enum tare_status tare_plan_fuse_quantize(struct tare_plan_builder *b,
                                         struct tare_error *err)
{
    struct fusion *fusions = tare_alloc_array(b->n_layers, sizeof *fusions);
    TARE_FAIL_IF(!fusions, err, TARE_E_NOMEM, "engine: no memory while building");
    const size_t n = find(b, fusions);
    const enum tare_status st = n > 0 ? apply(b, fusions, n, err) : TARE_OK;
    tare_free(fusions);
    return st;
}
