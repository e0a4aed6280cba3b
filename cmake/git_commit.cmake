# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Writes OUTPUT, a header with the commit of SOURCE; touches it only when the commit changed. A copy that is no
# checkout of its own (a tarball, also one unpacked inside another repository) is "unknown".
set(commit "unknown")
execute_process(
  COMMAND git -C ${SOURCE} rev-parse --show-toplevel
  OUTPUT_VARIABLE top
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
  RESULT_VARIABLE result)
file(REAL_PATH ${SOURCE} source)
if(result EQUAL 0 AND top STREQUAL source)
  execute_process(
    COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
    OUTPUT_VARIABLE described
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE result)
  if(result EQUAL 0)
    set(commit ${described})
  endif()
endif()
set(text "#pragma once\n#define CANDIST_GIT_COMMIT \"${commit}\"\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT "${old}" STREQUAL "${text}")
  file(WRITE ${OUTPUT} "${text}")
endif()
