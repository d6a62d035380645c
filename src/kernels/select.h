/* kernels/select.h - the table of a kernel family's variants, and the choice from it.
 */
#ifndef TARE_KERNELS_SELECT_H
#define TARE_KERNELS_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/** Times of kernels hold for one of these: count it up when a variant gets faster under
 *  the name that it has. */
#define TARE_KERNELS_VERSION 12

/* The family tare_f in the folder f is a contract header with the function type
 * tare_f_fn, and a list f.inc of lines TARE_UKERNEL(isa, name, tile), the reference
 * first and then slowest to fastest. All give the reference's bytes; in float kernels a
 * NaN may be any NaN.
 *     f.h:  #define TARE_UKERNEL(isa, name, tile) tare_f_fn name;
 *           #include "kernels/f/f.inc"
 *           #undef TARE_UKERNEL
 *           TARE_KERNEL_DECLARE(tare_f);
 *     f.c:  #define TARE_UKERNEL TARE_KERNEL_ENTRY
 *           const struct tare_f_variant tare_f_table[] = {
 *           #include "kernels/f/f.inc"
 *           };
 *           #undef TARE_UKERNEL
 *           TARE_KERNEL_DEFINE(tare_f) */

/** A variant of any family. */
struct tare_kernel {
    uint32_t isa;
    const char *name;
    const void *variant; /* its line in the family's table */
};

/** Line `i` of a family's table. @retval false  there are no more. */
typedef bool tare_kernel_list_fn(size_t i, struct tare_kernel *kernel);

/** One variant of a family: selection, checks and benchmarks all walk the same table.
 *  isa: TARE_CPU_* bits that must all be present; tile: elements (or rows) that the
 * main loop takes at once, so that checks can probe its edges. */
#define TARE_KERNEL_DECLARE(family)                                                    \
    struct family##_variant {                                                          \
        uint32_t isa;                                                                  \
        const char *name;                                                              \
        int32_t tile;                                                                  \
        family##_fn *fn;                                                               \
    };                                                                                 \
    extern const struct family##_variant family##_table[];                             \
    extern const size_t family##_count;                                                \
    /** Fastest variant whose bits are all in `cpu`; never NULL. */                    \
    family##_fn *family##_select(uint32_t cpu);                                        \
    tare_kernel_list_fn family##_kernel

#define TARE_KERNEL_ENTRY(isa, name, tile) {(isa), #name, (tile), name},

#define TARE_KERNEL_DEFINE(family)                                                     \
    const size_t family##_count = sizeof family##_table / sizeof family##_table[0];    \
                                                                                       \
    family##_fn *family##_select(uint32_t cpu)                                         \
    {                                                                                  \
        family##_fn *best = family##_table[0].fn;                                      \
        for (size_t i = 1; i < family##_count; i++)                                    \
            if ((family##_table[i].isa & cpu) == family##_table[i].isa)                \
                best = family##_table[i].fn;                                           \
        return best;                                                                   \
    }                                                                                  \
                                                                                       \
    bool family##_kernel(size_t i, struct tare_kernel *kernel)                         \
    {                                                                                  \
        if (i >= family##_count) return false;                                         \
        *kernel = (struct tare_kernel){family##_table[i].isa, family##_table[i].name,  \
                                       &family##_table[i]};                            \
        return true;                                                                   \
    }

#endif /* TARE_KERNELS_SELECT_H */
