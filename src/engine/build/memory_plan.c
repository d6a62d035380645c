/* Offsets of the activations by liveness: largest first, each at the lowest place that
 * is free while it lives (Pisarchyk and Lee, arXiv 2001.03288, "greedy by size"). */
#include <stdlib.h>

#include "base/mem.h"
#include "engine/build/plan_builder.h"

/* The memory of a tensor and of all its aliases. */
struct block {
    int32_t tensor;
    size_t n_bytes; /* with slack, rounded up */
    size_t first;   /* layer that writes it */
    size_t last;    /* last layer that touches it */
    size_t offset;
};

static int by_size(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->n_bytes != y->n_bytes) return x->n_bytes > y->n_bytes ? -1 : 1;
    return x->tensor < y->tensor ? -1 : 1;
}

static int by_offset(const void *a, const void *b)
{
    const struct block *const *x = a, *const *y = b;
    if ((*x)->offset != (*y)->offset) return (*x)->offset < (*y)->offset ? -1 : 1;
    return 0;
}

/* blocks[] in tensor order with the lifetimes; returns their number through n. */
static enum tare_status find_blocks(const struct tare_plan_builder *b,
                                    struct block *blocks, size_t *n,
                                    struct tare_error *err)
{
    int32_t *block_of = tare_alloc_array(b->n_tensors, sizeof *block_of);
    TARE_FAIL_IF(!block_of, err, TARE_E_NOMEM, "engine: no memory while building");
    bool fits = true;
    for (size_t i = 0; i < b->n_tensors; i++) {
        block_of[i] = -1;
        const struct tare_plan_tensor *t = &b->tensors[i];
        if (t->storage != TARE_IN_ARENA || b->alias_of[i] >= 0) continue;
        size_t n_bytes;
        fits = fits &&
               tare_add_size((size_t)tare_plan_extent(t), TARE_PLAN_SLACK, &n_bytes) &&
               tare_align_size(n_bytes, &n_bytes);
        if (!fits) break;
        block_of[i] = (int32_t)*n;
        blocks[(*n)++] = (struct block){(int32_t)i, n_bytes, SIZE_MAX, 0, 0};
    }
    for (size_t i = 0; fits && i < b->n_layers; i++) {
        const struct tare_plan_layer *l = &b->layers[i];
        for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++) {
            const int32_t id = b->ids[l->first_id + k];
            const int32_t root = b->alias_of[id] >= 0 ? b->alias_of[id] : id;
            if (block_of[root] < 0) continue;
            struct block *block = &blocks[block_of[root]];
            if (block->first == SIZE_MAX) block->first = i;
            block->last = i;
        }
    }
    tare_free(block_of);
    TARE_FAIL_IF(!fits, err, TARE_E_UNSUPPORTED, "engine: an activation is too large");
    return TARE_OK;
}

/* placed[] holds the earlier blocks that live at the same time, sorted by offset. */
static bool place(struct block *block, struct block **placed, size_t n_placed)
{
    size_t at = 0;
    for (size_t i = 0; i < n_placed; i++) {
        if (placed[i]->offset >= at && placed[i]->offset - at >= block->n_bytes) break;
        const size_t end = placed[i]->offset + placed[i]->n_bytes;
        if (end > at) at = end;
    }
    block->offset = at;
    size_t end;
    return tare_add_size(at, block->n_bytes, &end);
}

static enum tare_status place_all(struct block *blocks, size_t n, uint64_t *arena_bytes,
                                  struct tare_error *err)
{
    struct block **alive = tare_alloc_array(n, sizeof(struct block *));
    TARE_FAIL_IF(!alive, err, TARE_E_NOMEM, "engine: no memory while building");
    bool fits = true;
    *arena_bytes = 0;
    for (size_t i = 0; i < n && fits; i++) {
        size_t n_alive = 0;
        for (size_t k = 0; k < i; k++)
            if (blocks[k].first <= blocks[i].last && blocks[i].first <= blocks[k].last)
                alive[n_alive++] = &blocks[k];
        qsort(alive, n_alive, sizeof(struct block *), by_offset);
        fits = place(&blocks[i], alive, n_alive);
        const uint64_t end = (uint64_t)blocks[i].offset + blocks[i].n_bytes;
        if (end > *arena_bytes) *arena_bytes = end;
    }
    tare_free(alive);
    TARE_FAIL_IF(!fits, err, TARE_E_UNSUPPORTED,
                 "engine: the activations are too large");
    return TARE_OK;
}

enum tare_status tare_memory_plan(struct tare_plan_builder *b, struct tare_error *err)
{
    size_t n = 0;
    struct block *blocks = tare_alloc_array(b->n_tensors, sizeof *blocks);
    TARE_FAIL_IF(!blocks, err, TARE_E_NOMEM, "engine: no memory while building");
    enum tare_status st = find_blocks(b, blocks, &n, err);
    if (st == TARE_OK) {
        qsort(blocks, n, sizeof *blocks, by_size);
        st = place_all(blocks, n, &b->arena_bytes, err);
    }
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        b->tensors[blocks[i].tensor].offset = blocks[i].offset;
    for (size_t i = 0; st == TARE_OK && i < b->n_tensors; i++)
        if (b->alias_of[i] >= 0) {
            b->tensors[i].offset = b->tensors[b->alias_of[i]].offset + b->alias_at[i];
            b->tensors[i].storage = b->tensors[b->alias_of[i]].storage;
        }
    tare_free(blocks);
    return st;
}
