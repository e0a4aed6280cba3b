// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a translation unit costs: one with the host umbrella, one with each header that the umbrella
// names, and one with each foreign header that the library stands on. Processor time of the
// compiler, which is its time on one core that has nothing else to do.
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "child_process.hpp"
#include "harness.hpp"
#include "support/temporary_folder.hpp"

namespace {

using candist::bench::Report;

constexpr int repetitions = 3;

class Compiler {
 public:
  Compiler() {
    const std::string folders = CANDIST_BENCH_INCLUDES;
    for (std::size_t begin = 0; begin < folders.size();) {
      const std::size_t end = std::min(folders.find('|', begin), folders.size());
      includes_.push_back("-I" + folders.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  /// Processor seconds of compiling a file that holds nothing but `include`.
  double seconds(const std::string& include, const char* optimisation) const {
    const auto source =
        folder_.file("unit.cpp", "#include " + include + "\nint main() { return 0; }\n");
    std::vector<std::string> command{CANDIST_BENCH_CXX, "-std=c++20", optimisation};
    command.insert(command.end(), includes_.begin(), includes_.end());
    command.insert(command.end(), {"-c", source.string(), "-o", (folder_ / "unit.o").string()});
    return candist::bench::run_child(command).cpu_seconds;
  }

 private:
  candist::testing::TemporaryFolder folder_;
  std::vector<std::string> includes_;
};

/// The includes of a file that begin so, in their order.
std::vector<std::string> includes_of(const std::filesystem::path& path,
                                     const std::string& beginning) {
  std::vector<std::string> found;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#include " + beginning)) found.push_back(line.substr(9));
  }
  return found;
}

void measure(Report& report) {
  const std::filesystem::path include = CANDIST_INCLUDE;
  const Compiler compiler;
  const std::string umbrella = "\"candist/candist.hpp\"";
  compiler.seconds(umbrella, "-O0");  // the files come from the disk once
  for (const char* optimisation : {"-O0", "-O2"}) {
    std::vector<double> seconds;
    for (int i = 0; i < repetitions; ++i)
      seconds.push_back(compiler.seconds(umbrella, optimisation));
    report.add("candist/candist.hpp", optimisation, seconds, "s");
  }
  // Headers share what they include, so these do not add up to the umbrella. Once each: there are
  // many of them, and the large ones are what matters.
  std::set<std::string> foreign;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(include)) {
    if (entry.path().extension() != ".hpp") continue;
    for (const char* library : {"<Eigen", "<nlohmann", "<simdjson", "<xtensor"}) {
      for (const std::string& header : includes_of(entry.path(), library)) foreign.insert(header);
    }
  }
  std::vector<std::string> headers = includes_of(include / "candist/candist.hpp", "\"");
  headers.insert(headers.end(), foreign.begin(), foreign.end());
  for (const std::string& header : headers) {
    report.add(header.substr(1, header.size() - 2), "-O0", {compiler.seconds(header, "-O0")}, "s");
  }
}

}  // namespace

int main(int argc, char** argv) {
  Report report("compile_time", argc, argv);
  return candist::bench::run([&] { measure(report); });
}
