/* tare/allocator.h - memory that comes from the user. */
#ifndef TARE_ALLOCATOR_H
#define TARE_ALLOCATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where an engine or a context has its memory from. It is copied; `ctx` outlives what
 * has memory of it. Threads: called by those that make, change and destroy the engine
 * or context, one call at a time for each of these; never during a run, and never by a
 * context's own threads. */
struct tare_allocator {
    /** @param n_bytes  more than 0  @param align  a power of two, 64 or less
     *  @return the block, its content undefined; NULL: there is no memory */
    void *(*alloc)(void *ctx, size_t n_bytes, size_t align);
    /** @param block  of alloc, not NULL */
    void (*free)(void *ctx, void *block);
    void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif /* TARE_ALLOCATOR_H */
