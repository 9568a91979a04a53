"""Predictions as a plain-text table, as HTML and as JSON data."""

from __future__ import annotations

import html
import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cgrosim.predictions.values import Curve, Quantiles, Value, Window

if TYPE_CHECKING:
    from cgrosim.predictions.predicted import Prediction, Predictions

HEADER = ("quantity", "predicted", "unit", "kind", "hypotheses")
WIDTH = 100  # of notes and reasons, in characters


def number(value: float, unit: str = "1") -> str:
    """A number to four digits; an infinite number of steps is "never"."""
    if math.isinf(value) and unit == "step":
        return "never"
    return f"{value:.4g}"


def value_text(value: Value | None, unit: str = "1") -> str:
    """A value in one line of ASCII."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, Quantiles):
        low, median, high = (number(x, unit) for x in (value.low, value.median, value.high))
        return f"{median} ({low} to {high})"
    if isinstance(value, Window):
        return f"{number(value.lower, unit)} to {number(value.upper, unit)}"
    if isinstance(value, Curve):
        first, last = (number(float(x)) for x in (value.values[0], value.values[-1]))
        return f"{first} at step {number(value.steps[0])}, {last} at {number(value.steps[-1])}"
    if isinstance(value, np.ndarray):
        return _array_text(value, unit)
    return number(float(value), unit)


def _array_text(values: np.ndarray[Any, Any], unit: str) -> str:
    here = values[np.isfinite(values)]
    if here.size == 0:
        return f"{'never' if unit == 'step' else 'none'} ({values.size} samples)"
    found = f"{number(float(here.min()))} to {number(float(here.max()))}"
    if here.size == 1:
        found = number(float(here[0]))
    return found if here.size == values.size else f"{found} ({here.size} of {values.size} samples)"


def _row(entry: Prediction) -> tuple[str, ...]:
    return entry.name, value_text(entry.value, entry.unit), entry.unit, entry.kind, _rests_on(entry)


def _rests_on(entry: Prediction) -> str:
    """Which of the hypotheses fail and by how much, or that they hold."""
    if not entry.hypotheses:
        return ""
    failing = ", ".join(f"{slack.name} {slack.slack:+.2g}" for slack in entry.failing)
    return f"fails: {failing}" if failing else f"all {len(entry.hypotheses)} hold"


def as_text(predictions: Predictions) -> str:
    """The table, what each quantity means, why some have no value, and the notes; ASCII only."""
    rows = [HEADER, *(_row(entry) for entry in predictions)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    reasons: dict[str, list[str]] = {}
    for entry in predictions:
        if entry.value is None:
            reasons.setdefault(entry.why_not, []).append(entry.name)
    for why, names in reasons.items():
        shown = ", ".join(names) if len(names) < len(predictions) else "everything"
        lines.extend(["", *textwrap.wrap(f"No value for {shown}: {why}", WIDTH)])
    for note in predictions.notes:
        lines.extend(["", *textwrap.wrap(note, WIDTH)])
    return "\n".join(lines).encode("ascii", "backslashreplace").decode()


def as_html(predictions: Predictions) -> str:
    """The table for a notebook, with the meaning and the source of each quantity."""

    def cells(row: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"

    rows = [cells((*HEADER, "meaning", "source"), "th")]
    rows += [cells((*_row(entry), entry.why_not or entry.meaning, entry.source), "td") for entry in predictions]
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in predictions.notes)
    return f"<table>{''.join(rows)}</table>{notes}"


def as_data(predictions: Predictions) -> dict[str, Any]:
    """JSON data; see `Predictions.to_dict`."""
    return {
        "params": predictions.params.model_dump(mode="json"),
        "quantities": {
            entry.name: {
                "meaning": entry.meaning,
                "value": _plain(entry.value),
                "unit": entry.unit,
                "kind": entry.kind,
                "source": entry.source,
                "hypotheses": {slack.name: _plain(slack.slack) for slack in entry.hypotheses},
                "why_not": entry.why_not,
            }
            for entry in predictions
        },
        "regime": {
            slack.name: {"statement": slack.statement, "slack": _plain(slack.slack)} for slack in predictions.regime
        },
        "notes": list(predictions.notes),
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Quantiles | Window | Curve):
        return {name: _plain(part) for name, part in vars(value).items()}
    if isinstance(value, np.ndarray | tuple):
        return [_plain(part) for part in value]
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return float(value)
