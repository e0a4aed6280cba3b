#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Writes docs/benchmarks.md: docs/benchmarks.in.md with figures of a result file.
#   bash docs/refresh_benchmarks.sh [bench/results/host_DATE.csv]     default: the latest
# @{bench|variant|shape} is the median of the row whose shape begins so; @{file}, @{machine}, @{compiler}, @{commit} and
# @{date} are what the file says. A figure that is not there, or twice, stops the script, and the page stays as it was.
set -euo pipefail
docs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=$docs/../bench/results
csv=${1:-$(find "$results" -name 'host_*.csv' | sort | tail -n 1)}
[ -f "$csv" ] || { echo "refresh_benchmarks: found no file \"$csv\", expected bench/results/host_DATE.csv" >&2; exit 2; }
part=$docs/benchmarks.md.part-$$
trap 'rm -f "$part"' EXIT

awk -F, -v file="$(basename "$csv")" '
  function fail(what) { print "refresh_benchmarks: " what > "/dev/stderr"; failed = 1; exit 1 }
  # 1,234,567 from a thousand on
  function figure(text,   whole, rest) {
    if (text + 0 < 1000 || text !~ /^[0-9]+$/) return text
    whole = text
    rest = ""
    while (length(whole) > 3) {
      rest = "," substr(whole, length(whole) - 2) rest
      whole = substr(whole, 1, length(whole) - 3)
    }
    return whole rest
  }
  function value(key,   parts, n, i, hit) {
    if (key == "file") return file
    if (key in fact) return fact[key]
    if (split(key, parts, "|") != 3) fail("@{" key "} has not three parts")
    for (i = 1; i <= rows; ++i) {
      if (bench[i] != parts[1] || variant[i] != parts[2] || index(shape[i], parts[3]) != 1) continue
      if (hit) fail("@{" key "} fits two rows of " file)
      hit = i
    }
    if (!hit) fail("@{" key "} fits no row of " file)
    return figure(median[hit])
  }
  FNR == NR {
    if (FNR == 1) next
    ++rows
    bench[rows] = $1; variant[rows] = $2; shape[rows] = $3; median[rows] = $4
    fact["machine"] = $8; fact["compiler"] = $9; fact["commit"] = $10; fact["date"] = $11
    sub(/ \(.*/, "", fact["machine"])
    next
  }
  {
    line = $0
    out = ""
    while ((at = index(line, "@{")) > 0) {
      end = index(line, "}")
      out = out substr(line, 1, at - 1) value(substr(line, at + 2, end - at - 2))
      line = substr(line, end + 1)
    }
    print out line
  }
  END { if (failed) exit 1 }' "$csv" "$docs/benchmarks.in.md" >"$part"
mv "$part" "$docs/benchmarks.md"
