/* tests/unit/onednn_exact.h - whether oneDNN's INT8 sums are exact on this processor,
 * whatever TARE_CPU_MASK says: without instructions for it, it adds in 16 bits. */
#ifndef TARE_TESTS_UNIT_ONEDNN_EXACT_H
#define TARE_TESTS_UNIT_ONEDNN_EXACT_H

#include <stdbool.h>

static inline bool onednn_is_exact(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#else
    return false;
#endif
}

#endif /* TARE_TESTS_UNIT_ONEDNN_EXACT_H */
