# Finds jemalloc with its extended interface (mallocx, sdallocx) under its unprefixed names.
# Installed beside Holdfast's package file, because users of the static library need it too.
#
#   Jemalloc::jemalloc   the library

find_path(JEMALLOC_INCLUDE_DIR jemalloc/jemalloc.h)
find_library(JEMALLOC_LIBRARY jemalloc)
mark_as_advanced(JEMALLOC_INCLUDE_DIR JEMALLOC_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Jemalloc REQUIRED_VARS JEMALLOC_LIBRARY JEMALLOC_INCLUDE_DIR)

if(Jemalloc_FOUND AND NOT TARGET Jemalloc::jemalloc)
  add_library(Jemalloc::jemalloc UNKNOWN IMPORTED)
  set_target_properties(
    Jemalloc::jemalloc PROPERTIES IMPORTED_LOCATION "${JEMALLOC_LIBRARY}"
                                  INTERFACE_INCLUDE_DIRECTORIES "${JEMALLOC_INCLUDE_DIR}")
endif()
