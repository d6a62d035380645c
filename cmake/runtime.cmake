# TARE_RUNTIME_ONLY: libtare-rt and the tests of what is in it, for processors where the
# libraries that the rest needs are not at hand.
add_library(tare_rt_objects OBJECT)
add_library(tare_objects OBJECT EXCLUDE_FROM_ALL) # folders put what else they have here
target_include_directories(tare_rt_objects PRIVATE include src .)
target_link_libraries(tare_rt_objects PRIVATE tare_flags)
foreach(folder base kernels engine graph optimizer precision remake refit)
  add_subdirectory(src/${folder})
endforeach()
include(cmake/runtime_library.cmake)

if(TARE_BUILD_TESTS)
  enable_testing()
  add_library(tare_static STATIC $<TARGET_OBJECTS:tare_rt_objects>)
  target_include_directories(tare_static PUBLIC include src .)
  target_link_libraries(tare_static PUBLIC tare_flags Threads::Threads)
  add_subdirectory(tests/kernels)
  add_subdirectory(tests/runtime)
endif()
