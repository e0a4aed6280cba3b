// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>

#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/data/wordnet.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;

namespace {

Texts read(const std::filesystem::path& path) {
  LabelSpace labels;
  return read_texts(path, labels, UnknownLabels::add);
}

/// The message of the InputError that reading must end in.
template <class Function>
std::string complaint(Function&& function) {
  try {
    function();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no InputError";
}

/// Texts with these ids.
Texts with_ids(const std::vector<std::string>& ids) {
  Texts texts;
  texts.source = "made up";
  for (const std::string& id : ids) {
    texts.ids.push_back(id);
    texts.texts.push_back("text");
    texts.labels.push_back(-1);
  }
  return texts;
}

/// Where WordNet's nouns are; "" and a word on the terminal where they are not installed. A package
/// that is there without its file is a failure, and so is its absence where the environment asks
/// for it (CANDIST_REQUIRE_WORDNET=1).
std::filesystem::path wordnet_nouns() {
  const std::filesystem::path nouns = "/usr/share/wordnet/data.noun";
  if (std::filesystem::exists(nouns)) return nouns;
  if (std::filesystem::exists("/usr/share/doc/wordnet-base") ||
      std::getenv("CANDIST_REQUIRE_WORDNET") != nullptr) {
    FAIL("there is no " << nouns << ": install Debian's package wordnet-base again");
  }
  std::cerr << "SKIPPED: " << Catch::getResultCapture().getCurrentTestName()
            << ": Debian's package wordnet-base is not installed (cmake/bootstrap.sh does)\n";
  return {};
}

/// A way to bring a text into the program.
struct Format {
  const char* file;
  const char* before;  ///< what stands before the text in the file
  const char* after;
  int line;  ///< of the text
  /// The text as read; `expected` is the id of a text where a format needs texts to join.
  std::function<std::string(const std::filesystem::path&, const std::string& expected)> read;
};
std::vector<Format> formats() {
  const auto first_text = [](const std::filesystem::path& path, const std::string&) {
    return std::string(read(path).texts[0]);
  };
  const auto first_label = [](const std::filesystem::path& path, const std::string&) {
    return read_labels(path).name(0);
  };
  const auto id_of_annotation = [](const std::filesystem::path& path, const std::string& expected) {
    LabelSpace labels;
    labels.add("a");
    return read_annotations(path, with_ids({expected}), labels).rows() == 1 ? expected : "";
  };
  const auto second_view = [](const std::filesystem::path& path, const std::string&) {
    Texts texts = with_ids({"1"});
    read_second_views(path, texts);
    return std::string(texts.augmented[0]);
  };
  return {{"t.jsonl", "{\"text\": \"", "\"}\n", 1, first_text},
          {"t.tsv", "label\t", "\n", 1, first_text},
          {"t.txt", "", "\n", 1, first_text},
          {"t.csv", "text,label\n", ",x\n", 2, first_text},
          {"quoted.csv", "label,text\nx,\"", "\"\n", 2, first_text},
          {"labels.txt", "", "\nother\n", 1, first_label},
          {"labels.json", "[\n {\"name\": \"", "\"}, \"other\"]\n", 2, first_label},
          {"a.jsonl", "{\"id\": \"", "\", \"candidates\": [\"a\"]}\n", 1, id_of_annotation},
          {"v.jsonl", "{\"id\": \"1\", \"augmented\": \"", "\"}\n", 1, second_view}};
}

LabelSpace abc() {
  LabelSpace labels;
  for (const char* name : {"a", "b", "c"}) labels.add(name);
  return labels;
}

}  // namespace

TEST_CASE("JSON Lines: ids, labels, second views, blank lines, line ends, a byte-order mark",
          "[readers]") {
  const TemporaryFolder folder;
  LabelSpace labels;
  const Texts texts = read_texts(
      folder.file("t.jsonl",
                  "\xEF\xBB\xBF{\"id\": \"x\", \"text\": \"one\", \"label\": \"b\"}\r\n\n"
                  "{\"text\": \"tw\\u00f6 \\\"q\\\"\", \"augmented\": \"2\"}\n"
                  "{\"id\": 7, \"text\": \"three\", \"label\": null, \"other\": [1, {\"x\": 2}]}"),
      labels, UnknownLabels::add);
  REQUIRE(texts.rows() == 3);
  CHECK(texts.ids[0] == "x");
  CHECK(texts.ids[1] == "2");  // the line's number from 0: blank lines count
  CHECK(texts.ids[2] == "7");
  CHECK(texts.skipped_lines == 1);
  CHECK(texts.texts[1] == "tw\xC3\xB6 \"q\"");
  CHECK(texts.labels == std::vector<std::int32_t>{0, -1, -1});
  CHECK(labels.name(0) == "b");
  REQUIRE(texts.augmented.size() == 3);
  CHECK(texts.augmented[0] == "");
  CHECK(texts.augmented[1] == "2");
}

TEST_CASE("JSON Lines: every fault names file, line, what was found and what was expected",
          "[readers]") {
  const TemporaryFolder folder;
  const auto fault = [&](const std::string& content) {
    return complaint([&] { read(folder.file("t.jsonl", content)); });
  };
  const std::string good = "{\"id\": \"1\", \"text\": \"x\"}\n";
  using Catch::Contains;
  CHECK_THAT(fault(good + "{\"id\": \"2\", \"text\": }\n"),
             Contains("t.jsonl:2: found broken JSON") && Contains("expected"));
  CHECK_THAT(fault(good + "{\"id\": \"2\", \"te"),
             Contains("t.jsonl:2") && Contains("the file ends inside a record"));
  CHECK_THAT(fault(good + good),
             Contains("t.jsonl:2") && Contains("id \"1\" again") && Contains("text 1"));
  CHECK_THAT(fault("{\"id\": \"1\"}\n"), Contains("t.jsonl:1") && Contains("no \"text\""));
  CHECK_THAT(fault("{\"text\": 5}\n"), Contains("\"text\" is a number") && Contains("a string"));
  CHECK_THAT(fault("{\"text\": \"\"}\n"), Contains("an empty text"));
  CHECK_THAT(fault("[1]\n"), Contains("an array") && Contains("one JSON object a line"));
  CHECK_THAT(fault(good + "{\"id\": \"2\", \"text\": \"\xFF\"}\n"),
             Contains("t.jsonl:2") && Contains("UTF-8"));
  CHECK_THAT(fault(good + "{\"id\": \"2\", \"text\": \"x\"} {\n"),
             Contains("t.jsonl:2") && Contains("broken JSON"));
  CHECK_THAT(fault(""), Contains("no texts"));
  CHECK_THAT(fault("\n\n"), Contains("no texts"));
  CHECK_THAT(complaint([&] { read(folder / "missing.jsonl"); }),
             Contains("missing.jsonl: found No such file"));
  CHECK_THAT(complaint([&] { read(folder.path()); }), Contains("a folder"));
  CHECK_THAT(complaint([&] {
               LabelSpace labels = abc();
               read_texts(folder.file("u.jsonl", "{\"text\": \"x\", \"label\": \"d\"}\n"), labels,
                          UnknownLabels::reject);
             }),
             Contains("u.jsonl:1: found label \"d\", expected one of a, b, c"));
}

TEST_CASE("a text without an id gets its line's number from 0, blank lines are counted",
          "[readers]") {
  const TemporaryFolder folder;
  const auto ids = [](const Texts& texts) {
    std::vector<std::string> result;
    for (std::int64_t row = 0; row < texts.rows(); ++row) result.emplace_back(texts.ids[row]);
    return result;
  };
  using Ids = std::vector<std::string>;
  const Texts json =
      read(folder.file("t.jsonl", "\n{\"text\": \"x\"}\n \t\r\n{\"text\": \"y\"}\n\n"));
  CHECK(ids(json) == Ids{"1", "3"});
  CHECK(json.skipped_lines == 3);
  const Texts tsv = read(folder.file("t.tsv", "a\tx\n\t \nb\ty\n"));
  CHECK(ids(tsv) == Ids{"0", "2"});
  CHECK(tsv.skipped_lines == 1);
  const Texts plain = read(folder.file("t.txt", "x\r\n\r\n  \ny"));
  CHECK(ids(plain) == Ids{"0", "3"});
  CHECK(plain.skipped_lines == 2);
  // Records of CSV may span lines: their own number, the header left out.
  const Texts csv = read(folder.file("t.csv", "id,text\n,\"two\n\nlines\"\n\nmine,y\n  \n,z\n"));
  CHECK(ids(csv) == Ids{"0", "mine", "2"});
  CHECK(csv.texts[0] == "two\n\nlines");
  CHECK(csv.skipped_lines == 2);

  // A given id may be another text's number, on either side of it.
  using Catch::Contains;
  CHECK_THAT(
      complaint([&] {
        read(folder.file("a.jsonl",
                         "{\"text\": \"x\"}\n{\"text\": \"y\"}\n{\"text\": \"z\", \"id\": 1}\n"));
      }),
      Contains("a.jsonl:3: found id \"1\" again (it is that of text 2)"));
  CHECK_THAT(
      complaint([&] {
        read(folder.file("b.jsonl", "{\"text\": \"x\", \"id\": \"1\"}\n{\"text\": \"y\"}\n"));
      }),
      Contains("b.jsonl:2: found id \"1\" again (it is that of text 1; texts without one"));
  CHECK(read(folder.file("c.jsonl",
                         "{\"text\": \"x\"}\n{\"text\": \"y\", \"id\": 7}\n"
                         "{\"text\": \"z\"}\n"))
            .rows() == 3);
}

TEST_CASE("ids are found in any order, and among many", "[readers]") {
  StringColumn ids;
  for (int i = 0; i < 5000; ++i) ids.push_back("id " + std::to_string(i * 7919 % 5000));
  IdLookup in_order(ids);
  IdLookup backwards(ids);
  IdLookup mixed(ids);
  StringIndex index(ids);
  for (int i = 0; i < 5000; ++i) REQUIRE(index.insert(i) == -1);
  for (std::int64_t i = 0; i < 5000; ++i) {
    REQUIRE(in_order.find(ids[i]) == i);
    REQUIRE(backwards.find(ids[4999 - i]) == 4999 - i);
    REQUIRE(mixed.find(ids[i * 3 % 5000]) == i * 3 % 5000);
    REQUIRE(index.find(ids[i]) == i);
    REQUIRE(index.insert(i) == i);
  }
  for (IdLookup* lookup : {&in_order, &backwards, &mixed}) {
    CHECK(lookup->find("id 5000") == -1);
    CHECK(lookup->find("") == -1);
    CHECK(lookup->find(ids[0]) == 0);
  }
}

TEST_CASE("every format: UTF-8, byte-order mark, line ends, lines of more than a megabyte",
          "[readers]") {
  const TemporaryFolder folder;
  for (const Format& format : formats()) {
    INFO(format.file);
    const auto read_back = [&](const std::string& text, const std::string& content) {
      return format.read(folder.file(format.file, content), text);
    };
    const std::string text = "caf\xC3\xA9 \xF0\x9F\x98\x80";
    const std::string content = format.before + text + format.after;
    CHECK(read_back(text, content) == text);
    CHECK(read_back(text, "\xEF\xBB\xBF" + content) == text);
    CHECK(read_back(text, content.substr(0, content.size() - 1)) == text);  // no last line end
    std::string windows;
    for (const char c : content) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
    CHECK(read_back(text, windows) == text);
    const std::string longest(1'500'000, 'x');
    CHECK((read_back(longest, format.before + longest + format.after) == longest));

    const std::string place =
        std::string(format.file) + ":" + std::to_string(format.line) + ": found ";
    using Catch::Contains;
    for (const char* broken : {"x\xC3\x28", "\xFFx", "\xED\xA0\x80", "cut\xE2\x82"}) {
      const std::string said =
          complaint([&] { read_back("x", std::string(format.before) + broken + format.after); });
      CHECK_THAT(said, Contains(place + "bytes that are not UTF-8"));
    }
    const std::string with_nul = std::string("a") + '\0' + "b";
    CHECK_THAT(complaint([&] { read_back(with_nul, format.before + with_nul + format.after); }),
               Contains(place));
  }
}

TEST_CASE("JSON that is cut off is an error that says where", "[readers]") {
  const TemporaryFolder folder;
  for (const Format& format : formats()) {
    const std::string whole = std::string(format.before) + "x" + format.after;
    if (whole.find_first_of("{[") == std::string::npos) continue;
    INFO(format.file);
    // Cut anywhere behind the first brace and before the last.
    for (std::size_t size = 1; size + 1 < whole.size(); ++size) {
      const std::string said =
          complaint([&] { format.read(folder.file(format.file, whole.substr(0, size)), "x"); });
      REQUIRE_THAT(said,
                   Catch::Contains(format.file + std::string(":") +
                                   (size < 3 ? "1" : std::to_string(format.line)) + ": found"));
    }
  }
}

TEST_CASE("what a message quotes is short, on one line and harmless to a terminal", "[readers]") {
  CHECK(quoted("plain caf\xC3\xA9") == "\"plain caf\xC3\xA9\"");
  CHECK(quoted("a\nb\tc\r") == "\"a\\nb\\tc\\r\"");
  CHECK(quoted("\x1B[31m\x7F") == "\"\\u001B[31m\\u007F\"");
  CHECK(quoted("\xC2\x9B 31m") == "\"\\u009B 31m\"");  // the one-character form of ESC [
  CHECK(quoted("\xC2\xA0") == "\"\xC2\xA0\"");
  CHECK(quoted("\xFF\xC3") == "\"\\xFF\\xC3\"");
  CHECK(quoted("say \"x\" \\") == "\"say \\\"x\\\" \\\\\"");
  CHECK(quoted(std::string(80, 'x')) == '"' + std::string(80, 'x') + '"');
  CHECK(quoted(std::string(81, 'x')) == '"' + std::string(80, 'x') + "...\"");
  std::string wide;
  for (int i = 0; i < 90; ++i) wide += "\xE2\x82\xAC";
  CHECK(quoted(wide) == '"' + wide.substr(0, 240) + "...\"");  // characters, not bytes

  const TemporaryFolder folder;
  const std::string nasty = "\\u001b[2J" + std::string(100000, 'x');
  const auto polite = [](const std::string& said) {
    CHECK_THAT(said, Catch::Contains("\\u001B[2Jxxx") && Catch::Contains("..."));
    CHECK(said.size() < 600);
    CHECK(said.find('\x1B') == std::string::npos);
  };
  const std::string line = "{\"id\": \"" + nasty + "\", \"text\": \"x\", \"augmented\": \"y\", " +
                           "\"candidates\": [\"" + nasty + "\"], \"label\": \"" + nasty + "\"}\n";
  const auto file = folder.file("t.jsonl", line);
  Texts texts = with_ids({"1"});
  polite(complaint([&] { read(folder.file("twice.jsonl", line + line)); }));
  polite(complaint([&] {
    LabelSpace labels = abc();
    read_texts(file, labels, UnknownLabels::reject);
  }));
  polite(complaint([&] { read_annotations(file, texts, abc()); }));
  polite(complaint([&] { read_second_views(file, texts); }));
  polite(complaint([&] { select_by_ids(texts, read_ids(file), "somebody"); }));
  Texts same = read(file);
  polite(complaint([&] { read_annotations(file, same, abc()); }));
  polite(complaint(
      [&] { read_labels(folder.file("l.json", "[\"" + nasty + "\", \"" + nasty + "\"]")); }));
  polite(complaint([&] {
    LabelSpace labels = read_labels(folder.file("m.json", "[\"" + nasty + "\"]"));
    read_texts(folder.file("u.jsonl", "{\"text\": \"x\", \"label\": \"d\"}\n"), labels,
               UnknownLabels::reject);
  }));
}

TEST_CASE("lines longer than the buffer, and many of them, arrive whole", "[readers]") {
  const TemporaryFolder folder;
  std::string content;
  for (int i = 0; i < 40; ++i)
    content +=
        "{\"text\": \"" +
        std::string(static_cast<std::size_t>(1 + i * 100003), 'a' + static_cast<char>(i % 26)) +
        "\"}\n";
  const Texts texts = read(folder.file("long.jsonl", content));
  REQUIRE(texts.rows() == 40);
  for (int i = 0; i < 40; ++i)
    CHECK(texts.texts[i].size() == static_cast<std::size_t>(1 + i * 100003));
}

TEST_CASE("TSV and plain lines", "[readers]") {
  const TemporaryFolder folder;
  LabelSpace labels;
  const Texts tsv = read_texts(folder.file("t.tsv", "a\tfirst\nno label here\nb\tlast"), labels,
                               UnknownLabels::add);
  CHECK(tsv.rows() == 3);
  CHECK(tsv.labels == std::vector<std::int32_t>{0, -1, 1});
  CHECK(tsv.texts[2] == "last");
  const Texts plain = read(folder.file("t.txt", "one\ttab stays\r\n\ntwo\n"));
  CHECK(plain.rows() == 2);
  CHECK(plain.texts[0] == "one\ttab stays");
  using Catch::Contains;
  CHECK_THAT(complaint([&] { read(folder.file("b.tsv", "a\tx\na\tb\tc\n")); }),
             Contains("b.tsv:2") && Contains("more than one tab"));
  CHECK_THAT(complaint([&] { read(folder.file("e.tsv", "a\t\n")); }),
             Contains("e.tsv:1") && Contains("an empty text"));
  CHECK_THAT(complaint([&] { read(folder.file("u.txt", "ok\n\xC3\x28\n")); }),
             Contains("u.txt:2") && Contains("UTF-8"));
}

TEST_CASE("CSV after RFC 4180", "[readers]") {
  const TemporaryFolder folder;
  LabelSpace labels;
  const Texts texts = read_texts(folder.file("t.csv",
                                             "label,id,text\r\nx,1,plain\r\n\"y, z\",2,\"a "
                                             "\"\"quoted\"\"\nnewline, comma\"\r\n,3,last"),
                                 labels, UnknownLabels::add);
  REQUIRE(texts.rows() == 3);
  CHECK(texts.texts[1] == "a \"quoted\"\nnewline, comma");
  CHECK(labels.name(1) == "y, z");
  CHECK(texts.labels[2] == -1);
  const Texts ends = read(folder.file("e.csv", "text,label\nx,\n\"y\",\n\"\"\"z\"\"\",\"\"\n"));
  REQUIRE(ends.rows() == 3);  // an empty last field is a field
  CHECK(ends.labels == std::vector<std::int32_t>{-1, -1, -1});
  CHECK(ends.texts[2] == "\"z\"");
  using Catch::Contains;
  const auto fault = [&](const std::string& content) {
    return complaint([&] { read(folder.file("b.csv", content)); });
  };
  CHECK_THAT(fault("text\n\"never closed\nx\n"), Contains("b.csv:2") && Contains("never closed"));
  CHECK_THAT(fault("text\nab\"c\n"), Contains("b.csv:2") && Contains("a quote inside"));
  CHECK_THAT(fault("text\n\"ab\"c\n"), Contains("b.csv:2") && Contains("closing quote"));
  CHECK_THAT(fault("text,label\nx,a\ny\n"), Contains("b.csv:3: found 1 fields, expected 2"));
  CHECK_THAT(fault("name,label\nx,a\n"),
             Contains("b.csv:1") && Contains("a header without \"text\""));
  CHECK_THAT(fault(""), Contains("no lines"));
}

TEST_CASE("label files", "[readers]") {
  const TemporaryFolder folder;
  CHECK(read_labels(folder.file("l.txt", "one\n two words \n\nthree\n")).size() == 3);
  CHECK(read_labels(folder.file("l.txt", "one\n two words \n")).name(1) == "two words");
  const LabelSpace json = read_labels(
      folder.file("l.json", "[{\"name\": \"a\", \"description\": \"the first\"},\n \"b\"]"));
  CHECK(json.size() == 2);
  CHECK(json.description(0) == "the first");
  CHECK(json.find("b") == 1);
  using Catch::Contains;
  CHECK_THAT(complaint([&] { read_labels(folder.file("d.txt", "x\ny\nx\n")); }),
             Contains("d.txt:3: found label \"x\" twice"));
  CHECK_THAT(complaint([&] { read_labels(folder.file("e.txt", "")); }), Contains("no labels"));
  const auto fault = [&](const std::string& content) {
    return complaint([&] { read_labels(folder.file("e.json", content)); });
  };
  CHECK_THAT(fault("[{\"nam\": \"x\"}]"), Contains("e.json:1: found entry 1 without a name"));
  CHECK_THAT(fault("[\"x\""), Contains("e.json:1: found broken JSON"));
  // Lines are those of the entry, whatever stands in the ones before it.
  const std::string before =
      "\n[{\"name\": \"a, [{\\\"\", \"description\":\n \"]}\"},\n\n  \"b\",\n";  // five lines
  CHECK(read_labels(folder.file("g.json", before + "\"c\"]")).size() == 3);
  CHECK_THAT(fault(before + " 5]"), Contains("e.json:6: found entry 3 without a name"));
  CHECK_THAT(fault(before + "{\"x\":\n 1}]"), Contains("e.json:6: found entry 3 without a name"));
  CHECK_THAT(fault(before + "\"c\", \"b\"\n]"), Contains("e.json:6: found label \"b\" twice"));
  CHECK_THAT(fault(before + "\"\"]"), Contains("e.json:6: found an empty name"));
  CHECK_THAT(fault(before + "{\"name\": \"c\", \"description\": 5}]"),
             Contains("e.json:6: found a \"description\" of \"c\" that is no string"));
  CHECK_THAT(fault(before + "\"c\"\n\"d\"]\n"), Contains("e.json:7: found broken JSON"));
  CHECK_THAT(fault(before), Contains("e.json:5: found broken JSON"));
  CHECK_THAT(fault("\n{\"name\": \"x\"}"), Contains("e.json:2: found JSON that is not an array"));
  CHECK_THAT(fault("x\n[\"y\"]"), Contains("e.json:2: found JSON, expected one name a line"));
  CHECK_THAT(fault("[]"), Contains("no labels"));
}

TEST_CASE("annotations are joined by id and keep the teacher's order", "[readers]") {
  const TemporaryFolder folder;
  const Texts texts = read(folder.file("t.jsonl",
                                       "{\"id\": \"1\", \"text\": \"x\"}\n{\"id\": \"2\", "
                                       "\"text\": \"y\"}\n{\"id\": \"3\", \"text\": \"z\"}\n"));
  AnnotationFileReport report;
  const Annotations annotations = read_annotations(
      folder.file(
          "a.jsonl",
          "{\"id\": \"3\", \"candidates\": [\"c\", \"a\"], \"weights\": [1, 3], \"raw\": \"...\"}\n"
          "{\"id\": \"1\", \"candidates\": [\"b\", \"c\"], \"single\": \"c\"}\n"
          "{\"id\": \"2\", \"candidates\": []}\n"),
      texts, abc(), &report);
  CHECK(report.empty_sets == 1);
  CHECK(annotations.single(0) == 2);
  CHECK(annotations.single(1) == -1);
  CHECK(annotations.labels(2)[0] == 2);
  CHECK(annotations.weights(2)[1] == Approx(0.75f));
  CHECK(annotations.singles_only().labels(0).size() == 1);

  // A round trip through the writer keeps everything.
  write_annotations(folder / "again.jsonl", texts, abc(), annotations, "test");
  const Annotations again = read_annotations(folder / "again.jsonl", texts, abc());
  for (std::int64_t row = 0; row < 3; ++row) {
    CHECK(std::vector(again.labels(row).begin(), again.labels(row).end()) ==
          std::vector(annotations.labels(row).begin(), annotations.labels(row).end()));
    CHECK(std::vector(again.weights(row).begin(), again.weights(row).end()) ==
          std::vector(annotations.weights(row).begin(), annotations.weights(row).end()));
    CHECK(again.single(row) == annotations.single(row));
  }
}

TEST_CASE("weights of any size keep all candidates and sum to 1", "[readers]") {
  const TemporaryFolder folder;
  const auto weights = [&](const std::string& values) {
    const Annotations annotations = read_annotations(
        folder.file("a.jsonl", "{\"id\": \"1\", \"candidates\": [\"a\", \"b\"], \"weights\": " +
                                   values + "}\n"),
        with_ids({"1"}), abc());
    return std::vector<float>(annotations.weights(0).begin(), annotations.weights(0).end());
  };
  using Weights = std::vector<float>;
  CHECK(weights("[1e-50, 3e-50]") == Weights{0.25f, 0.75f});
  CHECK(weights("[5e-324, 5e-324]") == Weights{0.5f, 0.5f});
  CHECK(weights("[1e308, 1e308]") == Weights{0.5f, 0.5f});
  CHECK(weights("[1e-50, 1e-60]") == Weights{1.0f, 1e-10f});
  // Too small a share for a float is the smallest normal one: who was named stays a candidate.
  CHECK(weights("[1e300, 1]") == Weights{1.0f, std::numeric_limits<float>::min()});
  CHECK(weights("[0, 2]") == Weights{1.0f});  // 0 says "no candidate"
  CHECK(weights("null") == Weights{0.5f, 0.5f});
  Annotations direct(3);
  direct.add(std::vector<std::int32_t>{0, 1}, std::vector<float>{3e38f, 1e-10f});
  CHECK(direct.labels(0).size() == 2);

  using Catch::Contains;
  const auto fault = [&](const std::string& values) { return complaint([&] { weights(values); }); };
  CHECK_THAT(fault("[0, 0.0]"), Contains("a.jsonl:1: found only zeros in \"weights\""));
  CHECK_THAT(fault("[1, \"x\"]"), Contains("a.jsonl:1: found an entry of \"weights\""));
  CHECK_THAT(fault("[1, -1e-300]"), Contains("a.jsonl:1: found an entry of \"weights\""));
  CHECK_THAT(fault("[1e999, 1]"), Contains("a.jsonl:1: found broken JSON"));
  CHECK_THAT(fault("[]"), Contains("a.jsonl:1: found 0 weights for 2 candidates"));
  CHECK_THAT(fault("{}"), Contains("a.jsonl:1: found \"weights\" is an object"));
}

TEST_CASE("a single label without candidates, or beside them, is what plain distillation learns",
          "[readers]") {
  const TemporaryFolder folder;
  AnnotationFileReport report;
  const Texts texts = with_ids({"1", "2", "3"});
  const Annotations annotations =
      read_annotations(folder.file("a.jsonl",
                                   "{\"id\": \"1\", \"candidates\": [], \"single\": \"b\"}\n\n"
                                   "{\"id\": \"2\", \"candidates\": [\"a\"], \"single\": \"c\"}\n"
                                   "{\"id\": \"3\", \"candidates\": [], \"single\": null}\n"),
                       texts, abc(), &report);
  CHECK(report.empty_sets == 2);
  CHECK(report.skipped_lines == 1);
  CHECK(annotations.labels(0).empty());
  CHECK(annotations.labels(1).size() == 1);
  const Annotations plain = annotations.singles_only();
  REQUIRE(plain.labels(0).size() == 1);
  CHECK(plain.labels(0)[0] == 1);
  CHECK(plain.labels(1)[0] == 2);
  CHECK(plain.labels(2).empty());
  // The writer keeps it.
  write_annotations(folder / "again.jsonl", texts, abc(), annotations, "test");
  const Annotations again = read_annotations(folder / "again.jsonl", texts, abc());
  CHECK(again.labels(0).empty());
  CHECK(again.single(0) == 1);
  CHECK(again.single(1) == 2);
  CHECK(again.single(2) == -1);
}

TEST_CASE("annotations that do not fit are refused, with file and line", "[readers]") {
  const TemporaryFolder folder;
  const Texts texts = read(folder.file(
      "t.jsonl", "{\"id\": \"1\", \"text\": \"x\"}\n{\"id\": \"2\", \"text\": \"y\"}\n"));
  const auto fault = [&](const std::string& content) {
    return complaint([&] { read_annotations(folder.file("a.jsonl", content), texts, abc()); });
  };
  const std::string one = "{\"id\": \"1\", \"candidates\": [\"a\"]}\n";
  using Catch::Contains;
  CHECK_THAT(fault(one), Contains("no annotation of text \"2\"") && Contains("1 of 2 texts"));
  CHECK_THAT(fault(one + one), Contains("a.jsonl:2: found id \"1\" again (first in line 1)"));
  CHECK_THAT(fault(one + "{\"id\": \"9\", \"candidates\": [\"a\"]}\n"),
             Contains("a.jsonl:2: found id \"9\""));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"z\"]}\n"),
             Contains("a.jsonl:2: found label \"z\", expected one of a, b, c"));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"a\", \"a\"]}\n"),
             Contains("candidate \"a\" twice"));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": \"a\"}\n"),
             Contains("no array \"candidates\""));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"a\"], \"weights\": [1, 2]}\n"),
             Contains("2 weights") && Contains("1 candidates"));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"a\"], \"weights\": [-1]}\n"),
             Contains(">= 0"));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"a\"], \"single\": \"q\"}\n"),
             Contains("label \"q\""));
  CHECK_THAT(fault(""), Contains("no annotations"));
  CHECK_THAT(fault(one + "{\"id\": \"2\", \"candidates\": [\"a\"]"),
             Contains("a.jsonl:2: found a last line that is cut off"));
  CHECK_THAT(fault(one + "\n{\"id\": \"2\", \"candidates\": [\"a\", 5]}\n"),
             Contains("a.jsonl:3: found a candidate that is a number"));
}

TEST_CASE("second views are joined by id", "[readers]") {
  const TemporaryFolder folder;
  Texts texts = read(folder.file(
      "t.jsonl", "{\"id\": \"1\", \"text\": \"x\"}\n{\"id\": \"2\", \"text\": \"y\"}\n"));
  CHECK(read_second_views(folder.file("v.jsonl", "{\"id\": \"2\", \"augmented\": \"why\"}\n"),
                          texts) == 1);
  CHECK(texts.augmented[0] == "");
  CHECK(texts.augmented[1] == "why");
  CHECK_THAT(complaint([&] {
               read_second_views(folder.file("w.jsonl", "{\"id\": \"5\", \"augmented\": \"v\"}\n"),
                                 texts);
             }),
             Catch::Contains("w.jsonl:1: found id \"5\""));
}

TEST_CASE("a file appears whole or not at all", "[readers]") {
  const TemporaryFolder folder;
  const auto target = folder.file("out.txt", "old");
  {
    AtomicFile file(target);
    file.write("new");
    CHECK(read_file(target) == "old");
  }
  CHECK(read_file(target) == "old");  // not committed
  {
    AtomicFile file(target);
    file.write("new");
    file.commit();
  }
  CHECK(read_file(target) == "new");
  CHECK_THAT(complaint([&] { AtomicFile file(folder.file("plain", "") / "below"); }),
             Catch::Contains("a place that can be written"));

  // A limit on the size of files does what a full disk does.
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{4096, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  std::string said;
  try {
    AtomicFile file(target);
    file.write(std::string(100000, 'x'));
    file.commit();
  } catch (const RunError& error) {
    said = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(said, Catch::Contains("cannot write") && Catch::Contains("out.txt"));
  CHECK(read_file(target) == "new");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) ==
        2);  // no temporary file is left
}

TEST_CASE("WordNet's nouns are read as the annotations expect", "[readers]") {
  const std::filesystem::path nouns = wordnet_nouns();
  if (nouns.empty()) return;
  const WordNetCorpus corpus =
      read_wordnet_corpus(std::filesystem::path(CANDIST_EXAMPLES_DATA) / "wordnet", nouns);
  CHECK(corpus.labels.size() == 25);
  CHECK(corpus.train.rows() == 5494);
  CHECK(corpus.test.rows() == 1500);
  CHECK(corpus.train.ids[0] == "n00035891");
  for (const std::int32_t label : corpus.train.labels) REQUIRE(label >= 0);
  for (const char* file : {"train.ca_add.jsonl", "train.ca_all.jsonl"}) {
    CHECK(read_annotations(corpus.folder / file, corpus.train, corpus.labels).rows() == 5494);
  }
}

TEST_CASE("the recorded annotations have the quality that their README states", "[readers]") {
  const std::filesystem::path nouns = wordnet_nouns();
  if (nouns.empty()) return;
  const WordNetCorpus corpus =
      read_wordnet_corpus(std::filesystem::path(CANDIST_EXAMPLES_DATA) / "wordnet", nouns);
  const auto check = [&](const char* file, double top, double coverage, double size, double beta,
                         double f1) {
    const CandidateStatistics s = candidate_statistics(
        read_annotations(corpus.folder / file, corpus.train, corpus.labels), corpus.train.labels);
    CHECK(100 * *s.single_accuracy == Approx(top).margin(0.006));
    CHECK(100 * *s.coverage == Approx(coverage).margin(0.006));
    CHECK(s.mean_set_size == Approx(size).margin(0.0006));
    CHECK(100 * s.beta_coverage == Approx(beta).margin(0.06));
    CHECK(100 * *s.f1 == Approx(f1).margin(0.06));
  };
  check("train.ca_add.jsonl", 86.35, 92.68, 1.266, 98.9, 95.7);
  check("train.ca_all.jsonl", 85.04, 97.05, 1.416, 98.3, 97.7);
}

TEST_CASE("WordNet: a missing file says what to install, a broken one where", "[readers]") {
  const TemporaryFolder folder;
  LabelSpace labels;
  for (const char* name : wordnet_categories) labels.add(name);
  using Catch::Contains;
  CHECK_THAT(complaint([&] { read_wordnet_nouns(folder / "none", labels); }),
             Contains("wordnet-base"));
  const std::string entry =
      "00001930 05 n 02 big_cat 0 lion 1 001 @ 00001740 n 0000 | a large  cat; \"the big cat sat\" "
      " \n";
  const Texts texts =
      read_wordnet_nouns(folder.file("one", "  1 This is the licence\n" + entry), labels);
  CHECK(texts.texts[0] == "big cat: a large cat");
  CHECK(texts.ids[0] == "n00001930");
  CHECK(labels.name(texts.labels[0]) == "animal");
  CHECK_THAT(complaint([&] {
               read_wordnet_nouns(
                   folder.file("two", entry + "00001930 99 n 01 x | y and some more text\n"),
                   labels);
             }),
             Contains("two:2: found a broken line"));
}
