# Flags every cryosip target is built with; never exported to consumers.  Whether warnings are
# errors, and which sanitizers run, is for the preset to say.
add_library(cryosip_build_flags INTERFACE)
target_compile_features(cryosip_build_flags INTERFACE cxx_std_20)
target_compile_options(cryosip_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual -Wformat=2
  # Only g++ knows these three.
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond;-Wlogical-op;-Wuseless-cast>
  # g++ 12 reports libstdc++'s own string concatenation as overlapping memcpy at -O2 and above.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # In AVX-512 code of its own header and of Eigen, g++ 12 sees variables without a value (GCC bug 105593)
  # and vectors read past the end of short ones, behind the check that prevents it.  The portable builds
  # keep these warnings.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CRYOSIP_NATIVE}>>:-Wno-maybe-uninitialized;-Wno-uninitialized;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>)

# cryosip_add_library(<name> HEADERS a.hpp... SOURCES a.cpp... [LINK <target>...])
# Includes are written from the repository root: #include "libcryosip/forward/ctf.hpp".
function(cryosip_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;SOURCES;LINK")
  add_library(cryosip_${name} ${arg_SOURCES})
  add_library(cryosip::${name} ALIAS cryosip_${name})
  target_sources(cryosip_${name} PUBLIC FILE_SET HEADERS
    BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${arg_HEADERS})
  target_compile_features(cryosip_${name} PUBLIC cxx_std_20)
  # PUBLIC, since the alignment of Eigen's types follows from it: whoever includes our headers must
  # agree.  The same bits still come out on any number of threads, but not on another machine.
  target_compile_options(cryosip_${name} PUBLIC $<$<BOOL:${CRYOSIP_NATIVE}>:-march=native>)
  target_link_libraries(cryosip_${name}
    PUBLIC ${arg_LINK} PRIVATE $<BUILD_INTERFACE:cryosip_build_flags>)
  set_target_properties(cryosip_${name} PROPERTIES
    EXPORT_NAME ${name} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    POSITION_INDEPENDENT_CODE ON)
endfunction()

# cryosip_add_tool(<name> [<source>...]): <name>.cpp and what else it needs, one executable beside the
# others, one generated man page.  Target cryosip_tools builds the executables alone.
function(cryosip_add_tool name)
  add_executable(${name} ${name}.cpp ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tools")
  target_link_libraries(${name} PRIVATE cryosip_cli cryosip::cryosip cryosip_build_flags)
  set(page "${PROJECT_BINARY_DIR}/man/${name}.1")
  add_custom_command(OUTPUT "${page}"
    COMMAND ${CMAKE_COMMAND} -E make_directory "${PROJECT_BINARY_DIR}/man"
    COMMAND $<TARGET_FILE:${name}> --help-man > "${page}"
    DEPENDS ${name} COMMENT "Writing ${name}.1" VERBATIM)
  add_custom_target(${name}_man ALL DEPENDS "${page}")
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES "${page}" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  set_property(GLOBAL APPEND PROPERTY CRYOSIP_TOOLS ${name})
  add_dependencies(cryosip_tools ${name})
endfunction()
