# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Finds what candist stands on; nothing is ever downloaded. Sets CANDIST_CUDA_ENABLED, CANDIST_BLAS_FOUND and
# CANDIST_CURL_FOUND.

find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(Boost 1.74 REQUIRED) # Math, of metrics/significance.hpp and its like
find_package(xtensor REQUIRED)
find_package(nlohmann_json 3 REQUIRED)
find_package(simdjson 3 REQUIRED)
find_package(Utf8proc REQUIRED) # FindUtf8proc.cmake

set(CANDIST_BLAS_FOUND OFF)
if(NOT CANDIST_BLAS MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "CANDIST_BLAS is ${CANDIST_BLAS}, expected AUTO, ON or OFF")
endif()
if(NOT CANDIST_BLAS STREQUAL "OFF")
  set(BLA_VENDOR OpenBLAS)
  find_package(BLAS QUIET)
  if(BLAS_FOUND)
    set(CANDIST_BLAS_FOUND ON)
  elseif(CANDIST_BLAS STREQUAL "ON")
    message(FATAL_ERROR "CANDIST_BLAS is ON, but there is no OpenBLAS (Debian: libopenblas-dev)")
  endif()
endif()

set(CANDIST_CURL_FOUND OFF)
if(NOT CANDIST_CURL MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "CANDIST_CURL is ${CANDIST_CURL}, expected AUTO, ON or OFF")
endif()
if(NOT CANDIST_CURL STREQUAL "OFF")
  find_package(CURL 7.68 QUIET)
  if(CURL_FOUND)
    set(CANDIST_CURL_FOUND ON)
  elseif(CANDIST_CURL STREQUAL "ON")
    message(FATAL_ERROR "CANDIST_CURL is ON, but there is no libcurl (Debian: libcurl4-openssl-dev)")
  endif()
endif()

set(CANDIST_CUDA_ENABLED OFF)
if(NOT CANDIST_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "CANDIST_CUDA is ${CANDIST_CUDA}, expected AUTO, ON or OFF")
endif()
if(NOT CANDIST_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    # Never native: configuring on a machine without a GPU must work, and the build must run elsewhere.
    # Code for A100 and H100, and PTX of the last for what comes after.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    set(CANDIST_CUDA_ENABLED ON)
  elseif(CANDIST_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CANDIST_CUDA is ON, but there is no CUDA compiler (nvcc)")
  endif()
endif()

message(STATUS "candist ${PROJECT_VERSION}: ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, "
               "build type ${CMAKE_BUILD_TYPE}")
message(STATUS "candist: tests ${CANDIST_BUILD_TESTS}, examples ${CANDIST_BUILD_EXAMPLES}, bench ${CANDIST_BUILD_BENCH}, "
               "Eigen ${Eigen3_VERSION}, xtensor ${xtensor_VERSION}, simdjson ${simdjson_VERSION}, "
               "utf8proc ${Utf8proc_VERSION}")
if(CANDIST_BLAS_FOUND)
  message(STATUS "candist: Eigen's products by OpenBLAS: ${BLAS_LIBRARIES}")
else()
  message(STATUS "candist: Eigen's products by Eigen itself (CANDIST_BLAS=${CANDIST_BLAS})")
endif()
if(CANDIST_CURL_FOUND)
  message(STATUS "candist: language models by libcurl ${CURL_VERSION_STRING}")
else()
  message(STATUS "candist: no libcurl (CANDIST_CURL=${CANDIST_CURL}); annotate --annotator openai is left out")
endif()
if(CANDIST_CUDA_ENABLED)
  message(STATUS "candist: CUDA ${CUDAToolkit_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "candist: no CUDA (CANDIST_CUDA=${CANDIST_CUDA}); everything is built for the CPU")
endif()
