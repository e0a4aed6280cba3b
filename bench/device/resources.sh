#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# What ptxas gives the row kernels of two compositions, and how long a file with the first of them takes to compile;
# rewrites bench/results/ptxas_row_loss.md. Needs nvcc, no GPU.
#   bash bench/device/resources.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/one.cu" <<'CUDA'
#ifndef SECOND
#include "candist/candidates/mask.hpp"
#include "candist/kernels/linear_row_loss.cuh"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/refineries/distribution_refinery.hpp"
using namespace candist;
void rows(const RowBatch<float, MaskView>& batch, cudaStream_t stream) {
  row_loss(SoftTargetCe{}, DistributionRefinery{}, batch, stream);
}
#ifdef HEAD
void head(const RowBatch<float, MaskView>& batch, const LinearHead& head, cudaStream_t stream) {
  linear_row_loss(SoftTargetCe{}, DistributionRefinery{}, batch, head, stream);
}
#endif
#else
#include "candist/candidates/sparse.hpp"
#include "candist/kernels/row_loss.cuh"
#include "candist/losses/early_learning.hpp"
#include "candist/refineries/running_prediction.hpp"
using namespace candist;
void rows(const RowBatch<__nv_bfloat16, SparseView>& batch, cudaStream_t stream) {
  row_loss(EarlyLearning{}, RunningPrediction{}, batch, stream);
}
#endif
CUDA
page=$root/bench/results/ptxas_row_loss.md

compile() { # ARCH OPTION...
  local arch=$1
  shift
  nvcc -std=c++20 -arch="sm_$arch" "$@" -I "$root/include" -c "$work/one.cu" -o "$work/one.o"
}
table() { # of what ptxas says
  echo
  echo "| kernel | registers | spilled bytes | stack bytes | shared bytes |"
  echo "|---|---:|---:|---:|---:|"
  awk '
    /Compiling entry function/ {
      name = "linear_row_loss, sums"
      if (match($0, /row_loss_kernelILi[0-9]+ELi[0-9]+ELi[0-9]+E/)) {
        split(substr($0, RSTART, RLENGTH), part, /[^0-9]+/)
        cells = part[3] == 0 ? "cells in memory" : part[3] " cells, " part[4] " at once"
        name = "row_loss, " part[2] " threads, " cells
      } else if (/linear_row_loss_kernel/) name = "linear_row_loss"
    }
    /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
    /Used [0-9]+ registers/ {
      shared = 0
      for (i = 1; i <= NF; ++i) { if ($i == "registers,") registers = $(i - 1); if ($i ~ /^smem/) shared = $(i - 2) }
      printf "| %s | %d | %d | %d | %d |\n", name, registers, spilled, stack, shared
    }' "$1" | sort -V
}

{
  echo "# Registers and spills of the row kernels"
  echo
  echo "$(nvcc --version | sed -n 's/.*release \([^,]*\),.*/nvcc \1/p'), commit $(git -C "$root" describe --always --dirty --abbrev=12), $(date -u +%F)."
  # shellcheck disable=SC2016 # the backquotes are Markdown's
  echo 'Rewrite: `bash bench/device/resources.sh`.'
  for arch in 80 90; do
    seconds=$(for _ in 1 2 3; do { TIMEFORMAT=%U; time compile $arch; } 2>&1 | tail -n 1; done | sort -n | head -n 1)
    compile $arch -DHEAD -Xptxas -v 2>"$work/first"
    compile $arch -DSECOND -Xptxas -v 2>"$work/second"
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    printf '\n## sm_%s\n\nSoftTargetCe, DistributionRefinery, masks, float; `row_loss` alone compiles in %s s of processor time (lowest of 3).\n' "$arch" "$seconds"
    table "$work/first"
    printf '\nEarlyLearning, RunningPrediction (a second stored table), sparse sets, bf16.\n'
    table "$work/second"
  done
} >"$work/page.md"
mv "$work/page.md" "$page"
