// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Annotation through a batch endpoint: requests go out as a file, replies come back as one. The
// files are those of OpenAI's Batch API, which others read too.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "candist/chat/chat_completion.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/jsonl.hpp"
#include "candist/data/string_column.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// What a request of a batch asks about; its custom_id holds all of this.
struct BatchKey {
  std::uint64_t id_hash = 0;        ///< fingerprint(id).high
  std::uint64_t text_hash = 0;      ///< as in a journal
  std::uint32_t settings_hash = 0;  ///< the first 8 digits of Journal::settings_fingerprint()
  int sample = 0;
  int ask = 0;

  bool operator==(const BatchKey&) const = default;
};

/// "ID-TEXT-SETTINGS-SAMPLE-ASK", the hashes with 16, 16 and 8 digits: at most 64 characters, letters
/// (lower case), digits and dashes, which every provider takes, whatever the id of the text is.
inline std::string batch_custom_id(const BatchKey& key);
/// What batch_custom_id wrote; nothing for any other text.
inline std::optional<BatchKey> parse_batch_custom_id(std::string_view custom_id);

/// Settings as a BatchKey holds them, from Journal::settings_fingerprint().
inline std::uint32_t batch_settings_hash(std::string_view settings_fingerprint) {
  return static_cast<std::uint32_t>(
      parse_hex_digits(settings_fingerprint.substr(0, 8)).value_or(0));
}

struct BatchRequest {
  BatchKey key;
  std::string body;  ///< of chat_request_body()
};

/// What one file of a batch may hold; the defaults are OpenAI's.
struct BatchLimits {
  std::int64_t requests = 50000;
  std::int64_t bytes = 200000000;
};

/// Writes requests one by one, into as many files as the limits ask for: batch.jsonl,
/// batch-2.jsonl, ... Each appears when it is whole.
class BatchWriter {
 public:
  explicit BatchWriter(std::filesystem::path path, BatchLimits limits = {})
      : path_(std::move(path)), limits_(limits) {}

  /// Throws InputError for a request larger than a file may be; RunError where writing fails.
  void add(const BatchRequest& request);
  /// The files, in order; none where there were no requests.
  std::vector<std::filesystem::path> finish();

 private:
  std::filesystem::path part(std::size_t number) const;

  std::filesystem::path path_;
  BatchLimits limits_;
  std::unique_ptr<AtomicFile> file_;  ///< none: no request yet
  std::vector<std::filesystem::path> files_;
  std::int64_t requests_ = 0;  ///< of the file being written, as are its bytes
  std::int64_t bytes_ = 0;
};

/// The same for requests that are there already.
inline std::vector<std::filesystem::path> write_batch(const std::filesystem::path& path,
                                                      std::span<const BatchRequest> requests,
                                                      BatchLimits limits = {}) {
  BatchWriter writer(path, limits);
  for (const BatchRequest& request : requests) writer.add(request);
  return writer.finish();
}

/// One line of a batch's results.
struct BatchResult {
  std::int64_t row = 0;  ///< of the text; whether it is still the same text, key.text_hash tells
  BatchKey key;
  std::optional<ChatReply> reply;  ///< nothing where it failed
  std::string failure;             ///< then why, in one line
};

struct BatchReport {
  std::int64_t answered = 0;
  std::int64_t failed = 0;
  std::int64_t duplicates = 0;  ///< results of requests answered before; they are passed over
};

/// Reads a results file (or an errors file: both have one form) and calls visit(BatchResult&&) for
/// every line. `ids` are those of the texts, in any order. Throws InputError with file and line for
/// broken lines and for results that are not of these texts or not of these settings.
template <class Visit>
BatchReport read_batch_results(const std::filesystem::path& path, const StringColumn& ids,
                               std::uint32_t settings_hash, Visit&& visit);

// ---- definitions

inline std::string batch_custom_id(const BatchKey& key) {
  return hex_digits(key.id_hash) + "-" + hex_digits(key.text_hash) + "-" +
         hex_digits(key.settings_hash).substr(8) + "-" + std::to_string(key.sample) + "-" +
         std::to_string(key.ask);
}

inline std::optional<BatchKey> parse_batch_custom_id(std::string_view custom_id) {
  std::string_view parts[5];
  std::string_view rest = custom_id;
  for (std::string_view& part : parts) {
    part = rest.substr(0, rest.find('-'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  const auto whole_number = [](std::string_view part) {
    int number = 0;
    std::from_chars(part.data(), part.data() + part.size(), number);
    return number;
  };
  BatchKey key;
  key.id_hash = parse_hex_digits(parts[0]).value_or(0);
  key.text_hash = parse_hex_digits(parts[1]).value_or(0);
  key.settings_hash = static_cast<std::uint32_t>(parse_hex_digits(parts[2]).value_or(0));
  key.sample = whole_number(parts[3]);
  key.ask = whole_number(parts[4]);
  if (batch_custom_id(key) != custom_id) return std::nullopt;  // there is one spelling only
  return key;
}

inline void BatchWriter::add(const BatchRequest& request) {
  const std::string line = R"({"custom_id":")" + batch_custom_id(request.key) +
                           R"(","method":"POST","url":"/v1/chat/completions","body":)" +
                           request.body + "}\n";
  const auto size = static_cast<std::int64_t>(line.size());
  if (size > limits_.bytes) {
    throw InputError(path_.string(), 0, "a request of " + std::to_string(size) + " bytes",
                     "at most " + std::to_string(limits_.bytes) + " bytes a file");
  }
  if (file_ && (requests_ == limits_.requests || bytes_ + size > limits_.bytes)) {
    file_->commit();
    file_.reset();
  }
  if (!file_) {
    files_.push_back(part(files_.size() + 1));
    file_ = std::make_unique<AtomicFile>(files_.back());
    requests_ = 0;
    bytes_ = 0;
  }
  file_->write(line);
  ++requests_;
  bytes_ += size;
}

inline std::vector<std::filesystem::path> BatchWriter::finish() {
  if (file_) file_->commit();
  file_.reset();
  return std::exchange(files_, {});
}

inline std::filesystem::path BatchWriter::part(std::size_t number) const {
  if (number == 1) return path_;
  // Not ".part-2": a name of that form is an AtomicFile's, left over by process 2.
  return path_.parent_path() /
         (path_.stem().string() + "-" + std::to_string(number) + path_.extension().string());
}

namespace detail {

/// Of a line of results; `failure` says why there is none.
inline std::optional<ChatReply> batch_reply(JsonLines::Object line, std::string& failure) {
  simdjson::dom::element error;
  simdjson::dom::element body;
  std::int64_t status = 200;
  const bool is_error = line["error"].get(error) == simdjson::SUCCESS && !error.is_null();
  const bool has_body = line["response"]["body"].get(body) == simdjson::SUCCESS;
  const bool has_status = line["response"]["status_code"].get(status) == simdjson::SUCCESS;
  if (!has_body || is_error || status != 200) {
    if (is_error) failure = one_line(refusal_text(error));
    if (failure.empty() && has_body) failure = one_line(refusal_text(body));
    if (failure.empty()) failure = "no reason is given";
    if (has_status && status != 200) failure = "HTTP " + std::to_string(status) + ": " + failure;
    return std::nullopt;
  }
  try {
    return chat_reply(body);
  } catch (const ReplyError& unreadable) {
    failure = unreadable.what();
    return std::nullopt;
  }
}

}  // namespace detail

template <class Visit>
BatchReport read_batch_results(const std::filesystem::path& path, const StringColumn& ids,
                               std::uint32_t settings_hash, Visit&& visit) {
  std::unordered_map<std::uint64_t, std::int64_t> rows;
  rows.reserve(static_cast<std::size_t>(ids.size()));
  for (std::int64_t row = 0; row < ids.size(); ++row) rows.emplace(fingerprint(ids[row]).high, row);
  if (static_cast<std::int64_t>(rows.size()) != ids.size())
    throw InputError(path.string(), 0, "two ids of one hash", "texts whose ids differ");
  BatchReport report;
  std::unordered_set<std::string> answered;
  JsonLines lines(path);
  JsonLines::Object object;
  while (lines.next(object)) {
    const auto custom_id = lines.string(object, "custom_id");
    if (!custom_id) lines.fail("no \"custom_id\"", "a line of a batch's results");
    const auto key = parse_batch_custom_id(*custom_id);
    if (!key) lines.fail("custom_id " + quoted(*custom_id), "one that candist wrote");
    if (key->settings_hash != settings_hash) {
      lines.fail("the result of a batch with other settings (custom_id " + quoted(*custom_id) + ")",
                 "results of the batch written with these settings");
    }
    const auto row = rows.find(key->id_hash);
    if (row == rows.end())
      lines.fail("a result of no text here (custom_id " + quoted(*custom_id) + ")",
                 "results of these texts");
    if (answered.contains(std::string(*custom_id))) {
      ++report.duplicates;
      continue;
    }
    BatchResult result{row->second, *key, std::nullopt, {}};
    result.reply = detail::batch_reply(object, result.failure);
    ++(result.reply ? report.answered : report.failed);
    if (result.reply) answered.emplace(*custom_id);
    visit(std::move(result));
  }
  return report;
}

}  // namespace candist
