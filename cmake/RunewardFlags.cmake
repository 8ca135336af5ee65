# Flags of every target, as one interface library, and rn_library() for a folder's code.
add_library(rn_flags INTERFACE)
target_include_directories(rn_flags INTERFACE ${CMAKE_SOURCE_DIR})
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

target_compile_definitions(rn_flags INTERFACE _GNU_SOURCE)
target_compile_options(rn_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wvla -Wundef -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  -Wcast-align -Wwrite-strings -Wconversion -Wimplicit-fallthrough -Wswitch-enum -Wpointer-arith
  -fno-common -fvisibility=hidden -fno-strict-aliasing
  -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(rn_flags INTERFACE -fcf-protection=full)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(rn_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches
    -ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    # `rep stos`, the compiler's choice for structs of a hundred bytes, takes as long to begin as they all take.
    target_compile_options(rn_flags INTERFACE -mmemset-strategy=unrolled_loop:256:noalign,libcall:-1:noalign)
  endif()
endif()
if(NOT RN_SANITIZE AND CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo")
  target_compile_definitions(rn_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
target_link_options(rn_flags INTERFACE -Wl,-z,relro,-z,now)

# The library and the walled programs are optimised as wholes, a sixth less time for a call: the objects
# hold both, machine code for tests and archives, and what the compiler needs to look beyond a file. It is
# linked by those targets only that say so with rn_optimise_whole().
option(RN_WHOLE "Optimise the library and the walled programs as wholes" ON)
if(RN_WHOLE AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE MATCHES "Release|RelWithDebInfo"
    AND NOT RN_SANITIZE AND NOT RN_FUZZ AND NOT RN_COVERAGE)
  target_compile_options(rn_flags INTERFACE -flto=auto -ffat-lto-objects)
  target_link_options(rn_flags INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:RN_IS_WHOLE>>,-flto=auto,-fno-lto>)
  set(RN_WHOLE_OBJECTS ON)
endif()
function(rn_optimise_whole)
  set_target_properties(${ARGN} PROPERTIES RN_IS_WHOLE ON)
endfunction()
if(RN_ASSERTIONS)
  target_compile_definitions(rn_flags INTERFACE RN_ASSERTIONS=1)
endif()
if(RN_STRESS)
  target_compile_definitions(rn_flags INTERFACE RN_STRESS=1)
endif()
if(RN_SANITIZE)
  target_compile_options(rn_flags INTERFACE -fsanitize=${RN_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g)
  target_link_options(rn_flags INTERFACE -fsanitize=${RN_SANITIZE})
  target_compile_definitions(rn_flags INTERFACE RN_SANITIZED=1)
endif()
if(RN_FUZZ)
  target_compile_options(rn_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(RN_COVERAGE)
  # tests/tools/counters.c: every program keeps its counters in one file.
  target_compile_options(rn_flags INTERFACE --coverage -O0 -fprofile-update=atomic -fdata-sections)
  add_library(rn_counters STATIC ${CMAKE_SOURCE_DIR}/tests/tools/counters.c)
  target_include_directories(rn_counters PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(rn_counters PRIVATE _GNU_SOURCE RN_COUNTERS_FILE="${CMAKE_BINARY_DIR}/counters")
  set(counters_script ${CMAKE_SOURCE_DIR}/tests/tools/counters.ld)
  target_link_options(rn_flags INTERFACE --coverage -Wl,-T,${counters_script} -Wl,--build-id
    -Wl,--undefined=rn_counters_map -Wl,--wrap=__gcov_exit,--wrap=__gcov_dump,--wrap=__gcov_reset,--wrap=__gcov_reset_int)
  target_link_libraries(rn_flags INTERFACE rn_counters)
endif()

# rn_library(NAME sources...): a static library of one folder. Links are added PRIVATE by the folder.
function(rn_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC rn_flags)
endfunction()
