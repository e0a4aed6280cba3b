// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Ranks over several data sets: words, tables and the critical difference diagram.
#include "candist/studies/rank_report.hpp"

#include <cstdlib>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace candist;

namespace {

std::vector<std::string> names(std::size_t count, const std::string& stem) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(stem + std::to_string(i));
  return all;
}

/// Of n data sets and k methods, the same order on all: method 0 is the best.
RankReport ordered(std::size_t n, std::size_t k) {
  std::vector<std::vector<double>> scores(n, std::vector<double>(k));
  for (std::size_t d = 0; d < n; ++d) {
    for (std::size_t c = 0; c < k; ++c)
      scores[d][c] = 0.9 - 0.02 * static_cast<double>(c) - 0.001 * static_cast<double>(d);
  }
  return ranked({names(k, "method "), names(n, "set "), scores});
}

RankReport equal(std::size_t n, std::size_t k) {
  return ranked({names(k, "method "), names(n, "set "),
                 std::vector<std::vector<double>>(n, std::vector<double>(k, 0.5))});
}

std::string spoken(const RankReport& report) {
  std::string text;
  for (const std::string& sentence : rank_sentences(report)) text += sentence + "\n";
  return text;
}

std::size_t pairs_apart(const RankReport& report) {
  std::size_t pairs = 0;
  for (const std::size_t c : report.order) pairs += report.worse_than(c).size();
  return pairs;
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++count;
  return count;
}

/// XML without comments or CDATA: every element is closed in its turn, attributes are quoted, &
/// begins an entity, one root. "" or what is wrong.
std::string xml_error(const std::string& text) {
  static const std::regex tag(R"(<(/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>)");
  static const std::regex entity(R"(&(?:amp|lt|gt|quot|#\d+);)");
  std::vector<std::string> open;
  int roots = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::smatch match;
    const auto here = text.begin() + static_cast<std::ptrdiff_t>(i);
    const auto flags = std::regex_constants::match_continuous;
    if (text[i] == '&') {
      if (!std::regex_search(here, text.end(), match, entity, flags)) return "a bare &";
    } else if (text[i] == '<') {
      if (!std::regex_search(here, text.end(), match, tag, flags))
        return "no tag: " + text.substr(i, 60);
      // An attribute once, and its entities.
      const std::string attributes = match[3];
      for (std::size_t a = attributes.find('&'); a != std::string::npos;
           a = attributes.find('&', a + 1)) {
        if (!std::regex_search(attributes.begin() + static_cast<std::ptrdiff_t>(a),
                               attributes.end(), entity, flags))
          return "a bare & in an attribute";
      }
      if (match[1].length() > 0) {
        if (open.empty() || open.back() != match[2]) return "closed too early: " + match[2].str();
        open.pop_back();
      } else if (match[4].length() == 0) {
        roots += open.empty() ? 1 : 0;
        open.push_back(match[2]);
      }
    }
    i += match.empty() ? 1 : static_cast<std::size_t>(match[0].length());
  }
  if (!open.empty()) return "never closed: " + open.back();
  return roots == 1 ? "" : "not one root";
}

}  // namespace

TEST_CASE("ranks: methods that are equal everywhere share a group and a rank") {
  for (const std::size_t n : {1u, 2u, 12u}) {
    for (const std::size_t k : {2u, 3u, 7u}) {
      const RankReport report = equal(n, k);
      CHECK(pairs_apart(report) == 0);
      for (std::size_t c = 0; c < k; ++c) {
        CHECK(report.letters(c) == "a");
        CHECK(report.mean_rank(c) == Approx(0.5 * (static_cast<double>(k) + 1.0)));
      }
      CHECK(has(spoken(report), "cannot be ruled out"));
      CHECK(has(spoken(report), "so none are told apart"));
      CHECK(count_of(critical_difference_svg(report), "class=\"group\"") == 1);
    }
  }
}

TEST_CASE("ranks: a clear order is told as one") {
  const RankReport report = ordered(20, 5);
  CHECK(report.order == std::vector<std::size_t>{0, 1, 2, 3, 4});
  CHECK(report.rank(3, 2) == 3.0);
  CHECK(report.letters(0) == "a");
  CHECK(report.letters(4) != report.letters(0));
  // q(0.05, 5) = 2.728 (Demsar 2006, table 5): 2.728 * sqrt(5 * 6 / (6 * 20)) = 1.364.
  CHECK(report.ranks.critical_difference == Approx(1.364).margin(5e-4));
  const std::string text = spoken(report);
  INFO(text);
  CHECK(has(text,
            "Friedman's test of 5 compositions over 20 data sets: chi-squared = 80.00 with 4 "
            "degrees of freedom, p < 0.001: the compositions are not all equally good."));
  CHECK(has(
      text,
      "with 20 data sets the critical difference is 1.36 ranks; further apart, and so different: 6 "
      "of 10 pairs. Clearly worse than the best, method 0: method 2, method 3, method 4"));
  CHECK_FALSE(has(text, "rough"));
  CHECK_FALSE(has(text, "too few"));
  CHECK_FALSE(has(text, "Whatever"));
  CHECK(count_of(critical_difference_svg(report), "class=\"group\"") == 4);
  const std::string markdown = rank_markdown(report);
  CHECK(has(markdown, "| method 0 | 1.00 | a | 90.0 (1) | 89.9 (1) |"));
  CHECK(has(markdown, "| method 1 | 2.00 | a b |"));
}

TEST_CASE("ranks: few data sets are warned of, and how many it takes is true") {
  for (const std::size_t k : {2u, 3u, 4u, 6u, 9u}) {
    for (std::size_t n = 1; n < 9; ++n) {
      const RankReport report = ordered(n, k);  // the clearest outcome there is
      const std::string text = spoken(report);
      INFO(text);
      CHECK(has(text, "is rough"));
      std::smatch needed;
      const bool hopeless = std::regex_search(text, needed, std::regex(R"(takes at least (\d+))"));
      CHECK(hopeless == (pairs_apart(report) == 0));
      if (!hopeless) continue;
      const std::size_t enough = std::stoul(needed[1]);
      CHECK(enough > n);
      CHECK(pairs_apart(ordered(enough, k)) > 0);
      CHECK(pairs_apart(ordered(enough - 1, k)) == 0);
    }
  }
}

TEST_CASE("ranks: diagram and page are well-formed and name everything, whatever the names") {
  std::vector<std::string> odd{"a<b>&\"c'",
                               "</title><script>alert(1)</script>",
                               "]]>",
                               "back|slash\\",
                               "\xFF\xFE broken",
                               "\u05E9\u05DC\u05D5\u05DD",
                               "\u5206\u985E\u5668",
                               "line\nbreak\x01",
                               std::string(300, 'w') + "end",
                               ""};
  for (const std::size_t k : {2u, 3u, 10u}) {
    const std::vector<std::string> some(odd.end() - static_cast<std::ptrdiff_t>(k), odd.end());
    for (const std::vector<std::string>& compositions :
         {some, {odd.begin(), odd.begin() + static_cast<std::ptrdiff_t>(k)}}) {
      std::vector<std::vector<double>> scores;
      for (std::size_t d = 0; d < 4; ++d) {
        scores.emplace_back();
        for (std::size_t c = 0; c < k; ++c)
          scores.back().push_back(static_cast<double>((c * 7 + d * 3) % 11) / 11.0);
      }
      const RankReport report = ranked({compositions,
                                        {odd[0], odd[1], odd[4], odd[8]},
                                        scores,
                                        Judged::training_texts,
                                        {odd[0], odd[1]},
                                        odd[1]});
      const std::string svg = critical_difference_svg(report);
      CHECK(xml_error(svg) == "");
      CHECK(has(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" "));
      CHECK_FALSE(has(svg, "<script"));
      const std::string page = rank_page(report);
      CHECK_FALSE(has(page, "<script"));
      CHECK_FALSE(has(page, "://"));  // it loads nothing
      const std::string body = page.substr(page.find("<body>"));
      CHECK(xml_error(body.substr(0, body.find("</html>"))) == "");
      for (const std::string& name : compositions) {
        CHECK(has(svg, html_text(name)));
        CHECK(has(page, html_name(name)));
        CHECK(has(rank_markdown(report), detail::markdown_cell(name)));
      }
      for (const std::string& name : report.data_sets) CHECK(has(page, html_name(name)));
    }
  }
}

TEST_CASE("ranks: every mark of the diagram lies inside it, every name on a line of its own") {
  for (const std::size_t k : {2u, 3u, 8u, 45u}) {
    for (const std::size_t n : {1u, 2u, 5u, 40u}) {
      for (const RankReport& report : {ordered(n, k), equal(n, k)}) {
        const std::string svg = critical_difference_svg(report);
        std::smatch box;
        REQUIRE(std::regex_search(svg, box, std::regex(R"re(viewBox="0 0 ([\d.]+) ([\d.]+)")re")));
        const double width = std::stod(box[1]);
        const double height = std::stod(box[2]);
        const auto check_all = [&](const char* pattern, double most) {
          const std::regex number(pattern);
          for (std::sregex_iterator it(svg.begin(), svg.end(), number), end; it != end; ++it) {
            const double value = std::stod((*it)[1]);
            CHECK((value >= 0.0 && value <= most));
          }
        };
        check_all(R"re( c?x[12]?="(-?[\d.]+)")re", width);
        check_all(R"re( c?y[12]?="(-?[\d.]+)")re", height);
        check_all(R"re(H(-?[\d.]+))re", width);
        check_all(R"re(V(-?[\d.]+))re", height);
        CHECK(count_of(svg, "class=\"name\"") == k);
        std::vector<std::string> places;
        const std::regex label(
            R"re(<text x="([\d.]+)" y="([\d.]+)" text-anchor="\w+" class="name")re");
        for (std::sregex_iterator it(svg.begin(), svg.end(), label), end; it != end; ++it)
          places.push_back((*it)[1].str() + " " + (*it)[2].str());
        std::sort(places.begin(), places.end());
        CHECK(places.size() == k);
        CHECK(std::adjacent_find(places.begin(), places.end()) == places.end());
      }
    }
  }
}

TEST_CASE("ranks: names and scores that do not fit together are refused") {
  const std::vector<std::vector<double>> scores{{0.1, 0.2}, {0.3, 0.4}};
  CHECK_THROWS_AS(ranked({{"a", "b", "c"}, {"x", "y"}, scores}), ShapeError);
  CHECK_THROWS_AS(ranked({{"a", "b"}, {"x"}, scores}), ShapeError);
  CHECK_THROWS_AS(ranked({{"a"}, {"x"}, {{0.1}}}), ShapeError);
  CHECK_THROWS_AS(ranked({{}, {}, {}}), ShapeError);
}

// Writes a page and a diagram to look at: CANDIST_RANK_FOLDER=/tmp candist_host_tests "[rank_page]"
TEST_CASE("ranks: a page to look at", "[.][rank_page]") {
  const char* folder = std::getenv("CANDIST_RANK_FOLDER");
  REQUIRE(folder != nullptr);
  const RankReport report = ranked(
      {{"average", "candist", "candist delta=0.4, lr=0.01", "cc", "proden", "supervised", "rc <b>"},
       {"wordnet25", "trec", "agnews", "banking77", "dbpedia"},
       {{.81, .86, .85, .82, .84, .91, .80},
        {.71, .75, .75, .70, .74, .83, .69},
        {.88, .89, .90, .87, .88, .92, .87},
        {.61, .66, .67, .63, .62, .78, .62},
        {.95, .97, .96, .94, .96, .98, .93}},
       Judged::test_texts,
       {"cc <i> is left out: not in trec"},
       "candist rank --study a,b --out c"});
  std::ofstream(std::string(folder) + "/ranks.html") << rank_page(report);
  std::ofstream(std::string(folder) + "/cd.svg") << critical_difference_svg(report);
  std::ofstream(std::string(folder) + "/cd_two.svg") << critical_difference_svg(ordered(1, 2));
  std::ofstream(std::string(folder) + "/cd_many.svg") << critical_difference_svg(ordered(40, 24));
}
