#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs the commands of docs/first_run.md, studies.md and label_quality.md again, one page after the other in one empty
# folder, and writes their output into the pages: every block ```text gets the standard output of the block ```sh
# before it. A line <!-- run: COMMAND --> is run without a trace in the page. After a change of defaults:
#   bash docs/refresh_pages.sh build/bin/candist
set -euo pipefail
program=$(realpath "$1")
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/run"
ln -s "$program" "$work/bin/candist"
PATH="$work/bin:$PATH"
cd "$work/run"

run() {
  echo "running: ${1%%$'\n'*}" >&2
  bash -euc "$1" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
}

refresh() {
  local page=$1 commands='' block='' shown=''
  while IFS= read -r line; do
    case "$line" in
      '<!-- run: '*' -->')
        [ -z "$commands" ] || run "$commands" >/dev/null
        commands=
        line_command=${line#<!-- run: }
        run "${line_command% -->}" >/dev/null
        ;;
      '```sh')
        [ -z "$commands" ] || run "$commands" >/dev/null
        block=sh commands=
        ;;
      '```text')
        block=text
        printf '%s\n' "$line"
        shown=$commands commands=
        run "$shown"
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
  [ -z "$commands" ] || run "$commands" >/dev/null
  cp "$work/page.md" "$page"
}

for page in first_run studies label_quality; do
  refresh "$here/$page.md"
done
if browser=$(command -v chromium); then
  "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1240,760 \
    --screenshot="$here/images/report.png" "file://$PWD/my-study/report.html" >/dev/null 2>&1
else
  echo "no chromium: images/report.png stays as it is" >&2
fi
