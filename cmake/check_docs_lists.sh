#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# The docs tables name what the program knows, no more and no less. In the pages, a table row
#     | `marginal_nll` | ... |
# under the heading "## Losses", "## Refineries" or "## Methods" stands for an entry of `candist list --json`. Every
# entry has one row; the row holds the entry's reference, for a method also its loss and refinery, and for the others a
# link to the header that defines the name.
#   check_docs_lists.sh ROOT PROGRAM PAGE...     exit 1 with a line for everything that is missing, left over or wrong
set -euo pipefail
root=$1
program=$2
shift 2
tab=$'\t'

# KIND NAME REFERENCE LOSS REFINERY of every entry; reads the indentation of the program's JSON.
entries=$("$program" list --json | awk -F'"' -v OFS='\t' '
  /^  "[a-z_]+": \[/ { kind = $2 }
  /^      "[a-z_]+": "/ { value[$2] = $4 }
  /^    }/ {
    if (kind ~ /^(losses|refineries|methods)$/)
      print kind, value["name"], value["reference"], value["loss"], value["refinery"]
    delete value
  }')

# KIND NAME ROW of every table row that begins with a name.
rows=$(cat "$@" | awk -v OFS='\t' '
  /^## / { kind = tolower(substr($0, 4)) }
  kind ~ /^(losses|refineries|methods)$/ && /^\| `[a-z0-9_]+` \|/ {
    name = $2
    gsub(/`/, "", name)
    print kind, name, $0
  }')

wrong=0
complain() {
  echo "docs tables: $*"
  wrong=$((wrong + 1))
}

count=0
while IFS=$tab read -r kind name reference loss refinery; do
  count=$((count + 1))
  mapfile -t found < <(awk -F'\t' -v kind="$kind" -v name="$name" '$1 == kind && $2 == name { print $3 }' <<<"$rows")
  if [ ${#found[@]} -ne 1 ]; then
    complain "found ${#found[@]} rows for $name under $kind, expected 1"
    continue
  fi
  row=${found[0]}
  [[ $row == *"$reference"* ]] || complain "$kind, $name: the row lacks the reference \"$reference\""
  if [ "$kind" = methods ]; then
    for part in "$loss" "$refinery"; do
      [[ $row == *"\`$part\`"* ]] || complain "methods, $name: the row lacks \`$part\`"
    done
    continue
  fi
  header=$(grep -oE "include/candist/$kind/[a-z0-9_]+\.hpp" <<<"$row" || true)
  if [ -z "$header" ] || ! grep -qF "name = \"$name\"" "$root/$header" 2>/dev/null; then
    complain "$kind, $name: the row links \"$header\", expected the header that says name = \"$name\""
  fi
done <<<"$entries"

while IFS=$tab read -r kind name _; do
  awk -F'\t' -v kind="$kind" -v name="$name" '$1 == kind && $2 == name { found = 1 } END { exit !found }' \
    <<<"$entries" || complain "found a row for $name under $kind, but the program has none"
done <<<"$rows"

[ "$count" -gt 0 ] || complain "found no entries in the output of $program list --json"
echo "$count names in $# pages, $wrong wrong"
[ "$wrong" -eq 0 ]
