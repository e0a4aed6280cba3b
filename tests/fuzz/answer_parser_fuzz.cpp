// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What must hold of the answer to any bytes. With clang and its libFuzzer:
//   cmake -B build-fuzz -DCMAKE_CXX_COMPILER=clang++ -DCANDIST_BUILD_FUZZERS=ON
//   cmake --build build-fuzz --target answer_parser_fuzz
//   build-fuzz/bin/answer_parser_fuzz -max_total_time=60
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "candist/chat/answer_parser.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

candist::LabelSpace labels() {
  candist::LabelSpace space;
  space.add("act", "acts or actions");
  space.add("lost or stolen card");
  space.add("card not working", "Broken card: a card that does not work");
  space.add("other");
  space.add("C");
  space.add("C++");
  space.add("body", "body parts");
  return space;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const candist::LabelSpace space = labels();
  static const candist::AnswerParser parser(space);
  const std::string_view reply(reinterpret_cast<const char*>(data), size);
  for (const auto form :
       {candist::AnswerForm::one, candist::AnswerForm::ordered, candist::AnswerForm::set}) {
    const candist::ParsedAnswer answer = parser.parse(reply, form);
    expect(answer.labels.size() == answer.mentions.size());
    expect(answer.read() == !answer.labels.empty());
    expect(form != candist::AnswerForm::one || answer.labels.size() <= 1);
    expect(std::set(answer.labels.begin(), answer.labels.end()).size() == answer.labels.size());
    for (std::size_t i = 0; i < answer.labels.size(); ++i) {
      const auto& mention = answer.mentions[i];
      expect(answer.labels[i] >= 0 && answer.labels[i] < space.size());
      expect(mention.label == answer.labels[i]);
      expect(mention.begin < mention.end && mention.end <= size);
    }
    const candist::ParsedAnswer again = parser.parse(reply, form);
    expect(again.labels == answer.labels && again.problem == answer.problem);
    const std::int32_t offered[] = {0, 3};
    for (const std::int32_t label : parser.parse(reply, form, offered).labels)
      expect(label == 0 || label == 3);
  }
  return 0;
}
