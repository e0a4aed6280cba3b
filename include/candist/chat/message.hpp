// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What is said in a conversation with a language model.
#pragma once

#include <string>
#include <vector>

namespace candist {

/// Who speaks; the names are those of the chat completions protocol.
enum class Role { system, user, assistant };

constexpr const char* name_of(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::user:
      return "user";
    case Role::assistant:
      break;
  }
  return "assistant";
}

/// One turn of a conversation, UTF-8.
struct Message {
  Role role = Role::user;
  std::string content;
  bool operator==(const Message&) const = default;
};

using Conversation = std::vector<Message>;

}  // namespace candist
