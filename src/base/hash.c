#include "base/hash.h"

#include "base/cpu.h"
#include "base/hash_xxh3.h"

uint64_t tare_hash64(const void *data, size_t n_bytes)
{
#if defined(TARE_BUILD_X86)
    if (tare_cpu_flags() & TARE_CPU_AVX2) return tare_hash64__avx2(data, n_bytes);
#endif
    return XXH3_64bits(data, n_bytes);
}
