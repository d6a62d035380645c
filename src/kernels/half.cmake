# Kernels of 16-bit floats.
tare_kernel_family(half_convert ref avx2 avx512 neon)
