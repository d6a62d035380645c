#include "base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic int64_t g_mask = -1; /* -1: nobody has chosen yet */

static uint32_t detect(void)
{
    uint32_t flags = TARE_CPU_NONE;
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return flags;
    flags |= TARE_CPU_AVX2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return flags;
    flags |= TARE_CPU_AVX512;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi"))
        flags |= TARE_CPU_VNNI;
#endif
    return flags;
}

uint32_t tare_cpu_flags(void)
{
    int64_t mask = atomic_load(&g_mask);
    if (mask < 0) {
        const char *text = getenv("TARE_CPU_MASK");
        const int64_t chosen = text ? (uint32_t)strtoul(text, NULL, 0) : UINT32_MAX;
        if (atomic_compare_exchange_strong(&g_mask, &mask, chosen)) mask = chosen;
    }
    return detect() & (uint32_t)mask;
}

void tare_cpu_set_mask(uint32_t mask)
{
    atomic_store(&g_mask, (int64_t)mask);
}
