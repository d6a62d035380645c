/* base/cpu.h - which instruction sets kernels may use. */
#ifndef TARE_BASE_CPU_H
#define TARE_BASE_CPU_H

#include <stdint.h>

#define TARE_CPU_NONE UINT32_C(0)        /* portable C */
#define TARE_CPU_AVX2 (UINT32_C(1) << 0) /* -mavx2 -mfma -mf16c */
#define TARE_CPU_AVX512                                                                \
    (UINT32_C(1) << 1) /* -mavx512f -mavx512bw -mavx512dq -mavx512vl */
#define TARE_CPU_VNNI       (UINT32_C(1) << 2) /* + -mavx512vnni -mavx512vbmi[2] */
#define TARE_CPU_AVXVNNI    (UINT32_C(1) << 3) /* -mavxvnni: VPDPBUSD without AVX-512 */
#define TARE_CPU_AMX        (UINT32_C(1) << 4) /* -mamx-tile -mamx-int8 */
#define TARE_CPU_AVX512FP16 (UINT32_C(1) << 5) /* + -mavx512fp16 */
#define TARE_CPU_AVX512BF16 (UINT32_C(1) << 6) /* + -mavx512bf16 */
#define TARE_CPU_AMXBF16    (UINT32_C(1) << 7) /* -mamx-tile -mamx-bf16 */

/* Of aarch64, each with those before. */
#define TARE_CPU_NEON    (UINT32_C(1) << 16) /* every aarch64 */
#define TARE_CPU_DOTPROD (UINT32_C(1) << 17) /* sdot, udot */
#define TARE_CPU_I8MM    (UINT32_C(1) << 18) /* usdot, sudot, smmla */

/** Features of this CPU & mask. The mask starts as $TARE_CPU_MASK, else all ones. */
uint32_t tare_cpu_flags(void);

/** Hide features from later selections; for tests and bug reports. */
void tare_cpu_set_mask(uint32_t mask);

#endif /* TARE_BASE_CPU_H */
