#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Rewrites the tables of this folder; a few minutes on 2 cores.
#   bash docs/results/refresh.sh build/bin/candist
# demo.txt and wordnet_*.md need Debian's wordnet-base; pico_*.md and trec_*.md need the texts of
# ../shared/data beside the checkout (no clear licence, so not here) and stay as they are without them.
set -euo pipefail
program=$(realpath "${1:?the candist program, e.g. build/bin/candist}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shared=$here/../../../shared/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

commit=$("$program" --version | sed -n 's/^commit *//p')
cores=$(nproc)
head_of() { printf '%s\n\ncandist %s, %s, %s cores. Rewrite: `bash docs/results/refresh.sh build/bin/candist`.\n\n' "$1" "$commit" "$(date -u +%F)" "$cores"; }

seeds=1,2,3,4,5
published=distillation,gce,sce,elr,freeal,average,cc,rc,proden,lws,cavl,abs_mae,libra,candist
steps=candist_uniform,candist_ren,candist_out,candist_sha,candist_cla,candist

# study NAME TITLE METHODS FILES... : one ablate, its summary as NAME.md
study() {
  local name=$1 title=$2 methods=$3 begin=$SECONDS
  shift 3
  echo "== $name"
  "$program" ablate "$@" --method "$methods" --seed "$seeds" --quiet --out "$name" >/dev/null
  {
    head_of "# $title"
    printf '%s runs in %s s.\n\n' "$(wc -l <"$name/results.jsonl")" $((SECONDS - begin))
    without_command "$name/summary.md"
  } >"$here/$name.md"
}
# without_command FILE : a summary without the line that says how to run it again; this script does
without_command() { sed '/^Made by candist/,$d' "$1"; }

echo "== demo"
"$program" demo --out demo >/dev/null
{ head_of "candist demo"; cat demo/table.txt; } >"$here/demo.txt"

wordnet=(--data demo/train.jsonl --test demo/test.jsonl --labels demo/labels.json --augmented demo/train.augmented.jsonl)
study wordnet_ca_all "WordNet, candidates of ca_all, linear student" "$published,supervised" "${wordnet[@]}" --candidates demo/train.ca_all.jsonl
study wordnet_steps "WordNet, ca_all: the steps of the paper's Table 6, linear student" "$steps" "${wordnet[@]}" --candidates demo/train.ca_all.jsonl
study wordnet_mlp "WordNet, ca_all, embedding-bag MLP" distillation,average,proden,candist,supervised "${wordnet[@]}" --candidates demo/train.ca_all.jsonl --student mlp

if [ -d "$shared/pico" ] && [ -d "$shared/trec" ]; then
  pico=(--data "$shared/pico/train.jsonl" --test "$shared/pico/test.jsonl" --labels "$shared/pico/labels.json")
  study pico_ca_all "PICO, candidates of ca_all, linear student" "$published,supervised" "${pico[@]}" --candidates "$shared/pico/train.ca_all.jsonl"
  trec=(--data "$shared/trec/train.jsonl" --test "$shared/trec/test.jsonl" --labels "$shared/trec/labels.json" --augmented "$shared/trec/train.augmented.jsonl")
  study trec_ca_all "TREC, candidates of ca_all, linear student" "$published,supervised" "${trec[@]}" --candidates "$shared/trec/train.ca_all.jsonl"
  # The regime of the paper's Table 8: the simulated teacher at GPT-3.5's coverage and set size.
  "$program" annotate --annotator simulated --coverage 0.8909 --mean-set-size 1.70 "${trec[@]:0:2}" "${trec[@]:4:2}" --out simulated.jsonl >/dev/null
  study trec_simulated "TREC, simulated teacher at the paper's calibration (coverage 89.09 %, 1.70 labels), linear student" "$published,supervised" "${trec[@]}" --candidates simulated.jsonl
else
  echo "== no ../shared/data: pico_*.md and trec_*.md stay as they are"
fi
