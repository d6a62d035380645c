# libtare-rt: load and run an engine; libc and libm alone.
add_library(tare_rt SHARED $<TARGET_OBJECTS:tare_rt_objects>)
add_library(tare::tare_rt ALIAS tare_rt)
set_target_properties(tare_rt PROPERTIES OUTPUT_NAME tare-rt
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(tare_rt PRIVATE tare_flags Threads::Threads)
target_link_options(tare_rt PRIVATE -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,--as-needed)
target_include_directories(tare_rt INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
