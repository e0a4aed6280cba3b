// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// One toy model of every concept. The pages of docs/ quote them, and main() trains with nothing but
// them: what the concepts ask for is all that Distiller needs.
#include <candist/candist.hpp>
#include <cstdio>
#include <string>
#include <vector>

using namespace candist;

// [annotator]
/// A teacher that knows words: the labels whose name stands in the text are its candidates. An
/// empty set where there is none.
class NameAnnotator {
 public:
  static constexpr const char* name = "name_in_text";
  explicit NameAnnotator(LabelSpace labels) : labels_(std::move(labels)) {}

  Annotations annotate(const Texts& texts) const {
    Annotations annotations(labels_.size());
    std::vector<std::int32_t> set;
    for (std::int64_t row = 0; row < texts.rows(); ++row) {
      set.clear();
      for (std::int32_t label = 0; label < labels_.size(); ++label) {
        if (texts.texts[row].find(labels_.name(label)) != std::string_view::npos)
          set.push_back(label);
      }
      annotations.add(set);
    }
    return annotations;
  }

 private:
  LabelSpace labels_;
};
static_assert(Annotator<NameAnnotator>);
// [/annotator]

// [candidate_set]
/// A list of candidates a row, all of the same weight.
class ListedCandidates {
 public:
  static constexpr const char* name = "listed";
  struct View {
    const std::vector<std::int32_t>* lists;
    std::int64_t row_count;
    int class_count;
    std::int64_t rows() const { return row_count; }
    int classes() const { return class_count; }
    float weight(std::int64_t row, int label) const {
      for (const std::int32_t candidate : lists[row]) {
        if (candidate == label) return 1.0f / static_cast<float>(lists[row].size());
      }
      return 0.0f;
    }
  };
  explicit ListedCandidates(const Annotations& annotations) : classes_(annotations.classes()) {
    for (std::int64_t row = 0; row < annotations.rows(); ++row) {
      const auto labels = annotations.labels(row);
      lists_.emplace_back(labels.begin(), labels.end());
    }
  }
  View view() const { return {lists_.data(), static_cast<std::int64_t>(lists_.size()), classes_}; }

 private:
  int classes_;
  std::vector<std::vector<std::int32_t>> lists_;
};
static_assert(CandidateSet<ListedCandidates>);
// [/candidate_set]

// [loss]
/// What the student puts outside the set: L = 1 - P_S, dL/dz_j = P_S (p_j - r_j).
struct OutsideMass {
  static constexpr const char* name = "outside_mass";
  static constexpr const char* reference = "a toy";
  CANDIST_HD float value(RowStats row) const { return row.outside_mass(); }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return row.candidate_mass() * (row.prob(cell) - row.share(cell));
  }
};
static_assert(Loss<OutsideMass>);
// [/loss]

// [refinery]
/// PRODEN with inertia: the target moves half of the way to the renormalised prediction.
struct HalfwayPrediction {
  static constexpr const char* name = "halfway_prediction";
  CANDIST_HD Refresh refresh() const { return Refresh::same_forward; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const {
    return 0.5f * cell.target + 0.5f * row.share(cell);
  }
};
static_assert(Refinery<HalfwayPrediction>);
// [/refinery]

// [student]
/// A linear classifier on the bytes of a text: logits = the sum of the weight rows of its bytes.
class ByteStudent {
 public:
  static constexpr const char* name = "bytes";
  explicit ByteStudent(int classes)
      : classes_(classes), weights_(256 * classes), gradient_(weights_.size()) {}

  int classes() const { return classes_; }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  }
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
    if (mode == Mode::training) batch_.assign(batch.begin(), batch.end());
    for (std::int64_t row = 0; row < logits.rows; ++row) {
      for (int j = 0; j < classes_; ++j) logits(row, j) = 0.0f;
      for (const std::int32_t id : batch[row])
        for (int j = 0; j < classes_; ++j) logits(row, j) += weights_[id * classes_ + j];
    }
  }
  void backward(MatrixView<const float> dlogits) {
    for (std::int64_t row = 0; row < dlogits.rows; ++row)
      for (const std::int32_t id : batch_[row])
        for (int j = 0; j < classes_; ++j) gradient_[id * classes_ + j] += dlogits(row, j);
  }
  void zero_gradients() { gradient_.assign(gradient_.size(), 0.0f); }
  std::span<ParameterBlock> blocks() {
    block_ = {"weights", weights_, 256, classes_, Rows::dense, Decay::weight, gradient_, {}};
    return {&block_, 1};
  }

 private:
  int classes_;
  std::vector<float> weights_;
  std::vector<float> gradient_;
  std::vector<TokenSpan> batch_;
  ParameterBlock block_;
};
static_assert(Student<ByteStudent>);
// [/student]

// [augmenter]
/// The second half of a text as its second view.
struct SecondHalf {
  static constexpr const char* name = "second_half";
  void view(std::uint64_t, std::int64_t, TokenSpan ids, std::vector<std::int32_t>& out) const {
    out.assign(ids.begin() + ids.size() / 2, ids.end());
  }
};
static_assert(Augmenter<SecondHalf>);
// [/augmenter]

// [optimizer]
/// Steps of the same size, against the sign of the gradient; for blocks whose rows are all dense.
struct SignDescent {
  static constexpr const char* name = "sign_descent";
  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    for (ParameterBlock& block : blocks) {
      for (std::size_t i = 0; i < block.values.size(); ++i) {
        const float g = block.gradient[i];
        block.values[i] -= learning_rate * static_cast<float>((g > 0.0f) - (g < 0.0f));
      }
    }
  }
  void settle(std::span<ParameterBlock>) {}  // it puts nothing off
};
static_assert(Optimizer<SignDescent>);
// [/optimizer]

// [schedule]
/// Half the rate in the second half of the training.
struct HalfAtHalf {
  float factor(float fraction) const { return fraction < 0.5f ? 1.0f : 0.5f; }
};
static_assert(Schedule<HalfAtHalf>);
// [/schedule]

int main() {
  LabelSpace labels;
  const Texts texts = [&] {
    Texts made;
    const auto add = [&](const char* text, const char* label) {
      made.ids.push_back(std::to_string(made.rows()));
      made.texts.push_back(text);
      made.labels.push_back(labels.find(label) ? *labels.find(label) : labels.add(label));
    };
    add("a dog", "dog");
    add("a cat", "cat");
    add("two dogs, a dog, a cat", "dog");
    add("a cat, a cat, a dog", "cat");
    return made;
  }();
  const Annotations annotations = NameAnnotator(labels).annotate(texts);

  TrainingOptions options;
  options.epochs = 20;
  options.batch = 2;
  options.learning_rate = 0.05f;
  options.auxiliary.consistency_in = 1.0f;
  Distiller distiller(OutsideMass{}, HalfwayPrediction{}, ByteStudent(labels.size()), SignDescent{},
                      options, HalfAtHalf{});
  const EncodedTexts encoded = encode_texts(distiller.student(), texts.texts, texts.rows());
  distiller.fit(encoded, ListedCandidates(annotations), SecondHalf{});
  const Predictions predictions = distiller.predict(encoded);
  for (std::int64_t row = 0; row < texts.rows(); ++row)
    std::printf("%-26s %s\n", std::string(texts.texts[row]).c_str(),
                labels.name(predictions.labels[row]).c_str());
  const double right = *accuracy(predictions.labels, texts.labels);
  std::printf("%.0f %% right\n", 100.0 * right);
  return right == 1.0 ? 0 : 1;
}
