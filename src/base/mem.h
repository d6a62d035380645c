/* base/mem.h - checked sizes and the only place that calls the C allocator. */
#ifndef TARE_BASE_MEM_H
#define TARE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Alignment of every block, and of every buffer that a kernel sees. */
#define TARE_ALIGN ((size_t)64)

/** *out = a * b. @retval false when it does not fit; *out is then untouched. */
static inline bool tare_mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

/** *out = a + b. @retval false when it does not fit; *out is then untouched. */
static inline bool tare_add_size(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r)) return false;
    *out = r;
    return true;
}

/** `n` rounded up to TARE_ALIGN. @retval false when it does not fit. */
bool tare_align_size(size_t n, size_t *out);

/** A block of `n_bytes` (0 gives a unique pointer), aligned to TARE_ALIGN, contents
 *  undefined. NULL when there is no memory. Release with tare_free(). */
void *tare_alloc(size_t n_bytes);

/** `n` zeroed elements of `elem_bytes`; NULL when n * elem_bytes overflows too. */
void *tare_alloc_array(size_t n, size_t elem_bytes);

/** `n_bytes` zeroed bytes for one large block that lives long: also on huge pages (2
 * MiB) where it fills one by half only, which tare_alloc() leaves. */
void *tare_alloc_huge(size_t n_bytes);

/** Release; NULL is fine. */
void tare_free(void *block);

/** Copy of `text` (up to `n` bytes of it), NUL-terminated, or NULL. */
char *tare_strdup(const char *text);
char *tare_strndup(const char *text, size_t n);

/**
 * Make room for at least `need` elements in the array `*items` of capacity `*cap`,
 * doubling; new elements are zero. On failure (no memory, overflow) returns false and
 * the array is as it was.  @param items  address of the array's pointer.
 */
bool tare_grow(void *items, size_t *cap, size_t need, size_t elem_bytes);

/** Tests: fail the n-th allocation from now (0: the next one); negative: never. */
void tare_alloc_fail_after(int64_t n);

#endif /* TARE_BASE_MEM_H */
