# The INT8 families.
tare_kernel_family(u8_conv ref avx2 avxvnni vnni amx neon dotprod i8mm)
target_sources(tare_rt_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_walk.c
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_rows.c
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_winograd.c
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_scratch.c
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_pack_matrix.c)
tare_kernel_variants(u8_conv/u8_conv_pack_matrix avx2 vnni)
tare_kernel_family(u8_depthwise ref avx2 vnni neon dotprod i8mm)
target_sources(tare_rt_objects PRIVATE
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_depthwise/u8_depthwise_walk.c)
tare_kernel_family(u8_binary ref avx2 vnni neon)
tare_kernel_family(u8_pool ref avx2 vnni neon)
target_sources(tare_rt_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/u8_pool/u8_pool_walk.c)
tare_kernel_family(u8_resize ref avx2 vnni neon)
tare_kernel_family(u8_table ref avx2 vnni neon)
tare_kernel_family(f32_u8_quantize ref avx2 vnni neon)
tare_kernel_family(u8_f32_dequantize ref avx2 vnni neon)
