// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_MAIN
#include "support/catch.hpp"

#if defined(CANDIST_CATCH_V3)
int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
#endif
