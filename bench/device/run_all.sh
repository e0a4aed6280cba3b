#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything that wants a GPU, in two halves of 8 minutes: builds, runs the device tests, kernels under
# compute-sanitizer, and the benches; writes <gpu>_<date>.csv and <gpu>_<date>.log (UTC).
#   bash bench/device/run_all.sh [FOLDER [kernels|transformer]]   FOLDER: with binaries that --build made; one half alone
#   bash bench/device/run_all.sh --build FOLDER [ARCH...]  builds alone, for sm_80 and sm_90 unless told; needs no GPU
# Results go to $OUT where it is set, else to bench/results. A step that fails or runs out of time does not stop the rest;
# the exit code is 1 then. Built by nvcc alone: CMakeLists.txt asks for host libraries that such machines need not have.
# PyTorch is used where $CANDIST_PYTHON, else python3, has it. Outside a checkout, CANDIST_GIT_COMMIT names the commit.
set -uo pipefail
script=$(readlink -f "${BASH_SOURCE[0]}")
root=$(cd "$(dirname "$script")/../.." && pwd)
CANDIST_GIT_COMMIT=${CANDIST_GIT_COMMIT:-$(git -C "$root" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)}
export CANDIST_GIT_COMMIT

build() { # FOLDER ARCH...
  local folder=$1 arch source code=0 job jobs=() flags=(-std=c++20 -O3 -lineinfo -Xfatbin -compress-all)
  shift
  for arch in "$@"; do flags+=(-gencode "arch=compute_$arch,code=sm_$arch"); done
  flags+=(-I "$root/include" -I "$root/tests" -I "$root/bench" "-DCANDIST_GIT_COMMIT=\"$CANDIST_GIT_COMMIT\"")
  mkdir -p "$folder" || return 1
  rm -f "$folder"/*.o "$folder/candist_device_tests" "$folder"/bench_*
  shopt -s nullglob
  for source in "$root"/tests/device/*.cu "$root"/tests/support/*_reference.cpp "$root"/bench/device/*_bench.cu; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
    nvcc "${flags[@]}" -c "$source" -o "$folder/$(basename "$source" .cu).o" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job" || code=1; done
  [ $code -eq 0 ] || return 1
  for object in "$folder"/*_bench.o; do
    nvcc "$object" -lcublas -lcublasLt -o "$folder/bench_$(basename "$object" _bench.o)" || return 1
    rm -f "$object" # what is left are the tests
  done
  nvcc "$folder"/*.o -lcublas -lcublasLt -o "$folder/candist_device_tests" || return 1
  rm -f "$folder"/*.o
}

if [ "${1:-}" = --build ]; then
  [ $# -ge 2 ] || { echo "run_all: found no folder, expected --build FOLDER" >&2; exit 2; }
  folder=$2
  shift 2
  [ $# -gt 0 ] || set -- 80 90
  build "$folder" "$@"
  exit
fi

half=${2:-all}
case $half in all | kernels | transformer) ;; *) echo "run_all: found \"$half\", expected kernels or transformer" >&2; exit 2 ;; esac
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
[ -n "$gpu" ] || { echo "run_all: nvidia-smi names no GPU; --build FOLDER needs none" >&2; exit 77; }
CANDIST_GPU_DRIVER=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
export CANDIST_GPU_DRIVER CANDIST_REQUIRE_GPU=1 PYTHONUNBUFFERED=1
results=${OUT:-$root/bench/results} python=${CANDIST_PYTHON:-python3}
file=$results/$(tr -c 'A-Za-z0-9\n' _ <<<"$gpu")_$(date -u +%F)
csv=$file.csv log=$file.log attention_csv=${file}_attention.csv transformer_csv=${file}_transformer.csv
mkdir -p "$results"
[ $half != transformer ] || log=${file}_transformer.log
[ $half = transformer ] || rm -f "$csv"
[ $half = kernels ] || rm -f "$attention_csv" "$transformer_csv"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%s\n' "$*" | tee -a "$log"; }
: >"$log"
say "$gpu, driver $CANDIST_GPU_DRIVER, $(nvcc --version 2>/dev/null | sed -n 's/.*release \([^,]*\),.*/nvcc \1/p'), commit $CANDIST_GIT_COMMIT"

until=465 # seconds for the half under way
failed=()
left() { echo $((until - SECONDS)); }
step() { # NAME LIMIT COMMAND...: at most LIMIT seconds, and no more than are left
  local name=$1 limit=$2 begin=$SECONDS code
  shift 2
  [ "$(left)" -ge "$limit" ] || limit=$(left)
  if [ "$limit" -lt 5 ]; then
    failed+=("$name")
    say "$name: no time left"
    return 1
  fi
  timeout -k 5 "$limit" "$@" >"$work/output" 2>&1
  code=$?
  { printf '\n==== %s: %s\n' "$name" "$*"; cat "$work/output"; } >>"$log"
  say "$(printf '%-32s exit code %3d, %4d s' "$name" $code $((SECONDS - begin)))"
  [ $code -eq 0 ] && return 0
  [ $code -eq 124 ] && say "  stopped after $limit s"
  tail -n 8 "$work/output" | sed 's/^/  /'
  failed+=("$name")
  return 1
}

folder=${1:-}
if [ -z "$folder" ]; then
  folder=$work/bin
  arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
  step "build for sm_$arch" 240 bash "$script" --build "$folder" "$arch"
else
  say "prebuilt binaries: $folder"
fi

kernels() {
  step "device tests" 90 "$folder/candist_device_tests"
  grep -E '^FAILED|[0-9]+ passed' "$work/output" | sed 's/^/  /'

  # A part of the tests, and the row kernels in every shape of launch. racecheck sees shared memory alone, which groups of
  # up to a warp do not use: the shapes of the bench do.
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      for program in "candist_device_tests device_row_program_test linear_row_loss_test auxiliary_kernels_test" "bench_row_kernel --check"; do
        # shellcheck disable=SC2086 # several words
        step "$tool ${program%% *}" 25 compute-sanitizer --tool $tool --error-exitcode 3 "$folder/"$program
        # The proof that the tool ran is its own last line.
        grep -E '(ERROR|RACECHECK) SUMMARY' "$work/output" | sed 's/^/  /' || { failed+=("no summary of $tool"); say "  no summary"; }
      done
    done
  else
    failed+=("compute-sanitizer")
    say "compute-sanitizer: there is none"
  fi

  step "bench_row_kernel" 130 "$folder/bench_row_kernel" --csv "$csv"
  step "bench_linear_row_loss" 30 "$folder/bench_linear_row_loss" --csv "$csv"
  if "$python" -c 'import torch' 2>/dev/null; then
    # It begins no new shape after --seconds; compiling the one under way takes a while.
    step "row_step_torch" 200 "$python" "$root/bench/device/row_step_torch.py" --csv "$csv" --seconds $(($(left) - 30))
  else
    say "row_step_torch: skipped, $python has no PyTorch"
  fi
}

transformer() {
  step "bench_transformer --check" 60 "$folder/bench_transformer" --check
  step "memcheck full method" 60 compute-sanitizer --tool memcheck --error-exitcode 3 "$folder/candist_device_tests" device_method_test
  step "memcheck transformer" 60 compute-sanitizer --tool memcheck --error-exitcode 3 "$folder/bench_transformer" --check
  step "bench_attention" 40 "$folder/bench_attention" --csv "$attention_csv"
  step "bench_transformer" 150 "$folder/bench_transformer" --csv "$transformer_csv" --seconds 110
  if "$python" -c 'import torch, transformers' 2>/dev/null; then
    step "transformer_torch" 200 "$python" "$root/bench/device/transformer_torch.py" --csv "$transformer_csv" --seconds $(($(left) - 40))
  else
    say "transformer_torch: skipped, $python has no PyTorch or no transformers"
  fi
}

[ $half = transformer ] || kernels
[ $half = kernels ] || { until=$((SECONDS + 480)); transformer; }

if [ -f "$csv" ]; then # the table's head and, in microseconds, what the goals speak of
  awk -F, 'NR == 1 || (($3 == 32 && $4 <= 128 || $3 == 32768 && $4 >= 256) && $1 != "copy")' "$csv" | cut -d, -f 1-10
fi
say "$SECONDS s; results: ${file}*.csv and $log"
[ ${#failed[@]} -eq 0 ] || { say "FAILED: $(printf '%s; ' "${failed[@]}")"; exit 1; }
