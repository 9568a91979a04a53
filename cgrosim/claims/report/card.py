"""One claim of the report: formula, verdict, measurements against what is allowed, wrong worlds, power, code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from cgrosim.claims.checks import Check, Outcome
from cgrosim.claims.claim import Evidence, Slack, Verdict, VerdictName
from cgrosim.claims.formulas import FORMULAS
from cgrosim.claims.power import Noticed
from cgrosim.claims.report.data import repeat_command
from cgrosim.claims.report.drawing import interval_drawing
from cgrosim.claims.report.mathml import mathml
from cgrosim.claims.report.panels import panel_drawing
from cgrosim.claims.report.power import in_words, why_unseen
from cgrosim.claims.report.sources import ARXIV, Source, measured_by, papers, theory_of
from cgrosim.claims.report.words import REJECTION, SYMBOLS, amount, measurement, region
from cgrosim.files.words import counted

KILLED: dict[Outcome, tuple[str, str]] = {  # style and words of a check in a wrong world: to fail there is its purpose
    "violated": ("supported", "✓ rejects"),
    "underpowered": ("underpowered", "? undecided"),
    "supported": ("violated", "✗ passes"),
}
OUTCOMES: dict[Outcome, str] = {"supported": "✓", "violated": "✗", "underpowered": "?"}


def card(verdict: Verdict, noticed: Mapping[str, Noticed]) -> str:
    """The whole card; where nothing was measured it says so, how to do it, and nothing of what was not looked at."""
    claim, evidence = verdict.claim, verdict.evidence
    note = f'<p class="note"><b>Note.</b> {escape(verdict.note)}</p>' if verdict.note else ""
    measured = verdict.verdict != "not measured"
    parts = [
        f'<section class="card" id="{escape(claim.name)}">',
        f"<h2>{badge(verdict.verdict)} {escape(claim.title)}</h2>",
        _formula(verdict),
        f'<p class="statement">{escape(claim.statement)}</p>',
        note,
        _facts(verdict),
    ]
    if measured:
        parts += [
            "".join(panel_drawing(panel) for panel in evidence.panels),
            "<h3>Prediction and measurement</h3>" if evidence.checks else "",
            "".join(map(_check, evidence.checks)),
            _hypotheses(verdict),
            _kill_matrix(verdict) if verdict.trials else "",
            _power(verdict, noticed),
        ]
    parts += [
        f"<h3>{'To repeat it' if measured else 'To measure it'}</h3>",
        f"<pre>{escape(repeat_command(verdict))}</pre>",
        _experiment(evidence),
        _written(claim_sources(verdict)),
        f'<p class="small">{_cost(verdict)} <a href="#top">Contents</a></p>',
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def badge(verdict: VerdictName) -> str:
    """The verdict with its symbol: neither printers nor all readers see colours."""
    return f'<span class="badge {css(verdict)}">{SYMBOLS[verdict]} {verdict}</span>'


def css(name: str) -> str:
    """A word as a class of the style sheet."""
    return name.replace(" ", "-")


def claim_sources(verdict: Verdict) -> list[Source]:
    """What the card links to: the theory's functions, then those that measure."""
    return [*theory_of(verdict.claim), *measured_by(verdict.claim)]


def _formula(verdict: Verdict) -> str:
    text = verdict.claim.formula or FORMULAS.get(verdict.claim.name, "")
    if not text:
        return ""
    try:
        return f'<div class="formula">{mathml(text)}</div>'
    except ValueError:  # of a claim of one's own: as it was typed
        return f'<div class="formula"><code>{escape(text)}</code></div>'


def _facts(verdict: Verdict) -> str:
    claim = verdict.claim
    links = dict(papers(claim.source))
    source = escape(claim.source)
    if links:
        source = ARXIV.sub(lambda match: f'<a href="{links[match[1] + (match[2] or "")]}">{match[0]}</a>', source)
    rows = [("kind", escape(claim.kind)), ("source", source), ("proved for", escape(claim.proved_for))]
    if verdict.verdict != "not measured":
        rows.append(("tested range", escape(verdict.evidence.tested_range or "see the parameters")))
    theory = [f'<a href="#{source.anchor}">{escape(source.name)}</a>' for source in theory_of(claim)]
    rows += [("compared with", ", ".join(theory))] if theory else []
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"


def _check(check: Check) -> str:
    """One comparison: drawn, in numbers, and why the region is what it is."""
    rate = f"error rate {amount(check.error_rate)}" if check.error_rate else "nothing random"
    said = f"<br>{escape(check.prediction)}" if check.prediction else ""
    guards = f"<br>It guards: {escape(check.cannot_fail)}" if check.cannot_fail else ""
    return (
        f'<div class="check"><div><span class="{check.outcome}">{OUTCOMES[check.outcome]} {check.outcome}</span> '
        f"<b>{escape(check.name)}</b>{said}</div>{interval_drawing(check)}"
        f'<div class="small">measured {escape(measurement(check))} · allowed {escape(region(check))} · {rate}'
        f"<br>{escape(check.reason)}{guards}</div></div>"
    )


def _hypotheses(verdict: Verdict) -> str:
    hypotheses: Sequence[Slack] = verdict.evidence.hypotheses
    if not hypotheses:
        observed = verdict.claim.kind == "observation"
        none = "It was observed where it was observed: nothing is assumed, and nothing said of elsewhere."
        return f'<h3>Hypotheses</h3><p class="small">{none if observed else "None is needed in the tested range."}</p>'
    rows = [
        (
            "✓ holds" if slack.slack > 0 else "✗ fails",
            escape(slack.name),
            escape(slack.statement),
            escape(amount(slack.slack)),
        )
        for slack in hypotheses
    ]
    return "<h3>Hypotheses</h3>" + table(("", "hypothesis", "statement", "slack (positive: holds)"), rows)


def _kill_matrix(verdict: Verdict) -> str:
    """Every check in every wrong world: which each is rejected by, and which checks nothing here violates."""
    trials = verdict.trials
    named = "".join(f"<li>{escape(t.world.name)}: <b>{escape(REJECTION[t.outcome])}</b></li>" for t in trials)
    rows = []
    for place, check in enumerate(verdict.evidence.checks):
        cells = [escape(check.name)]
        for trial in trials:
            there = trial.evidence.checks[place]
            style, words = KILLED[there.outcome]
            title = escape(f"{measurement(there)} in {region(there)}", quote=True)
            cells.append(f'<span class="{css(style)}" title="{title}">{words}</span>')
        killed = verdict.killers(place)
        cells.append(escape(check.cannot_fail) if check.cannot_fail else "" if killed else "none of these")
        rows.append(cells)
    titles = ("the same rules", *(f"world {number}" for number in range(1, len(trials) + 1)), "why it cannot fail")
    if not any(row[-1] for row in rows):
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    return f'<h3>Wrong worlds, in which it must fail</h3><ol class="small">{named}</ol>{table(titles, rows)}'


def _power(verdict: Verdict, noticed: Mapping[str, Noticed]) -> str:
    """What an error of the theory must amount to, to be noticed."""
    if not noticed:
        command = re.sub("^cgrosim verify", "cgrosim verify --power", repeat_command(verdict))
        return f'<h3>Power</h3><p class="small">Not measured here: <code>{escape(command)}</code></p>'
    words = {name: (name.replace("_", " "), one) for name, one in noticed.items() if not one.absent}
    seen = [f"{word} {in_words(one)}" for word, one in words.values() if one.up or one.down]
    unseen = [
        f"{word}{' both ways' if one.up or one.down else ''} ({why_unseen(verdict.claim.name, one)})"
        for word, one in words.values()
        if one.change is None
    ]
    outside = [name.replace("_", " ") for name, one in noticed.items() if one.absent]
    parts = (("would notice", seen), ("not seen", unseen), ("not in the statement", outside))
    told = "".join(f"<p><b>{title}:</b> {escape(', '.join(names))}</p>" for title, names in parts if names)
    return f"<h3>Power</h3>{told}"


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


def _written(sources: Sequence[Source]) -> str:
    links = [f'<a href="#{source.anchor}">{escape(source.name)}</a>' for source in sources]
    return f'<p class="small">Code: {", ".join(links)}</p>' if links else ""


def _cost(verdict: Verdict) -> str:
    work = f"{verdict.processor_seconds:.1f} s of processor time."
    return f"Carried over from an earlier report; it took {work}" if verdict.carried else work


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], identifier: str = "") -> str:
    """A table of cells that are HTML already."""
    name = f' id="{identifier}"' if identifier else ""
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table{name}><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
