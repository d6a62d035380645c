foreach(family conv depthwise pool affine unary binary softmax reduce resize
        layer_norm winograd)
  tare_kernel_family(f32_${family} ref avx2 avx512 neon)
endforeach()
tare_kernel_family(f32_observe ref avx2 avx512 vnni neon)
target_sources(tare_rt_objects PRIVATE
  binary_loop.c
  modules/sources.c
  f32_conv/f32_conv_pack.c
  f32_conv/f32_conv_plan.c
  f32_depthwise/f32_depthwise_walk.c
  copy/copy.c
  copy/copy_transpose.c)
