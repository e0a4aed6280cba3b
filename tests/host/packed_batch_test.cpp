// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/students/packed_batch.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

TransformerConfig config_of(int positions, int first_position, int vocabulary = 100) {
  TransformerConfig config;
  config.positions = positions;
  config.first_position = first_position;
  config.vocabulary = vocabulary;
  return config;
}

/// ManyTexts of the given lengths.
struct ManyTexts {
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<TokenSpan> spans;

  explicit ManyTexts(const std::vector<std::int64_t>& lengths) {
    std::int32_t id = 0;
    for (const std::int64_t length : lengths) {
      ids.emplace_back();
      for (std::int64_t t = 0; t < length; ++t) ids.back().push_back(id++ % 100);
    }
    spans.assign(ids.begin(), ids.end());
  }
};

PackedBatch packed(const std::vector<std::int64_t>& lengths, int positions = 512,
                   int first_position = 0) {
  const ManyTexts texts(lengths);
  PackedBatch batch;
  batch.pack(texts.spans, config_of(positions, first_position));
  return batch;
}

std::int64_t tokens_of(const PackedBatch& batch, TextRange range) {
  std::int64_t tokens = 0;
  for (std::int64_t text = range.first; text < range.last; ++text)
    tokens += batch.with_all_queries()[static_cast<std::size_t>(text)].tokens;
  return tokens;
}

void check_packed(const PackedBatch& batch, const ManyTexts& texts, int first_position) {
  std::int64_t row = 0;
  REQUIRE(batch.texts() == static_cast<std::int64_t>(texts.ids.size()));
  REQUIRE(batch.with_all_queries().size() == texts.ids.size());
  REQUIRE(batch.with_first_queries().size() == texts.ids.size());
  for (std::size_t i = 0; i < texts.ids.size(); ++i) {
    const auto tokens = static_cast<std::int64_t>(texts.ids[i].size());
    const auto number = static_cast<std::int64_t>(i);
    const PackedText& all = batch.with_all_queries()[i];
    CHECK(all.first == row);
    CHECK(all.tokens == tokens);
    CHECK(all.first_query == row);
    CHECK(all.queries == tokens);
    CHECK(all.number == number);
    const PackedText& first = batch.with_first_queries()[i];
    CHECK(first.first == row);
    CHECK(first.tokens == tokens);
    CHECK(first.first_query == number);
    CHECK(first.queries == 1);
    CHECK(first.number == number);
    CHECK(batch.first_token_rows()[i] == row);
    for (std::int64_t t = 0; t < tokens; ++t, ++row) {
      const auto at = static_cast<std::size_t>(row);
      REQUIRE(batch.ids()[at] == texts.ids[i][static_cast<std::size_t>(t)]);
      REQUIRE(batch.positions()[at] == t + first_position);
      REQUIRE(batch.rows()[at] == row);
    }
  }
  CHECK(batch.tokens() == row);
  CHECK(static_cast<std::int64_t>(batch.ids().size()) == row);
  CHECK(static_cast<std::int64_t>(batch.positions().size()) == row);
}

std::string complaint(const std::vector<TokenSpan>& texts, const TransformerConfig& config) {
  PackedBatch batch;
  try {
    batch.pack(texts, config);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

}  // namespace

TEST_CASE("texts lie end to end, positions begin anew in each", "[packed_batch]") {
  const int first_position = GENERATE(0, 2);  // BERT's, RoBERTa's
  // One text of one token; equal ones; the shortest among the longest.
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{1}, {3, 3}, {1, 40, 2, 1, 17}}) {
    const ManyTexts texts(lengths);
    PackedBatch batch;
    batch.pack(texts.spans, config_of(64, first_position));
    check_packed(batch, texts, first_position);
  }
}

TEST_CASE("a batch that is used again forgets what it held", "[packed_batch]") {
  PackedBatch batch;
  // Larger, smaller, larger than ever, none.
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{4, 5}, {2}, {7, 1, 9}, {}}) {
    const ManyTexts texts(lengths);
    batch.pack(texts.spans, config_of(64, 0));
    check_packed(batch, texts, 0);
  }
  // Also after texts that it has refused.
  const ManyTexts empty({3, 0});
  CHECK_THROWS_AS(batch.pack(empty.spans, config_of(64, 0)), InputError);
  const ManyTexts texts({2, 6});
  batch.pack(texts.spans, config_of(64, 0));
  check_packed(batch, texts, 0);
}

TEST_CASE("a text as long as the model is taken, one token more is not", "[packed_batch]") {
  const ManyTexts texts({1, 14, 15});
  const auto first_two = std::vector<TokenSpan>(texts.spans.begin(), texts.spans.begin() + 2);
  CHECK(complaint(first_two, config_of(16, 2)) == "no InputError");
  CHECK(complaint(texts.spans, config_of(16, 2)) ==
        "text 2 of a batch (from 0) has 15 tokens, expected 1 to 14: encode it with a tokenizer "
        "that truncates");
  CHECK(complaint(texts.spans, config_of(16, 0)) == "no InputError");
}

TEST_CASE("a text without tokens is refused", "[packed_batch]") {
  const ManyTexts texts({2, 0});
  CHECK_THAT(complaint(texts.spans, config_of(16, 0)),
             Catch::Contains("text 1 of a batch") && Catch::Contains("0 tokens, expected 1 to 16"));
}

TEST_CASE("an id without a row in the table is refused", "[packed_batch]") {
  const auto complaint_of = [](std::int32_t id) {
    const std::vector<std::int32_t> ids{0, 7, id};
    return complaint({TokenSpan(ids)}, config_of(16, 0, 8));
  };
  CHECK(complaint_of(7) == "no InputError");
  CHECK(complaint_of(0) == "no InputError");
  CHECK(complaint_of(8) == "a text has the token id 8, expected 0 to 7");
  CHECK(complaint_of(-1) == "a text has the token id -1, expected 0 to 7");
  CHECK_THAT(complaint_of(std::numeric_limits<std::int32_t>::min()),
             Catch::Contains("-2147483648, expected 0 to 7"));
}

TEST_CASE("ranges hold every text once, in order", "[packed_batch]") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  CounterRng rng(seed, RandomPurpose::resampling);
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < 33; ++i) lengths.push_back(1 + rng.below(rng.uniform() < 0.2f ? 120 : 15));
  const PackedBatch batch = packed(lengths);
  const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  // No and one part, threads of laptops and servers, as many as texts, more than tokens.
  for (const std::int64_t parts : {0, 1, 2, 3, 4, 7, 16, 32, 33, 34, 64, 100000}) {
    // Of every size: a token, less and more than a text, a few texts, the whole batch, no limit.
    for (const std::int64_t most : {1, 10, 120, 200, 512, 100000}) {
      const std::vector<TextRange> ranges = batch.cut(parts, most);
      INFO(parts << " parts of " << most << " tokens at most");
      std::int64_t next = 0;
      for (const TextRange range : ranges) {
        REQUIRE(range.first == next);
        REQUIRE(range.last > range.first);
        next = range.last;
      }
      REQUIRE(next == batch.texts());
      if (most < batch.tokens()) continue;
      // About as many tokens in each: a range goes over its share by a text at most.
      const std::int64_t wanted = std::max<std::int64_t>(parts, 1);
      CHECK(static_cast<std::int64_t>(ranges.size()) <= wanted);
      for (const TextRange range : ranges)
        CHECK(tokens_of(batch, range) <= batch.tokens() / wanted + 1 + longest);
    }
  }
}

TEST_CASE("a range has more tokens than allowed only where it is one text", "[packed_batch]") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  CounterRng rng(seed, RandomPurpose::resampling, 1);
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < 50; ++i) lengths.push_back(1 + rng.below(60));
  const PackedBatch batch = packed(lengths);
  for (const std::int64_t parts : {1, 3}) {
    for (const std::int64_t most : {1, 20, 60, 100, 512}) {
      for (const TextRange range : batch.cut(parts, most)) {
        INFO("at most " << most << ", texts " << range.first << " to " << range.last);
        CHECK((tokens_of(batch, range) <= most || range.last == range.first + 1));
      }
    }
  }
}

TEST_CASE("equal texts are shared out equally", "[packed_batch]") {
  const PackedBatch batch = packed(std::vector<std::int64_t>(12, 10));
  for (const std::int64_t parts : {1, 2, 3, 4, 6, 12}) {
    const std::vector<TextRange> ranges = batch.cut(parts, 1000);
    REQUIRE(static_cast<std::int64_t>(ranges.size()) == parts);
    for (const TextRange range : ranges) CHECK(range.last - range.first == 12 / parts);
  }
}

TEST_CASE("a batch of no texts is cut into no ranges", "[packed_batch]") {
  const PackedBatch batch = packed({});
  CHECK(batch.cut(0, 512).empty());
  CHECK(batch.cut(3, 512).empty());
  CHECK(PackedBatch().cut(3, 512).empty());
}
