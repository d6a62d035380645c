/* no_memory.c - preloaded by no_memory.sh: the allocation of number TARE_NO_MEMORY
 * fails, of all that the process and its libraries make; how many there were is written
 * to standard error at the end where it is negative. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own, which its malloc() and the others are. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static atomic_long n_calls;

static bool must_fail(void)
{
    const char *text = getenv("TARE_NO_MEMORY");
    if (atomic_fetch_add(&n_calls, 1) != (text ? strtol(text, NULL, 10) : -1))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return must_fail() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t n)
{
    return must_fail() ? NULL : __libc_realloc(block, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return must_fail() ? NULL : __libc_memalign(alignment, n);
}

int posix_memalign(void **block, size_t alignment, size_t n)
{
    if (must_fail()) return ENOMEM;
    *block = __libc_memalign(alignment, n);
    return *block ? 0 : ENOMEM;
}

__attribute__((destructor)) static void tell(void)
{
    const char *text = getenv("TARE_NO_MEMORY");
    if (text && text[0] == '-') (void)fprintf(stderr, "%ld\n", atomic_load(&n_calls));
}
