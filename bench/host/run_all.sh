#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the host benches of a build and writes bench/results/host_DATE.csv (about 10 minutes).
#   bash bench/host/run_all.sh BUILD_DIR     BUILD_DIR configured with -DCANDIST_BUILD_BENCH=ON and built
set -euo pipefail

usage() { sed -n '5,6s/^# //p' "${BASH_SOURCE[0]}" >&2; }

[ $# -eq 1 ] || { echo "bench: found $# arguments, expected BUILD_DIR" >&2; usage; exit 2; }
build=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ -f "$build/CMakeCache.txt" ] || { echo "bench: $build is no build folder" >&2; usage; exit 2; }

csv=$root/bench/results/host_$(date -u +%F).csv
part=$csv.part # the results of a day are replaced only by a whole run
rm -f "$part"
doing="starting"
finish() {
  local code=$?
  rm -f "$part"
  [ $code -eq 0 ] || printf '\nbench: FAILED: %s; bench/results is as before\n' "$doing" >&2
}
trap finish EXIT

skipped=()
skip() {
  printf '\nbench: SKIPPED %s\n' "$1"
  skipped+=("$1")
}

load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo 0)
if awk -v load="$load" 'BEGIN { exit !(load > 0.7) }'; then
  printf 'bench: this machine is busy (load %s): ratios may hold, times do not\n' "$load"
fi
# fastText's absence does not stop its bench, which then measures candist alone.
command -v fasttext >/dev/null || skip "the comparison with fastText: no such program (apt-get install fasttext)"
[ -f "$root/../shared/data/trec/train.jsonl" ] || skip "the data set trec: no folder shared/data/trec beside the repository"

# The model that the transformer is measured on; where it cannot be had, its bench says so.
if [ -z "${CANDIST_BENCH_MODEL:-}" ] && bash "$root/examples/fetch_minilm.sh" "$build/minilm"; then
  export CANDIST_BENCH_MODEL=$build/minilm
fi

begin=$SECONDS
for source in "$root"/bench/host/*_bench.cpp; do # each takes --csv FILE, and says itself what else it lacks
  bench=$(basename "$source" _bench.cpp)
  doing="bench_$bench"
  program=$build/bin/bench_$bench
  if [ ! -x "$program" ]; then
    skip "bench_$bench: not built (-DCANDIST_BUILD_BENCH=ON; annotate needs libcurl)"
  elif [[ $bench == @(loading|tokenizer|linear_student) && ! -f /usr/share/wordnet/data.noun ]]; then
    skip "bench_$bench: no WordNet (Debian: apt-get install wordnet-base)"
  else
    "$program" --csv "$part"
  fi
done

doing="writing the results"
[ -f "$part" ] || { echo "bench: no bench was built" >&2; exit 1; }
mv "$part" "$csv"
printf '\nbench: %s rows in bench/results/%s after %s s; skipped: %s\n' \
  $(($(wc -l <"$csv") - 1)) "$(basename "$csv")" $((SECONDS - begin)) "${#skipped[@]}"
for what in ${skipped[@]+"${skipped[@]}"}; do printf '  %s\n' "$what"; done
