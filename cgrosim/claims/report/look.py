"""The style of the report: 800 pixels wide, light or dark as the reader prefers, and on paper."""

from __future__ import annotations

import textwrap

STYLE = textwrap.dedent("""
    :root { color-scheme: light dark; --ink: #111; --soft: #4a4a4a; --paper: #fff; --card: #fff; --edge: #d0d0d0;
            --region: #bfe3d6; --good: #00674c; --bad: #a83200; --open: #7a5300; --link: #0060a0; --note: #fff6df; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e8e8e8; --soft: #b4b4b4; --paper: #14171a; --card: #1c2024; --edge: #3a4047; --region: #1f5a48;
              --good: #5fd3ac; --bad: #ff9a6b; --open: #f0c060; --link: #7cc0ff; --note: #33290f; }
      figure svg { filter: invert(.92) hue-rotate(180deg); }
    }
    body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
           background: var(--paper); max-width: 800px; margin: 0 auto; padding: 1rem 1rem 4rem; }
    h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; line-height: 1.35; margin: .2em 0 .6em; }
    h3 { font-size: 1rem; margin: 1.3em 0 .3em; }
    .card { border: 1px solid var(--edge); border-radius: 8px; background: var(--card); margin-top: 1.6rem;
            padding: .8rem 1.1rem; }
    .answer { border-left: 5px solid var(--good); padding: .2rem 1rem; }
    .answer.violated { border-color: var(--bad); } .answer.open { border-color: var(--open); }
    .answer > p { font-size: 1.25rem; font-weight: 600; margin: .3em 0; color: var(--ink); }
    .answer ul { padding-left: 0; list-style: none; } .answer li { margin: .35em 0; }
    table { border-collapse: collapse; font-size: .86rem; width: 100%; }
    th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--edge);
             overflow-wrap: anywhere; }
    th { border-bottom-width: 2px; overflow-wrap: normal; } td:first-child { min-width: 6.5em; }
    .wide { overflow-x: auto; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: .9rem; }
    dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
    .formula { overflow-x: auto; padding: .3rem 0; font-size: 1.15rem; }
    .statement { margin: .4em 0; }
    .note { background: var(--note); border-left: 4px solid #e69f00; padding: .5rem 1rem; }
    .counts { display: flex; flex-wrap: wrap; gap: .5rem; font-size: .9rem; }
    .count { border: 1.5px solid; border-radius: 6px; padding: .1rem .6rem; } .count b { font-size: 1.2rem; }
    .badge { white-space: nowrap; border: 1.5px solid; border-radius: 4px; padding: 0 .4em; font-size: .8em;
             font-weight: 600; }
    .supported { color: var(--good); } .violated { color: var(--bad); } .underpowered { color: var(--open); }
    .not-applicable, .not-measured { color: var(--soft); }
    .check { display: grid; grid-template-columns: 1fr 345px; gap: .1rem .8rem; align-items: center; padding: .5rem 0;
             border-bottom: 1px solid var(--edge); font-size: .92rem; }
    .check > .small { grid-column: 1 / -1; }
    .drawn { width: 340px; height: 44px; } .drawn text { font-size: 11px; fill: var(--soft); }
    .drawn .scale { font-style: italic; } .drawn .axis { stroke: var(--edge); } .drawn .region { fill: var(--region); }
    .drawn .interval { stroke: var(--ink); stroke-width: 2; }
    .drawn circle { fill: currentColor; stroke: var(--card); }
    figure { margin: .8rem 0; } figure svg { width: 100%; height: auto; }
    pre, code { font-size: .85rem; } pre { border: 1px solid var(--edge); border-radius: 4px; padding: .5rem .8rem;
           overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
    .small { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
    a { color: var(--link); }
    @media (max-width: 640px) { .check { grid-template-columns: 1fr; } .drawn { width: 100%; } }
    @media print {
      :root { color-scheme: light; --ink: #000; --soft: #333; --paper: #fff; --card: #fff; --edge: #bbb;
              --region: #cfe9df; --good: #00674c; --bad: #a83200; --open: #7a5300; --link: #000; --note: #fff; }
      figure svg { filter: none; }
      body { font-size: 10pt; max-width: none; padding: 0; } .wide { overflow: visible; }
      .card { break-before: page; border: none; padding: 0; } .sources { display: none; }
      figure, tr, pre, .check { break-inside: avoid; } h2, h3 { break-after: avoid; } a { text-decoration: none; }
    }
""")
SCRIPT = (
    'addEventListener("beforeprint", () => document.querySelectorAll(".card details").forEach('
    "d => { d.open = true; }));"
    'addEventListener("hashchange", () => { const to = document.getElementById(location.hash.slice(1));'
    " if (to instanceof HTMLDetailsElement) { to.open = true; to.scrollIntoView(); } });"
)
