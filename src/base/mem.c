#define _DEFAULT_SOURCE /* madvise */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks that are worth pages of their own of this size: filling a model's weights page
 * by page of 4 KiB takes longer than reading them. */
#define HUGE_PAGE   ((size_t)2 << 20)
#define LEAST_PAGES 2

static _Atomic int64_t g_fail_after = -1;

void tare_alloc_fail_after(int64_t n)
{
    atomic_store(&g_fail_after, n);
}

static bool must_fail(void)
{
    if (atomic_load_explicit(&g_fail_after, memory_order_relaxed) < 0) return false;
    return atomic_fetch_sub(&g_fail_after, 1) == 0;
}

bool tare_align_size(size_t n, size_t *out)
{
    size_t r;
    if (!tare_add_size(n, TARE_ALIGN - 1, &r)) return false;
    *out = r & ~(TARE_ALIGN - 1);
    return true;
}

/* `n` bytes, the first `n_huge` of them on huge pages if the system likes to. */
static void *alloc_pages(size_t n, size_t n_huge)
{
    void *block; /* not aligned_alloc(): that may want `n` to be a multiple, too */
    if (posix_memalign(&block, HUGE_PAGE, n > n_huge ? n : n_huge) != 0) return NULL;
#if defined(MADV_HUGEPAGE)
    (void)madvise(block, n_huge, MADV_HUGEPAGE);
#endif
    return block;
}

void *tare_alloc(size_t n_bytes)
{
    size_t n;
    if (must_fail() || !tare_align_size(n_bytes ? n_bytes : 1, &n)) return NULL;
    if (n < LEAST_PAGES * HUGE_PAGE) return aligned_alloc(TARE_ALIGN, n);
    /* the page that the block ends in may be somebody else's too */
    return alloc_pages(n, n / HUGE_PAGE * HUGE_PAGE);
}

void *tare_alloc_array(size_t n, size_t elem_bytes)
{
    size_t total;
    if (!tare_mul_size(n, elem_bytes, &total)) return NULL;
    void *block = tare_alloc(total);
    if (block) memset(block, 0, total ? total : 1);
    return block;
}

void *tare_alloc_huge(size_t n_bytes)
{
    size_t n_huge, n;
    if (!tare_add_size(n_bytes, HUGE_PAGE / 2, &n_huge)) return NULL;
    n_huge -= n_huge % HUGE_PAGE;
    if (n_huge == 0) return tare_alloc_array(n_bytes, 1);
    if (must_fail() || !tare_align_size(n_bytes, &n)) return NULL;
    void *block = alloc_pages(n, n_huge);
    if (block) memset(block, 0, n);
    return block;
}

void tare_free(void *block)
{
    free(block);
}

char *tare_strndup(const char *text, size_t n)
{
    size_t len = 0;
    while (len < n && text[len])
        len++;
    char *copy = tare_alloc(len + 1);
    if (!copy) return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *tare_strdup(const char *text)
{
    return tare_strndup(text, strlen(text));
}

bool tare_grow(void *items, size_t *cap, size_t need, size_t elem_bytes)
{
    if (need <= *cap) return true;
    size_t target = *cap ? *cap : 8;
    while (target < need)
        if (!tare_mul_size(target, 2, &target)) return false;

    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = tare_alloc_array(target, elem_bytes);
    if (!grown) return false;
    if (old) memcpy(grown, old, *cap * elem_bytes);
    tare_free(old);
    memcpy(items, &grown, sizeof grown);
    *cap = target;
    return true;
}
