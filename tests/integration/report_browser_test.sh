#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
#
# The HTML report of a study in a real browser, in light and dark, 360, 768 and 1280 wide: nothing on the console,
# nothing loaded, no scrolling sideways, text that can be read, tables that sort, everything within reach of the
# keyboard, and nothing missing without scripts. Then pages broken on purpose, each of which must be found out.
# Skipped (77) without a Chromium or Chrome that starts (PATH, or CANDIST_BROWSER=PROGRAM).
#   bash report_browser_test.sh REPORT.html
set -euo pipefail
[ $# -eq 1 ] && [ -s "$1" ] || { echo "report_browser_test: expected one argument, the report as an HTML file" >&2; exit 2; }
page=$(realpath "$1")

browser=
for name in ${CANDIST_BROWSER:-chromium chromium-browser google-chrome google-chrome-stable}; do
  browser=$(command -v "$name" || true)
  [ -z "$browser" ] || break
done
if [ -z "$browser" ]; then
  echo "report_browser_test: SKIPPED: no chromium or google-chrome in PATH, nor CANDIST_BROWSER"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A browser that cannot even show an empty page (no sandbox, no memory) says nothing about the report.
if ! timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/start" \
  --dump-dom 'data:text/html,<p>started</p>' 2>"$work/start.txt" | grep -q started; then
  echo "report_browser_test: SKIPPED: $browser does not start here: $(grep -v '^$' "$work/start.txt" | tail -n 1)"
  exit 77
fi

# The page is looked at from outside, through frames, so that it is the very file under test. A frame can be narrower
# than a browser's window; a sandboxed one runs no scripts.
cat >"$work/probe.html" <<'PROBE'
<!DOCTYPE html><meta charset="utf-8"><title>probe</title><pre id="findings"></pre>
<iframe data-width="360"></iframe><iframe data-width="768"></iframe><iframe data-width="1280"></iframe>
<iframe data-width="1000" sandbox="allow-same-origin"></iframe>
<script>
"use strict";
const findings = [];
const scheme = new URLSearchParams(location.search).get("scheme");
const say = (kind, text) => findings.push(kind + ": " + text);
const all = (root, what) => Array.from(root.querySelectorAll(what));
const words = element => element.textContent.trim().replace(/\s+/g, " ").slice(0, 40);

function rgba(text) {
  const color = text.match(/^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/);
  if (!color) throw new Error("a colour that the probe cannot read: " + text);
  return [+color[1], +color[2], +color[3], color[4] === undefined ? 1 : +color[4]];
}
const over = (top, ground) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * ground[i]).concat(1);
function luminance(color) {
  const [r, g, b] = color.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}
function ground(element) {
  if (!element) return scheme === "dark" ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const own = rgba(getComputedStyle(element).backgroundColor);
  return own[3] === 1 ? own : over(own, ground(element.parentElement));
}

function contrasts(frame, doc) { // WCAG 2.2, 1.4.3 for text and 1.4.11 for what is drawn
  let seen = 0, drawn = 0;
  const bad = new Map();
  const walker = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.getClientRects().length || element.closest("script, title, desc")) continue;
    const style = getComputedStyle(element);
    const svg = element instanceof frame.contentWindow.SVGElement;
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const behind = ground(element);
    const ratio = contrast(over(rgba(svg ? style.fill : style.color), behind), behind);
    ++seen;
    if (ratio < (large ? 3 : 4.5)) bad.set(style.color + element.className, ratio.toFixed(2) + " of '" + words(element) + "'");
  }
  for (const mark of all(doc, "svg [stroke=currentColor], svg [fill=currentColor]")) {
    ++drawn;
    if (mark.getAttribute("fill-opacity") || mark.getAttribute("stroke-opacity")) continue;
    const behind = ground(mark.closest("svg").parentElement);
    const ratio = contrast(rgba(getComputedStyle(mark).color), behind);
    if (ratio < 3) bad.set(getComputedStyle(mark).color, ratio.toFixed(2) + " of a mark of a chart");
  }
  bad.forEach(text => say("PROBLEM", "contrast " + text));
  if (seen < 100) say("PROBLEM", "only " + seen + " texts to look at");
  say("checked", "contrast of " + seen + " texts, " + drawn + " marks");
}

function sorts(doc) {
  const tables = all(doc, "table.sortable");
  let clicks = 0;
  for (const table of tables) {
    const buttons = all(table, "thead th button");
    if (buttons.length < 5) say("PROBLEM", "a sortable table with " + buttons.length + " buttons");
    for (const button of buttons) {
      const th = button.closest("th"), column = th.cellIndex;
      const seen = new Set();
      for (let turn = 0; turn < 2; ++turn) {
        button.click();
        ++clicks;
        const order = th.getAttribute("aria-sort");
        seen.add(order);
        if (all(table, "th[aria-sort]").length !== 1) say("PROBLEM", "not one column sorted after " + words(th));
        const values = Array.from(table.tBodies[0].rows).map(row => row.cells[column].dataset.v)
          .filter(v => v !== "").map(Number);
        const wrong = values.some((v, i) => i > 0 && (order === "ascending" ? values[i - 1] > v : values[i - 1] < v));
        if (wrong || values.some(Number.isNaN)) say("PROBLEM", "column '" + words(th) + "' is not " + order + ": " + values);
        const empty = Array.from(table.tBodies[0].rows).map(row => row.cells[column].dataset.v === "");
        if (empty.lastIndexOf(false) > empty.indexOf(true) && empty.includes(true)) say("PROBLEM", "empty cells are not last");
      }
      if (!seen.has("ascending") || !seen.has("descending")) say("PROBLEM", "column '" + words(th) + "' sorts one way only");
    }
  }
  if (!tables.length) say("PROBLEM", "no table to sort");
  say("checked", clicks + " clicks on heads of tables");
}

function keyboard(doc) {
  const reachable = all(doc, "a[href], button, summary, .scroll, pre[tabindex]");
  for (const element of reachable) {
    element.focus();
    if (doc.activeElement !== element) say("PROBLEM", "no focus on " + element.tagName + " '" + words(element) + "'");
    else if (parseFloat(getComputedStyle(element).outlineWidth) < 2 || getComputedStyle(element).outlineStyle === "none")
      say("PROBLEM", "the focus on " + element.tagName + " '" + words(element) + "' cannot be seen");
  }
  for (const box of all(doc, "*")) {
    if (box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX) && box.tabIndex < 0)
      say("PROBLEM", "the keyboard cannot scroll " + box.tagName + "." + box.className);
  }
  say("checked", "focus of " + reachable.length + " elements");
}

function structure(doc) {
  if (doc.documentElement.lang !== "en" || !doc.title) say("PROBLEM", "no language or title");
  const levels = all(doc, "h1, h2, h3, h4, h5, h6").map(h => +h.tagName[1]);
  if (levels.filter(l => l === 1).length !== 1) say("PROBLEM", "not one h1");
  levels.forEach((l, i) => { if (i > 0 && l > levels[i - 1] + 1) say("PROBLEM", "heading h" + l + " after h" + levels[i - 1]); });
  const ids = all(doc, "[id]").map(e => e.id);
  if (new Set(ids).size !== ids.length) say("PROBLEM", "an id twice");
  for (const link of all(doc, "a[href]"))
    if (!doc.getElementById(link.getAttribute("href").slice(1))) say("PROBLEM", "link to nowhere: " + link.getAttribute("href"));
  for (const chart of all(doc, "svg")) {
    if (chart.getAttribute("aria-hidden") === "true") continue;
    const names = (chart.getAttribute("aria-labelledby") || "").split(" ").map(id => doc.getElementById(id));
    if (chart.getAttribute("role") !== "img" || names.some(name => !name || !name.textContent.trim()))
      say("PROBLEM", "a chart without a description");
  }
  for (const table of all(doc, "table"))
    if (!table.closest(".scroll")) say("PROBLEM", "a table outside a box that scrolls");
  say("checked", "structure: " + ids.length + " ids, " + all(doc, "svg").length + " pictures");
}

function look(frame) {
  const doc = frame.contentDocument, win = frame.contentWindow, width = +frame.dataset.width;
  if (frame.sandbox.length) { // without scripts
    if (doc.querySelector("button")) say("PROBLEM", "buttons that do nothing without scripts");
    const rows = all(doc, "table.sortable tbody tr").length;
    if (rows < 1) say("PROBLEM", "no results without scripts");
    return say("checked", rows + " rows without scripts");
  }
  if (win.innerWidth !== width) say("PROBLEM", "the frame is " + win.innerWidth + " wide, not " + width);
  if (win.matchMedia("(prefers-color-scheme: dark)").matches !== (scheme === "dark")) say("PROBLEM", "not in " + scheme);
  const sideways = state => {
    const root = doc.documentElement;
    if (root.scrollWidth > root.clientWidth) {
      const wide = all(doc, "body *").find(e => !e.closest("svg, .scroll > *") && e.getBoundingClientRect().right > width + 1);
      say("PROBLEM", "at " + width + " the page is " + root.scrollWidth + " wide (" + state + "): " +
        (wide ? wide.tagName + "." + wide.className : "?"));
    }
    if (/hidden|clip/.test(getComputedStyle(doc.body).overflowX + getComputedStyle(root).overflowX))
      say("PROBLEM", "what is too wide is cut off");
  };
  sideways("folded");
  all(doc, "details").forEach(d => { d.open = true; });
  sideways("unfolded");
  say("checked", "width " + width);
  for (const text of all(doc, "svg text")) {
    const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
    if (size && size < 8 && !text.hasAttribute("transform")) {
      say("PROBLEM", "at " + width + " a chart has letters of " + size.toFixed(1) + " px: '" + words(text) + "'");
      break;
    }
  }
  if (win.performance.getEntriesByType("resource").length) say("PROBLEM", "the page loads something");
  contrasts(frame, doc);
  keyboard(doc);
  if (width === 1280) sorts(doc), structure(doc);
}

const frames = all(document, "iframe");
Promise.all(frames.map(frame => new Promise(done => {
  frame.style.cssText = "border:0;height:800px;width:" + frame.dataset.width + "px";
  frame.onload = done;
  frame.src = "page.html";
}))).then(() => {
  for (const frame of frames) {
    try { look(frame); } catch (error) { say("PROBLEM", "at " + frame.dataset.width + ": " + error); }
  }
  say("DONE", scheme);
  document.getElementById("findings").textContent = "\n" + findings.join("\n") + "\n";
});
</script>
PROBE

sandbox=()
[ "$(id -u)" -ne 0 ] || sandbox=(--no-sandbox)

# look PAGE SCHEME: findings of the page, a line each; the console's lines among them.
look() {
  local blink=1
  [ "$2" = light ] || blink=0
  cp "$1" "$work/page.html"
  timeout 120 "$browser" --headless=new --disable-gpu "${sandbox[@]}" --user-data-dir="$work/profile" --no-first-run \
    --disable-extensions --disable-background-networking --allow-file-access-from-files --window-size=1300,900 \
    --blink-settings=preferredColorScheme=$blink --virtual-time-budget=20000 --enable-logging=stderr --v=0 \
    --dump-dom "file://$work/probe.html?scheme=$2" >"$work/dom" 2>"$work/log" || { tail -n 5 "$work/log"; echo "PROBLEM: the browser failed"; }
  sed -n '/<pre id="findings">/,/<\/pre>/p' "$work/dom" | grep -E '^(PROBLEM|checked|DONE)' || true
  grep -F ':CONSOLE' "$work/log" | grep -v 'frame is sandboxed' | sed 's/^/PROBLEM: on the console: /' || true
}

failed=0
for scheme in light dark; do
  look "$page" $scheme >"$work/findings"
  if grep -q '^PROBLEM' "$work/findings" || ! grep -q '^DONE' "$work/findings"; then
    echo "report_browser_test: $scheme:" >&2
    grep -v '^checked' "$work/findings" | sort | uniq -c | head -n 40 >&2
    failed=1
  else
    echo "report_browser_test: $scheme: $(grep -c '^checked' "$work/findings") checks"
  fi
done
[ $failed -eq 0 ] || exit 1

# broken NAME WORDS: the page that stands in $work/NAME.html must be found out, with these words.
broken() {
  cmp -s "$page" "$work/$1.html" && { echo "report_browser_test: $1: the page was not broken" >&2; exit 1; }
  look "$work/$1.html" light >"$work/findings"
  grep -q "^PROBLEM: .*$2" "$work/findings" && return
  echo "report_browser_test: $1 was not found out ($2):" >&2
  cat "$work/findings" >&2
  exit 1
}
sed 's|</main>|<div style="width:1400px">wide</div></main>|' "$page" >"$work/wide.html"
broken wide 'at 1280 the page is'
sed 's|</main>|<p style="color:#999;background:#fff">pale</p></main>|' "$page" >"$work/pale.html"
broken pale 'contrast 2'
sed 's|</main>|<script>throw new Error("on purpose")</script></main>|' "$page" >"$work/throws.html"
broken throws 'on the console: .*on purpose'
sed 's|</main>|<img alt="" src="picture.png"></main>|' "$page" >"$work/loads.html"
broken loads 'on the console'
sed 's|var was=th.getAttribute("aria-sort")|var was="descending"|' "$page" >"$work/unsorted.html"
broken unsorted 'sorts one way only'
sed 's|:focus-visible{outline:3px|:focus-visible{outline:0px|g' "$page" >"$work/unseen.html"
broken unseen 'cannot be seen'
sed 's| tabindex="0" role="region"||g' "$page" >"$work/unreachable.html"
broken unreachable 'no focus on DIV'
echo "report_browser_test: 7 broken pages found out"
