#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# What ptxas gives the row kernels of one composition (SoftTargetCe, DistributionRefinery, masks, float), and how long the
# file takes to compile; rewrites bench/results/ptxas_row_loss.md. Needs nvcc, no GPU.
#   bash bench/device/resources.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/one.cu" <<'CUDA'
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
CUDA
page=$root/bench/results/ptxas_row_loss.md
{
  echo "# Registers and spills of the row kernels"
  echo
  echo "$(nvcc --version | sed -n 's/.*release \([^,]*\),.*/nvcc \1/p'), commit $(git -C "$root" rev-parse --short=12 HEAD), $(date -u +%F). One composition: SoftTargetCe, DistributionRefinery, masks, float."
  # shellcheck disable=SC2016 # the backquotes are Markdown's
  echo 'Rewrite: `bash bench/device/resources.sh`.'
  for arch in 80 90; do
    seconds=$({ TIMEFORMAT=%U; time nvcc -std=c++20 -arch=sm_$arch -I "$root/include" -c "$work/one.cu" -o "$work/one.o"; } 2>&1 | tail -n 1)
    nvcc -std=c++20 -arch=sm_$arch -DHEAD -Xptxas -v -I "$root/include" -c "$work/one.cu" -o "$work/one.o" 2>"$work/log"
    # shellcheck disable=SC2016 # the backquotes are Markdown's
    printf '\n## sm_%s\n\n`row_loss` alone compiles in %s s of processor time.\n\n' "$arch" "$seconds"
    echo "| kernel | registers | spilled bytes | stack bytes | shared bytes |"
    echo "|---|---:|---:|---:|---:|"
    awk '
      /Compiling entry function/ {
        name = "linear_row_loss, sums"
        if (match($0, /row_loss_kernelILi[0-9]+ELi[0-9]+ELi[0-9]+E/)) {
          split(substr($0, RSTART, RLENGTH), part, /[^0-9]+/)
          name = "row_loss, " part[2] " threads, " part[3] " cells, " part[4] " at once"
        } else if (/linear_row_loss_kernel/) name = "linear_row_loss"
      }
      /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
      /Used [0-9]+ registers/ {
        shared = 0
        for (i = 1; i <= NF; ++i) { if ($i == "registers,") registers = $(i - 1); if ($i ~ /^smem/) shared = $(i - 2) }
        printf "| %s | %d | %d | %d | %d |\n", name, registers, spilled, stack, shared
      }' "$work/log" | sort
  done
} >"$work/page.md"
mv "$work/page.md" "$page"
