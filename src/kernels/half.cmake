# Kernels of 16-bit floats.
tare_kernel_family(half_convert ref avx2 avx512 neon)
tare_kernel_family(f16_conv ref avx2 avx512 avx512fp16 neon)
tare_kernel_family(bf16_conv ref avx2 avx512 avx512bf16 amxbf16 neon)
target_sources(tare_rt_objects PRIVATE half_conv/half_conv.c)
