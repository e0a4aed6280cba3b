#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# From a bare Debian machine to a running candist: installs what is missing, configures, builds and runs.
#   bash cmake/bootstrap.sh demo     the main job; with --pretrained on a pretrained encoder, fetched from PyPI
#   bash cmake/bootstrap.sh test     all tests
#   bash cmake/bootstrap.sh bench    the host benchmarks; rewrites bench/results
set -euo pipefail

usage() { sed -n '6,8s/^# //p' "${BASH_SOURCE[0]}"; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "${1:-}" in
  demo | test | bench) job=$1 ;;
  -h | --help) usage; exit 0 ;;
  *)
    echo "candist: found job \"${1:-}\", expected demo, test or bench" >&2
    usage >&2
    exit 2
    ;;
esac
pretrained=no
if [ "$job" = demo ] && [ "${2:-}" = --pretrained ]; then
  pretrained=yes
  shift
fi
[ $# -eq 1 ] || { echo "candist: found $# arguments, expected one job" >&2; usage >&2; exit 2; }

begin=$SECONDS
doing="starting"
step() { doing=$1; printf '\n== candist: %s\n' "$*"; }
trap 'code=$?; [ $code -eq 0 ] || printf "\ncandist: FAILED: %s, while %s (exit code %s)\n" "$job" "$doing" "$code" >&2' EXIT

packages=(g++ cmake ninja-build git ca-certificates libeigen3-dev libxtensor-dev libboost-program-options-dev
  nlohmann-json3-dev libsimdjson-dev libutf8proc-dev libcurl4-openssl-dev wordnet-base)
[ "$job" != test ] || packages+=(catch2 libboost-context-dev chromium openmpi-bin)
[ "$job" != bench ] || packages+=(fasttext)
[ "$pretrained" != yes ] || packages+=(python3 python3-pip)

install_missing() {
  local package missing=() sudo=() apt=(apt-get -q -o DPkg::Lock::Timeout=120)
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    step "all packages are there"
    return
  fi
  step "installing ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      { echo "candist: no right to install: become root, or ask for: apt-get install ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" update ||
    echo "candist: apt-get update failed; going on with the package lists that are there" >&2
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  install_missing
else
  step "this is no Debian: nothing is installed; needed, under Debian's names: ${packages[*]}"
fi

# The build folder belongs to this script: a cache of another generator or another place is made anew.
build="$root/build"
if [ -f "$build/CMakeCache.txt" ] &&
  ! { grep -qx 'CMAKE_GENERATOR:INTERNAL=Ninja' "$build/CMakeCache.txt" &&
    grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; }; then
  rm -rf "$build"
fi

on_for() { [ "$job" = "$1" ] && echo ON || echo OFF; }
step "configuring"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCANDIST_BUILD_EXAMPLES=ON \
  -DCANDIST_BUILD_TESTS="$(on_for test)" -DCANDIST_BUILD_BENCH="$(on_for bench)"

step "building"
export NINJA_STATUS='[%f/%t, %e s] '
case "$job" in
  demo)
    cmake --build "$build" --target candist_program
    options=()
    if [ "$pretrained" = yes ]; then
      step "fetching all-MiniLM-L6-v2"
      if bash "$root/examples/fetch_minilm.sh" "$build/minilm"; then
        options=(--pretrained "$build/minilm")
      else
        echo "candist: no pretrained encoder to be had: the demo runs with the linear student instead" >&2
      fi
    fi
    step "running the main job: build/bin/candist demo${options[0]+ ${options[*]}}"
    "$build/bin/candist" demo --out "$build/demo" ${options[@]+"${options[@]}"}
    printf '\ncandist: demo done in %s s; build/bin/candist --help shows what else there is\n' $((SECONDS - begin))
    ;;
  test)
    cmake --build "$build"
    step "testing"
    report="$build/test_report.xml"
    rm -f "$report"
    code=0
    ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(nproc 2>/dev/null || echo 2)" \
      --output-junit "$report" || code=$?
    count() { sed -nE "s/^[[:space:]]*$1=\"([0-9]+)\".*/\1/p" "$report" | head -n 1; }
    printf '\n'
    if [ "$code" -eq 0 ]; then
      printf 'candist: all tests passed in %s s\n' $((SECONDS - begin))
    else
      printf 'candist: FAILED: test, see above\n'
    fi
    if [ -f "$report" ]; then
      tests=$(count tests) failures=$(count failures) skipped=$(($(count skipped) + $(count disabled)))
      printf '%s passed, %s failed, %s skipped\n' $((tests - failures - skipped)) "$failures" "$skipped"
    fi
    trap - EXIT
    exit "$code"
    ;;
  bench)
    cmake --build "$build"
    step "measuring"
    bash "$root/bench/host/run_all.sh" "$build"
    printf '\ncandist: bench done in %s s; the results are in bench/results\n' $((SECONDS - begin))
    ;;
esac
