/* base/allocator.h - base/mem.h with memory of the user's. An allocator without
 * functions, all zero, is the library's own. */
#ifndef TARE_BASE_ALLOCATOR_H
#define TARE_BASE_ALLOCATOR_H

#include "base/error.h"
#include "tare/allocator.h"

/** The user's, or the library's own. @param allocator  NULL: that
 *  @retval TARE_E_ARG  it lacks one of its functions. */
enum tare_status tare_allocator_take(const struct tare_allocator *allocator,
                                     struct tare_allocator *taken,
                                     struct tare_error *err);

/** `n` zeroed elements, aligned to TARE_ALIGN; NULL: no memory, or too many. */
void *tare_array_from(const struct tare_allocator *allocator, size_t n,
                      size_t elem_bytes);

/** The same for one large block: our own is then on huge pages. */
void *tare_huge_from(const struct tare_allocator *allocator, size_t n_bytes);

/** Give a block back to where it is from; NULL is fine. */
void tare_free_to(const struct tare_allocator *allocator, void *block);

#endif /* TARE_BASE_ALLOCATOR_H */
