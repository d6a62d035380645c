# Modules of kernels: opened by name when a builder or an engine asks for them.
function(tare_kernel_module name)
  add_library(tare_${name} MODULE modules/${name}_module.c)
  set_target_properties(tare_${name} PROPERTIES OUTPUT_NAME tare-${name}
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  target_include_directories(tare_${name} PRIVATE ${CMAKE_SOURCE_DIR}/include
                             ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(tare_${name} PRIVATE tare_flags ${ARGN})
  install(TARGETS tare_${name}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
endfunction()

if(TARE_ONEDNN)
  # by hand: Debian's package file wants OpenCL, which nothing here uses
  find_path(DNNL_INCLUDE dnnl.h REQUIRED)
  find_library(DNNL_LIBRARY dnnl REQUIRED)
  tare_kernel_module(onednn ${DNNL_LIBRARY} gomp)
  target_sources(tare_onednn PRIVATE modules/onednn_conv.c modules/onednn_u8_conv.c)
  target_include_directories(tare_onednn SYSTEM PRIVATE ${DNNL_INCLUDE})
endif()
if(TARE_OPENBLAS)
  pkg_check_modules(OPENBLAS REQUIRED IMPORTED_TARGET openblas)
  tare_kernel_module(openblas PkgConfig::OPENBLAS)
endif()
