/* Sums by the norms that read them: LayerNormalization and RMSNormalization take both
 * addends, and the layer that added them goes. Sums that nothing else reads are then
 * never in memory of their own; for other readers the norm writes them down. */
#include <math.h>

#include "base/text.h"
#include "engine/build/plan_edit.h"
#include "engine/layers/params.h"

/* Float32 values in the arena. */
static bool is_float(const struct tare_plan_builder *b, int32_t id)
{
    return b->tensors[id].dtype == TARE_F32 &&
           b->tensors[tare_plan_root(b, id)].storage == TARE_IN_ARENA;
}

/* Is it the sum of two tensors of one shape and order, and no more? */
static bool is_sum(const struct tare_plan_builder *b, const struct tare_plan_layer *l)
{
    if (l->kind != TARE_LAYER_F32_BINARY) return false;
    const struct tare_f32_binary *p = tare_plan_params(b, l);
    const struct tare_binary_loop *loop = &p->loop;
    const struct tare_f32_epilogue *e = &p->epilogue;
    const int32_t *operands = b->ids + l->first_id;
    return p->op == TARE_BINARY_ADD && loop->rank == 1 && loop->a_strides[0] == 1 &&
           loop->b_strides[0] == 1 && e->negative_slope == 1.0f &&
           e->lower == -INFINITY && e->upper == INFINITY && is_float(b, operands[0]) &&
           is_float(b, operands[1]) && is_float(b, operands[2]);
}

static bool writes(const struct tare_plan_builder *b, const struct tare_plan_layer *l,
                   int32_t root)
{
    for (uint32_t k = 0; k < l->n_outputs; k++)
        if (tare_plan_root(b, b->ids[l->first_id + l->n_inputs + k]) == root)
            return true;
    return false;
}

/* May the sum of layer `add` be made where layer `norm` is? Nothing may read it before,
 * nor write to its addends. */
static bool can_wait(const struct tare_plan_builder *b, size_t add, size_t norm)
{
    const int32_t *operands = b->ids + b->layers[add].first_id;
    const int32_t x = tare_plan_root(b, operands[0]);
    const int32_t addend = tare_plan_root(b, operands[1]);
    const int32_t sum = tare_plan_root(b, operands[2]);
    for (size_t i = add + 1; i < norm; i++)
        if (tare_plan_touches(b, &b->layers[i], sum) || writes(b, &b->layers[i], x) ||
            writes(b, &b->layers[i], addend))
            return false;
    return true;
}

/* The layer whose sum norm `i` may make, which is the first to read it; n_layers: there
 * is none. */
static size_t find_add(const struct tare_plan_builder *b, size_t i)
{
    const struct tare_plan_layer *l = &b->layers[i];
    if (l->kind != TARE_LAYER_F32_LAYER_NORM) return b->n_layers;
    const size_t add = tare_plan_maker(b, i, b->ids[l->first_id]);
    return add < i && is_sum(b, &b->layers[add]) && can_wait(b, add, i) ? add
                                                                        : b->n_layers;
}

/* The norm lists the nodes of both. */
static enum tare_status join_nodes(struct tare_plan_builder *b, size_t add, size_t norm,
                                   struct tare_error *err)
{
    const char *strings = (const char *)b->strings.data;
    struct tare_text nodes = {0};
    tare_text_add(&nodes, "%s + %s", strings + b->layers[add].nodes,
                  strings + b->layers[norm].nodes);
    const enum tare_status st =
        nodes.failed
            ? tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building")
            : tare_plan_set_nodes(b, norm, nodes.data, err);
    tare_text_free(&nodes);
    return st;
}

/* Codes alone leave no room for the sums, which then stay, if for the norm alone. */
static void take_over(const struct tare_plan_builder *b, struct tare_plan_edit *edit,
                      size_t add, size_t norm)
{
    const int32_t *operands = b->ids + b->layers[add].first_id;
    const int32_t sum = operands[2], y = tare_plan_output(b, &b->layers[norm]);
    struct tare_layer_edit *e = &edit->layers[norm];
    edit->layers[add].is_gone = true;
    edit->n++;
    e->first_input = operands[0];
    e->more_input = operands[1];
    if (tare_plan_wants(b, edit, sum, norm) || b->tensors[y].dtype != TARE_F32)
        e->more_output = sum;
    else
        edit->drops[sum] = true;
}

enum tare_status tare_plan_fuse_sums(struct tare_plan_builder *b,
                                     struct tare_error *err)
{
    struct tare_plan_edit edit;
    enum tare_status st = tare_plan_edit_begin(b, &edit, err);
    for (size_t i = 0; st == TARE_OK && i < b->n_layers; i++) {
        const size_t add = find_add(b, i);
        if (add == b->n_layers) continue;
        take_over(b, &edit, add, i);
        st = join_nodes(b, add, i, err);
    }
    if (st == TARE_OK) st = tare_plan_edit_apply(b, &edit, err);
    tare_plan_edit_release(&edit);
    return st;
}
