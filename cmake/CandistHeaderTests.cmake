# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Every public header must compile alone: one translation unit each, in an object library that is never linked.
# Without optimisation, for the point is the text. A .cuh is compiled by nvcc against candist::cuda, which knows no
# host library. A header of libcurl is compiled where there is one.

function(candist_add_header_tests target)
  cmake_parse_arguments(arg "" "ENDING;LANGUAGE" "LINK" ${ARGN})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
       ${PROJECT_SOURCE_DIR}/include/candist/*.${arg_ENDING})
  if(NOT CANDIST_CURL_FOUND)
    list(FILTER headers EXCLUDE REGEX "curl_")
  endif()
  set(sources)
  foreach(header IN LISTS headers)
    string(MAKE_C_IDENTIFIER ${header} name)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.${arg_LANGUAGE})
    file(GENERATE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND sources ${source})
  endforeach()
  if(sources)
    add_library(${target} OBJECT ${sources})
    target_link_libraries(${target} PRIVATE ${arg_LINK})
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()
