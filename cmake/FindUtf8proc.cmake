# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Finds utf8proc (Unicode's tables) for candist's build and for those who use an installed candist, as the target
# candist::utf8proc. Debian's package has no CMake files of its own.
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h)
find_library(UTF8PROC_LIBRARY utf8proc)
mark_as_advanced(UTF8PROC_INCLUDE_DIR UTF8PROC_LIBRARY)
if(UTF8PROC_INCLUDE_DIR)
  file(STRINGS ${UTF8PROC_INCLUDE_DIR}/utf8proc.h _lines REGEX "^#define UTF8PROC_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9;]*8[^0-9;]*([0-9]+)[^;]*" "\\1" _numbers "${_lines}")
  list(JOIN _numbers "." Utf8proc_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Utf8proc
  REQUIRED_VARS UTF8PROC_LIBRARY UTF8PROC_INCLUDE_DIR
  VERSION_VAR Utf8proc_VERSION
  REASON_FAILURE_MESSAGE "Debian: libutf8proc-dev")
if(Utf8proc_FOUND AND NOT TARGET candist::utf8proc)
  add_library(candist::utf8proc UNKNOWN IMPORTED)
  set_target_properties(candist::utf8proc PROPERTIES IMPORTED_LOCATION ${UTF8PROC_LIBRARY}
                                                     INTERFACE_INCLUDE_DIRECTORIES ${UTF8PROC_INCLUDE_DIR})
endif()
