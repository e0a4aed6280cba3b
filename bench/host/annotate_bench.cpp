// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Asking a language model, from texts to candidate sets: OpenAiAnnotator on libcurl, journal included,
// 64 connections to a server in another process. Where the server takes 50 ms a reply: the rate beside
// the possible one (64 / 50 ms), and what the client takes of one core. Where it takes 1 ms, each side
// waits for the other; the client's own limit is its processor time a request. Every run is a process
// without a past, so its peak memory (`VmHWM`) is that of its texts.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "candist/annotators/openai.hpp"
#include "candist/chat/curl_transport.hpp"
#include "candist/chat/prompts.hpp"
#include "candist/data/wordnet.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "support/chat_server.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using bench::Report;

namespace {

constexpr int connections = 64;
constexpr std::size_t label_count = std::size(wordnet_categories);

/// The label that a request is answered with: the server's side and the check's.
std::size_t label_of(const std::string& body) { return fingerprint(body).low % label_count; }

// ---- in the child: the client

LabelSpace labels() {
  LabelSpace labels;
  for (const char* name : wordnet_categories) labels.add(name);
  return labels;
}

Texts short_texts(std::int64_t count) {
  Texts texts;
  for (std::int64_t i = 0; i < count; ++i) {
    texts.ids.push_back("text" + std::to_string(i));
    texts.texts.push_back("something small and round, number " + std::to_string(i) +
                          ", that is found in houses");
    texts.labels.push_back(-1);
  }
  return texts;
}

/// A figure of /proc/self/status in bytes: VmHWM is the most memory this process ever had.
double memory(const std::string& figure) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(figure + ":")) return 1024.0 * std::stod(line.substr(figure.size() + 1));
  }
  throw std::runtime_error("/proc/self/status has no " + figure);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void annotate(const std::string& url, std::int64_t count) {
  const testing::TemporaryFolder folder;
  const LabelSpace all = labels();
  const Texts texts = short_texts(count);
  OpenAiOptions options;
  options.task.labels = &all;
  options.task.description = "sorting things by what they are";
  options.chat.model = "mock";
  options.client.concurrency = connections;
  options.journal = folder / "answers";
  OpenAiAnnotator annotator(
      CandidatesAll{}, CurlTransport({.url = url, .connections = connections}), std::move(options));
  const double cpu_before = cpu_seconds();
  Annotations annotations(all.size());
  const double seconds = bench::seconds_of([&] { annotations = annotator.annotate(texts); });
  const double cpu = cpu_seconds() - cpu_before;
  const double peak = memory("VmHWM");
  bench::require(annotations.rows() == count, "as many sets as texts");
  for (std::int64_t row = 0; row < count; ++row) {
    const auto found = annotations.labels(row);
    bench::require(found.size() == 1 && static_cast<std::size_t>(found[0]) ==
                                            label_of(annotator.request(texts, row)),
                   "the label of text " + std::to_string(row));
  }
  std::printf("%.9f %.9f %.0f\n", seconds, cpu, peak);
}

// ---- in the parent: the server

struct Run {
  double seconds = 0.0;
  double cpu_seconds = 0.0;
  double peak = 0.0;  ///< bytes
};

Run run_client(std::int64_t count, int latency_ms) {
  const testing::ChatServer server([&](const testing::ServerRequest& request) {
    return testing::ServerReply{
        .body = testing::chat_completion(wordnet_categories[label_of(request.body)],
                                         request.body.size()),
        .delay_ms = latency_ms};
  });
  std::istringstream answer(
      bench::run_child({"/proc/self/exe", "--child", server.url(), std::to_string(count)}).output);
  Run run;
  answer >> run.seconds >> run.cpu_seconds >> run.peak;
  bench::require(answer && server.requests() == count, "every text is asked about once");
  bench::require(server.connections() <= connections, "connections are kept");
  return run;
}

std::string shape_of(std::int64_t count, int latency_ms) {
  return "N=" + std::to_string(count) + " latency=" + std::to_string(latency_ms) +
         "ms connections=" + std::to_string(connections);
}

/// The peaks.
std::vector<double> measure(Report& report, std::int64_t count, int latency_ms, int repetitions) {
  std::vector<double> rates;
  std::vector<double> shares;
  std::vector<double> cores;
  std::vector<double> costs;
  std::vector<double> peaks;
  for (int i = 0; i < repetitions; ++i) {
    const Run run = run_client(count, latency_ms);
    const auto texts = static_cast<double>(count);
    rates.push_back(texts / run.seconds);
    shares.push_back(rates.back() * 1e-3 * latency_ms / connections);
    cores.push_back(run.cpu_seconds / run.seconds);
    costs.push_back(run.cpu_seconds / texts);
    peaks.push_back(run.peak);
  }
  const std::string shape = shape_of(count, latency_ms);
  report.add("OpenAiAnnotator", shape, rates, "requests/s", 1.0, 2);
  if (latency_ms >= 10) report.add("OpenAiAnnotator / possible rate", shape, shares, "%", 100.0, 2);
  report.add("OpenAiAnnotator of one core", shape, cores, "%", 100.0, 2);
  report.add("OpenAiAnnotator processor time", shape, costs, "us/request", 1e6, 2);
  report.add("OpenAiAnnotator peak memory", shape, peaks, "MB", 1e-6, 2);
  return peaks;
}

void measure(Report& report) {
  const std::int64_t few = 1'000;
  const std::int64_t many = 10'000;
  const std::int64_t most = 100'000;
  const std::vector<double> few_peaks = measure(report, few, 50, 3);
  const std::vector<double> many_peaks = measure(report, many, 50, 3);
  const std::vector<double> most_peaks = measure(report, most, 1, 3);
  const auto growth = [&](const std::vector<double>& less, const std::vector<double>& more,
                          std::int64_t from, std::int64_t to) {
    std::vector<double> bytes;
    for (std::size_t i = 0; i < less.size(); ++i)
      bytes.push_back((more[i] - less[i]) / static_cast<double>(to - from));
    report.add("OpenAiAnnotator peak memory a text",
               "N=" + std::to_string(from) + ".." + std::to_string(to), bytes, "B", 1.0, 2);
  };
  growth(few_peaks, many_peaks, few, many);
  growth(many_peaks, most_peaks, many, most);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--child")
    return bench::run([&] { annotate(argv[2], std::atoll(argv[3])); });
  Report report("annotate", argc, argv);
  return bench::run([&] { measure(report); });
}
