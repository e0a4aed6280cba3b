#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# check_docs_lists.sh accepts faithful tables and refuses a row that is missing, double, left over, or says something
# else than the program.
set -euo pipefail
check=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/include/candist/losses"
echo 'static constexpr const char* name = "flat";' >"$work/include/candist/losses/flat_loss.hpp"
cat >"$work/program" <<'EOF'
#!/bin/sh
cat <<'JSON'
{
  "methods": [
    {
      "name": "plain",
      "loss": "flat",
      "refinery": "keep_prior",
      "reference": "Nobody, 2026"
    }
  ],
  "losses": [
    {
      "name": "flat",
      "reference": "Nobody, 2026"
    }
  ],
  "students": [
    "linear"
  ]
}
JSON
EOF
chmod +x "$work/program"

cat >"$work/right.md" <<'EOF'
# Page

| `not_a_loss` | above the tables |

## Losses

| name | reference | file |
|---|---|---|
| `flat` | Nobody, 2026 | [Flat](../include/candist/losses/flat_loss.hpp) |

## Methods

| `plain` | `flat` | `keep_prior` | Nobody, 2026 |
EOF
page() { sed "$1" "$work/right.md" >"$work/$2"; } # EDIT PAGE
page '/`flat` |.*hpp/d' missing.md
page 's/^| `flat` |.*hpp.*/&\n&/' twice.md
page 's/^| `flat` |.*hpp.*/&\n| `steep` | Nobody, 2026 | |/' left_over.md
page 's/flat_loss.hpp/other.hpp/' other_file.md
page 's/Nobody, 2026 | \[/Somebody, 2025 | [/' other_reference.md
page 's/`keep_prior`/`mirror`/' other_refinery.md

failed=0
expect() { # STATUS WORDS PAGE
  local output status=0
  output=$(bash "$check" "$work" "$work/program" "$work/$3") || status=$?
  if [ "$status" -ne "$1" ] || [[ $output != *"$2"* ]]; then
    printf '%s: exit %s, expected %s and the words "%s":\n%s\n' "$3" "$status" "$1" "$2" "$output"
    failed=1
  fi
}
expect 0 '2 names in 1 pages, 0 wrong' right.md
expect 1 'found 0 rows for flat under losses' missing.md
expect 1 'found 2 rows for flat under losses' twice.md
expect 1 'found a row for steep under losses, but the program has none' left_over.md
expect 1 'losses, flat: the row links "include/candist/losses/other.hpp"' other_file.md
expect 1 'losses, flat: the row lacks the reference "Nobody, 2026"' other_reference.md
expect 1 'methods, plain: the row lacks `keep_prior`' other_refinery.md
exit "$failed"
