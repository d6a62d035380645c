include(cmake/runtime_library.cmake)

# libtare: everything.
add_library(tare SHARED $<TARGET_OBJECTS:tare_rt_objects> $<TARGET_OBJECTS:tare_objects>)
set_target_properties(tare PROPERTIES VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(tare PRIVATE tare_flags PkgConfig::PROTOBUF_C PkgConfig::CJSON
                      PkgConfig::HDF5 PkgConfig::LIBZIP JPEG::JPEG PNG::PNG ZLIB::ZLIB Threads::Threads)

# Internal symbols for the tests and benches, which look below the public headers.
add_library(tare_static STATIC $<TARGET_OBJECTS:tare_rt_objects>
            $<TARGET_OBJECTS:tare_objects>)
target_include_directories(tare_static PUBLIC include src .)
target_link_libraries(tare_static PUBLIC tare_flags PkgConfig::PROTOBUF_C
                      PkgConfig::CJSON PkgConfig::HDF5 PkgConfig::LIBZIP JPEG::JPEG PNG::PNG
                      ZLIB::ZLIB Threads::Threads)

target_include_directories(tare INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
