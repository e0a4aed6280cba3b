// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What Hugging Face `tokenizers` gives (tests/fixtures/make_tokenizer_fixtures.py), and what must
// hold for every tokenizer.
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/text/tokenizer_folder.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;

namespace {

using Ids = std::vector<std::int32_t>;

std::filesystem::path fixtures() {
  return std::filesystem::path(CANDIST_EXAMPLES_DATA) / "../../tests/fixtures/tokenizers";
}

std::vector<std::string> texts() {
  return nlohmann::json::parse(read_file(fixtures() / "texts.json"));
}

/// A line a text.
std::vector<Ids> expected_ids(const std::string& name) {
  std::vector<Ids> all;
  std::ifstream file(fixtures() / (name + ".ids"));
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    all.emplace_back();
    for (std::int32_t id; numbers >> id;) all.back().push_back(id);
  }
  return all;
}

Ids encoded(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  tokenizer.encode(text, ids);
  return ids;
}
Ids encoded_bare(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  tokenizer.encode_bare(text, ids);
  return ids;
}
/// The tokens of a text, with a space between them.
std::string tokens_of(const Tokenizer& tokenizer, std::string_view text) {
  std::string tokens;
  for (const std::int32_t id : encoded(tokenizer, text))
    tokens += (tokens.empty() ? "" : " ") + std::string(tokenizer.vocabulary()[id]);
  return tokens;
}

/// The message of the InputError that loading a folder must end in, without the folder's name.
std::string complaint(const TemporaryFolder& folder, LoadTokenizerOptions options = {}) {
  try {
    load_tokenizer(folder.path(), options);
  } catch (const InputError& error) {
    std::string message = error.what();
    const std::string prefix = folder.path().string();
    if (message.starts_with(prefix)) message.erase(0, prefix.size());
    if (message.starts_with("/")) message.erase(0, 1);
    return message;
  }
  return "no InputError";
}

std::string repeated(const std::string& unit, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

/// One-character texts that have brought tokenizers to their knees.
const std::vector<std::string> hostile_units{"a",
                                             "\u0301",
                                             " ",
                                             "😀",
                                             "中",
                                             "'",
                                             "[",
                                             "<",
                                             "\xFF",
                                             "\xE4",
                                             ".",
                                             "\u200D",
                                             std::string(1, '\0'),
                                             "1",
                                             "a\u0301",
                                             "\u302E\U0001D165",
                                             "<mask> ",
                                             "[MASK]",
                                             std::string(99, 'a') + " "};

}  // namespace

// ---- Hugging Face's answers

TEST_CASE("ids are those of Hugging Face tokenizers, from every form of a tokenizer's files") {
  const std::vector<std::string> all = texts();
  REQUIRE(all.size() > 300);
  const auto [folder, answers] = GENERATE(table<std::string, std::string>({
      {"bert_uncased", "bert_uncased"},
      {"bert_uncased_files", "bert_uncased"},
      {"bert_cased", "bert_cased"},
      {"bert_cased_files", "bert_cased"},
      {"bert_added", "bert_added"},
      {"roberta", "roberta"},
      {"roberta_files", "roberta"},
      {"gpt2_added", "gpt2_added"},
  }));
  const Tokenizer tokenizer = load_tokenizer(fixtures() / folder);
  const std::vector<Ids> expected = expected_ids(answers);
  REQUIRE(expected.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(folder << ", text " << i << ": " << shown(all[i]));
    CHECK(encoded(tokenizer, all[i]) == expected[i]);
  }
}

TEST_CASE("the classes and the small letter of every code point are Hugging Face's") {
  struct Known {
    int bits = 0;
    int shift = 0;
  };
  std::vector<Known> known(0x110000);
  std::ifstream file(fixtures() / "character_classes.txt");
  std::uint32_t first = 0;
  std::uint32_t more = 0;
  for (Known run; file >> std::hex >> first >> more >> run.bits >> std::dec >> run.shift;)
    std::fill_n(known.begin() + first, more + 1, run);
  REQUIRE(known['Q'].shift == 32);
  const CharacterTable& table = CharacterTable::get();
  int wrong = 0;
  for (char32_t c = 0; c < known.size(); ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    int bits = table[c] & 0xFF;
    if (c == 0xFFFD || c == 0) bits &= ~character::control;  // cleaned for a reason of their own
    const char32_t small = c == 0x130 ? U'i' : lower_case(c);
    const auto shift = static_cast<int>(small) - static_cast<int>(c);
    const bool changes = (table[c] & character::lower_cased) != 0;
    if (bits == known[c].bits && shift == known[c].shift && changes == (shift != 0)) continue;
    if (++wrong > 5) continue;
    FAIL_CHECK("U+" << std::hex << static_cast<std::uint32_t>(c) << ": classes " << bits << " for "
                    << known[c].bits << ", small letter " << std::dec << shift << " for "
                    << known[c].shift << " code points further");
  }
  CHECK(wrong == 0);
}

// ---- WordPiece

namespace {

/// A folder with a vocabulary of BERT's form.
const std::vector<std::string> bert_tokens{"[PAD]", "[UNK]",  "[CLS]", "[SEP]", "[MASK]", "un",
                                           "##aff", "##able", "a",     "##a",   "!",      "中"};
std::string lines(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token + "\n";
  return text;
}

}  // namespace

TEST_CASE("WordPiece takes the longest token each time, and a word with a rest is unknown") {
  const TemporaryFolder folder;
  folder.file("vocab.txt", lines(bert_tokens));
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  // The example of BERT's own tokenization.py.
  CHECK(tokens_of(tokenizer, "Unaffable") == "[CLS] un ##aff ##able [SEP]");
  CHECK(tokens_of(tokenizer, "unaffably") == "[CLS] [UNK] [SEP]");
  CHECK(tokens_of(tokenizer, "un-able!") == "[CLS] un [UNK] [UNK] ! [SEP]");
  CHECK(tokens_of(tokenizer, "a中a") == "[CLS] a 中 a [SEP]");
  CHECK(tokens_of(tokenizer, "") == "[CLS] [SEP]");
  // Words of up to 100 characters; an accent is none of them once it has been stripped.
  const auto count = [&](const std::string& text) { return encoded_bare(tokenizer, text).size(); };
  CHECK(count(std::string(100, 'a')) == 100);
  CHECK(count(std::string(101, 'a')) == 1);
  CHECK(count(repeated("a\u0301", 300)) == 100);
}

TEST_CASE("a cased vocabulary keeps case and accents, by tokenizer_config.json") {
  const TemporaryFolder folder;
  folder.file("vocab.txt", lines({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "A", "Á"}));
  CHECK(tokens_of(load_tokenizer(folder.path()), "A Á a") == "[CLS] a a a [SEP]");
  folder.file("tokenizer_config.json", R"({"do_lower_case": false})");
  CHECK(tokens_of(load_tokenizer(folder.path()), "A Á a") == "[CLS] A Á a [SEP]");
  folder.file("tokenizer_config.json", R"({"do_lower_case": false, "strip_accents": true})");
  CHECK(tokens_of(load_tokenizer(folder.path()), "A Á a") == "[CLS] A A a [SEP]");
}

TEST_CASE("tokenizer_config.json and added_tokens.json add tokens to a vocabulary") {
  const TemporaryFolder folder;
  folder.file("vocab.txt", lines(bert_tokens));
  folder.file("added_tokens.json", R"({"NewTok": 12})");
  CHECK(tokens_of(load_tokenizer(folder.path()), "a newtok a") == "[CLS] a NewTok a [SEP]");
  CHECK(load_tokenizer(folder.path()).vocabulary().size() == 13);
  folder.file("tokenizer_config.json",
              R"({"added_tokens_decoder": {"14": {"content": "Tok", "special": true}}})");
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  CHECK(tokens_of(tokenizer, "aToka tok") == "[CLS] a Tok a [UNK] [SEP]");
  CHECK(tokenizer.vocabulary().size() == 15);
  CHECK_FALSE(tokenizer.vocabulary().has(13));
}

// ---- byte-level BPE

namespace {

/// The specification: look at all pairs, merge the best, begin again.
Ids merged_plainly(const std::map<std::pair<int, int>, std::pair<int, int>>& merges, Ids tokens) {
  while (true) {
    std::size_t best = tokens.size();
    int rank = 1 << 30;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto found = merges.find({tokens[i], tokens[i + 1]});
      if (found != merges.end() && found->second.first < rank) best = i, rank = found->second.first;
    }
    if (best == tokens.size()) return tokens;
    tokens[best] = merges.at({tokens[best], tokens[best + 1]}).second;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace

TEST_CASE("short and long words are merged as the definition says") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  CounterRng rng(seed, RandomPurpose::resampling, 0, 0);
  BytePairMerges merges;
  std::map<std::pair<int, int>, std::pair<int, int>> plain;
  // Tokens are texts over {a, b, c}, as they are in a real vocabulary; 0, 1, 2 are the letters.
  std::vector<std::string> tokens{"a", "b", "c"};
  for (int tries = 0; tries < 60; ++tries) {
    const auto any = [&] {
      return static_cast<int>(rng.below(static_cast<std::uint32_t>(tokens.size())));
    };
    const int left = any();
    const int right = any();
    const std::string text = tokens[std::size_t(left)] + tokens[std::size_t(right)];
    auto found = std::find(tokens.begin(), tokens.end(), text);
    const auto merged = static_cast<int>(found - tokens.begin());
    const bool fresh =
        plain.emplace(std::pair(left, right), std::pair(merges.size(), merged)).second;
    CHECK(merges.add(left, right, merged) == fresh);
    if (fresh && found == tokens.end()) tokens.push_back(text);
  }
  // Around the length where the way of merging changes.
  for (const std::size_t length : {0u, 1u, 2u, 3u, 8u, 31u, 32u, 33u, 64u, 300u}) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      Ids word;
      for (std::size_t i = 0; i < length; ++i)
        word.push_back(static_cast<int>(rng.below(repeat == 0 ? 1 : 3)));
      const Ids expected = merged_plainly(plain, word);
      merges.apply(word);
      INFO("length " << length << ", repeat " << repeat);
      CHECK(word == expected);
    }
  }
}

TEST_CASE("GPT-2's words") {
  const auto words = [](const std::string& text) {
    std::string all;
    ByteLevelWords scanner(text);
    for (std::string_view word; scanner.next(word);) all += std::string(word) + "|";
    return all;
  };
  CHECK(words("Hello world's 42nd  test...") == "Hello| world|'s| 42|nd| | test|...|");
  CHECK(words("   a") == "  | a|");
  CHECK(words("a   ") == "a|   |");
  CHECK(words(" \n a") == " \n| a|");
  CHECK(words("a\n\nb") == "a|\n|\n|b|");
  CHECK(words("''s 's") == "''|s| '|s|");
  CHECK(words("they'll've'RE") == "they|'ll|'ve|'|RE|");
  CHECK(words("\u00A0x") == "\u00A0|x|");
  CHECK(words("").empty());
}

TEST_CASE("a token that no merge makes is not used, though it is a whole word") {
  auto vocabulary = nlohmann::json::parse(read_file(fixtures() / "roberta_files/vocab.json"));
  const auto next = static_cast<int>(vocabulary.size());
  REQUIRE(vocabulary.emplace("qzx", next).second);
  const TemporaryFolder folder;
  folder.file("vocab.json", vocabulary.dump());
  folder.file("merges.txt", read_file(fixtures() / "roberta_files/merges.txt"));
  const Tokenizer tokenizer = load_tokenizer(folder.path());
  CHECK(tokenizer.vocabulary()[next] == "qzx");
  CHECK(tokens_of(tokenizer, "qzx") == "<s> q z x </s>");
}

TEST_CASE("byte-level tokens give the text back, byte by byte") {
  const Tokenizer loaded = load_tokenizer(fixtures() / "roberta");
  const auto& tokenizer = std::get<BytePairTokenizer>(loaded.any());
  const auto back = [&](std::string_view text) {
    std::string bytes;
    for (const std::int32_t id : encoded_bare(loaded, text)) bytes += tokenizer.bytes(id);
    return bytes;
  };
  for (const std::string& text : texts()) {
    if (text.find("<mask>") != std::string::npos) continue;  // takes the space before it along
    CHECK(back(text) == text);
  }
  for (int c = 0; c < 256; ++c) {
    std::string room;
    const std::string text(3, static_cast<char>(c));
    CHECK(back(text) == repaired_utf8(text, room));
  }
}

TEST_CASE("RoBERTa and GPT-2 are told apart by their vocabulary, or by tokenizer_config.json") {
  const TemporaryFolder folder;
  folder.file("vocab.json", read_file(fixtures() / "roberta_files/vocab.json"));
  folder.file("merges.txt", read_file(fixtures() / "roberta_files/merges.txt"));
  const Ids framed = encoded(load_tokenizer(folder.path()), "a <mask>");
  REQUIRE(framed.size() == 4);
  CHECK(framed.front() == 0);
  CHECK(framed[2] == 4);
  CHECK(framed.back() == 2);
  // <mask> keeps the space before it where its own entry says so.
  folder.file("tokenizer_config.json",
              R"({"mask_token": {"content": "<mask>", "lstrip": false, "rstrip": false}})");
  CHECK(encoded(load_tokenizer(folder.path()), "a <mask>").size() == 5);
  folder.file("tokenizer_config.json", R"({"tokenizer_class": "GPT2TokenizerFast"})");
  CHECK(encoded(load_tokenizer(folder.path()), "a").size() == 1);
  folder.file("tokenizer_config.json",
              R"({"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true})");
  CHECK(encoded(load_tokenizer(folder.path()), "a") ==
        encoded_bare(load_tokenizer(fixtures() / "roberta"), " a"));
}

// ---- every tokenizer

TEST_CASE("bytes that are not UTF-8 become U+FFFD as in Python") {
  // Of b"...".decode("utf-8", "replace"), Python 3.11; ? stands for U+FFFD.
  const std::vector<std::pair<std::string, std::string>> known{
      {"a\xFF"
       "b",
       "a?b"},
      {"\x80\xBF", "??"},
      {"\xC0\xAF", "??"},
      {"\xC3", "?"},
      {"\xC3(", "?("},
      {"\xE2\x82", "?"},
      {"\xE2\x82(", "?("},
      {"\xE0\x80\xAF", "???"},
      {"\xED\xA0\x80", "???"},
      {"\xF0\x9F\x98", "?"},
      {"\xF0\x9F\x98x", "?x"},
      {"\xF0\x80\x80\x80", "????"},
      {"\xF4\x90\x80\x80", "????"},
      {"\xF5\xF8", "??"},
      {"\xF0\x9F\xC3\xA9", "?\xC3\xA9"},
      {"ok \xE4\xB8\xAD", "ok \xE4\xB8\xAD"},
  };
  const Tokenizer wordpiece = load_tokenizer(fixtures() / "bert_uncased");
  const Tokenizer byte_pair = load_tokenizer(fixtures() / "gpt2_added");
  for (const auto& [bytes, python] : known) {
    std::string expected;
    for (const char c : python)
      expected += c == '?' ? std::string("\xEF\xBF\xBD") : std::string(1, c);
    std::string room;
    INFO(shown(bytes));
    CHECK(repaired_utf8(bytes, room) == expected);
    CHECK(encoded(wordpiece, bytes) == encoded(wordpiece, expected));
    CHECK(encoded(byte_pair, bytes) == encoded(byte_pair, expected));
  }
  // BERT's cleaning leaves U+FFFD out; byte-level BPE writes its three bytes.
  CHECK(encoded_bare(wordpiece, "\xFF").empty());
  CHECK(encoded_bare(byte_pair, "a\xFF") != encoded_bare(byte_pair, "a"));
}

TEST_CASE("what is too long loses its last tokens, never those around it") {
  const auto folder = GENERATE(as<std::string>{}, "bert_uncased", "roberta");
  const std::string text =
      "A text of more than twelve tokens, in whichever way it is cut into them.";
  const Ids whole = encoded(load_tokenizer(fixtures() / folder), text);
  REQUIRE(whole.size() > 14);
  for (const std::int64_t length : {2, 3, 12, 1000}) {
    const Tokenizer tokenizer = load_tokenizer(fixtures() / folder, {.max_length = length});
    Ids expected = whole;
    if (static_cast<std::size_t>(length) < whole.size()) {
      expected.resize(static_cast<std::size_t>(length));
      expected.back() = whole.back();
    }
    Ids ids{7, 8};  // what is there already stays and does not count
    tokenizer.encode(text, ids);
    CHECK(ids.size() == expected.size() + 2);
    CHECK(Ids(ids.begin() + 2, ids.end()) == expected);
    CHECK(encoded_bare(tokenizer, text).size() == whole.size() - 2);
  }
  CHECK_THROWS_AS(load_tokenizer(fixtures() / folder, {.max_length = 1}), ShapeError);
  CHECK_THROWS_AS(load_tokenizer(fixtures() / folder, {.max_length = -1}), ShapeError);
}

TEST_CASE("the limit is the caller's, else tokenizer.json's, else tokenizer_config.json's") {
  const TemporaryFolder folder;
  folder.file("vocab.txt", lines(bert_tokens));
  const auto length = [&](LoadTokenizerOptions options = {}) {
    return encoded(load_tokenizer(folder.path(), options), repeated("a ", 100)).size();
  };
  CHECK(length() == 52);
  folder.file("tokenizer_config.json", R"({"model_max_length": 20})");
  CHECK(length() == 20);
  CHECK(length({.max_length = 30}) == 30);
  folder.file("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  CHECK(length() == 52);
  folder.file("tokenizer.json", read_file(fixtures() / "bert_added/tokenizer.json"));
  folder.file("tokenizer_config.json", R"({"model_max_length": 20})");
  CHECK(length() == 12);
}

TEST_CASE("threads share a tokenizer") {
  const auto folder = GENERATE(as<std::string>{}, "bert_added", "gpt2_added");
  const Tokenizer tokenizer = load_tokenizer(fixtures() / folder);
  const std::vector<std::string> all = texts();
  const std::vector<Ids> expected = expected_ids(folder);
  std::vector<int> wrong(4, -1);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      int count = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const std::size_t row = (i + t * 90) % all.size();  // at different places of the list
        count += encoded(tokenizer, all[row]) != expected[row] ? 1 : 0;
      }
      wrong[t] = count;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("hostile texts take time in proportion to their length") {
  const auto seconds = [](const Tokenizer& tokenizer, const std::string& text) {
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
      timespec begin{};
      timespec end{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
      encoded(tokenizer, text);
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
      best = std::min(best, static_cast<double>(end.tv_sec - begin.tv_sec) +
                                1e-9 * static_cast<double>(end.tv_nsec - begin.tv_nsec));
    }
    return best;
  };
  const auto folder = GENERATE(as<std::string>{}, "bert_cased", "bert_added", "gpt2_added");
  const Tokenizer tokenizer = load_tokenizer(fixtures() / folder, {.max_length = 1 << 30});
  for (const std::string& unit : hostile_units) {
    // 16 times the length: 16 to 21 times the steps where they are n log n, 256 times were they
    // n^2.
    const double small = seconds(tokenizer, repeated(unit, 1 << 14));
    const double large = seconds(tokenizer, repeated(unit, 1 << 18));
    INFO(folder << ", " << quoted(unit) << ": " << small << " s, then " << large << " s");
    CHECK(large < 80 * std::max(small, 1e-5));
  }
}

// ---- bad files

TEST_CASE("a folder without a tokenizer, or with half of one, is refused") {
  const TemporaryFolder folder;
  CHECK(complaint(folder) ==
        ": found no tokenizer, expected tokenizer.json, vocab.txt, or vocab.json and merges.txt");
  folder.file("vocab.json", read_file(fixtures() / "roberta_files/vocab.json"));
  CHECK(complaint(folder) ==
        "merges.txt: found No such file or directory, expected a file that can be read");
  std::filesystem::remove(folder / "vocab.json");
  folder.file("merges.txt", "a b\n");
  CHECK(complaint(folder) ==
        "vocab.json: found No such file or directory, expected a file that can be read");
  CHECK_THROWS_AS(load_tokenizer(folder / "nowhere"), InputError);
}

TEST_CASE("a broken vocab.txt is refused with its line") {
  const auto [content, message] = GENERATE(table<std::string, std::string>({
      {"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nthe\n",
       "vocab.txt:6: found token \"the\" twice, expected every token once"},
      {"[UNK]\n\n[CLS]\n", "vocab.txt:2: found an empty line, expected a token"},
      {"", "vocab.txt: found no tokens, expected one a line"},
      {"[UNK]\n\xFF\n", "vocab.txt:2: found bytes that are not UTF-8, expected UTF-8 text"},
      {"[UNK]\n[CLS]\na\n",
       "vocab.txt: found no token \"[SEP]\", expected the tokens around a text"},
      {"[CLS]\n[SEP]\na\n", "vocab.txt: the vocabulary has no unknown token \"[UNK]\""},
  }));
  const TemporaryFolder folder;
  folder.file("vocab.txt", content);
  CHECK(complaint(folder) == message);
}

TEST_CASE("merges that do not fit the vocabulary are refused with their line") {
  const auto [content, message] = GENERATE(table<std::string, std::string>({
      {"#version: 0.2\nt h\nt zz\n",
       "merges.txt:3: found a merge of \"t\" and \"zz\", but no token \"zz\", expected tokens of "
       "the vocabulary"},
      {"t h\nq %\n",
       "merges.txt:2: found a merge of \"q\" and \"%\", but no token \"q%\", expected tokens of "
       "the vocabulary"},
      {"t h\nth\n", "merges.txt:2: found \"th\", expected two tokens with a space between them"},
      {"t h e\n", "merges.txt:1: found \"t h e\", expected two tokens with a space between them"},
      {"t h\nt h\n",
       "merges.txt:2: found the merge of \"t\" and \"h\" twice, expected every merge once"},
  }));
  const TemporaryFolder folder;
  folder.file("vocab.json", read_file(fixtures() / "roberta_files/vocab.json"));
  folder.file("merges.txt", content);
  CHECK(complaint(folder) == message);
}

TEST_CASE("a broken vocab.json is refused by what is wrong with it") {
  const auto [content, message] = GENERATE(table<std::string, std::string>({
      {"", "vocab.json: found an empty file, expected JSON"},
      {"[1]", "vocab.json: found an array, expected an object"},
      {"{}", "vocab.json: found an object, expected an object of tokens and their ids"},
      {"{\"a\": 0,\n\"b\": ", "vocab.json:2: found broken JSON"},
      {"{\"a\": 0, \"a\": 1}", "vocab.json: found token \"a\" twice, expected every token once"},
      {"{\"a\": 0, \"b\": 0}",
       "vocab.json: found id 0 for \"a\" and for \"b\", expected every id once"},
      {"{\"a\": \"0\"}",
       "vocab.json: found \"a\" is \"0\", expected a whole number of 0 to 16777215"},
      {"{\"a\": -1}", "vocab.json: found \"a\" is -1, expected a whole number of 0 to 16777215"},
      {"{\"a\": 1.5}", "vocab.json: found \"a\" is a number, expected a whole number of 0 to"},
      {"{\"a\": 99999999}", "vocab.json: found \"a\" is 99999999, expected a whole number of 0 to"},
      {"{\"a\": 0}", "vocab.json: the vocabulary has no token \"\u0100\" for byte 0, expected one"},
      {"{\"\xFF\": 0}", "vocab.json: found bytes that are not UTF-8, expected UTF-8 text"},
  }));
  const TemporaryFolder folder;
  folder.file("vocab.json", content);
  folder.file("merges.txt", "");
  INFO(complaint(folder));
  CHECK(complaint(folder).starts_with(message));
}

TEST_CASE("what a tokenizer.json has beyond BERT and RoBERTa is refused by name") {
  using Change = std::function<void(nlohmann::json&)>;
  const auto set = [](const std::string& pointer, const char* value) -> Change {
    return [=](nlohmann::json& file) {
      file[nlohmann::json::json_pointer(pointer)] = nlohmann::json::parse(value);
    };
  };
  struct Case {
    std::string folder;
    Change change;
    std::string message;
  };
  const std::vector<Case> cases{
      {"bert_uncased", set("/model/type", R"("Unigram")"),
       R"(found "model.type" is "Unigram", expected WordPiece or BPE)"},
      {"bert_uncased", set("/model/type", "3"), R"(found "model.type" is 3, expected a string)"},
      {"bert_uncased", set("/model/extra", "1"), R"(found "model.extra", expected none but type,)"},
      {"bert_uncased", set("/more", "1"), R"(found "more", expected none but version,)"},
      {"bert_uncased", set("/model/vocab", "[]"),
       R"(found "model.vocab" is an array, expected an object)"},
      {"bert_uncased", set("/model/unk_token", R"("nix")"),
       R"(the vocabulary has no unknown token "nix")"},
      {"bert_uncased", set("/normalizer/type", R"("NFC")"),
       R"(found "normalizer.type" is "NFC", expected BertNormalizer)"},
      {"bert_uncased", set("/normalizer/lowercase", "1"),
       R"(found "normalizer.lowercase" is 1, expected true or false)"},
      {"bert_uncased", set("/pre_tokenizer", R"({"type": "Whitespace"})"),
       R"(found "pre_tokenizer.type" is "Whitespace", expected BertPreTokenizer)"},
      {"bert_uncased", set("/pre_tokenizer", "null"),
       R"(found no "pre_tokenizer.type", expected BertPreTokenizer)"},
      {"bert_uncased", set("/post_processor/type", R"("Sequence")"),
       R"(found "post_processor.type" is "Sequence", expected TemplateProcessing)"},
      {"bert_uncased", set("/post_processor/single", "[]"),
       R"(found "post_processor.single" is an array, expected the text A once)"},
      {"bert_uncased", set("/post_processor/special_tokens/[CLS]/ids", "[5000]"),
       R"(found special token 5000 around texts, expected an id of the vocabulary)"},
      {"bert_uncased", set("/truncation", R"({"max_length": 9, "strategy": "LongestFirst",
                                              "stride": 0, "direction": "Left"})"),
       R"(found "truncation.direction" is "Left", expected Right)"},
      {"bert_uncased", set("/added_tokens/0/id", "1"),
       R"(found id 1 for added token "[PAD]", expected 0 as in the vocabulary)"},
      {"bert_uncased", set("/added_tokens/0/content", R"("~new~")"),
       R"(found id 0 for added token "~new~" and for "[PAD]", expected every id once)"},
      {"bert_uncased", set("/added_tokens/1/content", R"("[PAD]")"),
       R"(found added token "[PAD]" twice, expected once)"},
      {"bert_uncased", set("/added_tokens/0/content", R"("")"),
       R"(found "added_tokens[0].content" is "", expected a token that is not empty)"},
      {"roberta", set("/model/dropout", "0.1"),
       R"(found "model.dropout" is a number, expected null)"},
      {"roberta", set("/model/byte_fallback", "true"),
       R"(found "model.byte_fallback" is true, expected false)"},
      {"roberta", set("/model/end_of_word_suffix", R"("</w>")"),
       R"(found "model.end_of_word_suffix" is "</w>", expected none)"},
      {"roberta", set("/normalizer", R"({"type": "NFC"})"),
       R"(found "normalizer.type" is "NFC", expected no normalizer, as the model is BPE)"},
      {"roberta", set("/pre_tokenizer/use_regex", "false"),
       R"(found "pre_tokenizer.use_regex" is false, expected true)"},
      {"roberta", set("/model/merges/0", R"("t")"),
       R"(found "model.merges[0]" is "t", expected two tokens with a space between them)"},
      {"roberta", set("/model/merges/0", R"(["t"])"),
       R"(found "model.merges[0]" is an array, expected two tokens)"},
      {"roberta", set("/model/merges/0", R"(["t", "zz"])"),
       R"(found a merge of "t" and "zz", but no token "zz")"},
      {"roberta", set("/post_processor/cls", R"(["<s>"])"),
       R"(found "post_processor.cls" is an array, expected a token and its id)"},
  };
  for (const Case& one : cases) {
    auto file = nlohmann::json::parse(read_file(fixtures() / one.folder / "tokenizer.json"));
    one.change(file);
    const TemporaryFolder folder;
    folder.file("tokenizer.json", file.dump());
    INFO(complaint(folder));
    CHECK(complaint(folder).find(one.message) != std::string::npos);
  }
}

TEST_CASE("old forms of tokenizer.json are read") {
  // No type of the model; merges as strings or as pairs.
  const auto folder = GENERATE(as<std::string>{}, "bert_uncased", "roberta");
  auto file = nlohmann::json::parse(read_file(fixtures() / folder / "tokenizer.json"));
  file["model"].erase("type");
  if (file["model"].contains("merges")) {
    for (auto& merge : file["model"]["merges"]) {
      REQUIRE(merge.is_array());
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    }
  }
  const TemporaryFolder old;
  old.file("tokenizer.json", file.dump());
  const std::string text = "The quick brown fox, jumping.";
  CHECK(encoded(load_tokenizer(old.path()), text) ==
        encoded(load_tokenizer(fixtures() / folder), text));
}

TEST_CASE("tokenizer_config.json must agree with the tokenizer") {
  const TemporaryFolder folder;
  folder.file("tokenizer.json", read_file(fixtures() / "bert_uncased/tokenizer.json"));
  folder.file("tokenizer_config.json", R"({"do_lower_case": false})");
  CHECK(complaint(folder) ==
        "tokenizer_config.json: found \"do_lower_case\" is false, expected "
        "what tokenizer.json's normalizer says");
  std::filesystem::remove(folder / "tokenizer.json");
  folder.file("vocab.txt", lines(bert_tokens));
  folder.file("tokenizer_config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  CHECK(complaint(folder) ==
        "tokenizer_config.json: found \"tokenizer_class\" is \"BertJapaneseTokenizer\", expected "
        "BertTokenizer or DistilBertTokenizer or ElectraTokenizer");
  folder.file("tokenizer_config.json", R"({"do_lower_case": "yes"})");
  CHECK(complaint(folder) ==
        "tokenizer_config.json: found \"do_lower_case\" is \"yes\", expected true or false");
  folder.file("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})");
  CHECK(complaint(folder) ==
        "tokenizer_config.json: found \"added_tokens_decoder.x\", expected an id as key");
}
