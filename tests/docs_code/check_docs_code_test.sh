#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# check_docs_code.sh accepts a faithful page and refuses one that differs, one that names no such file or part, one
# without a code block, and one with a marker it cannot read.
set -euo pipefail
check=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/program.cpp" <<'EOF'
int main() {
  // [sum]
  int sum = 0;

  for (int i = 0; i < 3; ++i) {
    sum += i;  // half; open [brackets] and "quotes"
  }
  // [/sum]
  return sum;
}
EOF

page() { # FILE:NAME LINE
  cat <<EOF
# Page

<!-- from $1 -->
\`\`\`cpp
int sum = 0;

for (int i = 0; i < 3; ++i) {
  $2
}
\`\`\`

\`\`\`cpp
int not_quoted;
\`\`\`
EOF
}
right='sum += i;  // half; open [brackets] and "quotes"'
page program.cpp:sum "$right" >"$work/right.md"
page program.cpp:sum 'sum -= i;' >"$work/differs.md"
page missing.cpp:sum "$right" >"$work/no_file.md"
page program.cpp:product "$right" >"$work/no_part.md"
page program.cpp "$right" >"$work/no_name.md"
printf '<!-- from program.cpp:sum -->\n\nProse.\n\n```cpp\nint other;\n```\n' >"$work/no_block.md"

failed=0
expect() { # STATUS WORDS PAGE
  local output status=0
  output=$(bash "$check" "$work" "$work/$3") || status=$?
  if [ "$status" -ne "$1" ] || [[ $output != *"$2"* ]]; then
    printf '%s: exit %s, expected %s and the words "%s":\n%s\n' "$3" "$status" "$1" "$2" "$output"
    failed=1
  fi
}
expect 0 '1 quoted code blocks in 1 pages, 0 wrong' right.md
expect 1 'differs.md:3: the code block differs' differs.md
expect 1 'no_file.md:3: found no file missing.cpp' no_file.md
expect 1 'no_part.md:3: found no lines between // [product]' no_part.md
expect 1 'no_name.md: found 3:<!-- from program.cpp -->, expected' no_name.md
expect 1 'no_block.md:1: the code block differs' no_block.md
exit "$failed"
