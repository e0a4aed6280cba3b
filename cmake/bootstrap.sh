#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# From a bare Debian machine to a running candist: installs what is missing, configures, builds and runs.
#   bash cmake/bootstrap.sh demo     the main job
#   bash cmake/bootstrap.sh test     all tests
#   bash cmake/bootstrap.sh bench    the host benchmarks; rewrites bench/results
set -euo pipefail

usage() { sed -n '5,8s/^# //p' "$0"; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
job=${1:-}
case "$job" in
  demo | test | bench) ;;
  -h | --help) usage; exit 0 ;;
  *) echo "candist: found job \"$job\", expected demo, test or bench" >&2; usage >&2; exit 2 ;;
esac
[ $# -eq 1 ] || { echo "candist: one job at a time" >&2; exit 2; }

step() { printf '\n== candist: %s\n' "$*"; }
trap 'code=$?; [ $code -eq 0 ] || printf "\ncandist: FAILED: %s (exit code %s)\n" "$job" "$code" >&2' EXIT
begin=$SECONDS

packages=(g++ cmake ninja-build git ca-certificates libeigen3-dev libxtensor-dev libboost-program-options-dev
  nlohmann-json3-dev libsimdjson-dev wordnet-base)
[ "$job" = test ] && packages+=(catch2)
[ "$job" = bench ] && packages+=(fasttext)

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    step "installing ${missing[*]}"
    sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=120 update -q
    "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends "${missing[@]}"
  else
    step "all packages are there"
  fi
else
  step "this is no Debian; expecting to find by myself: ${packages[*]}"
fi

# The build folder belongs to this script: a cache of another generator or another place is made anew.
build="$root/build"
if [ -f "$build/CMakeCache.txt" ] &&
  ! { grep -q '^CMAKE_GENERATOR:INTERNAL=Ninja$' "$build/CMakeCache.txt" &&
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; }; then
  rm -rf "$build"
fi

step "configuring"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCANDIST_BUILD_TESTS=$([ "$job" = test ] && echo ON || echo OFF) \
  -DCANDIST_BUILD_BENCH=$([ "$job" = bench ] && echo ON || echo OFF)

step "building"
export NINJA_STATUS='[%f/%t, %e s] '
case "$job" in
  demo)
    cmake --build "$build" --target candist_program
    step "running the main job: build/bin/candist demo"
    "$build/bin/candist" demo --out "$build/demo"
    step "demo done in $((SECONDS - begin)) s; build/bin/candist --help shows what else there is"
    ;;
  test)
    cmake --build "$build"
    step "testing"
    ctest --test-dir "$build" --output-on-failure --no-tests=error
    step "all tests passed in $((SECONDS - begin)) s"
    ;;
  bench)
    cmake --build "$build"
    step "measuring"
    bash "$root/bench/host/run_all.sh" "$build"
    step "bench done in $((SECONDS - begin)) s; the results are in bench/results"
    ;;
esac
