// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The words around a label that say whether it is the answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "candist/chat/reply_characters.hpp"
#include "candist/chat/reply_word.hpp"
#include "candist/text/utf8.hpp"

namespace candist::cue {

/// Classes of words; a word may be of several.
enum Class : std::uint64_t {
  negates = 1,             ///< the labels behind it are none: not, neither, except, than
  negates_back = 2,        ///< and those in front of it: "act doesn't fit"
  rejects = 4,             ///< after a form of be or do: "act is unlikely"
  auxiliary = 8,           ///< is, does, can, ...
  article = 16,            ///< a, the, its
  joins = 32,              ///< and, or, then
  neutral = 64,            ///< says nothing by itself: a list of labels stays a list
  hedges = 128,            ///< maybe, also: a second thought where one label is asked
  explains = 256,          ///< because, which: what follows is no answer
  preposition = 512,       ///< of, by: what follows is no answer in a sentence
  but = 1024,              ///< ends what a negation reaches
  more = 2048,             ///< others, alternatively: adds to an answer already given
  answer_noun = 4096,      ///< answer
  final_noun = 8192,       ///< conclusion, verdict
  label_noun = 16384,      ///< label, category
  verb = 32768,            ///< choose, classified, belongs
  consequence = 65536,     ///< therefore, so
  copula = 131072,         ///< is, are, be: between a noun and the answer
  final_word = 262144,     ///< final
  explanation = 524288,    ///< Reason: ...
  exempts = 1048576,       ///< not only, not sure
  denies = 2097152,        ///< no, unlikely: a verdict behind "act:"
  cannot = 4194304,        ///< begins a refusal
  task_verb = 8388608,     ///< classify, help: what a refusal refuses
  everything = 16777216,   ///< all, any
  not_a_label = 33554432,  ///< behind "other": other words, other labels
};

inline const WordClasses& lexicon();

// ---- definitions

inline const WordClasses& lexicon() {
  static const WordClasses classes = [] {
    constexpr std::pair<std::uint64_t, const char*> lists[] = {
        {negates,
         "not isnt arent wasnt werent cannot cant couldnt never neither nor no without excludes "
         "exclude excluding except unlike doesnt dont didnt wouldnt shouldnt wont than instead "
         "implausible unlikely excluded rejected rule ruling eliminate discard reject nicht kein "
         "keine pas ni nein"},
        {negates_back,
         "isnt arent wasnt doesnt dont didnt cannot cant couldnt wouldnt wont shouldnt"},
        {rejects,
         "not unlikely excluded ruled wrong incorrect inappropriate implausible irrelevant "
         "rejected out unsuitable impossible"},
        {auxiliary,
         "is are was were be does do did can could would should seems seem may might has appears "
         "must"},
        {article, "a an the"},
        {joins, "and or then nor und oder et ou y o"},
        {neutral,
         "its label labels category categories class classes option number choice type intent "
         "answer candidate candidates best first second third fourth fifth primary secondary "
         "likely most probably mainly plausible possible probable assistant boxed text both "
         "either not only but also instead of rather than neither nor no fit fits maybe perhaps "
         "possibly more less yes ok sure final top rank ranked alternatives alternative others "
         "another primarily so hence therefore thus json python"},
        {hedges,
         "maybe possibly perhaps could might also alternatively potentially too secondarily less "
         "may can either secondary"},
        {explains,
         "because since as which who whose where when that due given meaning eg ie such like if "
         "denn weil car parce"},
        {preposition,
         "of by for from in to with about on at against through between toward towards into"},
        {but, "but however though although sondern mais pero"},
        {more,
         "other others alternative alternatives alternatively also additional additionally "
         "secondary second another possible possibly candidates then"},
        {answer_noun, "answer réponse antwort respuesta risposta resposta"},
        {final_noun, "conclusion verdict decision"},
        {label_noun,
         "label labels category categories class classes classification intent type candidate "
         "candidates prediction choice choices output result option options kategorie catégorie "
         "categoría etiqueta"},
        {verb,
         "choose pick select chose classified classify categorised categorized categorise "
         "categorize labelled labeled belongs belong falls fall assign assigned say go"},
        {consequence, "therefore thus hence so overall ultimately consequently finally"},
        {copula, "is are be its thats ist sind est es è was"},
        {final_word, "final"},
        {explanation,
         "reason reasons reasoning explanation rationale justification note notes thought "
         "thoughts analysis definition begründung"},
        {exempts, "only just merely simply sure certain entirely necessarily"},
        {denies, "no not unlikely doesnt isnt implausible cannot excluded wrong incorrect"},
        {cannot, "cannot cant unable couldnt"},
        {task_verb,
         "classify help assist determine provide answer comply decide label tell categorize "
         "categorise fulfill continue do"},
        {everything, "all any every each everything anything"},
        {not_a_label,
         "words hand hands label labels option options category categories candidate candidates "
         "class classes intent intents choice choices possible than people things"}};
    WordClasses made;
    for (const auto& [bit, words] : lists) {
      std::string word;
      for (const char* c = words;; ++c) {
        if (*c != ' ' && *c != '\0') {
          word += *c;
          continue;
        }
        std::string form;
        for (std::size_t at = 0; at < word.size();)
          detail::append_folded(next_code_point(word, at), form);
        made[form] |= bit;
        word.clear();
        if (*c == '\0') break;
      }
    }
    return made;
  }();
  return classes;
}

}  // namespace candist::cue
