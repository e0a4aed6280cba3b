// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include "candist/data/dataset.hpp"

namespace candist {

/// The WordNet noun categories in the order of its lexicographer files 04 ... 28; noun.Tops (03) is
/// none of them.
inline constexpr const char* wordnet_categories[] = {
    "act",    "animal",     "artifact",  "attribute",  "body",     "cognition", "communication",
    "event",  "feeling",    "food",      "group",      "location", "motive",    "object",
    "person", "phenomenon", "plant",     "possession", "process",  "quantity",  "relation",
    "shape",  "state",      "substance", "time"};

/// Reads WordNet's data.noun (Debian package wordnet-base): one text an entry, "lemma: definition",
/// id n + the synset's offset, gold its lexicographer file. WordNet 3.0, Copyright Princeton
/// University, https://wordnet.princeton.edu.
inline Texts read_wordnet_nouns(const std::filesystem::path& path, const LabelSpace& labels) {
  if (!std::filesystem::exists(path)) {
    throw InputError(path.string(), 0, "no such file",
                     "WordNet's nouns: install Debian's package wordnet-base");
  }
  Texts texts;
  texts.source = path.string();
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    if (line.starts_with("  ")) continue;  // the licence
    const auto expect = [&](bool holds) {
      if (!holds) lines.fail("a broken line", "a synset of WordNet 3.0's data.noun");
    };
    const std::size_t bar = line.find(" | ");
    expect(line.size() > 20 && line[8] == ' ' && line[11] == ' ' && bar != std::string_view::npos);
    const int category = (line[9] - '0') * 10 + (line[10] - '0');
    expect(category >= 3 && category <= 28);
    if (category == 3) continue;
    // offset, category, part of speech, count of lemmas, first lemma
    const std::size_t lemma_begin = line.find(' ', 14) + 1;
    const std::size_t lemma_end = line.find(' ', lemma_begin);
    expect(lemma_begin > 14 && lemma_end != std::string_view::npos && lemma_end < bar);
    std::string text(line.substr(lemma_begin, lemma_end - lemma_begin));
    std::replace(text.begin(), text.end(), '_', ' ');
    text += ':';
    std::string_view gloss = line.substr(bar + 3);
    gloss = gloss.substr(0, gloss.find("; \""));
    bool space = true;
    for (const char c : gloss) {
      if (c == ' ' || c == '\t') {
        space = true;
        continue;
      }
      if (space) text += ' ';
      space = false;
      text += c;
    }
    const char* name = wordnet_categories[category - 4];
    const auto label = labels.find(name);
    if (!label) lines.fail(std::string("category ") + name, "one of " + labels.summary());
    texts.ids.push_back("n" + std::string(line.substr(0, 8)));
    texts.texts.push_back(text);
    texts.labels.push_back(*label);
  }
  if (texts.rows() == 0)
    throw InputError(path.string(), 0, "no synsets", "WordNet 3.0's data.noun");
  return texts;
}

/// The corpus that comes with candist: dictionary entries with an LLM's recorded candidate
/// annotations.
struct WordNetCorpus {
  LabelSpace labels;
  Texts train;  ///< with paraphrases as second views
  Texts test;
  std::filesystem::path folder;  ///< of labels.json, train.ca_add.jsonl, train.ca_all.jsonl, ...
};

/// `folder` is examples/data/wordnet; `nouns` WordNet's data.noun.
inline WordNetCorpus read_wordnet_corpus(
    const std::filesystem::path& folder,
    const std::filesystem::path& nouns = "/usr/share/wordnet/data.noun") {
  WordNetCorpus corpus;
  corpus.folder = folder;
  corpus.labels = read_labels(folder / "labels.json");
  const Texts all = read_wordnet_nouns(nouns, corpus.labels);
  const auto pick = [&](const char* file) {
    return select_by_ids(all, read_ids(folder / file), (folder / file).string());
  };
  corpus.train = pick("train.ca_add.jsonl");
  corpus.test = pick("test.ca_add.jsonl");
  read_second_views(folder / "train.augmented.jsonl", corpus.train);
  return corpus;
}

}  // namespace candist
