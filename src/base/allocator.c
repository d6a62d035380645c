#include "base/allocator.h"

#include <string.h>

#include "base/mem.h"

enum tare_status tare_allocator_take(const struct tare_allocator *allocator,
                                     struct tare_allocator *taken,
                                     struct tare_error *err)
{
    *taken = (struct tare_allocator){0};
    if (!allocator) return TARE_OK;
    TARE_FAIL_IF(!allocator->alloc || !allocator->free, err, TARE_E_ARG,
                 "allocator: '%s' is missing", allocator->alloc ? "free" : "alloc");
    *taken = *allocator;
    return TARE_OK;
}

void *tare_array_from(const struct tare_allocator *allocator, size_t n,
                      size_t elem_bytes)
{
    size_t total;
    if (!allocator->alloc) return tare_alloc_array(n, elem_bytes);
    if (!tare_mul_size(n, elem_bytes, &total)) return NULL;
    if (total == 0) total = 1;
    void *block = allocator->alloc(allocator->ctx, total, TARE_ALIGN);
    if (block) memset(block, 0, total);
    return block;
}

void *tare_huge_from(const struct tare_allocator *allocator, size_t n_bytes)
{
    return allocator->alloc ? tare_array_from(allocator, n_bytes, 1)
                            : tare_alloc_huge(n_bytes);
}

void tare_free_to(const struct tare_allocator *allocator, void *block)
{
    if (!allocator->free)
        tare_free(block);
    else if (block)
        allocator->free(allocator->ctx, block);
}
