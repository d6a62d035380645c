#define _DEFAULT_SOURCE /* syscall */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static _Atomic int64_t g_mask = -1; /* -1: nobody has chosen yet */

#if defined(__x86_64__)
/* Bit `bit` of register `reg` (0: EAX, ... 3: EDX) of CPUID leaf 7. */
static bool has_feature(unsigned subleaf, unsigned reg, unsigned bit)
{
    unsigned r[4];
    if (!__get_cpuid_count(7, subleaf, &r[0], &r[1], &r[2], &r[3])) return false;
    return r[reg] >> bit & 1;
}

/* F16C: older than AVX2, and so everywhere that AVX2 is. */
static bool converts_halves(void)
{
    unsigned r[4];
    return __get_cpuid(1, &r[0], &r[1], &r[2], &r[3]) && (r[2] >> 29 & 1);
}

/* The tiles are 8 KiB of state for each thread, so Linux wants to be asked first. */
static bool may_use_tiles(void)
{
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}
#endif

static uint32_t detect(void)
{
    uint32_t flags = TARE_CPU_NONE;
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
        !converts_halves())
        return flags;
    flags |= TARE_CPU_AVX2;
    if (has_feature(1, 0, 4)) flags |= TARE_CPU_AVXVNNI;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return flags;
    flags |= TARE_CPU_AVX512;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2"))
        flags |= TARE_CPU_VNNI;
    if (has_feature(0, 3, 23)) flags |= TARE_CPU_AVX512FP16;
    if (has_feature(1, 0, 5)) flags |= TARE_CPU_AVX512BF16;
    if (flags & TARE_CPU_VNNI && has_feature(0, 3, 24) && may_use_tiles()) {
        if (has_feature(0, 3, 25)) flags |= TARE_CPU_AMX;
        if (has_feature(0, 3, 22)) flags |= TARE_CPU_AMXBF16;
    }
#elif defined(__aarch64__)
    flags |= TARE_CPU_NEON;
    if (!(getauxval(AT_HWCAP) & HWCAP_ASIMDDP)) return flags;
    flags |= TARE_CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM) flags |= TARE_CPU_I8MM;
#endif
    return flags;
}

uint32_t tare_cpu_flags(void)
{
    static _Atomic int64_t found = -1;
    int64_t mask = atomic_load(&g_mask);
    if (mask < 0) {
        const char *text = getenv("TARE_CPU_MASK");
        const int64_t chosen = text ? (uint32_t)strtoul(text, NULL, 0) : UINT32_MAX;
        if (atomic_compare_exchange_strong(&g_mask, &mask, chosen)) mask = chosen;
    }
    if (atomic_load(&found) < 0) atomic_store(&found, (int64_t)detect());
    return (uint32_t)atomic_load(&found) & (uint32_t)mask;
}

void tare_cpu_set_mask(uint32_t mask)
{
    atomic_store(&g_mask, (int64_t)mask);
}
