// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Version, and the one macro that lets a function run on the host and on the device.
#pragma once

#define CANDIST_VERSION_MAJOR 0
#define CANDIST_VERSION_MINOR 1
#define CANDIST_VERSION_PATCH 0
#define CANDIST_VERSION "0.1.0"

#if defined(__CUDACC__)
#define CANDIST_HD __host__ __device__ inline
#else
#define CANDIST_HD inline
#endif
