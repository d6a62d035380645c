/* Counts calls of the C allocator, of this program's and of the library's: the linker
 * hands them on to here, by -Wl,--wrap=NAME (tests/CMakeLists.txt). */
#ifndef TARE_TESTS_COUNT_ALLOCATIONS_H
#define TARE_TESTS_COUNT_ALLOCATIONS_H

#include <stdatomic.h>
#include <stddef.h>

static atomic_int n_allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_posix_memalign(void **block, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **block, size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
    n_allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    n_allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t n)
{
    n_allocations++;
    return __real_realloc(block, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    n_allocations++;
    return __real_aligned_alloc(align, n);
}

int __wrap_posix_memalign(void **block, size_t align, size_t n)
{
    n_allocations++;
    return __real_posix_memalign(block, align, n);
}

#endif /* TARE_TESTS_COUNT_ALLOCATIONS_H */
