# Install rules, the CMake package and the pkg-config file. All of it may be moved as a whole.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Holdfast")

install(FILES ${headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/holdfast")

# Each library has an export of its own: the shared one is usable where jemalloc, which only the
# static one asks of its users, is not installed for development.
foreach(kind shared static)
  set(library holdfast)
  if(kind STREQUAL "static")
    set(library holdfast_static)
  endif()
  install(
    TARGETS ${library}
    EXPORT holdfast-${kind}
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(
    EXPORT holdfast-${kind}
    NAMESPACE Holdfast::
    FILE holdfast-${kind}.cmake
    DESTINATION "${package_dir}")
endforeach()

set(HOLDFAST_USES_JEMALLOC OFF)
set(HOLDFAST_PRIVATE_LIBRARIES "")
if(allocator STREQUAL "jemalloc")
  set(HOLDFAST_USES_JEMALLOC ON)
  set(HOLDFAST_PRIVATE_LIBRARIES "-ljemalloc")
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindJemalloc.cmake" DESTINATION "${package_dir}")
endif()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/HoldfastConfig.cmake.in" HoldfastConfig.cmake
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(HoldfastConfigVersion.cmake COMPATIBILITY ${compatibility})
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/HoldfastConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/HoldfastConfigVersion.cmake"
        DESTINATION "${package_dir}")

# pkg-config: everything is found relative to the file's own directory, unless the packager chose
# absolute directories.
set(HOLDFAST_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(HOLDFAST_PC_LIBDIR "${CMAKE_INSTALL_FULL_LIBDIR}")
set(HOLDFAST_PC_INCLUDEDIR "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(HOLDFAST_PC_PREFIX "\${pcfiledir}/${up}")
  set(HOLDFAST_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  set(HOLDFAST_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/holdfast.pc.in" holdfast.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/holdfast.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
