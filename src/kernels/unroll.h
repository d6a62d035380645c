/* kernels/unroll.h - for kernels whose accumulators must stay in registers: functions
 * that are always inlined, and loops of a few constant steps that are always unrolled.
 */
#ifndef TARE_KERNELS_UNROLL_H
#define TARE_KERNELS_UNROLL_H

#define TARE_ALWAYS_INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define TARE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TARE_UNROLL _Pragma("GCC unroll 16")
#endif

/* A step of every vector. */
#define EACH_OF(n, i)                                                                  \
    TARE_UNROLL                                                                        \
    for (int i = 0; (i) < (n); (i)++)

#endif /* TARE_KERNELS_UNROLL_H */
