"""The pages' style: it follows the reader's choice of a light or a dark screen, and the width of that screen."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --quiet: #5d6773; --line: #d5dbe1;
  --passed: #1a7f45; --failed: #c0322b; --infra: #9a5b00; --inconclusive: #7040b0; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e4e7ea; --quiet: #9aa5b1; --line: #333b44;
  --passed: #56c983; --failed: #ff7b72; --infra: #e5a94b; --inconclusive: #b794f0; } }
body { font: 15px/1.45 system-ui, sans-serif; background: var(--paper); color: var(--ink);
  max-width: 1320px; margin: 24px auto; padding: 0 20px; overflow-wrap: anywhere; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 32px 0 8px; } p { margin: 4px 0 10px; }
h3 { margin: 0; font-size: 16px; } a { color: inherit; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { text-align: left; padding: 4px 14px 4px 0; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
thead + tbody td { white-space: nowrap; } thead + tbody td:last-child { white-space: normal; }
.counts td { border: 0; padding: 1px 10px 1px 0; } .number { text-align: right; font-weight: 700; }
.headline { font-size: 20px; font-weight: 700; border-left: 6px solid; padding: 6px 12px; margin: 14px 0; }
.quiet { color: var(--quiet); } .strong { font-weight: 700; }
.passed { color: var(--passed); } .failed { color: var(--failed); } .infra, .flaky, .late { color: var(--infra); }
.inconclusive { color: var(--inconclusive); } .skipped { color: var(--quiet); }
.charts { display: flex; flex-wrap: wrap; gap: 24px; } figure { margin: 0; } figcaption { font-weight: 600; }
details { border-top: 1px solid var(--line); padding: 8px 0; } summary { cursor: pointer; }
.message { white-space: pre-wrap; border-left: 3px solid var(--line); margin: 8px 0; padding: 2px 10px; }
.wrong { border-left: 4px solid var(--failed); padding: 0 14px; margin: 12px 0 28px; }
.wrong.infra, .wrong.flaky { border-color: var(--infra); } .wrong.inconclusive { border-color: var(--inconclusive); }
section.wrong { color: inherit; }
code { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 8px 0; } .timeline { scroll-margin-top: 60px; } .timeline svg { min-width: 860px; }
"""
