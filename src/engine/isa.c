#include "engine/isa.h"

#include <stddef.h>
#include <string.h>

#include "base/cpu.h"

static const struct {
    const char *name;
    uint32_t flags;
} levels[] = {
    {"ref", TARE_CPU_NONE},
    {"avx2", TARE_CPU_AVX2},
    {"avxvnni", TARE_CPU_AVX2 | TARE_CPU_AVXVNNI},
    {"avx512", TARE_CPU_AVX2 | TARE_CPU_AVX512},
    {"vnni", TARE_CPU_AVX2 | TARE_CPU_AVX512 | TARE_CPU_VNNI},
    {"bf16", TARE_CPU_AVX2 | TARE_CPU_AVX512 | TARE_CPU_VNNI | TARE_CPU_AVX512BF16},
    {"amx", TARE_CPU_AVX2 | TARE_CPU_AVX512 | TARE_CPU_VNNI | TARE_CPU_AMX},
    {"amx16", TARE_CPU_AVX2 | TARE_CPU_AVX512 | TARE_CPU_VNNI | TARE_CPU_AMX |
                  TARE_CPU_AVX512FP16 | TARE_CPU_AVX512BF16 | TARE_CPU_AMXBF16},
    {"neon", TARE_CPU_NEON},
    {"dotprod", TARE_CPU_NEON | TARE_CPU_DOTPROD},
    {"i8mm", TARE_CPU_NEON | TARE_CPU_DOTPROD | TARE_CPU_I8MM},
    {"portable", TARE_ISA_PORTABLE},
};

const char *tare_isa_name(uint32_t flags)
{
    const char *name = levels[0].name;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if ((levels[i].flags & flags) == levels[i].flags) name = levels[i].name;
    return name;
}

bool tare_isa_find(const char *name, uint32_t *flags)
{
    if (strcmp(name, "native") == 0) {
        /* what a higher level makes superfluous would only bind a plan to this CPU */
        *flags = tare_cpu_flags();
        if (*flags & TARE_CPU_VNNI) *flags &= ~TARE_CPU_AVXVNNI;
        return true;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, name) != 0) continue;
        *flags = levels[i].flags;
        return true;
    }
    return false;
}

uint32_t tare_isa_missing(uint32_t isa, uint32_t cpu)
{
    return isa & ~(cpu | TARE_ISA_PORTABLE);
}

uint32_t tare_isa_usable(uint32_t isa, uint32_t cpu)
{
    return isa & TARE_ISA_PORTABLE ? cpu : isa & cpu;
}
