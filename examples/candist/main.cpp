// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist: from texts and candidate labels to unique labels, on the command line.

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include "candist/config.hpp"
#include "candist/error.hpp"
#include "commands.hpp"
#include "git_commit.hpp"

std::string candist::program::program_version() {
  return std::string("candist ") + CANDIST_VERSION + " (" + CANDIST_GIT_COMMIT + ")";
}

namespace {

constexpr std::string_view usage =
    R"(candist: ask for candidate labels, distil them into a small model (arXiv 2506.03857)

usage: candist <subcommand> [options]        candist <subcommand> --help

  demo      the main job on dictionary entries with recorded LLM annotations; no arguments needed
  annotate  texts -> annotations file (recorded, simulated or a language model)
  score     quality of an annotations file against gold labels
  distill   texts + annotations -> trained student, unique labels, metrics
  predict   trained student + texts -> labels with confidences
  audit     how good labels are without gold; which to check by hand
  ablate    many compositions x seeds: paired tests, a report page
  rank      several studies, one a data set: mean ranks, critical difference
  list      what can be named: methods, losses, refineries, candidate sets, students, annotators

options that most subcommands share

  --data FILE        texts: .jsonl, .tsv, .csv, or one a line
  --test FILE        texts to test on, with labels
  --labels FILE      label names: one a line, or JSON
  --candidates FILE  annotations, joined to the texts by id
  --augmented FILE   second views, joined to the texts by id
  --out PATH         where the result goes
  --seed N           of everything random
  --threads N        results do not depend on it
  --quiet            no progress
  --json             machine-readable result on standard output

  --version   version, commit, compiler, CUDA, BLAS
  --help      this text

exit codes: 0 done, 1 failed while running, 2 the call or an input is wrong, 130 interrupted
)";

void print_version() {
  std::printf("candist %s\ncommit    %s\ncompiler  %s\nCUDA      %s\nBLAS      %s\n",
              CANDIST_VERSION, CANDIST_GIT_COMMIT, CANDIST_COMPILER,
#if CANDIST_CUDA_ENABLED
              "yes, a module that is loaded for --student cuda-transformer",
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
      {"demo", demo},       {"annotate", annotate}, {"score", score},
      {"distill", distill}, {"predict", predict},   {"audit", audit},
      {"ablate", ablate},   {"rank", rank},         {"list", list}};
  for (const auto& [name, function] : commands) {
    if (command == name) return function(arguments);
  }
  throw candist::InputError("there is no subcommand " + candist::shown(command) +
                            "; see candist --help");
}

/// Of a closed standard stream, the next file that is opened would take the number: results would
/// be printed into it. Writing to what stands in for standard output fails, as it should.
void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    if (::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY) != stream) return;
  }
}

/// One line, whatever a file name or a library put into the message.
int fail(const char* message, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "candist: %s\n", candist::shown(message, 2000).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  try {
    const int code = run(argc, argv);
    // A result that could not be written (a full disk behind a redirection) is a failure, not a
    // success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return fail("cannot write to standard output", 1);
    return code;
  } catch (const candist::InputError& error) {
    return fail(error.what(), 2);
  } catch (const candist::ShapeError& error) {
    return fail(error.what(), 2);
  } catch (const candist::Interrupted& error) {
    return fail(error.what(), 130);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}
