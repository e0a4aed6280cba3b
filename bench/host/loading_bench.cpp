// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// From a file of a million texts to columns in memory: bytes of the file by seconds, and the peak
// memory of a process that does nothing else, by bytes of the file. nlohmann's parser, a line at a
// time, does the same work as the yardstick. The file has just been written, so it comes from the
// page cache.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/data/wordnet.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using bench::Report;

namespace {

constexpr std::int64_t text_count = 1'000'000;
constexpr int repetitions = 5;

/// What was read, as one number: order, texts and labels count (FNV-1a).
class Digest {
 public:
  void add(std::string_view text) {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    hash_ = (hash_ ^ 0xFFu) * 0x100000001B3u;  // a byte that UTF-8 does not have
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325u;
};

// ---- in the child: one loading

/// The most memory this process ever had, in bytes.
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024.0 * std::stod(line.substr(6));
  }
  throw std::runtime_error("/proc/self/status has no VmHWM");
}

void print_loading(double seconds, double peak, const Digest& digest) {
  std::printf("%.9f %.0f %" PRIu64 "\n", seconds, peak, digest.value());
}

void load_with_candist(const std::filesystem::path& file) {
  LabelSpace labels;
  Texts texts;
  const double seconds =
      bench::seconds_of([&] { texts = read_texts(file, labels, UnknownLabels::add); });
  const double peak = peak_memory();
  Digest digest;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    digest.add(texts.texts[row]);
    digest.add(labels.name(texts.labels[static_cast<std::size_t>(row)]));
  }
  print_loading(seconds, peak, digest);
}

/// As one would write it, without candist's checks (ids given twice, empty texts, the line of an
/// error).
void load_with_nlohmann(const std::filesystem::path& file) {
  std::vector<std::string> ids;
  std::vector<std::string> texts;
  std::vector<int> labels;
  std::vector<std::string> names;
  const double seconds = bench::seconds_of([&] {
    std::map<std::string, int> index;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      auto object = nlohmann::json::parse(line);
      ids.push_back(std::move(object["id"].get_ref<std::string&>()));
      texts.push_back(std::move(object["text"].get_ref<std::string&>()));
      const auto& label = object["label"].get_ref<std::string&>();
      const auto [entry, added] = index.emplace(label, static_cast<int>(index.size()));
      if (added) names.push_back(label);
      labels.push_back(entry->second);
    }
  });
  const double peak = peak_memory();
  Digest digest;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    digest.add(texts[row]);
    digest.add(names[static_cast<std::size_t>(labels[row])]);
  }
  print_loading(seconds, peak, digest);
}

int child(const std::string& reader, const std::filesystem::path& file) {
  return bench::run(
      [&] { reader == "nlohmann" ? load_with_nlohmann(file) : load_with_candist(file); });
}

// ---- in the parent

/// WordNet's entries in random order, again and again.
std::uint64_t write_texts(const std::filesystem::path& jsonl, const std::filesystem::path& tsv) {
  LabelSpace labels;
  for (const char* name : wordnet_categories) labels.add(name);
  const Texts entries = read_wordnet_nouns("/usr/share/wordnet/data.noun", labels);
  std::ofstream json_file(jsonl);
  std::ofstream tsv_file(tsv);
  Digest digest;
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < text_count; ++i) {
    const std::int64_t at = i % entries.rows();
    if (at == 0) {
      order =
          random_order(entries.rows(), 1, RandomPurpose::data_split, static_cast<std::uint64_t>(i));
    }
    const std::int64_t row = order[static_cast<std::size_t>(at)];
    const std::string text(entries.texts[row]);
    const std::string& label = labels.name(entries.labels[static_cast<std::size_t>(row)]);
    json_file << "{\"id\": \"text" << i << "\", \"text\": " << nlohmann::json(text).dump()
              << ", \"label\": \"" << label << "\"}\n";
    tsv_file << label << '\t' << text << '\n';
    digest.add(text);
    digest.add(label);
  }
  if (!json_file.flush() || !tsv_file.flush())
    throw std::runtime_error("no room for 200 MB in the temporary folder");
  return digest.value();
}

void measure(Report& report) {
  const testing::TemporaryFolder folder;
  const auto jsonl = folder / "texts.jsonl";
  const auto tsv = folder / "texts.tsv";
  const std::uint64_t digest = write_texts(jsonl, tsv);
  struct Variant {
    std::string name;
    std::string reader;
    std::filesystem::path file;
    std::vector<double> speeds;
    std::vector<double> peaks;
  };
  std::vector<Variant> variants{{"read_texts .jsonl", "candist", jsonl, {}, {}},
                                {"nlohmann .jsonl", "nlohmann", jsonl, {}, {}},
                                {"read_texts .tsv", "candist", tsv, {}, {}}};
  std::vector<double> ratios;
  for (int i = 0; i < repetitions; ++i) {
    for (Variant& variant : variants) {
      const auto bytes = static_cast<double>(std::filesystem::file_size(variant.file));
      std::istringstream answer(
          bench::run_child({"/proc/self/exe", "--child", variant.reader, variant.file}).output);
      double seconds = 0.0;
      double peak = 0.0;
      std::uint64_t read = 0;
      answer >> seconds >> peak >> read;
      bench::require(answer && read == digest, variant.name + " read other texts");
      variant.speeds.push_back(bytes / seconds);
      variant.peaks.push_back(peak / bytes);
    }
    ratios.push_back(variants[0].speeds.back() / variants[1].speeds.back());
  }
  for (const Variant& variant : variants) {
    const auto megabytes = static_cast<double>(std::filesystem::file_size(variant.file)) * 1e-6;
    const std::string shape = "N=" + std::to_string(text_count) +
                              " file=" + std::to_string(std::lround(megabytes)) + "MB";
    report.add(variant.name, shape, variant.speeds, "MB/s", 1e-6);
    report.add(variant.name + " peak memory", shape, variant.peaks, "x file");
  }
  report.add("read_texts / nlohmann .jsonl", "N=" + std::to_string(text_count), ratios, "ratio");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--child") return child(argv[2], argv[3]);
  Report report("loading", argc, argv);
  return bench::run([&] { measure(report); });
}
