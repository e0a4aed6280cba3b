// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/studies/report_page.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

namespace {

using namespace candist;

/// A study of simulated students, with the texts it points to.
struct Sample {
  struct Shape {
    std::vector<std::string> names{"candist", "proden", "distillation"};
    int seeds = 3;
    int classes = 4;
    int train = 120;
    int test = 80;
    int epochs = 4;
  };

  explicit Sample(const Shape& shape) : shape_(shape) {
    for (int c = 0; c < shape.classes; ++c) labels.add("class " + std::to_string(c));
    fill(train, shape.train, "train text ");
    fill(test, shape.test, "test text ");
    auto teacher = std::make_shared<Annotations>(shape.classes);
    for (std::int32_t i = 0; i < shape.train; ++i) {
      const std::int32_t gold = train.labels[static_cast<std::size_t>(i)];
      const std::int32_t other = (gold + 1) % shape.classes;
      const std::int32_t sets[] = {other, gold, (gold + 2) % shape.classes};
      // In turn: no candidate; gold; gold second of two; gold not among two; gold second of three.
      switch (i % 5) {
        case 0:
          teacher->add({});
          break;
        case 1:
          teacher->add(std::span(sets + 1, 1));
          break;
        case 2:
          teacher->add(std::span(sets, 2));
          break;
        case 3:
          teacher->add(std::vector<std::int32_t>{sets[2], other});
          break;
        default:
          teacher->add(std::span(sets, 3));
      }
    }
    study.title = "A study";
    study.command = "candist ablate --out study";
    study.made_by = "candist 0.0 (test)";
    study.labels = &labels;
    study.train = &train;
    study.test = &test;
    double skill = 0.9;
    for (const std::string& name : shape.names) {
      StudiedComposition composition;
      composition.name = name;
      composition.method = name;
      composition.teacher = teacher;
      composition.teacher_name = "teacher";
      for (int seed = 1; seed <= shape.seeds; ++seed)
        composition.runs.push_back(run(name, seed, skill));
      study.compositions.push_back(std::move(composition));
      skill -= 0.6 / static_cast<double>(shape.names.size());
    }
  }
  Sample() : Sample(Shape{}) {}
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  std::string page() const {
    return report_page(study, compare(study, Judged::test_texts),
                       compare(study, Judged::training_texts));
  }

  LabelSpace labels;
  Texts train, test;
  Study study;

 private:
  double uniform() {
    return static_cast<double>(next_ = next_ * 48271 % 2147483647) / 2147483647.0;
  }

  void fill(Texts& texts, int rows, const std::string& words) {
    for (int i = 0; i < rows; ++i) {
      texts.ids.push_back(std::to_string(i));
      texts.texts.push_back(words + std::to_string(i));
      texts.labels.push_back(i % shape_.classes);
    }
  }

  Predictions answers(const Texts& texts, double skill) {
    Predictions given;
    for (const std::int32_t gold : texts.labels) {
      given.labels.push_back(uniform() < skill ? gold : (gold + 1) % shape_.classes);
      given.confidences.push_back(static_cast<float>(0.3 + 0.7 * uniform()));
    }
    return given;
  }

  FinishedRun run(const std::string& name, int seed, double skill) {
    FinishedRun run;
    run.id = name + "_" + std::to_string(seed);
    run.seed = std::to_string(seed);
    run.again = "candist distill --seed " + run.seed;
    run.seconds = 1.5 * seed;
    run.train = answers(train, skill);
    run.test = answers(test, skill);
    for (int epoch = 1; epoch <= shape_.epochs; ++epoch) {
      EpochFigures figures;
      figures.loss = 1.0 / epoch;
      figures.outside = 0.3 / epoch;
      figures.sharpened = 0.6 - 0.6 / epoch;
      figures.target_mass_on_gold = 0.9 - 0.4 / epoch;
      figures.test_accuracy = skill * (1.0 - 0.3 / epoch);
      run.epochs.push_back(figures);
    }
    return run;
  }

  Shape shape_;
  std::uint64_t next_ = 12345;
};

/// What is wrong with the tags of a page; empty where nothing is. Stricter than HTML: every element
/// is closed, every attribute quoted and given once, every id unique.
std::string fault_of(std::string_view page) {
  static const std::set<std::string> empty{"meta", "br", "hr", "link", "img", "input"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  for (std::size_t at = 0; (at = page.find_first_of("<>", at)) != page.npos;) {
    const std::string here(page.substr(at, 60));
    if (page[at] == '>') return "a > in text: " + here;
    if (page.substr(at).starts_with("<!DOCTYPE html>")) {
      at += 15;
      continue;
    }
    const bool closing = page[at + 1] == '/';
    std::size_t end = at + (closing ? 2 : 1);
    std::string name;
    while (std::isalnum(static_cast<unsigned char>(page[end])) != 0) name += page[end++];
    if (name.empty()) return "a < in text: " + here;
    std::set<std::string> attributes;
    bool self_closed = false;
    while (page[end] != '>') {
      if (page[end] == '/' && page[end + 1] == '>') {
        self_closed = true;
        ++end;
      } else if (page[end] == ' ') {
        ++end;
      } else {
        const std::size_t equals = page.find('=', end);
        if (equals == page.npos || page[equals + 1] != '"') return "attribute not quoted: " + here;
        const std::string attribute(page.substr(end, equals - end));
        const std::size_t quote = page.find('"', equals + 2);
        if (quote == page.npos || attribute.find_first_of(" <>\"'") != attribute.npos)
          return "broken attribute: " + here;
        const std::string value(page.substr(equals + 2, quote - equals - 2));
        if (value.find_first_of("<>") != value.npos) return "tag in an attribute: " + here;
        if (!attributes.insert(attribute).second) return "attribute twice: " + here;
        if (attribute == "id" && !ids.insert(value).second) return "id twice: " + value;
        end = quote + 1;
      }
    }
    at = end + 1;
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!self_closed && !empty.contains(name)) {
      open.push_back(name);
      if (name == "script" || name == "style") {
        at = page.find("</" + name, at);
        if (at == page.npos) return name + " without an end";
      }
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

/// Everything from `begin` to the first `end` behind it.
std::string between(const std::string& page, const std::string& begin, const std::string& end) {
  const std::size_t from = page.find(begin);
  if (from == page.npos) return {};
  const std::size_t to = page.find(end, from + begin.size());
  return page.substr(from, to == page.npos ? page.npos : to - from);
}

std::string section(const std::string& page, const std::string& id) {
  return between(page, "<section id=\"" + id + "\"", "</section>");
}

/// The text of a piece of HTML: tags become "|", several of them one.
std::string text_of(const std::string& html) {
  std::string text = std::regex_replace(html, std::regex("<title>[^<]*</title>|<svg.*?</svg>"), "");
  text = std::regex_replace(text, std::regex("(<[^>]*>\\s*)+"), "|");
  return text;
}

std::size_t count(const std::string& page, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = page.find(what, at)) != page.npos; at += what.size()) ++found;
  return found;
}

/// The row of a composition in the first table of the results.
std::string row_of(const std::string& page, const std::string& name) {
  const std::string table = between(section(page, "result"), "<tbody>", "</tbody>");
  for (std::size_t at = 0; (at = table.find("<tr", at)) != table.npos; ++at) {
    const std::string row = table.substr(at, table.find("</tr>", at) - at);
    if (row.find("<bdi>" + name + "</bdi>") != row.npos) return row;
  }
  return {};
}

std::string printed(const char* format, double value) {
  char room[64];
  std::snprintf(room, sizeof room, format, value);
  std::string text = room;
  for (std::size_t at; (at = text.find('-')) != text.npos;) text.replace(at, 1, "\u2212");
  return text;
}

}  // namespace

TEST_CASE("a report is a whole page that needs nothing else") {
  const Sample sample;
  const std::string page = sample.page();
  CHECK(fault_of(page) == "");
  CHECK(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  CHECK(page.find("<meta name=\"viewport\"") != page.npos);
  CHECK(page.find("<title>A study</title>") != page.npos);
  for (const char* outside :
       {"://", " src=", "url(", "@import", "<link", "<img", "<iframe", "fetch("})
    CHECK(count(page, outside) == 0);
  CHECK(count(page, "http") == count(page, "http-equiv"));
  for (const char* id : {"result", "curves", "targets", "sets", "confusions", "calibration",
                         "disagreements", "again"}) {
    INFO(id);
    CHECK_FALSE(section(page, id).empty());
    CHECK(page.find("<a href=\"#" + std::string(id) + "\">") != page.npos);
  }
  CHECK(page == sample.page());
}

TEST_CASE("the checker of this test finds broken pages") {
  CHECK(fault_of("<p>a</p>").empty());
  CHECK_FALSE(fault_of("<p>a").empty());
  CHECK_FALSE(fault_of("<p><b>a</p></b>").empty());
  CHECK_FALSE(fault_of("<p>a < b</p>").empty());
  CHECK_FALSE(fault_of("<p>a > b</p>").empty());
  CHECK_FALSE(fault_of("<p class=a>a</p>").empty());
  CHECK_FALSE(fault_of("<p id=\"a\">a</p><p id=\"a\">b</p>").empty());
  CHECK_FALSE(fault_of("<p title=\"<b>\">a</p>").empty());
}

TEST_CASE("the table of a report says what the comparison says") {
  const Sample sample;
  const auto test = compare(sample.study, Judged::test_texts);
  const auto train = compare(sample.study, Judged::training_texts);
  REQUIRE((test && train));
  const std::string page = report_page(sample.study, test, train);
  CHECK(page.find(html_text(test->verdict)) != page.npos);
  CHECK(page.find(html_text(train->verdict)) != page.npos);
  for (std::size_t i = 0; i < test->lines.size(); ++i) {
    const ComparedComposition& line = test->lines[i];
    const std::string row = row_of(page, line.name);
    INFO(line.name << ": " << row);
    REQUIRE_FALSE(row.empty());
    const std::string text = text_of(row);
    const auto holds = [&](const std::string& what) { return text.find(what) != text.npos; };
    CHECK(holds("|3|"));  // seeds
    CHECK(holds("|" + printed("%.1f", 100 * line.accuracy.mean) + "\u2009\u00B1\u2009" +
                printed("%.1f", 100 * line.accuracy.deviation) + "|"));
    CHECK(holds(printed("%.1f", 100 * (line.accuracy.mean - line.accuracy.interval)) + " to " +
                printed("%.1f", 100 * (line.accuracy.mean + line.accuracy.interval))));
    CHECK(holds("|" + printed("%.1f", 100 * train->lines[i].accuracy.mean) + "\u2009\u00B1"));
    if (line.standing == ComparedComposition::Standing::reference) {
      CHECK(holds("reference"));
      continue;
    }
    CHECK(holds("|" + printed("%+.1f", 100 * *line.difference) + "|"));
    CHECK(holds(printed("%+.1f", 100 * line.over_seeds->interval.low) + " to " +
                printed("%+.1f", 100 * line.over_seeds->interval.high)));
    CHECK(holds("|" + html_p_value(*line.p_seeds) + "|"));
    CHECK(holds("|" + html_p_value(*line.p_texts) + "|"));
    CHECK(row.find("data-v=\"" + plain_number(*line.p_texts, 8) + "\"") != row.npos);
    const char* const standings[] = {"reference", "better", "worse", "unclear"};
    CHECK(holds(standings[static_cast<int>(line.standing)]));
    if (line.seeds_for_this_much)
      CHECK(holds("|" + detail::seeds_needed(*line.seeds_for_this_much) + "|"));
  }
  CHECK(section(page, "result").find("winner") != std::string::npos);
  CHECK(section(page, "result").find("Holm") != std::string::npos);
}

TEST_CASE("a reference that was named is not called the winner") {
  Sample sample;
  sample.study.reference = "distillation";
  const std::string page = sample.page();
  CHECK(section(page, "result").find("as the study asked for") != std::string::npos);
  CHECK(section(page, "result").find("winner") == std::string::npos);
  CHECK(text_of(row_of(page, "candist")).find("better") != std::string::npos);
  CHECK(count(section(page, "calibration"), "<figure>") == 2);  // the best, and the reference
}

TEST_CASE("the most accurate comes first, and who learns from gold says so") {
  Sample sample;
  std::swap(sample.study.compositions[0], sample.study.compositions[2]);
  sample.study.compositions[2].learns_from = StudiedComposition::LearnsFrom::gold;
  const std::string page = sample.page();
  const std::string result = between(section(page, "result"), "<tbody>", "</tbody>");
  CHECK(result.find("candist</bdi>") < result.find("proden</bdi>"));
  CHECK(result.find("<bdi>proden</bdi>") < result.find("<bdi>distillation</bdi>"));
  CHECK(row_of(page, "candist").find("learns from gold") != std::string::npos);
  CHECK(row_of(page, "proden").starts_with("<tr class=\"first\">"));
  // Teacher and student: of those only that have a teacher.
  CHECK(section(page, "sets").find("<bdi>candist</bdi>") == std::string::npos);
  CHECK(section(page, "disagreements").find("<bdi>proden</bdi> (seed") != std::string::npos);
}

TEST_CASE("names and texts are never markup") {
  const std::string evil = "<script>alert(1)</script>\"'&\xFF\x01</td>";
  Sample sample({.names = {evil, "b" + evil}});
  Study& study = sample.study;
  study.title = study.command = study.made_by = evil;
  study.notes = {evil};
  LabelSpace labels;
  for (int c = 0; c < 4; ++c) labels.add(evil + std::to_string(c));
  study.labels = &labels;
  Texts train = sample.train;
  train.texts = {};
  for (std::int64_t i = 0; i < sample.train.rows(); ++i) train.texts.push_back(evil);
  study.train = &train;
  for (StudiedComposition& composition : study.compositions) {
    composition.teacher_name = evil + composition.name;
    for (FinishedRun& run : composition.runs) run.id = run.again = evil;
  }
  study.compositions[0].runs[0].seed = evil;
  const std::string page = sample.page();
  CHECK(fault_of(page) == "");
  CHECK(count(page, "<script") == 1);
  CHECK(count(page, "alert(1)") > 20);
  CHECK(count(page, "&lt;script&gt;alert(1)") == count(page, "alert(1)"));
  CHECK(page.find('\xFF') == page.npos);
  CHECK(page.find('\x01') == page.npos);
}

TEST_CASE("a study that is not finished, and notes") {
  Sample sample;
  sample.study.planned_runs = 12;
  sample.study.notes = {"1 run failed: it & its seed"};
  const std::string page = sample.page();
  CHECK(page.find("9 of 12 runs are done.") != page.npos);
  CHECK(page.find("<li>1 run failed: it &amp; its seed</li>") != page.npos);
  sample.study.planned_runs = 9;
  CHECK(sample.page().find("are done.") == std::string::npos);
}

TEST_CASE("what is missing is left out, or said to be") {
  Sample sample;
  Study& study = sample.study;
  const auto whole = [&] {
    const std::string page = sample.page();
    CHECK(fault_of(page) == "");
    CHECK(page.find("nan") == page.npos);
    CHECK(page.find("inf") == page.find("info"));
    return page;
  };
  SECTION("no test texts") {
    study.test = nullptr;
    for (auto& composition : study.compositions)
      for (auto& run : composition.runs) {
        run.test = {};
        for (auto& epoch : run.epochs) epoch.test_accuracy.reset();
      }
    const std::string page = whole();
    CHECK(section(page, "result").find("There are no test texts") != std::string::npos);
    CHECK(section(page, "curves").find("curve-loss") != std::string::npos);
    CHECK(section(page, "curves").find("curve-accuracy") == std::string::npos);
    CHECK(section(page, "confusions").find("training texts") != std::string::npos);
  }
  SECTION("no gold at all") {
    sample.train.labels.assign(sample.train.labels.size(), -1);
    sample.test.labels.assign(sample.test.labels.size(), -1);
    const std::string page = whole();
    CHECK(section(page, "result").find("gold labels") != std::string::npos);
    CHECK(text_of(section(page, "result")).find("candist|3|") != std::string::npos);
    for (const char* id : {"sets", "confusions", "calibration"}) CHECK(section(page, id).empty());
    CHECK(section(page, "disagreements").find("not known") != std::string::npos);
  }
  SECTION("no gold of the training texts") {
    sample.train.labels.assign(sample.train.labels.size(), -1);
    const std::string page = whole();
    CHECK(section(page, "sets").empty());
    CHECK_FALSE(section(page, "confusions").empty());
  }
  SECTION("no teacher") {
    for (auto& composition : study.compositions) {
      composition.teacher = nullptr;
      for (auto& run : composition.runs)
        for (auto& epoch : run.epochs) epoch = {epoch.loss, 0, 0, 0, {}, epoch.test_accuracy};
    }
    const std::string page = whole();
    for (const char* id : {"sets", "targets", "disagreements"}) CHECK(section(page, id).empty());
  }
  SECTION("no epochs") {
    for (auto& composition : study.compositions)
      for (auto& run : composition.runs) run.epochs.clear();
    const std::string page = whole();
    for (const char* id : {"curves", "targets"}) CHECK(section(page, id).empty());
  }
  SECTION("runs of different length, and a loss that is no number") {
    study.compositions[0].runs[0].epochs.resize(1);
    study.compositions[0].runs[1].epochs[2].loss = std::numeric_limits<double>::quiet_NaN();
    study.compositions[1].runs[1].epochs[2].loss = std::numeric_limits<double>::infinity();
    CHECK_FALSE(section(whole(), "curves").empty());
  }
  SECTION("no confidences") {
    for (auto& composition : study.compositions)
      for (auto& run : composition.runs) run.test.confidences = run.train.confidences = {};
    const std::string page = whole();
    for (const char* id : {"calibration", "disagreements"}) CHECK(section(page, id).empty());
  }
  SECTION("confidences that are none") {
    for (auto& composition : study.compositions)
      for (auto& run : composition.runs)
        run.test.confidences[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK(section(whole(), "calibration").empty());
  }
  SECTION("a composition without runs") {
    study.compositions[1].runs.clear();
    const std::string page = whole();
    CHECK(text_of(row_of(page, "proden")).find("no finished run") != std::string::npos);
  }
  SECTION("no runs") {
    for (auto& composition : study.compositions) composition.runs.clear();
    study.planned_runs = 9;
    const std::string page = whole();
    CHECK(page.find("No run is done yet") != page.npos);
    CHECK(page.find("0 of 9 runs are done.") != page.npos);
    CHECK_FALSE(section(page, "again").empty());
  }
  SECTION("nothing") {
    study = {};
    const std::string page = whole();
    CHECK(page.find("<title>Report of a study</title>") != page.npos);
    CHECK(section(page, "again").find("was not recorded") != std::string::npos);
  }
  SECTION("no names of labels") {
    study.labels = nullptr;
    const std::string page = whole();
    CHECK(section(page, "confusions").empty());
    CHECK_FALSE(section(page, "disagreements").empty());
  }
}

TEST_CASE("one run, one seed, one composition") {
  for (const int seeds : {1, 2}) {
    for (const auto& names : {std::vector<std::string>{"candist"}, {"candist", "proden"}}) {
      const Sample sample({.names = names, .seeds = seeds, .epochs = 1});
      const std::string page = sample.page();
      INFO(seeds << " seeds of " << names.size());
      CHECK(fault_of(page) == "");
      CHECK((row_of(page, "candist").find("\u00B1") != std::string::npos) == (seeds > 1));
    }
  }
}

TEST_CASE("more compositions than a chart can tell apart") {
  Sample::Shape shape;
  shape.names.clear();
  for (int i = 0; i < 11; ++i) shape.names.push_back("method " + std::to_string(i));
  const Sample sample(shape);
  const std::string page = sample.page();
  CHECK(fault_of(page) == "");
  for (const std::string& name : shape.names) CHECK_FALSE(row_of(page, name).empty());
  CHECK(page.find("The 8 most accurate compositions; 3 more are left out.") != page.npos);
  CHECK(count(between(section(page, "curves"), "<ul class=\"key\">", "</ul>"), "<li>") == 8);
}

TEST_CASE("sizes of the candidate sets, by hand") {
  // 120 texts: 24 without candidates; 24 with gold alone; of 48 with two, 24 hold gold, second;
  // 24 with three hold gold, second.
  Sample sample({.names = {"student"}, .seeds = 2});
  for (std::size_t run = 0; run < 2; ++run) {
    Predictions& given = sample.study.compositions[0].runs[run].train;
    for (std::size_t i = 0; i < given.labels.size(); ++i) {
      const std::int32_t gold = sample.train.labels[i];
      const bool right = i % 5 == 1 || (i % 5 == 2 && run == 0);  // all of size 1; a quarter of 2
      given.labels[i] = right ? gold : (gold + 3) % 4;
    }
  }
  const std::string page = sample.page();
  const std::string text = text_of(section(page, "sets"));
  const std::string per_cent_sign = "\u2009%";
  const auto row = [&](const std::string& size, int texts, const std::string& held,
                       const std::string& first, const std::string& student) {
    return "|" + size + "|" + std::to_string(texts) + "|" + held + per_cent_sign + "|" + first +
           per_cent_sign + "|" + student + per_cent_sign + "|";
  };
  INFO(text);
  CHECK(text.find(row("none", 24, "0.0", "0.0", "0.0")) != text.npos);
  CHECK(text.find(row("1", 24, "100.0", "100.0", "100.0")) != text.npos);
  CHECK(text.find(row("2", 48, "50.0", "0.0", "25.0")) != text.npos);
  CHECK(text.find(row("3", 24, "100.0", "0.0", "0.0")) != text.npos);
  CHECK(text.find(row("all texts", 120, "60.0", "20.0", "30.0")) != text.npos);
  CHECK(count(section(page, "disagreements"), "class=\"text\"") == 20);
  // Seed 1: 24 of one candidate are right as the teacher, 24 of two are right against it.
  CHECK(section(page, "disagreements").find("96 of 120 (80.0" + per_cent_sign + ")") !=
        std::string::npos);
  CHECK(section(page, "disagreements").find("the student has 25.0" + per_cent_sign) !=
        std::string::npos);
}

TEST_CASE("several teachers are compared") {
  Sample sample;
  auto singles =
      std::make_shared<Annotations>(sample.study.compositions[0].teacher->singles_only());
  sample.study.compositions[2].teacher = singles;
  sample.study.compositions[2].teacher_name = "single labels";
  const std::string page = sample.page();
  CHECK(fault_of(page) == "");
  CHECK(section(page, "sets").find("id=\"teachers-t\"") != std::string::npos);
  // Gold is in 3 sets of 5, and the first label in 1 of 5.
  const std::string text = text_of(section(page, "sets"));
  CHECK(text.find("|teacher|60.0\u2009%|20.0\u2009%|1.60|24|") != text.npos);
  CHECK(text.find("|single labels|20.0\u2009%|20.0\u2009%|0.80|24|") != text.npos);
  CHECK(Sample().page().find("id=\"teachers-t\"") == std::string::npos);
}

TEST_CASE("confusions are those of the runs") {
  Sample sample({.names = {"student"}, .seeds = 2});
  for (FinishedRun& run : sample.study.compositions[0].runs) {
    for (std::size_t i = 0; i < run.test.labels.size(); ++i)
      run.test.labels[i] = i < 3 ? (sample.test.labels[i] == 1 ? 2 : 3) : sample.test.labels[i];
  }
  const std::string page = sample.page();
  const std::string text = text_of(section(page, "confusions"));
  INFO(text);
  // 80 test texts of 4 classes, two seeds: 40 a class. Texts 0, 1, 2 are wrong in both.
  CHECK(text.find("|class 0|38|2|") != text.npos);
  CHECK(text.find("|class 1|38|2|") != text.npos);
  CHECK(text.find("|class 3|40|") != text.npos);
  CHECK(text.find("|class 0|class 3|2|5.0\u2009%|") != text.npos);

  const Sample many({.names = {"student"}, .classes = 31});
  const std::string list = section(many.page(), "confusions");
  CHECK(list.find("class=\"scroll matrix\"") == std::string::npos);
  CHECK(list.find("31 classes") != std::string::npos);
}

TEST_CASE("the calibration error of a report is that of the metrics") {
  const Sample sample({.names = {"student"}, .seeds = 2});
  double error = 0.0;
  for (const FinishedRun& run : sample.study.compositions[0].runs)
    error += *expected_calibration_error(run.test, sample.test.labels) / 2.0;
  const std::string calibration = section(sample.page(), "calibration");
  CHECK(calibration.find("<b>" + printed("%.3f", error) + "</b>, mean over 2 seeds") !=
        std::string::npos);
}

TEST_CASE("a large report stays below a megabyte") {
  Sample::Shape shape{
      .names = {}, .seeds = 5, .classes = 25, .train = 2000, .test = 1000, .epochs = 20};
  for (int i = 0; i < 15; ++i) shape.names.push_back("candist delta=0." + std::to_string(i));
  const std::string page = Sample(shape).page();
  CHECK(fault_of(page) == "");
  CHECK(page.size() < 1'000'000);
}

TEST_CASE("sections of others come before the last") {
  const Sample sample;
  const std::string page =
      report_page(sample.study, compare(sample.study, Judged::test_texts), std::nullopt,
                  {{"extra", "Extra", "<h2>Extra</h2>"}, {"none", "None", ""}});
  CHECK(fault_of(page) == "");
  CHECK(page.find("<a href=\"#extra\">Extra</a>") < page.find("<a href=\"#again\">"));
  CHECK(page.find("#none") == page.npos);
}

TEST_CASE("numbers and texts as a report writes them") {
  CHECK(html_text("a<b>&\"'\x07\r\n") == "a&lt;b&gt;&amp;&quot;&#39;\uFFFD\n\n");
  CHECK(html_text("\xC3\xA4\xF0\x9F\x98\x80\xC3") == "\u00E4\U0001F600\uFFFD");
  CHECK(shortened("\u00E4\u00F6\u00FC", 3) == "\u00E4\u00F6\u00FC");
  CHECK(shortened("\u00E4\u00F6\u00FCx", 3) == "\u00E4\u00F6\u00FC\u2026");
  CHECK(fixed_number(-1.25, 1) == "\u22121.2");
  CHECK(fixed_number(-0.04, 1) == "0.0");
  CHECK(fixed_number(std::nan(""), 1) == "\u2013");
  CHECK(plain_number(12.50, 2) == "12.5");
  CHECK(plain_number(-0.001, 2) == "0");
  CHECK(plain_number(120.0, 0) == "120");
  CHECK(signed_points(0.0123) == "+1.2");
  CHECK(signed_points(0.0001) == "0.0");
  CHECK(signed_points(-0.0001) == "0.0");
  CHECK(html_p_value(0.0009) == "&lt;\u20090.001");
  CHECK(html_p_value(0.0499) == "0.050");
  CHECK(html_p_value(0.123) == "0.12");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1234567) == "1\u2009234\u2009567");
  CHECK(grouped(-123456) == "-123\u2009456");
  CHECK(counted(1, "run") == "1 run");
}

TEST_CASE("ticks of an axis are round and cover it") {
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {0, 1}, {0.812, 0.857}, {0.5, 0.5}, {0, 0}, {-3, 1e6}, {0.99999, 1.0}}) {
    INFO(low << " to " << high);
    const std::vector<double> ticks = round_ticks(low, high, 5);
    REQUIRE(ticks.size() >= 2);
    CHECK(ticks.size() <= 8);
    CHECK(ticks.front() <= low + 1e-9);
    CHECK(ticks.back() >= high - 1e-9);
  }
  const std::vector<double> placed = detail::spread_labels({10, 11, 90, 91, 92}, 12, 0, 100);
  std::vector<double> sorted = placed;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i] - sorted[i - 1] >= 12 - 1e-9);
  CHECK(sorted.back() <= 100);
}

// A page with all that is hard to lay out, for tests/integration/report_browser_test.sh.
TEST_CASE("writes a page to look at", "[.][page]") {
  const char* const path = std::getenv("CANDIST_REPORT_PAGE");
  REQUIRE(path != nullptr);
  const std::string wide(120, 'w');
  Sample sample({.names = {"candist", "candist delta=0.4 " + wide, "proden", "cc", "average",
                           "distillation", "<script>throw 1</script>", "pico", "supervised"},
                 .seeds = 4,
                 .classes = 12,
                 .train = 400,
                 .test = 240,
                 .epochs = 30});
  Study& study = sample.study;
  study.title = "Which method? " + wide;
  study.command = "candist ablate --data " + wide + wide + " --seed 1,2,3,4";
  study.notes = {"a note " + wide};
  study.planned_runs = 40;
  LabelSpace labels;
  for (int c = 0; c < 12; ++c)
    labels.add(c == 3   ? wide
               : c == 5 ? std::string("\u05E9\u05DD \u05D1\u05E2\u05D1\u05E8\u05D9\u05EA")
                        : "a class of number " + std::to_string(c));
  study.labels = &labels;
  study.compositions[8].learns_from = StudiedComposition::LearnsFrom::gold;
  study.compositions[4].runs.resize(1);
  study.compositions[7].runs.clear();
  study.compositions[5].teacher =
      std::make_shared<Annotations>(study.compositions[5].teacher->singles_only());
  study.compositions[5].teacher_name = "single labels " + wide;
  std::ofstream(path, std::ios::binary) << sample.page();
  CHECK(std::ifstream(path).good());
}
