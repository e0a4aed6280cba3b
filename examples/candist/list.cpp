// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist list: everything that can be named.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "composition.hpp"
#include "options.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

const char* source_name(LabelSource source) {
  switch (source) {
    case LabelSource::single:
      return "single labels";
    case LabelSource::gold:
      return "gold labels";
    case LabelSource::candidates:
      break;
  }
  return "candidates";
}

}  // namespace

int list(const Arguments& arguments) {
  bool json = false;
  bool quiet = false;
  po::options_description options("options");
  options.add_options()("json", po::bool_switch(&json), "machine-readable")(
      "quiet", po::bool_switch(&quiet), "no effect: there is no progress to show");
  if (!parse("list", "what can be named", options, arguments)) return 0;

  nlohmann::ordered_json all;
  for_each_type(AllMethods{}, [&]<class M>() {
    all["methods"].push_back({{"name", M::name},
                              {"loss", decltype(M::loss())::name},
                              {"refinery", decltype(M::refinery())::name},
                              {"learns_from", source_name(M::labels)},
                              {"summary", M::summary},
                              {"reference", M::reference}});
  });
  for_each_type(AllLosses{}, [&]<class L>() {
    all["losses"].push_back({{"name", L::name}, {"reference", L::reference}});
  });
  for_each_type(AllRefineries{}, [&]<class R>() {
    all["refineries"].push_back({{"name", R::name}, {"reference", R::reference}});
  });
  const auto add_names = [&]<class List>(const char* kind, List types) {
    for_each_type(types, [&]<class T>() { all[kind].push_back(T::name); });
  };
  add_names("candidate_sets", CandidateSets{});
  add_names("students", Students{});
  add_names("annotators", Annotators{});
  add_names("optimizers", Optimizers{});
  if (json) {
    std::printf("%s\n", all.dump(2).c_str());
    return 0;
  }
  TextTable methods({"method", "loss", "refinery", "learns from", "reference"});
  for (const auto& m : all["methods"]) {
    methods.add({m["name"], m["loss"], m["refinery"], m["learns_from"], m["reference"]});
  }
  std::fputs((methods.text() + "\n").c_str(), stdout);
  for (const char* kind : {"losses", "refineries"}) {
    TextTable table({kind, "reference"});
    for (const auto& entry : all[kind]) table.add({entry["name"], entry["reference"]});
    std::fputs((table.text() + "\n").c_str(), stdout);
  }
  for (const char* kind : {"candidate_sets", "students", "annotators", "optimizers"}) {
    std::string line = std::string(kind) + ":";
    for (const auto& name : all[kind]) line += " " + name.get<std::string>();
    std::printf("%s\n", line.c_str());
  }
  return 0;
}

}  // namespace candist::program
