/* tare/cpu.h - what this machine offers. */
#ifndef TARE_CPU_H
#define TARE_CPU_H

#include "tare/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Processors that this process may use; at least 1. */
TARE_API int tare_cpu_threads(void);

/** Highest instruction-set level that kernels will use here: "ref", "avx2", "avxvnni",
 *  "avx512", "vnni", "bf16", "amx" or "amx16"; on aarch64 "neon", "dotprod" or "i8mm".
 * The environment variable TARE_CPU_MASK hides levels. */
TARE_API const char *tare_cpu_isa(void);

/** The CPU's own name for itself, or "". Storage of the thread. */
TARE_API const char *tare_cpu_name(void);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CPU_H */
