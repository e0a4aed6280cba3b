// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// How the report of a study looks and what little it does: one style sheet (light, dark, print,
// phone) and one script (sortable tables, buttons that copy). Without the script the page says all
// it has to say.
#pragma once

#include <string_view>

namespace candist {

/// The style sheet. Colours are variables, each pair of text and ground with a contrast of 4.5 or
/// more in both schemes (tests/integration/report_browser_test.sh measures them).
inline constexpr std::string_view page_style = R"css(
:root{color-scheme:light dark;
--ground:#fff;--raised:#f6f7f9;--ink:#1a1e23;--quiet:#59626d;--rule:#dde1e6;--strong-rule:#aab2bc;
--accent:#0b5cad;--good:#0a6b45;--good-ground:#e3f4ec;--bad:#a0281c;--bad-ground:#fbeae8;
--open:#5b4a00;--open-ground:#faf2d6;--plain-ground:#e9edf2;
--s0:#0b6fb3;--s1:#c4500a;--s2:#007a58;--s3:#a2408a;--s4:#6f6400;--s5:#3c424b;--s6:#137593;
--s7:#b3202e;
--h0:#fff;--h1:#edf3f9;--h2:#dae7f4;--h3:#c3d9ee;--h4:#a6c6e5;--h5:#86b0d9;--h6:#6a9fd0;
--h7:#3572ad;--h8:#235f99;--h9:#12477a;--on-low:#1a1e23;--on-high:#fff}
@media (prefers-color-scheme:dark){:root{
--ground:#14171b;--raised:#1c2025;--ink:#e7eaee;--quiet:#a3acb8;--rule:#30363d;
--strong-rule:#5a636e;
--accent:#7fb8f5;--good:#6fd6a8;--good-ground:#17332a;--bad:#ff9f93;--bad-ground:#3d1f1c;
--open:#ecd27a;--open-ground:#332c12;--plain-ground:#272d34;
--s0:#5fb2f2;--s1:#f2924f;--s2:#43c89c;--s3:#e08fc8;--s4:#d2be45;--s5:#c6ccd4;--s6:#7bd3ee;
--s7:#ff8c8c;
--h0:#14171b;--h1:#1a2530;--h2:#1f303f;--h3:#253c51;--h4:#2a4964;--h5:#2f5577;--h6:#35628a;
--h7:#7aa8d2;--h8:#9bc0e2;--h9:#c0d9f0;--on-low:#eef1f4;--on-high:#10151a}}
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:anywhere}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{padding-top:clamp(1.5rem,5vw,3rem)}
.kicker{margin:0;color:var(--quiet);font-size:.875rem}
h1{margin:.1rem 0 1.1rem;font-size:clamp(1.6rem,1.1rem + 2vw,2.3rem);line-height:1.2;
letter-spacing:-.015em;font-weight:680}
h2{margin:0 0 .35rem;font-size:1.35rem;line-height:1.3;letter-spacing:-.01em;font-weight:650}
h3{margin:1.6rem 0 .4rem;font-size:1.02rem;line-height:1.35;font-weight:650}
p{margin:.5rem 0;max-width:46rem}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
.verdict{border-left:4px solid var(--accent);background:var(--raised);padding:.9rem 1.2rem;
margin:0 0 1rem;border-radius:0 8px 8px 0;max-width:56rem}
.verdict p{margin:0;max-width:none;font-size:1.12rem;line-height:1.5}
.verdict p+p{margin-top:.55rem;font-size:1rem;color:var(--quiet)}
.notes{margin:0 0 1rem;padding:.7rem 1.2rem;background:var(--open-ground);color:var(--open);
border-radius:8px;max-width:56rem}
.notes p{margin:0}.notes ul{margin:.2rem 0 0;padding-left:1.2rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;margin:1.2rem 0 0;
padding:.55rem 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);
font-size:.9rem}
nav a{display:inline-block;padding:.2rem 0;text-decoration:none}
nav a:hover{text-decoration:underline}
section{padding:2.4rem 0 .6rem}section+section{border-top:1px solid var(--rule);margin-top:1.6rem}
.lead,.legend,figcaption,.quiet{color:var(--quiet)}
.legend{font-size:.9rem}.legend dt{color:var(--ink);font-weight:600}
.legend dd{margin:0}
dl.legend{margin:.2rem 0;columns:2 24rem;column-gap:3rem}.legend div{break-inside:avoid;
padding-bottom:.6rem}
footer{padding-top:1.5rem;padding-bottom:3rem;color:var(--quiet);font-size:.875rem}
.scroll{overflow-x:auto;margin:1rem 0;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;overflow-wrap:break-word;width:100%;font-size:.9rem;
font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.6rem .8rem;color:var(--quiet);font-size:.875rem}
th,td{padding:.45rem .8rem;text-align:left;vertical-align:middle;border-top:1px solid var(--rule)}
thead th{border-top:0;border-bottom:1px solid var(--strong-rule);vertical-align:bottom;
font-weight:600;line-height:1.3;background:var(--raised)}
caption+thead th{border-top:1px solid var(--rule)}
tbody tr:first-child>*{border-top:0}tbody th{font-weight:500}
.n{text-align:right;white-space:nowrap}thead .n{white-space:normal}
.main th,.main td{padding:.45rem .6rem}.main .n{min-width:4.2rem}.w{min-width:9rem}
th,td{max-width:26rem}.main .name{min-width:8.5rem;max-width:18rem;overflow-wrap:anywhere}
.text{min-width:16rem;max-width:none;width:42%;overflow-wrap:anywhere}
.sub{display:block;color:var(--quiet);font-weight:400;font-size:.82em;white-space:nowrap}
.main .name{position:sticky;left:0;background:var(--ground);z-index:1}
.main thead .name{background:var(--raised)}
.main tr.first .name{font-weight:680}
th button{all:unset;cursor:pointer;display:inline-flex;gap:.35em;align-items:baseline;
font:inherit;
text-align:inherit}
th button:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
th button::after{content:"\2195";color:var(--quiet);font-weight:400}
th[aria-sort=ascending] button::after{content:"\2191";color:var(--ink)}
th[aria-sort=descending] button::after{content:"\2193";color:var(--ink)}
.mark{display:inline-block;padding:.05rem .55rem;border-radius:99px;font-size:.82rem;
white-space:nowrap;background:var(--plain-ground);color:var(--ink)}
.mark.better{background:var(--good-ground);color:var(--good)}
.mark.worse{background:var(--bad-ground);color:var(--bad)}
.mark.unclear{background:var(--open-ground);color:var(--open)}
.rank{display:inline-block;min-width:1.7em;padding:0 .35em;margin-right:.5em;text-align:center;
border-radius:5px;font-size:.8rem;line-height:1.6;background:var(--plain-ground);color:var(--ink)}
svg{display:block;width:100%;height:auto;font-family:inherit;overflow:visible}
svg text{fill:var(--quiet);font-size:11px;font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--rule);stroke-width:1}svg .axis{stroke:var(--strong-rule);stroke-width:1}
svg .ends{fill:currentColor;font-weight:650}svg .name{fill:var(--ink);font-size:12px}
svg .ground{fill:var(--ground)}svg .bar{fill:var(--plain-ground)}
.strip{width:160px}.strip svg{width:160px;overflow:hidden}
.s0{color:var(--s0)}.s1{color:var(--s1)}.s2{color:var(--s2)}.s3{color:var(--s3)}
.s4{color:var(--s4)}.s5{color:var(--s5)}.s6{color:var(--s6)}.s7{color:var(--s7)}
figure{margin:1rem 0;min-width:0}figcaption{font-size:.875rem;margin-top:.4rem}
figure h3{margin:0 0 .3rem;font-size:.92rem;font-weight:600}
.charts{display:grid;gap:.5rem 2.5rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));align-items:start}
.charts>*{max-width:34rem;min-width:0}.charts>.scroll,.charts>p{margin:1rem 0}
.pair{display:flex;flex-wrap:wrap;gap:0 2.5rem;align-items:flex-start}
.pair>*{min-width:0;max-width:100%}.pair>.rest{flex:1 1 21rem}
.rest td:not(.n),.rest th:not(.n){min-width:7rem;overflow-wrap:anywhere}
.pair>.part{flex:1 1 24rem;max-width:34rem}.pair h3{margin-top:1rem}
.small{grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.2rem;padding:0;margin:.4rem 0 0;
font-size:.875rem}
.key li{display:flex;align-items:center;gap:.45rem;min-width:0}
.key svg{width:34px;flex:none}.key b{font-weight:600}
details{margin:.7rem 0}summary{cursor:pointer;color:var(--accent);padding:.15rem 0;
width:fit-content}
details[open]>summary{margin-bottom:.3rem}
pre{margin:.6rem 0;padding:.75rem 1rem;background:var(--raised);border:1px solid var(--rule);
border-radius:8px;overflow-x:auto;font-size:.85rem;line-height:1.5;white-space:pre-wrap}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
td code{font-size:.82em}
.copy{font:inherit;font-size:.85rem;padding:.25rem .8rem;border:1px solid var(--strong-rule);
border-radius:6px;background:var(--ground);color:var(--ink);cursor:pointer}
.matrix table{width:auto;font-size:.75rem}.matrix th,.matrix td{padding:.2rem .3rem;
line-height:1.25}
.matrix td{text-align:center;min-width:2rem;border:1px solid var(--ground);color:var(--on-low)}
.matrix td.d{outline:1px solid var(--strong-rule);outline-offset:-2px}
.matrix tbody th{text-align:right;white-space:nowrap;position:sticky;left:0;
background:var(--ground);
border:0;max-width:9rem;overflow:hidden;text-overflow:ellipsis}
.matrix thead th{border:0;background:none;vertical-align:bottom}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:9rem;
display:inline-block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}
.h4{background:var(--h4)}
.h5{background:var(--h5)}.h6{background:var(--h6)}
.matrix .h7,.matrix .h8,.matrix .h9{color:var(--on-high)}
.h7{background:var(--h7)}.h8{background:var(--h8)}.h9{background:var(--h9)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
.skip{position:absolute;left:-100vw}.skip:focus{left:1rem;top:.5rem;background:var(--ground);
padding:.4rem}
@media (max-width:30rem){svg text{font-size:13.5px}.small svg text{font-size:11px}}
@page{size:A4 landscape;margin:12mm}
@media print{.main table{font-size:.72rem}.main .n{min-width:0}nav,.copy,.skip{display:none}
body{font-size:11pt}section{break-inside:auto}
figure,tr,.verdict{break-inside:avoid}.scroll{overflow:visible;border:0}
.main .name{position:static}th button::after{content:""}}
)css";

/// The script: a button in every heading of a table that says class="sortable", and one that copies
/// beside every pre that says class="command".
inline constexpr std::string_view page_script = R"js(
(function(){"use strict";
function value(row,i){var c=row.cells[i],v=c.getAttribute("data-v");
return v===null?c.textContent.trim().toLowerCase():v===""?null:parseFloat(v)}
function sort(table,i){var head=table.tHead.rows[0].cells,th=head[i],body=table.tBodies[0];
var was=th.getAttribute("aria-sort"),first=th.getAttribute("data-first")||"ascending";
var to=was===null?first:was==="ascending"?"descending":"ascending",sign=to==="ascending"?1:-1;
for(var k=0;k<head.length;k++)head[k].removeAttribute("aria-sort");
th.setAttribute("aria-sort",to);
Array.prototype.slice.call(body.rows).map(function(row,at){return{row:row,at:at,v:value(row,i)}})
.sort(function(a,b){if(a.v===null||b.v===null)return(a.v===null)-(b.v===null)||a.at-b.at;
return(a.v<b.v?-sign:a.v>b.v?sign:0)||a.at-b.at})
.forEach(function(x){body.appendChild(x.row)})}
document.querySelectorAll("table.sortable").forEach(function(table){
Array.prototype.forEach.call(table.tHead.rows[0].cells,function(th,i){
if(th.hasAttribute("data-fixed"))return;
var b=document.createElement("button");b.type="button";
var t=document.createElement("span");while(th.firstChild)t.appendChild(th.firstChild);
b.appendChild(t);th.appendChild(b);b.addEventListener("click",function(){sort(table,i)})})});
document.querySelectorAll("pre.command").forEach(function(pre){
if(!navigator.clipboard)return;
var b=document.createElement("button");b.type="button";b.className="copy";b.textContent="Copy";
b.addEventListener("click",function(){navigator.clipboard.writeText(pre.textContent).then(
function(){b.textContent="Copied"}
,function(){b.textContent="Select the text and copy it by hand"})});
pre.parentNode.insertBefore(b,pre.nextSibling)});
function reveal(){var t=location.hash&&document.getElementById(location.hash.slice(1));
for(;t;t=t.parentElement)if(t.tagName==="DETAILS")t.open=true}
addEventListener("hashchange",reveal);reveal()
})();
)js";

}  // namespace candist
