"""The report as one page that needs nothing else: style, figures and text are inside; it prints as it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from cgrosim.claims.claim import Verdict
from cgrosim.claims.power import Noticed
from cgrosim.claims.report.answer import figure, opening, sentences, where
from cgrosim.claims.report.card import badge, card, claim_sources, css, table
from cgrosim.claims.report.data import count_verdicts, false_alarms
from cgrosim.claims.report.look import SCRIPT, STYLE
from cgrosim.claims.report.panels import panel_drawing
from cgrosim.claims.report.words import REJECTION, SYMBOLS, amount, headline, measurement, region
from cgrosim.files.versions import versions

Powers = Mapping[str, Mapping[str, Noticed]]


def report_page(verdicts: Sequence[Verdict], seconds: float | None = None, powers: Powers | None = None) -> str:
    """The whole page: the answer, then every claim as a card, then the code that they name."""
    powers = powers or {}
    cards = "\n".join(card(verdict, powers.get(verdict.claim.name, {})) for verdict in verdicts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>cgrosim: verdicts</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{_answer(verdicts)}\n{_contents(verdicts)}\n"
        f"{_about(verdicts, seconds)}\n{cards}\n{_sources(verdicts)}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _answer(verdicts: Sequence[Verdict]) -> str:
    """What follows for the theorem, with the claims it follows from and one figure."""
    boxes = "".join(
        f'<div class="count {css(name)}"><b>{count}</b> {SYMBOLS[name]} {name}</div>'  # type: ignore[index]
        for name, count in count_verdicts(verdicts).items()
        if count
    )
    told = sentences(verdicts)
    items = "".join(
        f'<li>{badge(verdict.verdict)} {escape(text)} <a href="#{escape(verdict.claim.name)}">evidence</a></li>'
        for verdict, text in told
    )
    words = {verdict.verdict for verdict, _ in told} or {verdict.verdict for verdict in verdicts}
    style = "violated" if "violated" in words else "" if words <= {"supported"} else "open"
    panel = figure(verdicts)
    return (
        '<h1 id="top">Which claims of the theory hold in simulation</h1>\n'
        f'<div class="answer {style}"><p>{escape(opening(verdicts))}</p>'
        f"{f'<ul>{items}</ul>' if items else ''}{_pairs(where(verdicts))}</div>\n"
        f'{"" if panel is None else panel_drawing(panel)}\n<div class="counts">{boxes}</div>'
    )


def _about(verdicts: Sequence[Verdict], seconds: float | None) -> str:
    """How it was found out: rules, effort, error rates, versions, time."""
    alarms = false_alarms(verdicts)
    statistical, exact = alarms["statistical"], alarms["exact"]
    first = verdicts[0] if verdicts else None
    carried = sum(verdict.carried for verdict in verdicts)
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
    if carried:
        rows.append(("carried over", f"{carried} of {len(verdicts)}, because nothing they depend on had changed"))
    return (
        "<h2>How</h2>\n<p>Each claim is simulated, compared with its prediction by an executable rule, and put to the "
        "same rule in deliberately wrong worlds, where it must fail. A verdict speaks for the tested range "
        "only: <b>supported</b> means that the interval of every measurement lies inside the region the prediction "
        "allows; <b>violated</b>, that one lies outside; <b>underpowered</b>, that one is too wide to decide, or that "
        "a wrong world passes; <b>not applicable</b>, that a hypothesis of the claim fails at the parameters used; "
        f"<b>not measured</b>, that this effort leaves it out.</p>\n{_pairs(rows)}"
    )


def _duration(verdicts: Sequence[Verdict], seconds: float | None) -> str:
    work = f"{sum(v.processor_seconds for v in verdicts if not v.carried):.1f} s of processor time"
    return work if seconds is None else f"{seconds:.1f} s, {work} (side by side)"


def _contents(verdicts: Sequence[Verdict]) -> str:
    rows = []
    for verdict in verdicts:
        check = headline(verdict.evidence)
        rows.append(
            (
                badge(verdict.verdict),
                f'<a href="#{escape(verdict.claim.name)}">{escape(verdict.claim.title)}</a>',
                "" if check is None else f"{escape(measurement(check))} in {escape(region(check))}",
                escape(REJECTION[verdict.rejection]),
                f"{verdict.processor_seconds:.1f}",
            )
        )
    titles = ("verdict", "claim", "measured [interval] in allowed region", "wrong worlds", "CPU s")
    return f"<h2>Contents</h2>\n{table(titles, rows, 'contents')}"


def _sources(verdicts: Sequence[Verdict]) -> str:
    """The code of every function that a card names, folded up, so that its links need no network."""
    every = {source.anchor: source for verdict in verdicts for source in claim_sources(verdict)}
    parts = [
        f'<details id="{anchor}"><summary><code>{escape(every[anchor].name)}</code>, line {every[anchor].line}'
        f"</summary><pre>{escape(every[anchor].text)}</pre></details>"
        for anchor in sorted(every)
    ]
    return f'<section class="sources"><h2>Code</h2>{"".join(parts)}</section>' if parts else ""


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<dl>{pairs}</dl>" if pairs else ""
