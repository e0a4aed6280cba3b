#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the commands of docs/first_run.md again, in an empty folder, and writes their output into the page: every block
# ```text gets the standard output of the block ```sh before it. After a change of defaults:
#   bash docs/refresh_first_run.sh build/bin/candist
set -euo pipefail
program=$(realpath "$1")
page=$(realpath "$(dirname "${BASH_SOURCE[0]}")/first_run.md")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$program" "$work/bin/candist"
PATH="$work/bin:$PATH"
cd "$work/run"

commands=
block=
while IFS= read -r line; do
  case "$line" in
    '```sh') block=sh commands= ;;
    '```text')
      block=text
      echo "running: ${commands%%$'\n'*}" >&2
      printf '%s\n' "$line"
      bash -euc "$commands" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
      continue
      ;;
    '```') block= ;;
    *)
      if [ "$block" = sh ]; then commands+="$line"$'\n'; fi
      if [ "$block" = text ]; then continue; fi
      ;;
  esac
  printf '%s\n' "$line"
done <"$page" >"$work/page.md"
cp "$work/page.md" "$page"
