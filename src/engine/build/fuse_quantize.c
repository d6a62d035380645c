/* Quantization by what makes the floats: a layer whose kernel can write codes takes the
 * place of the conversion behind it. Floats that nothing else reads are then never in
 * memory. */
#include "engine/build/plan_edit.h"
#include "engine/layers/params_u8.h"

static bool can_quantize(const struct tare_plan_builder *b,
                         const struct tare_plan_layer *l)
{
    const struct tare_f32_softmax *softmax = tare_plan_params(b, l);
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
                         const struct tare_plan_edit *edit, size_t i)
{
    const struct tare_plan_layer *l = &b->layers[i];
    if (l->kind != TARE_LAYER_QUANTIZE) return b->n_layers;
    const int32_t x = b->ids[l->first_id];
    const struct tare_plan_tensor *codes = &b->tensors[tare_plan_output(b, l)];
    if (b->tensors[x].dtype != TARE_F32 || codes->storage != TARE_IN_ARENA ||
        !tare_f32_u8_quantize_is_plain(codes->scale) ||
        !keeps_order(tare_plan_params(b, l)))
        return b->n_layers;
    const size_t k = tare_plan_maker(b, i, x);
    return k < i && can_quantize(b, &b->layers[k]) && edit->layers[k].more_output < 0
               ? k
               : b->n_layers;
}

static void find(const struct tare_plan_builder *b, struct tare_plan_edit *edit)
{
    for (size_t i = 0; i < b->n_layers; i++) {
        const size_t maker = find_maker(b, edit, i);
        if (maker == b->n_layers) continue;
        edit->layers[maker].more_output = tare_plan_output(b, &b->layers[i]);
        edit->layers[i].is_gone = true;
        edit->n++;
    }
}

/* Floats that are not wanted: their codes take their place, and their name. */
static void silence(struct tare_plan_builder *b, struct tare_plan_edit *edit)
{
    for (size_t i = 0; i < b->n_layers; i++) {
        struct tare_layer_edit *e = &edit->layers[i];
        const int32_t x = tare_plan_output(b, &b->layers[i]);
        if (e->more_output < 0 || tare_plan_wants(b, edit, x, i)) continue;
        b->tensors[e->more_output].name = b->tensors[x].name;
        e->first_output = e->more_output;
        e->more_output = -1;
        edit->drops[x] = true;
    }
}

enum tare_status tare_plan_fuse_quantize(struct tare_plan_builder *b,
                                         struct tare_error *err)
{
    struct tare_plan_edit edit;
    enum tare_status st = tare_plan_edit_begin(b, &edit, err);
    if (st == TARE_OK) {
        find(b, &edit);
        silence(b, &edit);
        st = tare_plan_edit_apply(b, &edit, err);
    }
    tare_plan_edit_release(&edit);
    return st;
}
