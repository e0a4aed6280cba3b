#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Rewrites pretrained_*.md: the published methods on a pretrained student, fine-tuned on the CPU; about
# five hours on 2 cores. The student is all-MiniLM-L6-v2 (examples/fetch_minilm.sh FOLDER).
#   bash docs/results/refresh_pretrained.sh build/bin/candist FOLDER [wordnet|pico|trec|trec_simulated|trec_steps ...]
#   WORK=FOLDER    keep the studies there; started again, only what is missing is run (default: a temporary folder)
#   THREADS=N      runs at a time (default: all cores)
# WordNet needs Debian's wordnet-base; PICO and TREC need the texts of ../shared/data beside the checkout
# (no clear licence, so not here) and stay as they are without them.
set -euo pipefail
program=$(realpath "${1:?the candist program, e.g. build/bin/candist}")
model=$(realpath "${2:?the folder of all-MiniLM-L6-v2, see examples/fetch_minilm.sh}")
shift 2
sets=("$@")
[ ${#sets[@]} -gt 0 ] || sets=(trec wordnet pico trec_simulated trec_steps)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shared=$here/../../../shared/data
threads=${THREADS:-0}
if [ -n "${WORK:-}" ]; then
  mkdir -p "$WORK"
  cd "$WORK"
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
fi

commit=$("$program" --version | sed -n 's/^commit *//p')
seeds=1,2,3
methods=distillation,average,proden,freeal,candist,supervised
steps=candist_uniform,candist_ren,candist_out,candist_sha,candist_cla,candist # the paper's Table 6

# study NAME TITLE EPOCHS METHODS FILES... : one ablate (with candist: another one of the refinery alone), one page
study() {
  local name=$1 title=$2 epochs=$3 methods=$4 begin=$SECONDS
  shift 4
  local common=("$@" --student transformer --pretrained "$model" --epochs "$epochs" --seed "$seeds" --threads "$threads")
  [ "$methods" != "$steps" ] || common+=(--reference candist_uniform) # the paper's first line
  echo "== $name"
  "$program" ablate "${common[@]}" --method "$methods" --out "$name" >/dev/null
  local pages=("$name/summary.md")
  if [[ ,$methods, == *,candist,* && $methods != "$steps" ]]; then
    "$program" ablate "${common[@]}" --method candist --consistency 0 --mixup 0 --out "$name.dr" >/dev/null
    pages+=("$name.dr/summary.md")
  fi
  {
    printf '# %s\n\n' "$title"
    printf 'candist %s, %s, %s cores, %s minutes. all-MiniLM-L6-v2 fine-tuned, %s epochs, the rest by default. ' \
      "$commit" "$(date -u +%F)" "$(nproc)" $(((SECONDS - begin + 30) / 60)) "$epochs"
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    printf 'Rewrite: `bash docs/results/refresh_pretrained.sh build/bin/candist FOLDER %s`.\n\n' "${name#pretrained_}"
    sed '/^Made by candist/,$d' "${pages[0]}"
    if [ ${#pages[@]} -gt 1 ]; then
      printf '\nThe refinery alone, without consistency and mixup:\n\n'
      sed '/^Made by candist/,$d' "${pages[1]}"
    fi
  } >"$here/$name.md"
}

for set in "${sets[@]}"; do
  folder=$shared/${set%_*} # trec_simulated and trec_steps: of TREC
  case $set in
    wordnet)
      [ -s demo/train.ca_all.jsonl ] || "$program" demo --out demo --seeds 1 --epochs 1 --quiet >/dev/null
      files=(--data demo/train.jsonl --test demo/test.jsonl --labels demo/labels.json --augmented demo/train.augmented.jsonl)
      annotations=demo/train.ca_all.jsonl
      ;;
    pico | trec | trec_simulated | trec_steps)
      if [ ! -d "$folder" ]; then
        echo "== no ../shared/data/${set%_*}: pretrained_$set.md stays as it is"
        continue
      fi
      files=(--data "$folder/train.jsonl" --test "$folder/test.jsonl" --labels "$folder/labels.json")
      annotations=$folder/train.ca_all.jsonl
      if [ "$set" != "${set%_*}" ]; then  # GPT-3.5's coverage and set size, as in refresh.sh
        files+=(--augmented "$folder/train.augmented.jsonl")
        annotations=simulated.jsonl
        [ -s "$annotations" ] || "$program" annotate --annotator simulated --coverage 0.8909 --mean-set-size 1.70 \
          "${files[@]:0:2}" "${files[@]:4:2}" --out "$annotations" >/dev/null
      fi
      ;;
    *) echo "refresh_pretrained: found \"$set\", expected wordnet, pico, trec, trec_simulated or trec_steps" >&2; exit 2 ;;
  esac
  case $set in
    wordnet) study pretrained_wordnet "WordNet, candidates of ca_all, pretrained student" 5 "$methods" "${files[@]}" --candidates "$annotations" ;;
    pico) study pretrained_pico "PICO, candidates of ca_all, pretrained student" 5 "$methods" "${files[@]}" --candidates "$annotations" ;;
    trec_simulated) study pretrained_trec_simulated "TREC, simulated teacher at the paper's calibration (coverage 89.09 %, 1.70 labels), pretrained student" 5 "$methods" "${files[@]}" --candidates "$annotations" ;;
    trec_steps) study pretrained_trec_steps "The steps of the refinery (the paper's Table 6): TREC, simulated teacher at the paper's calibration, pretrained student" 5 "$steps" "${files[@]}" --candidates "$annotations" ;;
    trec) study pretrained_trec "TREC, gold labels, pretrained student" 4 supervised "${files[@]}" ;;
  esac
done
