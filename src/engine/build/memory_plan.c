/* Offsets of the activations by liveness: one after another, each at the lowest place
 * that is free while it lives; where layers run side by side, any of them may come
 * first, but for those of one stream. In which order is best depends on the network:
 * several are tried, "greedy by breadth" and "greedy by size" of Pisarchyk and Lee
 * (arXiv 2001.03288) among them, until one needs no more than what is alive at one
 * time. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/build/plan_builder.h"

/* Which streams of a region touch a block. */
struct touch {
    uint16_t region;  /* 0: none */
    uint32_t streams; /* bits */
};

/* The memory of a tensor and of all its aliases. */
struct block {
    int32_t tensor;
    size_t n_bytes;            /* with slack, rounded up */
    size_t first;              /* layer that writes it */
    size_t last;               /* last layer that touches it */
    struct touch begins, ends; /* in the regions of these layers */
    size_t breadth;            /* most bytes that are alive at one time while it is */
    size_t offset;
    size_t best_offset; /* of the best order so far */
};

static int by_size(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->n_bytes != y->n_bytes) return x->n_bytes > y->n_bytes ? -1 : 1;
    return x->tensor < y->tensor ? -1 : 1;
}

static int by_breadth(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->breadth != y->breadth) return x->breadth > y->breadth ? -1 : 1;
    return by_size(a, b);
}

static int by_lifetime(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    const size_t x_life = x->last - x->first, y_life = y->last - y->first;
    if (x_life != y_life) return x_life > y_life ? -1 : 1;
    return by_size(a, b);
}

static int by_start(const void *a, const void *b)
{
    const struct block *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return by_size(a, b);
}

static int by_offset(const void *a, const void *b)
{
    const struct block *const *x = a, *const *y = b;
    if ((*x)->offset != (*y)->offset) return (*x)->offset < (*y)->offset ? -1 : 1;
    return 0;
}

static void add_touch(struct touch *touch, const struct tare_plan_layer *l)
{
    touch->region = l->region;
    touch->streams |= UINT32_C(1) << l->stream;
}

/* Layer `i` touches the block; layers come in their order. */
static void touch(struct block *block, size_t i, const struct tare_plan_layer *l)
{
    if (block->first == SIZE_MAX) block->first = i;
    block->last = i;
    if (block->begins.streams == 0 || l->region == block->begins.region)
        add_touch(&block->begins, l);
    if (l->region != block->ends.region) block->ends = (struct touch){0};
    add_touch(&block->ends, l);
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
        blocks[(*n)++] =
            (struct block){.tensor = (int32_t)i, .n_bytes = n_bytes, .first = SIZE_MAX};
    }
    for (size_t i = 0; fits && i < b->n_layers; i++) {
        const struct tare_plan_layer *l = &b->layers[i];
        for (uint32_t k = 0; k < l->n_inputs + l->n_outputs; k++) {
            const int32_t root = tare_plan_root(b, b->ids[l->first_id + k]);
            if (block_of[root] < 0) continue;
            struct block *block = &blocks[block_of[root]];
            touch(block, i, l);
        }
    }
    tare_free(block_of);
    TARE_FAIL_IF(!fits, err, TARE_E_UNSUPPORTED, "engine: an activation is too large");
    return TARE_OK;
}

/* Do all layers that touch `x` run before all that touch `y`? */
static bool is_before(const struct block *x, const struct block *y)
{
    const uint32_t streams = x->ends.streams | y->begins.streams;
    const bool in_turn = x->ends.region == 0 || x->ends.region != y->begins.region ||
                         (streams & (streams - 1)) == 0; /* one stream's alone */
    return x->last < y->first && in_turn;
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

/* @param alive  room for n. @retval SIZE_MAX: they do not fit into the address space.
 */
static size_t place_all(struct block *blocks, size_t n, struct block **alive)
{
    size_t arena_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t n_alive = 0;
        for (size_t k = 0; k < i; k++)
            if (!is_before(&blocks[i], &blocks[k]) &&
                !is_before(&blocks[k], &blocks[i]))
                alive[n_alive++] = &blocks[k];
        qsort(alive, n_alive, sizeof(struct block *), by_offset);
        if (!place(&blocks[i], alive, n_alive)) return SIZE_MAX;
        const size_t end = blocks[i].offset + blocks[i].n_bytes;
        if (end > arena_bytes) arena_bytes = end;
    }
    return arena_bytes;
}

/* Of the blocks that live while layer `i` runs. */
static bool breadth_of(const struct block *blocks, size_t n, size_t i, size_t *breadth)
{
    *breadth = 0;
    for (size_t k = 0; k < n; k++)
        if (blocks[k].first <= i && i <= blocks[k].last &&
            !tare_add_size(*breadth, blocks[k].n_bytes, breadth))
            return false;
    return true;
}

/* Fills in breadth. @retval false: what is alive at one time is more than a size says.
 */
static bool find_breadths(struct block *blocks, size_t n, size_t n_layers,
                          size_t *live_bytes)
{
    *live_bytes = 0;
    for (size_t k = 0; k < n; k++) /* also of those that no layer touches */
        if (blocks[k].n_bytes > *live_bytes) *live_bytes = blocks[k].n_bytes;
    for (size_t i = 0; i < n_layers; i++) {
        size_t breadth;
        if (!breadth_of(blocks, n, i, &breadth)) return false;
        if (breadth > *live_bytes) *live_bytes = breadth;
        for (size_t k = 0; k < n; k++)
            if (blocks[k].first <= i && i <= blocks[k].last &&
                breadth > blocks[k].breadth)
                blocks[k].breadth = breadth;
    }
    return true;
}

/* What stands highest goes first in the next attempt. */
static void move_highest_to_front(struct block *blocks, size_t n)
{
    size_t highest = 0;
    for (size_t i = 1; i < n; i++)
        if (blocks[i].offset + blocks[i].n_bytes >
            blocks[highest].offset + blocks[highest].n_bytes)
            highest = i;
    const struct block first = blocks[highest];
    memmove(blocks + 1, blocks, highest * sizeof *blocks);
    blocks[0] = first;
}

/* @retval SIZE_MAX as place_all() */
static size_t place_best(struct block *blocks, size_t n, size_t live_bytes,
                         struct block **alive)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_breadth,
                                                                by_lifetime, by_start};
    enum { N_ORDERS = sizeof orders / sizeof *orders, N_ATTEMPTS = 32 };
    size_t best = SIZE_MAX;
    for (size_t k = 0; k < N_ORDERS * N_ATTEMPTS && best > live_bytes; k++) {
        if (k % N_ATTEMPTS == 0)
            qsort(blocks, n, sizeof *blocks, orders[k / N_ATTEMPTS]);
        else
            move_highest_to_front(blocks, n);
        const size_t arena_bytes = place_all(blocks, n, alive);
        if (arena_bytes >= best) continue;
        best = arena_bytes;
        for (size_t i = 0; i < n; i++)
            blocks[i].best_offset = blocks[i].offset;
    }
    return best;
}

static enum tare_status place_blocks(struct tare_plan_builder *b, struct block *blocks,
                                     size_t n, struct tare_error *err)
{
    size_t live_bytes, arena_bytes = SIZE_MAX;
    struct block **alive = tare_alloc_array(n, sizeof(struct block *));
    TARE_FAIL_IF(!alive, err, TARE_E_NOMEM, "engine: no memory while building");
    if (find_breadths(blocks, n, b->n_layers, &live_bytes))
        arena_bytes = place_best(blocks, n, live_bytes, alive);
    tare_free(alive);
    TARE_FAIL_IF(arena_bytes == SIZE_MAX, err, TARE_E_UNSUPPORTED,
                 "engine: the activations are too large");
    b->arena_bytes = arena_bytes;
    b->live_bytes = live_bytes;
    for (size_t i = 0; i < n; i++)
        b->tensors[blocks[i].tensor].offset = blocks[i].best_offset;
    return TARE_OK;
}

enum tare_status tare_memory_plan(struct tare_plan_builder *b, struct tare_error *err)
{
    size_t n = 0;
    struct block *blocks = tare_alloc_array(b->n_tensors, sizeof *blocks);
    TARE_FAIL_IF(!blocks, err, TARE_E_NOMEM, "engine: no memory while building");
    enum tare_status st = find_blocks(b, blocks, &n, err);
    if (st == TARE_OK) st = place_blocks(b, blocks, n, err);
    for (size_t i = 0; st == TARE_OK && i < b->n_tensors; i++)
        if (b->alias_of[i] >= 0) {
            b->tensors[i].offset = b->tensors[b->alias_of[i]].offset + b->alias_at[i];
            b->tensors[i].storage = b->tensors[b->alias_of[i]].storage;
        }
    tare_free(blocks);
    return st;
}
