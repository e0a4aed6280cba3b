// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist annotate --annotator openai, its texts and its server in another process.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/program.hpp"

namespace candist::testing {

using nlohmann::json;

/// candist_chat_server as a child of the test.
class ChatServerProcess {
 public:
  explicit ChatServerProcess(const TemporaryFolder& folder, const std::string& options = "")
      : folder_(folder) {
    std::filesystem::remove(folder / "port");
    const std::string command = "cd '" + folder.path().string() +
                                "' && exec '" CANDIST_CHAT_SERVER
                                "' --port-file port --log asked.txt " +
                                options + " >server.txt 2>&1";
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    wait_until([&] { return std::filesystem::exists(folder / "port"); });
    port_ = std::stoi(read_file(folder / "port"));
  }
  ~ChatServerProcess() {
    kill(child_, SIGTERM);
    status_of(child_);
  }
  ChatServerProcess(const ChatServerProcess&) = delete;
  ChatServerProcess& operator=(const ChatServerProcess&) = delete;

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  /// How often each question arrived.
  std::map<std::string, int> asked() const {
    std::map<std::string, int> counts;
    std::istringstream lines(read_file(folder_ / "asked.txt"));
    for (std::string line; std::getline(lines, line);) ++counts[line];
    return counts;
  }
  std::int64_t requests() const {
    std::int64_t sum = 0;
    for (const auto& [line, count] : asked()) sum += count;
    return sum;
  }

 private:
  const TemporaryFolder& folder_;
  pid_t child_ = -1;
  int port_ = 0;
};

/// "about thing number i", three labels.
inline void write_texts(const TemporaryFolder& folder, int n, const char* file = "texts.jsonl") {
  std::string lines;
  for (int i = 0; i < n; ++i)
    lines +=
        json{{"id", "t" + std::to_string(i)}, {"text", "about thing number " + std::to_string(i)}}
            .dump() +
        "\n";
  folder.file(file, lines);
  folder.file(
      "labels.json",
      R"([{"name": "fruit", "description": "what grows"}, {"name": "vehicle"}, {"name": "colour"}])");
}

/// The command line that asks about them.
inline std::string ask(const ChatServerProcess& server, const std::string& more = "") {
  return "annotate --annotator openai --data texts.jsonl --labels labels.json --model mock --quiet "
         "--out ann.jsonl --endpoint " +
         server.endpoint() + " " + more;
}

inline std::vector<json> lines_of(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

/// The files that hold replies.
inline std::vector<std::filesystem::path> journals(const TemporaryFolder& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename().string().find(".journal-") != std::string::npos)
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace candist::testing
