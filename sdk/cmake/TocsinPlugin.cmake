# tocsin_add_plugin(NAME source… [LIBS target…] [NO_INSTALL])
#
# One plugin: NAME.so with the one exported symbol tsn_plugin_entry_v1. In the tree it lands in TOCSIN_PLUGIN_DIR, outside
# (find_package(TocsinSDK)) in the current binary directory. Installed to lib/tocsin/plugins. In the tree the conformance
# suite is added as a test (outside, tocsin_add_plugin_test() adds it). Its objects are a library of their own,
# NAME_objects, so that a test links what the .so is made of.
#
# tocsin_add_plugin_test(NAME source… [LIBS target…])
#
# NAME_test: GoogleTest, the plugin's objects and the fake host (tocsin/testing/fake_host.hpp).
include_guard(GLOBAL)

function(tocsin_add_plugin name)
  cmake_parse_arguments(PLUGIN "NO_INSTALL" "" "LIBS" ${ARGN})
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/tocsin_plugin.map)
  add_library(${name}_objects OBJECT ${PLUGIN_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}_objects PUBLIC Tocsin::sdk ${PLUGIN_LIBS})
  target_compile_features(${name}_objects PUBLIC cxx_std_20)
  # A unique symbol would keep the library from ever being unloaded.
  target_compile_options(${name}_objects PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  set_target_properties(${name}_objects PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

  add_library(${name} MODULE)
  target_link_libraries(${name} PRIVATE ${name}_objects)
  # Visibility alone leaves symbols of linked static libraries; the version script leaves one.
  target_link_options(${name} PRIVATE LINKER:--version-script=${map})
  set_target_properties(${name} PROPERTIES PREFIX "" LINKER_LANGUAGE CXX LINK_DEPENDS ${map})
  # The sanitizers' symbols come from the program that loads the plugin.
  if(NOT TOCSIN_SANITIZE AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_DEBUG} ${CMAKE_MODULE_LINKER_FLAGS}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
  if(TOCSIN_PLUGIN_DIR)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TOCSIN_PLUGIN_DIR})
  endif()
  if(NOT PLUGIN_NO_INSTALL)
    set_property(GLOBAL APPEND PROPERTY TOCSIN_PLUGINS ${name})
    install(TARGETS ${name} LIBRARY DESTINATION lib/tocsin/plugins)
  endif()
  if(TOCSIN_TESTS)
    tocsin_add_conformance_test(${name})
  endif()
endfunction()

function(tocsin_add_conformance_test name)
  if(TARGET tocsin_conformance AND NOT TEST conformance_${name})
    add_test(NAME conformance_${name} COMMAND tocsin_conformance --quick $<TARGET_FILE:${name}>)
    set_tests_properties(conformance_${name} PROPERTIES LABELS "plugin;conformance" TIMEOUT 120)
  endif()
endfunction()

function(tocsin_add_plugin_test name)
  if(DEFINED TOCSIN_TESTS AND NOT TOCSIN_TESTS)
    return()
  endif()
  cmake_parse_arguments(TEST "" "" "LIBS" ${ARGN})
  if(NOT TARGET GTest::gtest_main)
    find_package(GTest REQUIRED)
  endif()
  add_executable(${name}_test ${TEST_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}_test PRIVATE ${name}_objects Tocsin::testing ${TEST_LIBS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE TESTDATA="${CMAKE_CURRENT_SOURCE_DIR}/testdata")
  if(TARGET tocsin_conformance)
    add_dependencies(${name}_test tocsin_conformance)  # outside the tree it is built only for tests
    tocsin_add_conformance_test(${name})
  endif()
  add_test(NAME plugin_${name} COMMAND ${name}_test)
  set_tests_properties(plugin_${name} PROPERTIES LABELS plugin TIMEOUT 300)
endfunction()
