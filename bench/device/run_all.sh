#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything that wants a GPU, in one go: builds with nvcc alone (no CMake packages, no network), runs the device tests,
# compute-sanitizer on a part of them, and the benches; writes <gpu>_<date>.csv and logs.
#   bash bench/device/run_all.sh [FOLDER]     FOLDER: binaries built before (run_all.sh --build FOLDER, needs no GPU)
# Results go to $OUT where it is set, else to bench/results. Every step has a time limit; one that fails does not stop the
# rest, and the exit code is 1 then. Python with PyTorch is used where it is there.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
results=${OUT:-$root/bench/results}
commit=${CANDIST_GIT_COMMIT:-$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
export CANDIST_GIT_COMMIT=$commit
failed=()

build() { # FOLDER ARCHITECTURE...
  local folder=$1 source codes=()
  shift
  for arch in "$@"; do codes+=(-gencode "arch=compute_$arch,code=sm_$arch"); done
  mkdir -p "$folder"
  local flags=(-std=c++20 -O3 -lineinfo "${codes[@]}" -I "$root/include" -I "$root/tests" -I "$root/bench"
    "-DCANDIST_GIT_COMMIT=\"$commit\"")
  local jobs=() name
  for source in "$root"/tests/device/*.cu; do
    name=$folder/$(basename "$source" .cu).o
    nvcc "${flags[@]}" -c "$source" -o "$name" &
    jobs+=($!)
  done
  nvcc "${flags[@]}" "$root/bench/device/row_kernel_bench.cu" -o "$folder/bench_row_kernel" &
  jobs+=($!)
  local job
  for job in "${jobs[@]}"; do wait "$job" || return 1; done
  nvcc "${flags[@]}" "$folder"/*.o -lcublas -lcublasLt -o "$folder/candist_device_tests"
}

if [ "${1:-}" = --build ]; then
  build "${2:?the folder for the binaries}" 80 90
  exit
fi

mkdir -p "$results"
step() { # NAME LIMIT COMMAND...
  local name=$1 limit=$2 begin=$SECONDS
  shift 2
  timeout "$limit" "$@" >"$results/$name.log" 2>&1
  local code=$?
  printf '%-28s exit code %3d, %4d s\n' "$name" "$code" $((SECONDS - begin))
  if [ $code -ne 0 ] && [ $code -ne 77 ]; then
    failed+=("$name")
    tail -n 5 "$results/$name.log"
  fi
  return 0
}

folder=${1:-}
if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
  begin=$SECONDS
  build "$folder" "$arch" || { echo "run_all: the build failed" >&2; exit 1; }
  echo "built for sm_$arch in $((SECONDS - begin)) s"
fi
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr ' /' '__')
csv=$results/${gpu}_$(date -u +%F).csv
rm -f "$csv"

export CANDIST_REQUIRE_GPU=1
step device_tests 150 "$folder/candist_device_tests"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    step "$tool" 60 compute-sanitizer --tool "$tool" --error-exitcode 3 "$folder/candist_device_tests" device_row_program_test
    # The proof that the tool ran: its own last line.
    grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$results/$tool.log" || failed+=("$tool: no summary")
  done
else
  echo "no compute-sanitizer: skipped"
fi
step bench_row_kernel 150 "$folder/bench_row_kernel" --csv "$csv"
if python3 -c 'import torch' 2>/dev/null; then
  step row_step_torch 180 python3 "$root/bench/device/row_step_torch.py" --csv "$csv"
else
  echo "no PyTorch: skipped"
fi
grep -E '^(passed|FAILED|[0-9]+ passed)' "$results/device_tests.log" | tail -n 40
[ -f "$csv" ] && cut -d, -f1-10 "$csv"
[ ${#failed[@]} -eq 0 ] || { printf 'FAILED: %s\n' "${failed[*]}"; exit 1; }
