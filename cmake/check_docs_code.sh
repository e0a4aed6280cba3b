#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Code in the docs is quoted from files that compile. In a page, the code block after the line
#     <!-- from examples/02_your_own_loss.cpp:loss -->
# must equal the lines between "// [loss]" and "// [/loss]" of that file, less their common indentation.
#   check_docs_code.sh ROOT PAGE...     exit 1 where a block differs, with the difference
set -euo pipefail
root=$1
shift

# The lines between the markers, without the indentation of the first of them.
quoted() { # FILE NAME
  awk -v begin="// [$2]" -v end="// [/$2]" '
    { line = $0; sub(/^[ \t]+/, "", line); sub(/[ \t]+$/, "", line) }
    line == end { inside = 0; closed = 1 }
    inside {
      if (!indented) { match($0, /^ */); indent = RLENGTH; indented = 1 }
      print ($0 ~ /^ *$/) ? "" : substr($0, indent + 1)
    }
    line == begin { inside = 1 }
    END { exit closed ? 0 : 3 }' "$root/$1"
}

blocks=0
wrong=0
for page in "$@"; do
  if malformed=$(grep -nE '^[[:space:]]*<!-- *from' "$page" | grep -vE '^[0-9]+:<!-- from [^: ]+:[^ ]+ -->$'); then
    echo "${page#"$root"/}: found $malformed, expected <!-- from FILE:NAME -->"
    wrong=$((wrong + 1))
  fi
  while IFS=: read -r number file name; do
    blocks=$((blocks + 1))
    where="${page#"$root"/}:$number"
    if ! [ -f "$root/$file" ]; then
      echo "$where: found no file $file, expected the source of the code block"
      wrong=$((wrong + 1))
      continue
    fi
    if ! expected=$(quoted "$file" "$name"); then
      echo "$where: found no lines between // [$name] and // [/$name] in $file"
      wrong=$((wrong + 1))
      continue
    fi
    block=$(awk -v first="$number" 'NR <= first { next }
      /^```/ { if (inside) exit; inside = 1; next }
      inside { print }
      !inside && NF { exit }' "$page")
    if [ "$block" != "$expected" ]; then
      echo "$where: the code block differs from $file [$name] (< page, > file)"
      diff <(printf '%s\n' "$block") <(printf '%s\n' "$expected") || true
      wrong=$((wrong + 1))
    fi
  done < <(sed -nE 's/^<!-- from ([^: ]+):([^ ]+) -->$/\1:\2/;t show;d;:show;=;p' "$page" | paste -d: - -)
done
echo "$blocks quoted code blocks in $# pages, $wrong wrong"
[ "$wrong" -eq 0 ]
