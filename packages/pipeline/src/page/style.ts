/** The style sheet of the report: readable on a phone, in dark mode and on paper, without scripts or fonts to load. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d8dee4; --shade: #f5f7f9; --accent: #005a8f;
  --note: #fff7e0; --note-line: #c99700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181d; --ink: #e4e8ec; --soft: #9aa5b1; --line: #313840; --shade: #1c2229; --accent: #6cb6e8;
    --note: #2b2512; --note-line: #d9a514;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 3rem 1.5rem 4rem; max-width: 70rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Arial, sans-serif;
}
header { border-bottom: 1px solid var(--line); padding-bottom: 1.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0.2rem 0 0.6rem; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3rem 0 0.8rem; font-weight: 650; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; font-weight: 650; }
p { margin: 0.6rem 0; max-width: 44rem; }
a { color: var(--accent); }
.kicker { margin: 0; color: var(--soft); font-size: 0.9rem; }
.lede { font-size: 1.1rem; }
.soft, figcaption, caption { color: var(--soft); }
.small { font-size: 0.9rem; }
nav ul { list-style: none; margin: 1rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; font-size: 0.95rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.25rem 1.2rem; margin: 1rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
dl.key { display: flex; flex-wrap: wrap; gap: 1.2rem 3rem; margin: 1.6rem 0; }
dl.key div { display: flex; flex-direction: column-reverse; }
dl.key dt { font-size: 0.9rem; max-width: 15rem; }
dl.key dd { font-size: 1.75rem; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
dl.key .interval { font-size: 1rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 0.9rem; padding-bottom: 0.5rem; }
caption span { display: block; max-width: min(100%, calc(100vw - 2rem)); }
th, td { padding: 0.45rem 1.2rem 0.45rem 0; text-align: left; vertical-align: top; white-space: nowrap; }
th.count, td.count { text-align: right; }
th.count { padding-left: 0.5rem; }
thead th { white-space: normal; }
tbody th { white-space: normal; min-width: 6rem; }
.stacked td small { display: block; }
.stacked th, .stacked td { padding-right: 0.9rem; }
th:last-child, td:last-child { padding-right: 0.25rem; }
thead th { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; font-weight: 600; }
thead th small { display: block; font-weight: 400; color: var(--soft); font-size: 0.8rem; }
tbody th { font-weight: 400; }
tbody tr { border-bottom: 1px solid var(--line); }
tbody tr.main th:first-child { box-shadow: -0.5rem 0 var(--shade); }
tbody tr.main th, tbody tr.main td { font-weight: 600; background: var(--shade); }
td .below { display: block; }
td code { white-space: normal; overflow-wrap: anywhere; }
td small { color: var(--soft); font-weight: 400; font-size: 0.85em; }
figure { margin: 1.4rem 0; }
figcaption { font-size: 0.9rem; margin-top: 0.5rem; max-width: 44rem; }
figure svg { display: block; max-width: 100%; height: auto; }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 2rem; align-items: start; }
.side.three { grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1.2rem 1rem; }
.slices figure { margin: 0; }
.failures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1.6rem 1.4rem; }
.failures figure { margin: 0; break-inside: avoid; }
.failures img { display: block; width: 100%; max-width: 22rem; height: auto; background: #000; }
svg.bars { margin-top: 0.4rem; width: 100%; max-width: 22rem; height: 2.75rem; }
svg.bars .other { fill: #7a7a7a; }
svg.bars .listed { fill: #d55e00; }
.slices img { display: block; width: 100%; height: auto; background: #000; image-rendering: auto; }
pre { background: var(--shade); padding: 0.9rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.85rem; line-height: 1.5; border-radius: 4px; }
pre, code { font-family: ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", Consolas, monospace; }
pre:focus-visible { outline: 2px solid var(--accent); }
.notes { background: var(--note); border-left: 3px solid var(--note-line); padding: 0.8rem 1.1rem; margin: 1.6rem 0; }
.notes h2 { font-size: 1rem; margin: 0; }
.notes ul { margin: 0.4rem 0 0; padding-left: 1.1rem; }
footer { margin-top: 4rem; border-top: 1px solid var(--line); padding-top: 1rem; color: var(--soft); font-size: 0.9rem; }
@media (max-width: 40rem) { body { padding: 1.5rem 1rem 3rem; } h1 { font-size: 1.6rem; } dl { grid-template-columns: 1fr; gap: 0; } dd + dt { margin-top: 0.5rem; } figure { overflow-x: auto; } figure svg { max-width: none; } }
@page { size: A4; margin: 16mm 15mm 18mm; }
@media print {
  :root { color-scheme: light; --ground: #fff; --ink: #000; --soft: #444; --line: #bbb; --shade: #f2f2f2; --accent: #000; --note: #fff; --note-line: #000; }
  html { font-size: 9.5pt; }
  body { padding: 0; max-width: none; }
  nav { display: none; }
  .scroll { overflow: visible; }
  th, td { padding-right: 0.6rem; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, .notes, dl.key { break-inside: avoid; }
  section { break-inside: auto; }
  .side { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .side.three { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`.trim();
