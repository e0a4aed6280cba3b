// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Demonstrations that the model writes itself.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "candist/chat/demonstration_pool.hpp"
#include "interruption.hpp"
#include "teaching.hpp"

namespace candist::program {

int write_demonstration_pool(const Teaching& teaching, const Variant& variant) {
  constexpr int a_question = 10;
  const LabelSpace& labels = teaching.corpus.labels;
  const int a_label = (teaching.settings.pool + labels.size() - 1) / labels.size();
  const int rounds = (a_label + a_question - 1) / a_question;
  std::vector<std::vector<std::string>> texts(static_cast<std::size_t>(labels.size()));
  ChatOptions chat = teaching.chat;
  chat.model = variant.model;
  chat.structure = ChatOptions::Structure::free_text;
  chat.max_tokens = 4096;
  ChatClient client(CurlTransport(teaching.curl), teaching.client);
  std::uint64_t asked = 0;
  std::string failure;
  const auto next = [&]() -> std::optional<ChatQuestion> {
    if (asked >= static_cast<std::uint64_t>(labels.size()) * static_cast<std::uint64_t>(rounds))
      return std::nullopt;
    const int label = static_cast<int>(asked) % labels.size();
    const int round = static_cast<int>(asked) / labels.size();
    const Conversation conversation =
        pool_conversation(teaching.task, label, std::min(a_label, a_question), round);
    return ChatQuestion{asked++, chat_request_body(conversation, chat, nullptr), 1000};
  };
  client.run(
      next,
      [&](std::uint64_t key, const ChatReply& reply) {
        auto& pool = texts[static_cast<std::size_t>(key) % texts.size()];
        for (std::string& text : parse_pool_reply(reply.content)) {
          if (std::find(pool.begin(), pool.end(), text) == pool.end())
            pool.push_back(std::move(text));
        }
      },
      [&](std::uint64_t, const std::string& reason) { failure = reason; });
  if (!failure.empty()) throw RunError("the pool of demonstrations is not whole: " + failure);
  if (StopOnSignal::requested()) throw Interrupted("interrupted; no pool was written");
  std::vector<Demonstration> pool;
  for (int label = 0; label < labels.size(); ++label) {
    auto& examples = texts[static_cast<std::size_t>(label)];
    if (examples.size() > static_cast<std::size_t>(a_label))
      examples.resize(static_cast<std::size_t>(a_label));
    if (examples.empty())
      throw RunError("the model wrote no example of label " + quoted(labels.name(label)));
    for (std::string& text : examples) pool.push_back({std::move(text), labels.name(label)});
  }
  write_demonstrations(teaching.settings.write_demonstrations, pool);
  std::printf("%zu demonstrations of %d labels in %s\n", pool.size(), labels.size(),
              teaching.settings.write_demonstrations.c_str());
  return 0;
}

}  // namespace candist::program
