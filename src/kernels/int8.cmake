# The INT8 families.
tare_kernel_family(u8_conv ref avx2 vnni)
target_sources(tare_rt_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/u8_conv/u8_conv_walk.c)
tare_kernel_family(u8_depthwise ref avx2 vnni)
target_sources(tare_rt_objects PRIVATE
               ${CMAKE_CURRENT_SOURCE_DIR}/u8_depthwise/u8_depthwise_walk.c)
