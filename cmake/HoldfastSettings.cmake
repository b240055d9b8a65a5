# How every C file of the project is compiled and linked: the same language and warnings as in
# Package.swift.

set(warnings
    all
    extra
    pedantic
    conversion
    sign-conversion
    shadow
    strict-prototypes
    missing-prototypes
    cast-align
    cast-qual
    undef
    double-promotion
    format=2
    vla
    null-dereference)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  list(APPEND warnings atomic-implicit-seq-cst)
endif()
list(TRANSFORM warnings PREPEND "-W")
if(HOLDFAST_WERROR)
  list(APPEND warnings "-Werror")
endif()

add_library(holdfast_c_settings INTERFACE)
target_compile_options(holdfast_c_settings INTERFACE -std=c11 -fvisibility=hidden ${warnings})
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  target_compile_definitions(holdfast_c_settings INTERFACE _GNU_SOURCE)
endif()

# Sanitizers are needed at compile time and at link time.
add_library(holdfast_link_settings INTERFACE)
if(HOLDFAST_SANITIZE)
  target_compile_options(
    holdfast_c_settings INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all
                                  -fno-omit-frame-pointer -g)
  target_link_options(holdfast_link_settings INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
endif()

# Coverage feedback for libFuzzer. A fuzzer itself links with -fsanitize=fuzzer.
if(HOLDFAST_BUILD_FUZZERS)
  target_compile_options(holdfast_c_settings INTERFACE -fsanitize=fuzzer-no-link -g)
  target_link_options(holdfast_link_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
