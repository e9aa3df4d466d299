include(CMakePackageConfigHelpers)

set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cryosip")
install(TARGETS cryosip_formats cryosip_cryosip EXPORT cryosipTargets
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cryosip)
install(EXPORT cryosipTargets NAMESPACE cryosip:: DESTINATION ${config_dir})
configure_package_config_file(cmake/cryosipConfig.cmake.in cryosipConfig.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(cryosipConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/cryosipConfig.cmake"
  "${PROJECT_BINARY_DIR}/cryosipConfigVersion.cmake"
  DESTINATION ${config_dir})

set(CPACK_GENERATOR "TGZ;DEB")
set(CPACK_PACKAGE_CONTACT "maintainer@example.org")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
