// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/text/tokenizer_source.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "candist/text/utf8.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;

namespace {

using Ids = std::vector<std::int32_t>;

/// Capitals, accents that stand apart, white space, punctuation within ASCII and beyond, ideographs,
/// scripts without capitals, emoji, digits, control characters, nothing.
const std::vector<std::string> corpus{
    "The cat sat on the mat; the dog did not.",
    "Crème brûlée, crème FRAÎCHE and cre\u0300me!",
    "He said \u00ABzebra\u00BB \u2014 don\u2019t\u2026 \u201Cquick\u201D\u2013\u201Cvex\u201D",
    "中文 and 日本語テキスト",
    "Привет, мир! привет",
    "مرحبا بالعالم",
    "😀😀 smile\u200D😀",
    "a1b2c3 3.14 #hash @user [x] {y} ##z",
    "tabs\tand\nlines\r\nand\u00A0spaces\u3000wide",
    "bell\a and zero\x01width",
    "",
    "   ",
    "ß ﬁ Ⅷ ½ İstanbul ǅ",
    "[MASK] is not [UNK], nor [CLS]",
};

template <class Column>
TokenizerSource made_of(const Column& texts, std::int64_t max_length = 0,
                        std::int32_t most = 16384) {
  return make_tokenizer(texts, static_cast<std::int64_t>(texts.size()), max_length, most);
}
Ids encoded(const TokenizerSource& source, std::string_view text) {
  Ids ids;
  source.tokenizer->encode(text, ids);
  return ids;
}
Ids encoded_bare(const TokenizerSource& source, std::string_view text) {
  Ids ids;
  source.tokenizer->encode_bare(text, ids);
  return ids;
}
std::int32_t id_of(const TokenizerSource& source, std::string_view token) {
  return source.tokenizer->vocabulary().find(token);
}
std::int64_t unknown_in(const TokenizerSource& source, std::string_view text) {
  const Ids ids = encoded_bare(source, text);
  return std::count(ids.begin(), ids.end(), id_of(source, "[UNK]"));
}
std::string tokens_of(const TokenizerSource& source, std::string_view text) {
  std::string tokens;
  for (const std::int32_t id : encoded(source, text))
    tokens += (tokens.empty() ? "" : " ") + std::string(source.tokenizer->vocabulary()[id]);
  return tokens;
}

}  // namespace

TEST_CASE("a tokenizer depends on its texts, not on their order", "[tokenizer_source]") {
  const TokenizerSource one = made_of(corpus);
  CHECK(made_of(corpus).files == one.files);
  std::vector<std::string> reversed(corpus.rbegin(), corpus.rend());
  CHECK(made_of(reversed).files == one.files);
  // Of the texts it is told to read, and no others.
  std::vector<std::string> more = corpus;
  more.push_back("unread unread");
  CHECK(make_tokenizer(more, static_cast<std::int64_t>(corpus.size()), 0).files == one.files);
}

TEST_CASE("special tokens come first, in BERT's roles", "[tokenizer_source]") {
  const TokenizerSource source = made_of(corpus);
  const Vocabulary& vocabulary = source.tokenizer->vocabulary();
  std::int32_t id = 0;
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    CHECK(vocabulary[id] == special);
    ++id;
  }
  CHECK(vocabulary.count() == vocabulary.size());
  CHECK(source.tokenizer->frame().before == Ids{2});
  CHECK(source.tokenizer->frame().after == Ids{3});
  CHECK(tokens_of(source, "[MASK]") == "[CLS] [MASK] [SEP]");
}

TEST_CASE("no text that it was made of has an unknown word", "[tokenizer_source]") {
  const TokenizerSource source = made_of(corpus);
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    if (corpus[i].find("[UNK]") != std::string::npos) continue;
    INFO("text " << i << ": " << shown(corpus[i]) << ": " << tokens_of(source, corpus[i]));
    CHECK(unknown_in(source, corpus[i]) == 0);
  }
}

TEST_CASE("every character of the texts is a token, alone and inside a word",
          "[tokenizer_source]") {
  const TokenizerSource source = made_of(std::vector<std::string>{"abc xyz", "\u00E9t\u00E9 Я"});
  // Words of characters that stood elsewhere in theirs.
  for (const char* text : {"a", "b", "c", "x", "y", "z", "cba", "zyxcba", "te", "я", "яb", "aя"}) {
    INFO(text << ": " << tokens_of(source, text));
    CHECK(unknown_in(source, text) == 0);
  }
  CHECK(unknown_in(source, "q") == 1);
}

TEST_CASE("a word that is met again is a token, whatever its capitals and accents",
          "[tokenizer_source]") {
  const TokenizerSource source = made_of(corpus);
  CHECK(tokens_of(source, "the") == "[CLS] the [SEP]");
  CHECK(tokens_of(source, "CR\u00C8ME") == "[CLS] creme [SEP]");
  CHECK(tokens_of(source, "ПРИВЕТ, мир") == "[CLS] привет , м ##и ##р [SEP]");
  // Met once: it is its pieces.
  CHECK(tokens_of(source, "dog") == "[CLS] d ##o ##g [SEP]");
  CHECK(id_of(source, "dog") < 0);
}

TEST_CASE("frequent tokens have the smaller ids", "[tokenizer_source]") {
  const TokenizerSource source =
      made_of(std::vector<std::string>{"rare often often most", "most rare most often", "most"});
  CHECK(id_of(source, "most") >= 0);
  CHECK(id_of(source, "most") < id_of(source, "often"));
  CHECK(id_of(source, "often") < id_of(source, "rare"));
  // All characters come before all words, so that no limit takes a character for a word.
  CHECK(id_of(source, "##n") < id_of(source, "most"));
}

TEST_CASE("there are no more tokens than asked for", "[tokenizer_source]") {
  const std::int32_t all = made_of(corpus).tokenizer->vocabulary().size();
  // The special tokens alone, a few characters, some words, one less than all, all.
  for (const std::int32_t most : {5, 6, 20, 100, all - 1, all, all + 1}) {
    const TokenizerSource source = made_of(corpus, 16, most);
    INFO(most << " of " << all);
    CHECK(source.tokenizer->vocabulary().size() == std::min(most, all));
    const std::string& file = source.files.at("vocab.txt");
    CHECK(std::count(file.begin(), file.end(), '\n') == std::min(most, all));
    for (const std::string& text : corpus) {
      const Ids ids = encoded(source, text);
      CHECK(ids.size() <= 16);
      for (const std::int32_t id : ids) REQUIRE((id >= 0 && id < most));
    }
  }
}

TEST_CASE("a tokenizer comes back from its files with the same ids", "[tokenizer_source]") {
  const std::int64_t max_length = GENERATE(0, 12);
  const TokenizerSource source = made_of(corpus, max_length);
  const TemporaryFolder folder;
  write_tokenizer_files(folder.path(), source.files);
  const TokenizerSource back = read_tokenizer(folder.path(), max_length);
  CHECK(back.files == source.files);
  CHECK(back.tokenizer->vocabulary().size() == source.tokenizer->vocabulary().size());
  CHECK(back.tokenizer->frame().max_length == max_length);
  std::vector<std::string> texts = corpus;
  texts.insert(texts.end(), {"unseen words HERE", "a\u0301\u0301 [SEP] x[MASK]y",
                             "\xFF broken \xE4", std::string(200, 'a'), "##z ##"});
  for (const std::string& text : texts) {
    INFO(shown(text));
    CHECK(encoded(back, text) == encoded(source, text));
    CHECK(encoded_bare(back, text) == encoded_bare(source, text));
  }
}

TEST_CASE("files that a folder lacks are left out, others are taken byte by byte",
          "[tokenizer_source]") {
  const TemporaryFolder from;
  CHECK(read_tokenizer_files(from.path()).empty());
  const std::string bytes("a\r\nb\0\xFF", 6);
  from.file("merges.txt", bytes);
  from.file("added_tokens.json", "");
  from.file("other.txt", "not a tokenizer's");
  const TokenizerFiles files = read_tokenizer_files(from.path());
  CHECK(files == TokenizerFiles{{"merges.txt", bytes}, {"added_tokens.json", ""}});
  const TemporaryFolder to;
  to.file("merges.txt", "older and longer than what comes");
  write_tokenizer_files(to.path(), files);
  CHECK(read_file(to / "merges.txt") == bytes);
  CHECK(read_tokenizer_files(to.path()) == files);
}

TEST_CASE("texts are framed, and cut to the length that is asked for", "[tokenizer_source]") {
  const TokenizerSource source = made_of(corpus, 6);
  CHECK(source.tokenizer->frame().max_length == 6);
  CHECK(tokens_of(source, "the the") == "[CLS] the the [SEP]");
  CHECK(tokens_of(source, "the the the the the the") == "[CLS] the the the the [SEP]");
  CHECK(tokens_of(source, "") == "[CLS] [SEP]");
  CHECK(tokens_of(made_of(corpus, 2), "the") == "[CLS] [SEP]");
  CHECK_THROWS_AS(made_of(corpus, 1), ShapeError);  // no room for [CLS] and [SEP]
}

TEST_CASE("a tokenizer of no texts knows its special tokens", "[tokenizer_source]") {
  const TokenizerSource source = made_of(std::vector<std::string>{});
  CHECK(source.tokenizer->vocabulary().size() == 5);
  CHECK(tokens_of(source, "anything at all") == "[CLS] [UNK] [UNK] [UNK] [SEP]");
}

TEST_CASE("bytes that are not UTF-8 count as the tokenizer will count them", "[tokenizer_source]") {
  // Bytes that begin nothing; characters that break off before another one, and at the end of the
  // text; overlong forms; surrogates; beyond U+10FFFF.
  const std::vector<std::string> broken{
      "good \xFF\xFF\xFF\xFF bad good", "in\xE4side inside",   "ends in\xE4",
      "ends in \xF0\x9F\x98",           "\xC0\xAFslash slash", "\xED\xA0\x80 half",
      "\xF7\xBF\xBF\xBF beyond beyond", "\x80\x80\x80",        "\xF0",
  };
  std::vector<std::string> repaired;
  for (const std::string& text : broken) {
    std::string room;
    repaired.emplace_back(repaired_utf8(text, room));
  }
  const TokenizerSource source = made_of(broken);
  CHECK(source.files == made_of(repaired).files);
  for (const std::string& text : broken) {
    INFO(shown(text) << ": " << tokens_of(source, text));
    CHECK(unknown_in(source, text) == 0);
  }
  // And the files can be read.
  const TemporaryFolder folder;
  write_tokenizer_files(folder.path(), source.files);
  CHECK(encoded(read_tokenizer(folder.path(), 0), broken[0]) == encoded(source, broken[0]));
}
TEST_CASE("a vocabulary has room for the special tokens at least", "[tokenizer_source]") {
  const std::vector<std::string> texts{"a b"};
  CHECK_THROWS_WITH(candist::make_tokenizer(texts, 1, 16, 4), Catch::Contains("5 special"));
  CHECK(candist::make_tokenizer(texts, 1, 16, 5).tokenizer->vocabulary().size() == 5);
}
