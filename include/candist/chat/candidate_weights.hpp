// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/answer_parser.hpp"
#include "candist/chat/reply_characters.hpp"
#include "candist/chat/token_logprob.hpp"
#include "candist/data/label_space.hpp"

namespace candist {

/// Weights of the candidates, one a label of `answer`, > 0, of sum 1. A mention's probability is
/// the product of the probabilities of the tokens that overlap its bytes: how likely the model was
/// to write this label there, given all that it had written before (so that of a later label is
/// given the earlier ones). Empty where the tokens do not spell the reply (tokens behind its end,
/// such as an end-of-text mark, are allowed), a log-probability is NaN, or the answer has no labels.
std::vector<float> candidate_weights(const ParsedAnswer& answer, std::string_view reply,
                                     std::span<const TokenLogprob> tokens);

/// A label that the model might have written in place of the first one.
struct AlternativeLabel {
  std::int32_t label = -1;
  double logprob = 0;  ///< of all its tokens among the most probable ones, together
};

/// The label that was answered, as its token was, and behind it the others among the most probable
/// tokens at the first token of the first mention, the most probable first. A token counts as a label only where it, its
/// blanks and quotes aside, is at least two bytes long and begins the name of exactly one label.
/// Empty where candidate_weights() would be, or where the first token holds more than the name's
/// beginning.
std::vector<AlternativeLabel> alternative_labels(const ParsedAnswer& answer, std::string_view reply,
                                                 std::span<const TokenLogprob> tokens,
                                                 const LabelSpace& labels);

// ---- definitions

namespace detail {

/// Where every token begins in the reply, and behind the last; nothing where they spell another.
inline std::optional<std::vector<std::size_t>> token_places(std::string_view reply,
                                                            std::span<const TokenLogprob> tokens) {
  std::vector<std::size_t> places{0};
  for (const TokenLogprob& token : tokens) {
    const std::size_t at = places.back();
    if (at == reply.size()) break;
    if (reply.substr(at, token.token.size()) != token.token) return std::nullopt;
    places.push_back(at + token.token.size());
  }
  if (places.back() != reply.size()) return std::nullopt;
  return places;
}

/// The first token that overlaps the mention's bytes.
inline std::size_t first_token(const std::vector<std::size_t>& places, std::size_t begin) {
  const auto behind = std::upper_bound(places.begin(), places.end(), begin);
  return static_cast<std::size_t>(behind - places.begin()) - 1;
}

inline bool begins(std::string_view name, std::string_view beginning) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return beginning.size() <= name.size() &&
         std::equal(beginning.begin(), beginning.end(), name.begin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace detail

inline std::vector<float> candidate_weights(const ParsedAnswer& answer, std::string_view reply,
                                            std::span<const TokenLogprob> tokens) {
  const auto places = detail::token_places(reply, tokens);
  if (!places || !answer.read() || answer.mentions.empty()) return {};
  std::vector<double> logs;
  double top = -std::numeric_limits<double>::max();
  for (const ParsedAnswer::Mention& mention : answer.mentions) {
    if (mention.begin >= mention.end || mention.end > reply.size()) return {};
    double sum = 0.0;
    for (std::size_t t = detail::first_token(*places, mention.begin);
         t < tokens.size() && (*places)[t] < mention.end; ++t) {
      if (std::isnan(tokens[t].logprob)) return {};
      sum += std::clamp(tokens[t].logprob, -1e6, 0.0);
    }
    logs.push_back(sum);
    top = std::max(top, sum);
  }
  // No weight may vanish: a candidate of weight 0 is none.
  constexpr double least = 1e-30;
  double total = 0.0;
  for (double& value : logs) total += value = std::max(std::exp(value - top), least);
  std::vector<float> weights;
  for (const double value : logs) weights.push_back(static_cast<float>(value / total));
  return weights;
}

inline std::vector<AlternativeLabel> alternative_labels(const ParsedAnswer& answer,
                                                        std::string_view reply,
                                                        std::span<const TokenLogprob> tokens,
                                                        const LabelSpace& labels) {
  if (candidate_weights(answer, reply, tokens).empty()) return {};
  const auto places = *detail::token_places(reply, tokens);
  const ParsedAnswer::Mention& mention = answer.mentions.front();
  const std::size_t t = detail::first_token(places, mention.begin);
  // A token that also ends the text before the label would be compared with others that do not.
  const std::string_view before = reply.substr(places[t], mention.begin - places[t]);
  if (!detail::without_blanks_and_quotes(before).empty()) return {};
  std::map<std::int32_t, double> found;
  for (const auto& [token, logprob] : tokens[t].top) {
    const std::string_view beginning = detail::without_blanks_and_quotes(token);
    if (beginning.size() < 2 || !(logprob <= 0.0)) continue;
    std::int32_t only = -1;
    int matching = 0;
    for (std::int32_t label = 0; label < labels.size(); ++label) {
      if (!detail::begins(labels.name(label), beginning)) continue;
      only = label;
      ++matching;
    }
    if (matching != 1 || only == mention.label) continue;
    const auto [place, is_new] = found.emplace(only, logprob);
    if (is_new) continue;
    const double high = std::max(place->second, logprob);
    place->second = high + std::log1p(std::exp(std::min(place->second, logprob) - high));
  }
  std::vector<AlternativeLabel> alternatives{{mention.label, tokens[t].logprob}};
  for (const auto& [label, logprob] : found) alternatives.push_back({label, logprob});
  std::stable_sort(alternatives.begin() + 1, alternatives.end(),
                   [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
  return alternatives;
}

}  // namespace candist
