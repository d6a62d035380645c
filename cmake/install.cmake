# What `cmake --install` puts where: libraries, headers, the command, its manual and
# completion, examples, and how pkg-config and find_package(tare) find them. Components are
# packages of their own: package.cmake.
include(CMakePackageConfigHelpers)

install(TARGETS tare EXPORT tareTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
        NAMELINK_COMPONENT development)
install(TARGETS tare_rt EXPORT tareTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT development)
install(TARGETS tare_command
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
install(DIRECTORY include/tare DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT development FILES_MATCHING PATTERN "*.h")
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/tare COMPONENT development)
install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT command)
install(FILES tools/completion/tare.bash RENAME tare
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        COMPONENT command)
# Where zsh looks: Debian's packages have a folder of their own.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(zsh_completions ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
else()
  set(zsh_completions ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
install(FILES tools/completion/_tare DESTINATION ${zsh_completions} COMPONENT command)

# The command finds its library wherever the prefix is moved to.
file(RELATIVE_PATH lib_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(tare_command PROPERTIES INSTALL_RPATH "$ORIGIN/${lib_from_bin}")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tare)
install(EXPORT tareTargets NAMESPACE tare:: DESTINATION ${package_dir}
        COMPONENT development)
configure_package_config_file(cmake/tareConfig.cmake.in tareConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(tareConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tareConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/tareConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

file(RELATIVE_PATH prefix_from_pkgconfig ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
     ${CMAKE_INSTALL_PREFIX})
foreach(library tare tare-rt)
  configure_file(cmake/${library}.pc.in ${library}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${library}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endforeach()
