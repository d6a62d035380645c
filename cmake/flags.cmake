# tare_flags: what every file of ours is compiled with.
add_library(tare_flags INTERFACE)
target_compile_options(tare_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align
  -Wcast-qual -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
  -Wpointer-arith -Wwrite-strings -Wdouble-promotion
  -ffp-contract=off -fno-math-errno)
target_compile_definitions(tare_flags INTERFACE _POSIX_C_SOURCE=200809L)
target_link_libraries(tare_flags INTERFACE m)
# libhdf5 alone brings thirty libraries, which cost a program most of its start
target_link_options(tare_flags INTERFACE -Wl,--as-needed)
if(TARE_WERROR)
  target_compile_options(tare_flags INTERFACE -Werror)
endif()
if(TARE_SANITIZE)
  # Instrumented code takes many times as long to compile with -O3, and with -O1 twice as
  # long as with -Og; there GCC warns of what is set by a pointer, but for
  # AddressSanitizer. -g1: the lines of stack traces, which is what a report needs.
  set(tare_sanitized -O1)
  if(TARE_SANITIZE MATCHES "address")
    set(tare_sanitized -Og)
  endif()
  target_compile_options(tare_flags INTERFACE -fsanitize=${TARE_SANITIZE} ${tare_sanitized}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  target_link_options(tare_flags INTERFACE -fsanitize=${TARE_SANITIZE})
endif()
if(TARE_COVERAGE)
  target_compile_options(tare_flags INTERFACE --coverage)
  target_link_options(tare_flags INTERFACE --coverage)
endif()

# Where the kernels of an instruction set can be built, and with what.
set(TARE_ISAS ref)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND TARE_ISAS avx2 avxvnni avx512 vnni amx avx512fp16 avx512bf16 amxbf16)
  target_compile_definitions(tare_flags INTERFACE TARE_BUILD_X86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND TARE_ISAS neon dotprod i8mm)
  target_compile_definitions(tare_flags INTERFACE TARE_BUILD_ARM64)
endif()
set(TARE_ISA_ref "")
set(TARE_ISA_avx2 -mavx2 -mfma -mf16c)
if(TARE_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # GCC's vzeroupper comes with this option alone at -O1 and -Og. Without it Intel's
  # processors run all that follows a vector kernel many times slower.
  list(APPEND TARE_ISA_avx2 -fexpensive-optimizations)
endif()
set(TARE_ISA_avx512 ${TARE_ISA_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
set(TARE_ISA_vnni ${TARE_ISA_avx512} -mavx512vnni -mavx512vbmi -mavx512vbmi2)
set(TARE_ISA_avxvnni ${TARE_ISA_avx2} -mavxvnni)
set(TARE_ISA_amx ${TARE_ISA_vnni} -mamx-tile -mamx-int8)
set(TARE_ISA_avx512fp16 ${TARE_ISA_avx512} -mavx512fp16)
set(TARE_ISA_avx512bf16 ${TARE_ISA_avx512} -mavx512bf16)
set(TARE_ISA_amxbf16 ${TARE_ISA_avx512} -mamx-tile -mamx-bf16)
set(TARE_ISA_neon "")
set(TARE_ISA_dotprod -march=armv8.2-a+dotprod)
set(TARE_ISA_i8mm -march=armv8.2-a+dotprod+i8mm)

# tare_kernel_variants(STEM [ISA ...]): adds, of the instruction sets that this processor's
# family has, one STEM_<isa>.c each, with that instruction set's flags.
function(tare_kernel_variants stem)
  foreach(isa ${ARGN})
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/${stem}_${isa}.c)
    if(isa IN_LIST TARE_ISAS)
      target_sources(tare_rt_objects PRIVATE ${file})
      set_property(SOURCE ${file} TARGET_DIRECTORY tare_rt_objects
                   APPEND PROPERTY COMPILE_OPTIONS ${TARE_ISA_${isa}})
    endif()
  endforeach()
endfunction()

# tare_kernel_family(NAME [ISA ...]): NAME/NAME.c (table and selection) and the variants.
function(tare_kernel_family name)
  target_sources(tare_rt_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${name}/${name}.c)
  tare_kernel_variants(${name}/${name} ${ARGN})
endfunction()
