/* engine/isa.h - names of the instruction-set levels that an engine may use. */
#ifndef TARE_ENGINE_ISA_H
#define TARE_ENGINE_ISA_H

#include <stdbool.h>
#include <stdint.h>

/** The highest level whose bits are all in `flags`: "ref", on x86-64 "avx2", "avx512"
 * or "vnni", on aarch64 "neon", "dotprod" or "i8mm". */
const char *tare_isa_name(uint32_t flags);

/** The bits of a level by name; "native" is what this CPU has. */
bool tare_isa_find(const char *name, uint32_t *flags);

#endif /* TARE_ENGINE_ISA_H */
