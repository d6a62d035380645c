/* kernels/half_conv/half_conv_registers.h - vectors of sums that stay in registers: 12
 * x 2 of AVX-512's 32, 6 x 2 of AVX2's 16, and 6 x 4 of NEON's 32. */
#ifndef TARE_KERNELS_HALF_CONV_REGISTERS_H
#define TARE_KERNELS_HALF_CONV_REGISTERS_H

#if defined(__AVX512F__)
enum { TILE_ROWS = 12, TILE_VECTORS = 2 };
#elif defined(__aarch64__)
enum { TILE_ROWS = 6, TILE_VECTORS = 4 };
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 2 };
#endif

#endif /* TARE_KERNELS_HALF_CONV_REGISTERS_H */
