tare_kernel_family(f32_conv ref avx2 avx512)
target_sources(tare_rt_objects PRIVATE f32_conv/f32_conv_pack.c f32_conv/f32_conv_plan.c)
