# Registers one CTest test per *_test.cc file of a doctest binary, by doctest's source-file filter.
# Labels: the folder, and those in the file's first lines: "// labels: unit" (default unit).
# A test case that cannot run here calls skip("reason") (tests/support/skip.h): the binary exits
# with 77 when it skipped and nothing failed, and CTest reports the file as skipped.
function(skipcast_discover target folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.cc)
  foreach(source ${sources})
    get_filename_component(stem ${source} NAME_WE)
    file(STRINGS ${source} line REGEX "^// labels:" LIMIT_COUNT 1)
    string(REGEX REPLACE "^// labels: *" "" labels "${line}")
    string(REPLACE " " ";" labels "${labels}")
    if(NOT labels)
      set(labels unit)
    endif()
    add_test(NAME ${folder}.${stem} COMMAND ${target} --source-file=*/${stem}.cc)
    set_tests_properties(${folder}.${stem} PROPERTIES LABELS "${folder};${labels}" SKIP_RETURN_CODE 77
      ENVIRONMENT "SKIPCAST_SOURCE_DIR=${CMAKE_SOURCE_DIR};SKIPCAST_BINARY_DIR=${CMAKE_BINARY_DIR}" TIMEOUT 900)
  endforeach()
endfunction()
