# cpack -G DEB: a Debian package for each component of install.cmake. What they need is
# found by dpkg-shlibdeps (dpkg-dev), and between them by the lists below.
set(TARE_MAINTAINER "tare's maintainers <maintainers@tare.invalid>"
    CACHE STRING "Who Debian packages say they are from")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tare)
set(CPACK_PACKAGE_VENDOR tare)
set(CPACK_PACKAGE_CONTACT "${TARE_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# tare_package(COMPONENT NAME SECTION SUMMARY MORE [DEPENDS COMPONENT ...])
macro(tare_package component name section summary more)
  cmake_parse_arguments(package "" "" DEPENDS ${ARGN})
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${more}")
  set(CPACK_COMPONENT_${upper}_DEPENDS ${package_DEPENDS})
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE RENAME copyright COMPONENT ${component}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} EXCLUDE_FROM_ALL)
endmacro()

set(CPACK_COMPONENTS_ALL)
tare_package(runtime libtare-rt${PROJECT_VERSION_MAJOR} libs
  "runtime of tare's INT8 engines"
  "Loads and runs the engine files that tare builds of ONNX networks.")
tare_package(library libtare${PROJECT_VERSION_MAJOR} libs
  "INT8 quantization and calibration toolkit, library"
  "Calibrates ONNX networks, builds engines and runs them.")
tare_package(command tare science
  "INT8 quantization and calibration toolkit, command"
  "From a trained ONNX network and images to an engine that runs in 8-bit integers, and to what that costs in accuracy."
  DEPENDS library)
tare_package(development libtare-dev libdevel
  "INT8 quantization and calibration toolkit, headers"
  "What is needed to compile programs that use libtare or libtare-rt."
  DEPENDS runtime library)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SUGGESTS "tare-onednn, tare-openblas, tare-mpi")

# Modules are opened by a library of their own version.
set(tare_same "(= ${PROJECT_VERSION})")
set(tare_either "libtare${PROJECT_VERSION_MAJOR} ${tare_same} | libtare-rt${PROJECT_VERSION_MAJOR} ${tare_same}")
if(TARGET tare_onednn)
  set(CPACK_DEBIAN_ONEDNN_PACKAGE_DEPENDS "${tare_either}")
  tare_package(onednn tare-onednn libs "oneDNN's kernels for tare"
    "For engines that were built with --tactic-sources=+onednn or +onednn-int8.")
endif()
if(TARGET tare_openblas)
  set(CPACK_DEBIAN_OPENBLAS_PACKAGE_DEPENDS "${tare_either}")
  tare_package(openblas tare-openblas libs "OpenBLAS's kernels for tare"
    "For engines that were built with --tactic-sources=+openblas.")
endif()
if(TARGET tare_mpi)
  tare_package(mpi tare-mpi science "tare on several machines"
    "Calibration and comparison by the processes of Open MPI's mpirun."
    DEPENDS library)
endif()
include(CPack)
