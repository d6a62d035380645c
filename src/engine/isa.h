/* engine/isa.h - names of the instruction-set levels that an engine may use. */
#ifndef TARE_ENGINE_ISA_H
#define TARE_ENGINE_ISA_H

#include <stdbool.h>
#include <stdint.h>

/** The level of engines that require nothing and use what the CPU has; beside the
 *  TARE_CPU_* bits. */
#define TARE_ISA_PORTABLE (UINT32_C(1) << 31)

/** The highest level whose bits are all in `flags`: "portable", "ref", on x86-64
 * "avx2", "avx512", "vnni", "bf16", "amx" or "amx16", on aarch64 "neon", "dotprod" or
 * "i8mm". */
const char *tare_isa_name(uint32_t flags);

/** The bits of a level by name; "native" is what this CPU has. */
bool tare_isa_find(const char *name, uint32_t *flags);

/** What a CPU lacks that an engine of this level requires. */
uint32_t tare_isa_missing(uint32_t isa, uint32_t cpu);

/** What an engine of this level may use of a CPU. */
uint32_t tare_isa_usable(uint32_t isa, uint32_t cpu);

#endif /* TARE_ENGINE_ISA_H */
