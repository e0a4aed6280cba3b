#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# One study by several processes that an MPI launcher starts, as on several machines that share a file
# system: the same summary as by one process, and no run made twice.
#   bash tests/integration/shared_study_test.sh PROGRAM
# Exits with 77 (skipped) where there is no mpirun (Debian: openmpi-bin) or no WordNet.
set -euo pipefail
program=$(realpath "${1:?the candist program}")
command -v mpirun >/dev/null || { echo "skipped: no mpirun (Debian: openmpi-bin)"; exit 77; }
[ -f /usr/share/wordnet/data.noun ] || { echo "skipped: no WordNet (Debian: wordnet-base)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$program" demo --seeds 1 --epochs 1 --quiet --out demo >/dev/null
study=("$program" ablate --data demo/train.jsonl --test demo/test.jsonl --labels demo/labels.json
  --candidates demo/train.ca_all.jsonl --method distillation,average,cc,proden,candist --seed 1,2,3 --epochs 4 --quiet)
"${study[@]}" --threads 1 --out alone >/dev/null
# As root only where the launcher is told so; more ranks than cores is the point of the test.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpirun --oversubscribe -np 4 "${study[@]}" --threads 1 --join --out shared >shared.txt 2>shared.err ||
  { cat shared.err >&2; echo "FAILED: mpirun"; exit 1; }
without_command() { grep -v '"command"' "$1/summary.json"; }
diff <(without_command alone) <(without_command shared) || { echo "FAILED: another summary"; exit 1; }
made=$(find shared/runs -name metrics.json | wc -l)
[ "$made" -eq 15 ] || { echo "FAILED: found $made runs, expected 15"; exit 1; }
# Every run's log has each epoch once: nobody trained it again.
for log in shared/runs/*/log.jsonl; do
  [ "$(wc -l <"$log")" -eq 4 ] || { echo "FAILED: $log has $(wc -l <"$log") lines"; exit 1; }
done
# And several of them did the work: the processes took turns at claiming.
grep -q "other processes are still at" shared.err || echo "note: one process was last at everything"
echo "four processes by mpirun: the summary of one"
