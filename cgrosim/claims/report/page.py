"""The report as one page that needs nothing else: style, figures and text are inside; it prints as it reads."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from cgrosim.claims.checks import Check, Outcome
from cgrosim.claims.claim import Evidence, Panel, Slack, Verdict, VerdictName
from cgrosim.claims.report.data import count_verdicts, false_alarms, repeat_command
from cgrosim.claims.report.words import REJECTION, SYMBOLS, amount, headline, measurement, region
from cgrosim.files.versions import versions
from cgrosim.files.words import counted

KILLED: dict[Outcome, tuple[str, str]] = {  # style and words of a check in a wrong world: to fail there is its purpose
    "violated": ("supported", "✓ rejects"),
    "underpowered": ("underpowered", "? undecided"),
    "supported": ("violated", "✗ passes"),
}
OUTCOMES: dict[Outcome, str] = {"supported": "✓", "violated": "✗", "underpowered": "?"}


def report_page(verdicts: Sequence[Verdict], seconds: float | None = None) -> str:
    """The whole page."""
    sections = "\n".join(_section(verdict) for verdict in verdicts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>cgrosim: verdicts</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{_header(verdicts, seconds)}\n{_contents(verdicts)}\n{sections}\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _header(verdicts: Sequence[Verdict], seconds: float | None) -> str:
    boxes = "".join(
        f'<div class="count {_css(name)}"><b>{count}</b> {SYMBOLS[name]} {name}</div>'  # type: ignore[index]
        for name, count in count_verdicts(verdicts).items()
    )
    alarms = false_alarms(verdicts)
    statistical, exact = alarms["statistical"], alarms["exact"]
    first = verdicts[0] if verdicts else None
    rows = [
        ("effort", first.effort if first else "none"),
        ("seed", str(first.seed) if first else "none"),
        (
            "false alarms",
            f"at most {amount(statistical['used'])} from {statistical['checks']} statistical checks (allowed: "
            f"{amount(statistical['allowed'])}); {exact['checks']} exact checks against worst-case bounds "
            f"(allowance for those: {amount(exact['allowed'])})",
        ),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions().items())),
        ("time", _duration(verdicts, seconds)),
        ("written", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
    ]
    return (
        '<h1 id="top">Which claims of the theory hold in simulation</h1>\n'
        "<p>Each claim is simulated, compared with its prediction by an executable rule, and put to the same rule "
        "in deliberately wrong worlds, where it must fail. A verdict speaks for the tested range "
        "only: <b>supported</b> means that the interval of every measurement lies inside the region the prediction "
        "allows; <b>violated</b>, that one lies outside; <b>underpowered</b>, that one is too wide to decide; "
        "<b>not applicable</b>, that a hypothesis of the claim fails at the parameters used.</p>\n"
        f'<div class="counts">{boxes}</div>\n{_pairs(rows)}'
    )


def _duration(verdicts: Sequence[Verdict], seconds: float | None) -> str:
    work = f"{sum(verdict.seconds for verdict in verdicts):.1f} s of work"
    return work if seconds is None else f"{seconds:.1f} s, {work} (side by side)"


def _contents(verdicts: Sequence[Verdict]) -> str:
    rows = []
    for verdict in verdicts:
        check = headline(verdict.evidence)
        rows.append(
            (
                _badge(verdict.verdict),
                f'<a href="#{escape(verdict.claim.name)}">{escape(verdict.claim.title)}</a>',
                escape(verdict.claim.kind),
                "" if check is None else escape(check.prediction),
                "" if check is None else f"{escape(measurement(check))} in {escape(region(check))}",
                escape(REJECTION[verdict.rejection]),
                f"{verdict.seconds:.1f}",
            )
        )
    titles = ("verdict", "claim", "kind", "prediction", "measured [interval] in allowed region", "wrong worlds", "s")
    return f"<h2>Contents</h2>\n{_table(titles, rows, 'contents')}"


def _section(verdict: Verdict) -> str:
    claim, evidence = verdict.claim, verdict.evidence
    rows = [
        ("kind", claim.kind),
        ("source", claim.source),
        ("proved for", claim.proved_for),
        ("tested range", evidence.tested_range or "see the parameters"),
    ]
    note = f'<p class="note"><b>Note.</b> {escape(verdict.note)}</p>' if verdict.note else ""
    parts = [
        f'<section id="{escape(claim.name)}">',
        f"<h2>{_badge(verdict.verdict)} {escape(claim.title)}</h2>",
        f'<p class="statement">{escape(claim.statement)}</p>',
        note,
        _pairs(rows),
        "".join(_figure(panel) for panel in evidence.panels),
        "<h3>Prediction and measurement</h3>",
        _checks(evidence.checks),
        "<h3>Hypotheses</h3>",
        _hypotheses(evidence.hypotheses),
        "<h3>Wrong worlds</h3>",
        _kill_matrix(verdict),
        "<h3>To repeat it</h3>",
        f"<pre>{escape(repeat_command(verdict))}</pre>",
        _experiment(evidence),
        f'<p class="small">{verdict.seconds:.1f} s. <a href="#top">Contents</a></p>',
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _checks(checks: Iterable[Check]) -> str:
    titles = ("outcome", "what is compared", "prediction", "measured [interval]", "allowed region", "why this region",
              "error rate")  # fmt: skip
    rows = []
    for check in checks:
        row = [
            f'<span class="{check.outcome}">{OUTCOMES[check.outcome]} {check.outcome}</span>',
            escape(check.name),
            escape(check.prediction),
            escape(measurement(check)),
            escape(region(check)),
        ]
        rate = amount(check.error_rate) if check.error_rate else "exact"
        rows.append((*row, escape(check.reason), rate))
    return _table(titles, rows) if rows else "<p>none</p>"


def _kill_matrix(verdict: Verdict) -> str:
    """Every check in every wrong world: what each is rejected by, and which checks nothing here violates."""
    trials = verdict.trials
    named = "".join(
        f"<li>{escape(trial.world.name)}: <b>{escape(REJECTION[trial.outcome])}</b></li>" for trial in trials
    )
    rows = []
    for place, check in enumerate(verdict.evidence.checks):
        cells = [escape(check.name)]
        for trial in trials:
            there = trial.evidence.checks[place]
            cells.append(
                f'<span class="{_css(KILLED[there.outcome][0])}">{KILLED[there.outcome][1]}</span> '
                f"{escape(measurement(there))} in {escape(region(there))}"
            )
        killed = verdict.killers(place)
        cells.append(escape(check.cannot_fail) if check.cannot_fail else "" if killed else "none of these")
        rows.append(cells)
    titles = ("the same rules", *(f"world {number}" for number in range(1, len(trials) + 1)), "why it cannot fail")
    return f"<ol>{named}</ol>{_table(titles, rows)}"


def _hypotheses(hypotheses: Iterable[Slack]) -> str:
    rows = [
        (
            "✓ holds" if slack.slack > 0 else "✗ fails",
            escape(slack.name),
            escape(slack.statement),
            escape(amount(slack.slack)),
        )
        for slack in hypotheses
    ]
    none = "<p>None: the statement holds for any parameters.</p>"
    return _table(("", "hypothesis", "statement", "slack (positive: holds)"), rows) if rows else none


def _experiment(evidence: Evidence) -> str:
    parts = []
    if evidence.params is not None:
        parts.append(
            "<details><summary>A representative experiment, as TOML for "
            "<code>cgrosim simulate --config experiment.toml</code></summary>"
            f"<pre>{escape(evidence.params.to_toml())}</pre></details>"
        )
    if evidence.seeds:
        seeds = escape(", ".join(map(str, evidence.seeds)))
        parts.append(
            f'<details><summary>{counted(len(evidence.seeds), "seed")}</summary><p class="small">{seeds}</p></details>'
        )
    return "\n".join(parts)


def _figure(panel: Panel) -> str:
    """The panel as inline SVG, or the reason why it cannot be drawn: a figure must not cost the verdicts."""
    from cgrosim.figures.claims import panel_figure
    from cgrosim.figures.style import styled

    text = io.StringIO()
    try:
        figure = panel_figure(panel)
        with styled():
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    except ValueError as error:
        return f'<p class="note">The figure {escape(panel.title)} could not be drawn: {escape(str(error))}</p>'
    drawing = text.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, count=1, flags=re.DOTALL)
    drawing = re.sub(r"\s*\n\s*", "\n", drawing)
    label = escape(f"{panel.title}: {panel.y_label} against {panel.x_label}", quote=True)
    return f'<figure role="img" aria-label="{label}">{drawing}</figure>'


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], identifier: str = "") -> str:
    """A table of cells that are HTML already."""
    name = f' id="{identifier}"' if identifier else ""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table{name}><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows) + "</dl>"


def _badge(verdict: VerdictName) -> str:
    return f'<span class="badge {_css(verdict)}">{SYMBOLS[verdict]} {verdict}</span>'


def _css(name: str) -> str:
    return name.replace(" ", "-")


STYLE = textwrap.dedent("""
    body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #111; background: #fff;
           max-width: 70rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
    h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.3rem; }
    h3 { font-size: 1.02rem; margin: 1.2em 0 .3em; }
    section { border-top: 2px solid #ccc; margin-top: 2.5rem; padding-top: .5rem; }
    table { border-collapse: collapse; font-size: .88rem; width: 100%; }
    th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ddd; }
    th { border-bottom: 2px solid #888; } td { overflow-wrap: break-word; min-width: 5.5em; }
    .wide { overflow-x: auto; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .95rem; }
    dt { color: #555; } dd { margin: 0; }
    .statement { font-size: 1.08rem; }
    .note { background: #fff6df; border-left: 4px solid #e69f00; padding: .5rem 1rem; }
    .counts { display: flex; flex-wrap: wrap; gap: .8rem; }
    .count { border: 2px solid; border-radius: 6px; padding: .3rem .9rem; } .count b { font-size: 1.5rem; }
    .badge { white-space: nowrap; border: 1.5px solid; border-radius: 4px; padding: 0 .4em; font-size: .85em;
             font-weight: 600; }
    .supported { color: #00674c; } .violated { color: #a83200; } .underpowered { color: #7a5300; }
    .not-applicable { color: #555; }
    figure { margin: 1rem 0; max-width: 46rem; } figure svg { width: 100%; height: auto; }
    pre { background: #f4f4f4; padding: .6rem .9rem; overflow-x: auto; font-size: .85rem; white-space: pre-wrap; }
    .small { font-size: .85rem; color: #444; overflow-wrap: anywhere; }
    a { color: #0060a0; }
    @media print {
      body { font-size: 10pt; max-width: none; padding: 0; } .wide { overflow: visible; }
      section { break-before: page; border-top: none; } figure, tr, pre { break-inside: avoid; }
      h2, h3 { break-after: avoid; } a { color: inherit; text-decoration: none; }
    }
""")
SCRIPT = 'addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));'
