# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Builds and runs a consumer project from nothing. WAY is find_package or add_subdirectory.
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGV}\n${output}")
  endif()
endfunction()
if(WAY STREQUAL "find_package")
  run(${CMAKE_COMMAND} -S ${CANDIST_SOURCE} -B ${WORK}/candist -G ${GENERATOR} -DCANDIST_BUILD_TESTS=OFF
      -DCANDIST_BUILD_EXAMPLES=OFF -DCANDIST_CUDA=OFF -DCMAKE_INSTALL_PREFIX=${WORK}/prefix)
  run(${CMAKE_COMMAND} --install ${WORK}/candist)
  set(where -DCMAKE_PREFIX_PATH=${WORK}/prefix)
else()
  set(where -DCANDIST_SOURCE=${CANDIST_SOURCE} -DCANDIST_CUDA=OFF)
endif()
run(${CMAKE_COMMAND} -S ${CANDIST_SOURCE}/tests/consumer/${WAY} -B ${WORK}/build -G ${GENERATOR} ${where})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
