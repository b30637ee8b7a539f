// How a report looks: system fonts, light and dark, narrow screens, paper.
#include "tools/report/report_sections.h"

namespace skipcast::tools {
namespace {

constexpr const char* kStyle = R"css(
:root {
  --paper: #ffffff; --card: #ffffff; --ink: #17202a; --soft: #5b6673; --line: #dfe3e8;
  --grid: #e9edf1; --wash: #f5f7f9; --policy: #0f62ac; --cold: #c8590b; --reference: #6a7480;
  --control: #8b4fa8; --baseline: #3f7d55; --analog: #6fa3cf; --warn: #fff6e0;
  --warn-edge: #d9a520; --full: #2f7fc1; --few: #f1b27a; --none: #d64545;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161b; --card: #181d24; --ink: #e6eaee; --soft: #9aa5b1; --line: #2c343d;
    --grid: #262d35; --wash: #1b2129; --policy: #5ba7ee; --cold: #f0934a; --reference: #98a3af;
    --control: #c190dc; --baseline: #74bd8e; --analog: #45719a; --warn: #2b2617;
    --warn-edge: #b98d1d; --full: #3d86c6; --few: #a8713a; --none: #d65a5a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header, main { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
.kicker {
  margin: 0; color: var(--soft); font-size: 13px; letter-spacing: .08em; text-transform: uppercase;
}
h1 { margin: 4px 0 2px; font-size: 32px; line-height: 1.2; font-weight: 650; }
.subtitle { margin: 0 0 18px; color: var(--soft); font-size: 17px; }
h2 { margin: 0 0 8px; font-size: 23px; font-weight: 650; line-height: 1.25; }
h3 { margin: 0 0 8px; font-size: 16px; font-weight: 650; }
h4 { margin: 10px 0 4px; font-size: 14px; font-weight: 600; }
h5 { margin: 12px 0 2px; font-size: 13.5px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 14px; max-width: 78ch; overflow-wrap: break-word; }
small { color: var(--soft); font-size: .86em; white-space: nowrap; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre {
  margin: 8px 0; padding: 12px; overflow-x: auto; background: var(--wash); border-radius: 6px;
}
a { color: var(--policy); }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0; padding: 10px 0;
  list-style: none; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line);
  font-size: 14.5px; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
.lead { margin: 26px 0 18px; font-size: 20px; line-height: 1.45; max-width: 62ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(172px, 1fr)); gap: 12px; }
.tile { padding: 14px 16px; background: var(--wash); border-radius: 8px; }
.tile b { display: block; font-size: 26px; line-height: 1.2; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.tile em { font-size: 15px; font-style: normal; font-weight: 400; color: var(--soft); }
.tile span { display: block; font-size: 14px; line-height: 1.35; }
.tile small { display: block; margin-top: 3px; line-height: 1.35; white-space: normal; }
section { margin: 52px 0 0; scroll-margin-top: 12px; }
.notice { padding: 12px 16px; background: var(--warn); border-left: 3px solid var(--warn-edge);
  border-radius: 0 6px 6px 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr));
  gap: 20px; margin: 18px 0; align-items: start; }
figure { margin: 0; min-width: 0; padding: 16px; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
figure.wide { grid-column: 1 / -1; }
figcaption { margin-top: 8px; color: var(--soft); font-size: 14px; line-height: 1.45; }
.scroll { overflow-x: auto; margin: 14px 0; }
table { border-collapse: collapse; font-size: 14px; line-height: 1.35; min-width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px 7px 0; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom; white-space: normal;
  min-width: 64px; }
th:first-child { text-align: left; font-weight: 500; }
tr.policy th { font-weight: 650; }
th small { display: block; white-space: normal; font-weight: 400; min-width: 130px; }
.scores small { display: block; }
.words td, .words thead th { text-align: left; }
.facts td { text-align: left; white-space: normal; width: 100%; }
.facts thead { display: none; }
details { margin: 6px 0; }
summary { cursor: pointer; color: var(--policy); font-size: 14.5px; }
)css"
                               R"css(
svg.chart { display: block; width: 100%; height: auto; overflow: visible; }
svg.wide { min-width: 680px; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .label { fill: var(--ink); }
svg .note { font-size: 11px; }
.grid { stroke: var(--grid); fill: none; }
.axis { stroke: var(--soft); fill: none; }
.rule { fill: none; stroke: var(--soft); }
.rule.origin { stroke-dasharray: 2 3; }
.rule.level { stroke: var(--ink); stroke-dasharray: 5 3; }
.policy { --c: var(--policy); } .cold { --c: var(--cold); } .reference { --c: var(--reference); }
.control { --c: var(--control); } .baseline { --c: var(--baseline); }
.analog { --c: var(--analog); }
.past, .observed, .estimate { --c: var(--ink); } .member { --c: var(--policy); }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round;
  stroke-linecap: round; }
.line.dashed { stroke-dasharray: 5 5; }
.line.observed { stroke-dasharray: 1 4; stroke-width: 2.4; }
.line.analog { stroke-width: 1.3; }
.line.member { stroke-width: 1; opacity: .5; }
.band { fill: var(--c); opacity: .32; }
.band.outer { opacity: .16; }
.bar { fill: var(--c); }
.dot { fill: var(--c); stroke: var(--card); stroke-width: 1; }
.dot.faint, .swatch.faint { --c: var(--soft); opacity: .38; }
.dot[data-tip]:hover { stroke: var(--ink); stroke-width: 2; }
.hit { fill: var(--ink); opacity: 0; }
.hit:hover { opacity: .09; }
.cover.full { --c: var(--full); opacity: 1; } .cover.most { --c: var(--full); opacity: .62; }
.cover.half { --c: var(--full); opacity: .34; } .cover.few { --c: var(--few); }
.cover.none { --c: var(--none); }
rect.cover { fill: var(--c); }
.sea { fill: var(--wash); stroke: var(--line); }
.small path, rect.mark { shape-rendering: crispEdges; }
.mark.node { stroke: var(--soft); stroke-width: 1; cursor: pointer; }
.mark.chosen { stroke: var(--ink); stroke-width: 2.5; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 0 0 6px; padding: 0;
  list-style: none; font-size: 13.5px; }
.swatch { display: inline-block; width: 18px; height: 10px; margin-right: 7px; border-radius: 2px;
  background: var(--c); vertical-align: baseline; }
.swatch.line { height: 0; background: none; border-top: 3px solid var(--c); border-radius: 0;
  vertical-align: middle; }
.swatch.line.observed { border-top-style: dotted; }
.swatch.dot { width: 10px; border-radius: 50%; }
.whisker { width: 110px; height: 14px; vertical-align: middle; }
.chooser { display: inline-flex; align-items: center; gap: 8px; margin: 0 16px 6px 0;
  font-size: 14px; }
.chooser span { color: var(--soft); }
select { font: inherit; padding: 3px 6px; color: var(--ink); background: var(--wash);
  border: 1px solid var(--line); border-radius: 5px; max-width: 100%; }
input[type=range] { width: 180px; accent-color: var(--policy); }
.lead-name { margin: 0 0 4px; font-size: 14px; font-variant-numeric: tabular-nums; }
.ramp { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; font-size: 13px; }
.ramp-label { flex-basis: 100%; color: var(--soft); }
.ramp i { flex: 1; height: 10px; min-width: 120px; border-radius: 2px; }
.strip { display: flex; gap: 10px; overflow-x: auto; padding-bottom: 6px; }
.stage { flex: 1 0 150px; max-width: 176px; font-size: 13px; }
.stage span { color: var(--soft); }
.histograms { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr)); }
html:not(.js) .chooser, html:not(.js) .js-only { display: none; }
.js .choice:not(.on) { display: none; }
.js .choice > h4 { display: none; }
#tip { position: fixed; z-index: 9; max-width: 300px; padding: 7px 10px; pointer-events: none;
  white-space: pre-line; font-size: 13px; line-height: 1.4; color: var(--paper);
  background: var(--ink); border-radius: 5px; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  header, main { padding: 0 14px; }
  header { padding-top: 22px; }
  h1 { font-size: 25px; }
  .lead { font-size: 18px; }
  figure { padding: 12px 10px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 10px 12px; }
  .tile b { font-size: 21px; }
  svg.chart text { font-size: 14px; }
  .histograms svg.chart text { font-size: 12px; }
  table th:first-child { position: sticky; left: 0; background: var(--paper); }
  figure table th:first-child { background: var(--card); }
  .scores th:first-child { min-width: 118px; max-width: 128px; white-space: normal; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc; --grid: #e4e4e4;
    --wash: #f4f4f4; }
  body { font-size: 11pt; }
  nav, .chooser, .js-only { display: none; }
  .js .choice.on > h4 { display: block; }
  figure, tr, .tile { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  section { margin-top: 28px; }
  .scroll, .strip { overflow: visible; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
)css";

}  // namespace

std::string report_style() { return kStyle; }

}  // namespace skipcast::tools
