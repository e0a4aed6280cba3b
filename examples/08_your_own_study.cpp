// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A study over compositions that only you have. You learn how to put your own loss into a list of
// types beside published methods, run all of them with the same seeds, resumably, and get the
// paired tests and the report page that `candist ablate` writes.
//
//   cmake --preset cpu && cmake --build --preset cpu --target example_08_your_own_study
//   build-cpu/bin/08_your_own_study [FOLDER]
//
// Last line: "ok: every run is there once, and the report tells them apart"
#include <candist/candist.hpp>
#include <candist/studies/run_study.hpp>
#include <candist/studies/study_files.hpp>
#include <cmath>
#include <cstdio>

using namespace candist;

/// 1 - sqrt(P) of the candidates' mass P.
struct RootMass {
  static constexpr const char* name = "root_mass";
  static constexpr const char* reference = "this example";
  CANDIST_HD float value(RowStats row) const {
    return 1.0f - expf(0.5f * row.log_candidate_mass());
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return 0.5f * expf(0.5f * row.log_candidate_mass()) * (row.prob(cell) - row.share(cell));
  }
};
struct Mine : Composition<RootMass, KeepPrior, LabelSource::candidates> {
  static constexpr const char* name = "mine";
  static constexpr const char* summary = "the root of the candidates' mass";
  static constexpr const char* reference = "this example";
};

/// A callback of the trainer: what the report draws.
struct LearningCurve {
  std::vector<EpochFigures>& epochs;
  void on_epoch(const EpochReport& report) { epochs.push_back({.loss = report.loss}); }
};

// [study]
using Compared = TypeList<methods::Distillation, methods::Average, methods::Cc, Mine>;

int main(int argc, char** argv) try {
  const WordNetCorpus corpus = read_wordnet_corpus(CANDIST_EXAMPLES_DATA "/wordnet");
  const HashedLinearOptions shape{.classes = corpus.labels.size(), .ngrams = {.buckets_log2 = 16}};
  const auto encode = [&](const Texts& texts) {
    return encode_texts(HashedLinear(shape), texts.texts, texts.rows());
  };
  const EncodedTexts train = encode(corpus.train), test = encode(corpus.test);
  const auto teacher = std::make_shared<const Annotations>(
      RecordedAnnotator(corpus.folder / "train.ca_all.jsonl", corpus.labels)
          .annotate(corpus.train));

  Study study{.title = "My loss", .labels = &corpus.labels, .train = &corpus.train};
  study.test = &corpus.test;
  std::vector<StudyJob> jobs;
  for_each_type(Compared{}, [&]<class M>() {
    study.compositions.push_back({.name = M::name, .method = M::name, .teacher = teacher});
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      StudyJob job;
      // Everything that decides the result, for that names the run's folder.
      job.planned = {
          M::name, std::to_string(seed), {{"method", M::name}, {"seed", seed}, {"v", 1}}};
      job.teacher = teacher;
      job.train = [&, seed](const std::filesystem::path&) -> TrainedRun {
        Distiller distiller(M::loss(), M::refinery(), HashedLinear(shape), RowAdagrad{},
                            {.epochs = 4, .learning_rate = 0.5f, .seed = seed});
        const MaskCandidates sets(M::labels == LabelSource::single ? teacher->singles_only()
                                                                   : *teacher);
        FinishedRun run;
        distiller.fit(train, sets, NoSecondView{}, LearningCurve{run.epochs});
        run.train = distiller.predict(train);
        run.test = distiller.predict(test);
        return {run, {{"seed", seed}}};
      };
      jobs.push_back(std::move(job));
    }
  });

  const std::filesystem::path out = argc > 1 ? argv[1] : "08_your_own_study.out";
  const StudyFolder folder(out, StudyFolder::Sharing::alone, "four methods, three seeds");
  study = finished_study(folder, jobs, study, {.parallel = 2});
  const StudyFindings findings(study);
  write_reports(out, findings);
  // [/study]

  std::printf("%s\nsee %s/report.html\n", findings.test->verdict.c_str(), out.c_str());
  const bool good = findings.runs() == jobs.size() && findings.test->lines.size() == 4 &&
                    std::filesystem::exists(out / "report.html");
  std::puts(good ? "ok: every run is there once, and the report tells them apart" : "FAILED");
  return good ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
