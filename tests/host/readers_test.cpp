// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <csignal>

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
  CHECK(texts.ids[1] == "1");
  CHECK(texts.ids[2] == "7");
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
  CHECK_THAT(complaint([&] { read_labels(folder.file("e.json", "[{\"nam\": \"x\"}]")); }),
             Contains("without a name"));
  CHECK_THAT(complaint([&] { read_labels(folder.file("e.json", "[\"x\"")); }),
             Contains("broken JSON"));
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
  const std::filesystem::path nouns = "/usr/share/wordnet/data.noun";
  if (!std::filesystem::exists(nouns)) {
    WARN("skipped: WordNet (Debian package wordnet-base) is not installed");
    return;
  }
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
