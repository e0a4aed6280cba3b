#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Rewrites the pages of this folder: the paper's tables and figures on what can be had here.
#   bash docs/results/paper/refresh.sh build/bin/candist [table2|table4|table6|table8|figure4_5|figure6|training_texts|loss_zoo ...]
# Without parts: all of them. Needs python3 (no packages) and Debian's wordnet-base.
#   WORK=FOLDER    keep the studies there; started again, only what is missing is run (default: a temporary folder)
#   THREADS=N      runs at a time (default: all cores)
# TREC and PICO need the texts of ../shared/data beside the checkout (no clear licence, so not here): without them every page
# but table11.md stays as it is.
set -euo pipefail
program=$(realpath "${1:?the candist program, e.g. build/bin/candist}")
shift
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(table8 table2 table4 table6 figure4_5 figure6 training_texts loss_zoo)
for part in "${parts[@]}"; do
  case $part in
    table2 | table4 | table6 | table8 | figure4_5 | figure6 | training_texts | loss_zoo) ;;
    *) echo "no part $part" >&2 && exit 2 ;;
  esac
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shared=${SHARED:-$here/../../../../shared/data}
threads=${THREADS:-0}
if [ -n "${WORK:-}" ]; then
  mkdir -p "$WORK"
  cd "$WORK"
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
fi
if [ ! -d "$shared/trec" ] || [ ! -d "$shared/pico" ]; then
  echo "no $shared: the pages compare data sets, so all of them stay as they are"
  exit 0
fi
shared=$(realpath "$shared")

seeds=1,2,3,4,5
draws="1 2 3 4 5" # of a simulated teacher
teachers() { python3 "$here/teachers.py" "$@"; }

# each OUT FILE,FILE,... OPTIONS... : one study an annotations file, OUT/its name; what was run there before is not run again
each() {
  local out=$1 file files
  IFS=, read -ra files <<<"$2"
  shift 2
  for file in "${files[@]}"; do
    "$program" ablate "$@" --candidates "$file" --threads "$threads" --quiet --out "$out/$(basename "$file" .jsonl)" >/dev/null
  done
}

# simulated COVERAGE SIZE SEED TEXTS LABELS OUT
simulated() {
  [ -s "$6" ] || "$program" annotate --annotator simulated --coverage "$1" --mean-set-size "$2" --seed "$3" --data "$4" --labels "$5" --out "$6" --quiet >/dev/null
}

# listed FOLDER NAMES... : FOLDER/NAME.jsonl,FOLDER/NAME.jsonl,...
listed() {
  local folder=$1 all=()
  shift
  for name in "$@"; do all+=("$folder/$name.jsonl"); done
  (IFS=, && echo "${all[*]}")
}

[ -s demo/train.ca_all.jsonl ] || "$program" demo --out demo --seeds 1 --epochs 1 --quiet >/dev/null
wordnet=(--data demo/train.jsonl --labels demo/labels.json --test demo/test.jsonl --augmented demo/train.augmented.jsonl)
trec=(--data "$shared/trec/train.jsonl" --labels "$shared/trec/labels.json" --test "$shared/trec/test.jsonl" --augmented "$shared/trec/train.augmented.jsonl")
pico=(--data "$shared/pico/train.jsonl" --labels "$shared/pico/labels.json" --test "$shared/pico/test.jsonl")
wordnet_sets=demo/train.ca_add.jsonl,demo/train.ca_all.jsonl
trec_sets=$shared/trec/train.ca_add.jsonl,$shared/trec/train.ca_all.jsonl
pico_sets=$shared/pico/train.ca_all.jsonl

# The paper's GPT-3.5 on TREC (Table 8), simulated: sa, ca_add and ca_all of so many teachers
paper_teachers() {
  mkdir -p simulated
  for draw in $draws; do
    simulated 0.7107 1.00 "$draw" "${trec[1]}" "${trec[3]}" "simulated/sa.$draw.jsonl"
    simulated 0.7465 1.07 "$draw" "${trec[1]}" "${trec[3]}" "simulated/ca_add.$draw.jsonl"
    simulated 0.8909 1.70 "$draw" "${trec[1]}" "${trec[3]}" "simulated/ca_all.$draw.jsonl"
  done
}

table8() {
  mkdir -p table8
  for prompt in ca_add ca_all; do
    "$program" score "${wordnet[@]:0:4}" --candidates demo/train.$prompt.jsonl --json >table8/wordnet.$prompt.json
    "$program" score "${trec[@]:0:4}" --candidates "$shared/trec/train.$prompt.jsonl" --json >table8/trec.$prompt.json
  done
  "$program" score "${pico[@]:0:4}" --candidates "$pico_sets" --json >table8/pico.ca_all.json
}

table2() {
  paper_teachers
  mkdir -p table2
  local methods=distillation,freeal,average,candist,supervised
  each table2/wordnet "$wordnet_sets" "${wordnet[@]}" --method $methods --seed $seeds
  each table2/trec "$trec_sets" "${trec[@]}" --method $methods --seed $seeds
  each table2/pico "$pico_sets" "${pico[@]}" --method $methods --seed $seeds
  for draw in $draws; do
    each "table2/simulated.$draw" "$(listed simulated "sa.$draw" "ca_add.$draw" "ca_all.$draw")" "${trec[@]}" --method $methods --seed $seeds
  done
}

table4() {
  mkdir -p table4
  local row coverage size names=() combined
  # the paper's rows: coverage and size of its Table 4
  while read -r row coverage size; do
    for draw in $draws; do
      simulated "$coverage" "$size" "$draw" "${trec[1]}" "${trec[3]}" "table4/$row.$draw.jsonl"
      names+=("$row.$draw")
    done
  done <<'ROWS'
paths5 0.7759 1.17
paths10 0.7992 1.25
paths20 0.8236 1.32
paths40 0.8430 1.39
orders5 0.7915 1.21
formats5 0.8382 1.30
ca_add 0.7465 1.07
ca_all 0.8909 1.70
ROWS
  each table4/calibrated "$(listed table4 "${names[@]}")" "${trec[@]}" --method candist --seed $seeds
  # the same rows from one teacher's belief
  asked
  names=()
  for row in union5 union10 union20 union40 ca_add ca_all; do
    for draw in $draws; do names+=("$row.$draw"); done
  done
  each table4/sampled "$(listed samples "${names[@]}")" "${trec[@]}" --method candist --seed $seeds
  # two real prompts
  for combined in union common; do
    teachers combine $combined demo/train.ca_add.jsonl demo/train.ca_all.jsonl table4/wordnet.$combined.jsonl
    teachers combine $combined "$shared/trec/train.ca_add.jsonl" "$shared/trec/train.ca_all.jsonl" table4/trec.$combined.jsonl
  done
  each table4/wordnet "$wordnet_sets,$(listed table4 wordnet.union wordnet.common)" "${wordnet[@]}" --method candist --seed $seeds
  each table4/trec "$trec_sets,$(listed table4 trec.union trec.common)" "${trec[@]}" --method candist --seed $seeds
}

# One simulated teacher asked 40 times for one label, and 40 times for all that are possible
asked() {
  for draw in $draws; do
    [ -s "samples/samples.$draw.json" ] || teachers samples "$draw" "${trec[1]}" samples
  done
}

table6() {
  paper_teachers
  mkdir -p table6
  local steps=average,proden,candist_uniform,candist_ren,candist_out,candist_sha,candist_cla,candist names=()
  each table6/wordnet demo/train.ca_all.jsonl "${wordnet[@]}" --method $steps --seed $seeds
  each table6/pico "$pico_sets" "${pico[@]}" --method $steps --seed $seeds
  each table6/trec "$shared/trec/train.ca_all.jsonl" "${trec[@]}" --method $steps --seed $seeds
  for draw in $draws; do names+=("ca_all.$draw"); done
  each table6/simulated "$(listed simulated "${names[@]}")" "${trec[@]}" --method $steps --seed $seeds
  # why the selecting steps do little: sharpen more texts, harder; rescue earlier
  local sets
  sets=$(listed simulated "${names[@]}")
  each table6/sharpen "$sets" "${trec[@]}" --method candist --delta 0.5,0.8,1.0 --gamma 0.85,0.5 --seed 1,2,3
  each table6/rescue "$sets" "${trec[@]}" --method candist --tau 0.99,0.9,0.7 --seed 1,2,3
}

figure4_5() {
  asked
  mkdir -p figure4_5
  local names=() row
  for row in ca_all sc2 sc3 sc6; do
    for draw in $draws; do names+=("$row.$draw"); done
  done
  each figure4_5/sets "$(listed samples "${names[@]}")" "${trec[@]}" --method candist --seed $seeds
  names=()
  for row in sa vote_sa_40 sc1; do
    for draw in $draws; do names+=("$row.$draw"); done
  done
  each figure4_5/singles "$(listed samples "${names[@]}")" "${trec[@]}" --method distillation --seed $seeds
}

figure6() {
  paper_teachers
  mkdir -p figure6
  local share draw hybrid gold data
  for data in wordnet simulated; do
    hybrid=() gold=()
    for share in 0.01 0.02 0.05 0.10 0.20 0.50; do
      for draw in $draws; do
        if [ $data = wordnet ]; then
          teachers human $share "$draw" demo/train.jsonl demo/train.ca_all.jsonl "figure6/wordnet.$share.$draw"
        else
          teachers human $share "$draw" "${trec[1]}" "simulated/ca_all.$draw.jsonl" "figure6/simulated.$share.$draw"
        fi
        hybrid+=("$data.$share.$draw.hybrid")
        gold+=("$data.$share.$draw.gold")
      done
    done
    local texts=("${wordnet[@]}") none=demo/train.ca_all.jsonl
    if [ $data = simulated ]; then
      texts=("${trec[@]}")
      none=$(listed simulated ca_all.1 ca_all.2 ca_all.3 ca_all.4 ca_all.5)
    fi
    each figure6/$data.hybrid "$(listed figure6 "${hybrid[@]}"),$none" "${texts[@]}" --method candist --seed 1,2,3
    each figure6/$data.gold "$(listed figure6 "${gold[@]}")" "${texts[@]}" --method distillation --seed 1,2,3 2> >(grep -v "have no candidates" >&2)
    each figure6/$data.all "${none%%,*}" "${texts[@]}" --method supervised --seed 1,2,3
  done
}

# Why labels of the training texts come out below the teacher's: the teacher's real sets against the same sets on other texts of
# the class, and poorer teachers
training_texts() {
  mkdir -p training_texts
  local data coverage draw names
  for data in wordnet pico trec; do
    # shellcheck disable=SC2178 # a name for the array
    local -n texts=$data
    local real=demo/train.ca_all.jsonl
    [ $data = wordnet ] || real=$shared/$data/train.ca_all.jsonl
    each training_texts/$data.real "$real" "${texts[@]}" --method distillation,candist,supervised --seed $seeds
    names=()
    for draw in $draws; do
      teachers resampled "$draw" "${texts[1]}" "$real" "training_texts/$data.moved.$draw.jsonl"
      names+=("$data.moved.$draw")
    done
    for coverage in 0.95 0.85 0.70; do
      for draw in $draws; do
        simulated $coverage 1.43 "$draw" "${texts[1]}" "${texts[3]}" "training_texts/$data.$coverage.$draw.jsonl"
        names+=("$data.$coverage.$draw")
      done
    done
    each training_texts/$data.made "$(listed training_texts "${names[@]}")" "${texts[@]}" --method distillation,candist --seed 1,2
  done
}

loss_zoo() {
  mkdir -p loss_zoo
  local data coverage size names cells=() singles=()
  for data in trec wordnet; do
    # shellcheck disable=SC2178 # a name for the array
    local -n texts=$data
    cells=() singles=()
    local coverages="0.7 0.8 0.9 0.97" sizes="1.0 1.5 2.0 3.0"
    if [ $data = wordnet ]; then coverages="0.8 0.97" sizes="1.5 3.0"; fi # does the order of the losses hold there?
    for coverage in $coverages; do
      for size in $sizes; do
        simulated "$coverage" "$size" 1 "${texts[1]}" "${texts[3]}" "loss_zoo/$data.$coverage.$size.jsonl"
        cells+=("$data.$coverage.$size")
      done
    done
    if [ $data = trec ]; then # single labels of every accuracy, to read off what a set is worth
      for coverage in 0.40 0.45 0.50 0.55 0.60 0.65 0.70 0.75 0.80 0.85 0.90 0.95 1.00; do
        simulated $coverage 1.0 1 "${texts[1]}" "${texts[3]}" "loss_zoo/trec.single.$coverage.jsonl"
        singles+=("trec.single.$coverage")
      done
    fi
    all_methods "loss_zoo/$data" "$(listed loss_zoo "${cells[@]}")" "${texts[@]}"
    if [ $data = trec ]; then
      each loss_zoo/trec.singles "$(listed loss_zoo "${singles[@]}")" "${texts[@]}" --method $single_methods --seed 1,2,3
    fi
  done
  # does any of it hold where a real model hesitates?
  all_methods loss_zoo/real.wordnet demo/train.ca_all.jsonl "${wordnet[@]}"
  all_methods loss_zoo/real.trec "$shared/trec/train.ca_all.jsonl" "${trec[@]}"
  all_methods loss_zoo/real.pico "$pico_sets" "${pico[@]}"
}

# Of the method lists of the zoo: what learns from single labels, what from sets
single_methods=distillation,gce,mae,sce,nce_rce,nce_mae,elr,freeal
set_methods=average,cc,rc,proden,lws,lwc,cavl,exp,log,mcl_mae,mcl_gce,abs_mae,abs_gce,negative_learning,libra,bi_prp,beta_meritocratic,candist

# all_methods OUT FILES OPTIONS...
all_methods() {
  local out=$1 sets=$2
  shift 2
  each "$out.methods" "$sets" "$@" --method "$single_methods,$set_methods" --seed 1,2,3
  each "$out.pop" "$sets" "$@" --method pop --warmup-epochs 5 --seed 1,2,3
  each "$out.refinery" "$sets" "$@" --method candist --consistency 0 --mixup 0 --seed 1,2,3
  each "$out.losses" "$sets" "$@" --loss brier,mcl_ure_mse,mcl_ure_phuber_ce --refinery keep_prior --seed 1,2,3
}

commit=$("$program" --version | sed -n 's/^commit *//p')
for part in "${parts[@]}"; do
  begin=$SECONDS
  echo "== $part"
  $part
  python3 "$here/pages.py" "$part" . "$here" "$commit" $((SECONDS - begin))
done
python3 "$here/pages.py" index . "$here" "$commit" 0
