// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The journal of an annotation: every reply that was paid for, so that none is paid for twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "candist/chat/chat_completion.hpp"
#include "candist/chat/durable_file.hpp"
#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// One reply.
struct JournalEntry {
  std::string id;  ///< of the text
  /// Of the text, and of whatever else of the question the settings do not determine.
  std::uint64_t text_hash = 0;
  int sample = 0;  ///< from 0, where a text is asked about several times
  int ask = 0;     ///< 0: the first question; from 1: asked again, with a reason
  ChatReply reply;
};

/// A file of JSON Lines: the first line holds the settings, every other one a reply and a checksum.
/// For one thread.
class Journal {
 public:
  /// Opens the journal, or begins one. `settings`, an object, is everything that determines the
  /// replies: model, prompt, labels, parameters. What was being written when a process was killed or
  /// the power failed is cut off. Throws InputError for a journal of other settings, one that
  /// another process is writing, and for a damaged line before the last one; RunError where reading
  /// or writing fails.
  Journal(const std::filesystem::path& path, const nlohmann::ordered_json& settings)
      : file_(path), header_(header_line(settings)) {
    read(settings);
  }

  /// What was in the file when it was opened, in its order; of replies to one question (the same
  /// id, text_hash, sample and ask) the first.
  const std::vector<JournalEntry>& recorded() const { return recorded_; }
  /// The same, moved out: recorded() is empty from here on.
  std::vector<JournalEntry> take_recorded() { return std::exchange(recorded_, {}); }
  /// Replies in the file to questions that had one already; they are passed over.
  std::int64_t duplicates() const { return duplicates_; }
  /// Bytes cut off from the end of the file when it was opened.
  std::int64_t torn_bytes() const { return torn_bytes_; }

  /// When this returns the reply outlives the process; it is on the disk a moment later. Bytes that
  /// are not UTF-8 become U+FFFD. Throws RunError where it cannot be written (the file then ends
  /// with the last whole line) or where an earlier reply did not reach the disk.
  void append(const JournalEntry& entry) { file_.append(entry_line(entry)); }
  /// When this returns everything appended is on the disk. Throws RunError.
  void sync() { file_.sync(); }

  /// For a journal's name: 32 digits that stand for the settings.
  static std::string settings_fingerprint(const nlohmann::ordered_json& settings) {
    return fingerprint(dump(settings)).hex();
  }

 private:
  static constexpr const char* not_ours =
      "a journal of candist with these settings (move the file away to begin a new one)";

  static std::string dump(const nlohmann::ordered_json& json) {
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  static std::string header_line(const nlohmann::ordered_json& settings);
  static std::string entry_line(const JournalEntry& entry);
  void read(const nlohmann::ordered_json& settings);
  void expect_header(std::string_view line, const nlohmann::ordered_json& settings) const;
  void read_entries();

  DurableFile file_;
  std::string header_;  ///< with its newline
  std::vector<JournalEntry> recorded_;
  std::int64_t duplicates_ = 0;
  std::int64_t torn_bytes_ = 0;
};

// ---- definitions

namespace detail {

inline constexpr std::string_view check_key = ",\"check\":\"";
inline constexpr std::size_t check_digits = 8;

/// JSON cannot hold a checksum of itself: it is of the bytes before its own key.
inline std::string check_of(std::string_view line) {
  return fingerprint(line).hex().substr(0, check_digits);
}

/// Is this a line that ends in its own checksum?
inline bool check_fits(std::string_view line) {
  const std::size_t tail = check_key.size() + check_digits + 2;
  if (line.size() < tail || !line.ends_with("\"}")) return false;
  const std::string_view body = line.substr(0, line.size() - tail);
  return line.substr(body.size(), check_key.size()) == check_key &&
         line.substr(body.size() + check_key.size(), check_digits) == check_of(body);
}

inline nlohmann::ordered_json compact_logprobs(const std::vector<TokenLogprob>& logprobs) {
  auto tokens = nlohmann::ordered_json::array();
  for (const TokenLogprob& token : logprobs) {
    auto others = nlohmann::ordered_json::array();
    for (const auto& [other, logprob] : token.top) {
      others.push_back(other);
      others.push_back(logprob);
    }
    tokens.push_back(nlohmann::ordered_json::array({token.token, token.logprob, others}));
  }
  return tokens;
}

inline double logprob_in(simdjson::dom::element number) {
  double value = 0;
  return number.get(value) == simdjson::SUCCESS ? value : -9999.0;
}

inline bool read_compact_logprobs(simdjson::dom::array tokens, std::vector<TokenLogprob>& read) {
  read.reserve(tokens.size());
  for (const simdjson::dom::element token : tokens) {
    simdjson::dom::array parts;
    simdjson::dom::array others;
    simdjson::dom::element number;
    std::string_view text;
    if (token.get(parts) != simdjson::SUCCESS || parts.at(0).get(text) != simdjson::SUCCESS ||
        parts.at(1).get(number) != simdjson::SUCCESS ||
        parts.at(2).get(others) != simdjson::SUCCESS) {
      return false;
    }
    read.push_back({std::string(text), logprob_in(number), {}});
    bool is_token = true;
    for (const simdjson::dom::element part : others) {
      if (!is_token) {
        read.back().top.back().second = logprob_in(part);
      } else if (part.get(text) == simdjson::SUCCESS) {
        read.back().top.emplace_back(text, -9999.0);
      } else {
        return false;
      }
      is_token = !is_token;
    }
  }
  return true;
}

inline bool read_count(simdjson::dom::element line, const char* key, int& count) {
  std::int64_t value = 0;
  if (line[key].get(value) != simdjson::SUCCESS || value < 0 || value > 0x7FFFFFFF) return false;
  count = static_cast<int>(value);
  return true;
}

/// False where a field is missing or of another kind.
inline bool read_entry(simdjson::dom::element line, JournalEntry& entry) {
  std::string_view id;
  if (line["id"].get(id) != simdjson::SUCCESS) return false;
  const auto hash = parse_hex_digits(text_at(line, "text"));
  if (!hash || !read_count(line, "sample", entry.sample) || !read_count(line, "ask", entry.ask))
    return false;
  entry.id = id;
  entry.text_hash = *hash;
  ChatReply& reply = entry.reply;
  reply.content = text_at(line, "content");
  reply.finish_reason = text_at(line, "finish_reason");
  reply.model = text_at(line, "model");
  std::int64_t* const counts[] = {&reply.usage.prompt_tokens, &reply.usage.completion_tokens,
                                  &reply.usage.cached_tokens};
  for (std::size_t i = 0; i < 3; ++i) {
    if (line["usage"].at(i).get(*counts[i]) != simdjson::SUCCESS) return false;
  }
  simdjson::dom::array tokens;
  return line["logprobs"].get(tokens) != simdjson::SUCCESS ||
         read_compact_logprobs(tokens, reply.logprobs);
}

}  // namespace detail

inline std::string Journal::header_line(const nlohmann::ordered_json& settings) {
  nlohmann::ordered_json header;
  header["candist_journal"] = 1;
  header["fingerprint"] = settings_fingerprint(settings);
  header["settings"] = settings;
  return dump(header) + "\n";
}

inline std::string Journal::entry_line(const JournalEntry& entry) {
  const ChatReply& reply = entry.reply;
  nlohmann::ordered_json line;
  line["id"] = entry.id;
  line["text"] = hex_digits(entry.text_hash);
  line["sample"] = entry.sample;
  line["ask"] = entry.ask;
  line["content"] = reply.content;
  line["finish_reason"] = reply.finish_reason;
  line["model"] = reply.model;
  line["usage"] = {reply.usage.prompt_tokens, reply.usage.completion_tokens,
                   reply.usage.cached_tokens};
  if (!reply.logprobs.empty()) line["logprobs"] = detail::compact_logprobs(reply.logprobs);
  std::string text = dump(line);
  text.pop_back();
  const std::string check = detail::check_of(text);
  return text.append(detail::check_key).append(check).append("\"}\n");
}

inline void Journal::read(const nlohmann::ordered_json& settings) {
  bool header_is_whole = false;
  bool begun = true;  // a header was being written when its process ended: nothing is lost with it
  {
    LineReader lines(file_.path());
    std::string_view line;
    if (lines.next(line)) {
      header_is_whole = lines.terminated();
      begun = header_.starts_with(line) || line.find_first_not_of('\0') == std::string_view::npos;
      if (header_is_whole || !begun) expect_header(line, settings);
    }
  }
  if (header_is_whole) {
    torn_bytes_ = file_.cut_torn_tail();
    read_entries();
  } else {
    torn_bytes_ = file_.size();
    file_.begin_with(header_);
  }
}

inline void Journal::expect_header(std::string_view line,
                                   const nlohmann::ordered_json& settings) const {
  if (line == std::string_view(header_).substr(0, header_.size() - 1)) return;
  const std::string name = file_.path().string();
  const auto theirs = nlohmann::ordered_json::parse(line, nullptr, false);
  if (!theirs.is_object() || !theirs.contains("candist_journal"))
    throw InputError(name, 1, "something else: " + quoted(line), not_ours);
  if (const auto version = dump(theirs["candist_journal"]); version != "1")
    throw InputError(name, 1, "a journal of version " + shown(version), "version 1");
  const auto ours = nlohmann::ordered_json::parse(dump(settings));
  const auto other = theirs.value("settings", nlohmann::ordered_json::object());
  for (const auto& [key, value] : ours.items()) {
    if (other.is_object() && other.contains(key) && other[key] == value) continue;
    const bool there = other.is_object() && other.contains(key);
    throw InputError(name, 1,
                     "a journal of other settings (" + quoted(key) + " is " +
                         (there ? shown(dump(other[key])) : "not there") + ", now " +
                         shown(dump(value)) + ")",
                     not_ours);
  }
  throw InputError(name, 1, "a journal of other settings", not_ours);
}

inline void Journal::read_entries() {
  simdjson::dom::parser parser;
  std::unordered_set<Fingerprint, FingerprintHash> seen;
  LineReader lines(file_.path());
  std::string_view line;
  lines.next(line);  // the header
  while (lines.next(line)) {
    JournalEntry entry;
    simdjson::dom::element root;
    if (!detail::check_fits(line) ||
        parser.parse(line.data(), line.size(), false).get(root) != simdjson::SUCCESS ||
        !detail::read_entry(root, entry)) {
      lines.fail("a damaged line (it does not fit its checksum): " + quoted(line),
                 "a line as candist wrote it (without the line its text is asked about again)");
    }
    const std::string rest = " " + std::to_string(entry.text_hash) + " " +
                             std::to_string(entry.sample) + " " + std::to_string(entry.ask);
    const Fingerprint question = fingerprint(entry.id + rest);
    if (seen.insert(question).second) {
      recorded_.push_back(std::move(entry));
    } else {
      ++duplicates_;
    }
  }
}

}  // namespace candist
