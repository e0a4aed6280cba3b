// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "support/device_main.cuh"

int main(int argc, char** argv) { return candist::device_test::run(argc, argv); }
