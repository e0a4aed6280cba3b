# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# SOURCE must not compile, and the compiler's message must hold what its first line says: "// expect: WORDS".
file(STRINGS ${SOURCE} lines LIMIT_COUNT 1)
string(REGEX REPLACE "^// expect: " "" words "${lines}")
if(words STREQUAL lines)
  message(FATAL_ERROR "${SOURCE}: the first line is not '// expect: WORDS'")
endif()
set(flags -std=c++20 -fsyntax-only)
if(COMPILER_ID STREQUAL "GNU")
  list(APPEND flags -fconcepts-diagnostics-depth=3) # clang tells the whole story by itself
endif()
execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${COMPILER} ${flags} -I${INCLUDE} ${SOURCE}
                RESULT_VARIABLE result ERROR_VARIABLE message)
if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles, and it should not")
endif()
string(FIND "${message}" "${words}" found)
if(found EQUAL -1)
  message(FATAL_ERROR "${SOURCE} fails without the words '${words}':\n${message}")
endif()
