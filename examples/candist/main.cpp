// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist: from texts and candidate labels to unique labels, on the command line.

#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>
#include <utility>

#include "candist/config.hpp"
#include "candist/error.hpp"
#include "commands.hpp"
#include "git_commit.hpp"

namespace candist::program {
std::atomic<bool> stop_requested{false};
}

namespace {

constexpr std::string_view usage =
    R"(candist: ask for candidate labels, distil them into a small model (arXiv 2506.03857)

usage: candist <subcommand> [options]        candist <subcommand> --help

  demo      the main job on dictionary entries with recorded LLM annotations; no arguments needed
  annotate  texts -> annotations file (recorded or simulated annotator)
  score     quality of an annotations file against gold labels
  distill   texts + annotations -> trained student, unique labels, metrics
  predict   trained student + texts -> labels with confidences
  ablate    many compositions x seeds, one table with mean and spread
  list      what can be named: methods, losses, refineries, candidate sets, students, annotators

  --version   version, commit, compiler, CUDA, BLAS
  --help      this text
)";

void print_version() {
  std::printf("candist %s\ncommit    %s\ncompiler  " __VERSION__ "\nCUDA      %s\nBLAS      %s\n",
              CANDIST_VERSION, CANDIST_GIT_COMMIT,
#if CANDIST_CUDA_ENABLED
              "yes",
#else
              "no",
#endif
#if CANDIST_BLAS_FOUND
              "OpenBLAS"
#else
              "none (Eigen's own products)"
#endif
  );
}

void on_signal(int) { candist::program::stop_requested.store(true); }

int run(int argc, char** argv) {
  using namespace candist::program;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command.empty() || command == "--help" || command == "-h" || command == "help") {
    std::fputs(usage.data(), command.empty() ? stderr : stdout);
    return command.empty() ? 2 : 0;
  }
  if (command == "--version") {
    print_version();
    return 0;
  }
  const Arguments arguments(argv + 2, argv + argc);
  constexpr std::pair<std::string_view, int (*)(const Arguments&)> commands[] = {
      {"demo", demo},       {"annotate", annotate}, {"score", score}, {"distill", distill},
      {"predict", predict}, {"ablate", ablate},     {"list", list}};
  for (const auto& [name, function] : commands) {
    if (command == name) return function(arguments);
  }
  std::fprintf(stderr, "candist: there is no subcommand %s; see candist --help\n", argv[1]);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  try {
    const int code = run(argc, argv);
    // A result that could not be written (a full disk behind a redirection) is a failure, not a
    // success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      std::fputs("candist: cannot write to standard output\n", stderr);
      return 1;
    }
    return code;
  } catch (const candist::InputError& error) {
    std::fprintf(stderr, "candist: %s\n", error.what());
    return 2;
  } catch (const candist::ShapeError& error) {
    std::fprintf(stderr, "candist: %s\n", error.what());
    return 2;
  } catch (const candist::Interrupted& error) {
    std::fprintf(stderr, "candist: %s\n", error.what());
    return 130;
  } catch (const std::bad_alloc&) {
    std::fputs("candist: out of memory\n", stderr);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "candist: %s\n", error.what());
    return 1;
  }
}
