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
set(common -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} -DCANDIST_CUDA=${CUDA})
if(WAY STREQUAL "find_package")
  run(${CMAKE_COMMAND} -S ${CANDIST_SOURCE} -B ${WORK}/candist ${common} -DCANDIST_BUILD_TESTS=OFF
      -DCANDIST_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX=${WORK}/elsewhere)
  run(${CMAKE_COMMAND} --install ${WORK}/candist --prefix ${WORK}/first)
  file(RENAME ${WORK}/first ${WORK}/prefix) # an installed candist can be moved
  set(where -DCMAKE_PREFIX_PATH=${WORK}/prefix)
else()
  set(where -DCANDIST_SOURCE=${CANDIST_SOURCE})
endif()
run(${CMAKE_COMMAND} -S ${CANDIST_SOURCE}/tests/consumer/${WAY} -B ${WORK}/build ${common} ${where})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
