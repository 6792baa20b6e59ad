# barid_library(NAME SRCS … DEPS … TESTS … FUZZ …): one library target per folder that has a meaning
# of its own. TESTS become one gtest executable NAME_test; every FUZZ source becomes a libFuzzer
# target in the fuzz preset and a corpus replay test in all others.
set(BARID_FUZZ OFF CACHE BOOL "build libFuzzer executables")

function(barid_library NAME)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;TESTS;TEST_DEPS;FUZZ" ${ARGN})
  foreach(kind SRCS TESTS FUZZ)  # TEMPORARY-PARALLEL-WORK
    foreach(f ${ARG_${kind}})  # TEMPORARY-PARALLEL-WORK
      if(NOT IS_ABSOLUTE ${f} AND NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${f})  # TEMPORARY-PARALLEL-WORK
        message(WARNING "missing ${f}")  # TEMPORARY-PARALLEL-WORK
        list(REMOVE_ITEM ARG_${kind} ${f})  # TEMPORARY-PARALLEL-WORK
      endif()  # TEMPORARY-PARALLEL-WORK
    endforeach()  # TEMPORARY-PARALLEL-WORK
  endforeach()  # TEMPORARY-PARALLEL-WORK
  if(ARG_SRCS)
    add_library(${NAME} STATIC ${ARG_SRCS})
    target_include_directories(${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${NAME} PUBLIC ${ARG_DEPS})
  else()
    add_library(${NAME} INTERFACE)
    target_include_directories(${NAME} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${NAME} INTERFACE ${ARG_DEPS})
  endif()
  if(ARG_TESTS)
    barid_test(${NAME}_test SRCS ${ARG_TESTS} DEPS ${NAME} ${ARG_TEST_DEPS})
  endif()
  foreach(src ${ARG_FUZZ})
    get_filename_component(fuzz_name ${src} NAME_WE)
    barid_fuzz(${fuzz_name} ${src} ${NAME})
  endforeach()
endfunction()

# barid_test(NAME SRCS … DEPS … [LABELS …] [TIMEOUT seconds]): a gtest executable run by ctest as
# one test, because process start-up would otherwise dominate.
function(barid_test NAME)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${NAME} COMMAND ${NAME} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${NAME} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# A fuzz target file defines LLVMFuzzerTestOneInput. Its corpus is tests/corpus/NAME.
function(barid_fuzz NAME SRC LIB)
  set(corpus ${PROJECT_SOURCE_DIR}/tests/corpus/${NAME})
  if(BARID_FUZZ)
    add_executable(${NAME} ${SRC})
    target_link_libraries(${NAME} PRIVATE ${LIB})
    target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${NAME} ${SRC} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    target_link_libraries(${NAME} PRIVATE ${LIB})
    add_test(NAME ${NAME}_replay COMMAND ${NAME} ${corpus})
    set_tests_properties(${NAME}_replay PROPERTIES LABELS "unit;fuzz" TIMEOUT 60)
  endif()
endfunction()
