"""A measured interval against the region that supports the claim, drawn: a band, a bar, a dot; inline SVG."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

from cgrosim.claims.checks import Check
from cgrosim.claims.report.words import amount, digits_of, measurement, region

WIDTH, HEIGHT = 340, 44
LEFT, RIGHT, MIDDLE = 10, 330, 14
LETTER = 6.4  # width of a letter of a label
DECADES = 2.0  # from which on positive numbers are drawn on a logarithmic axis


def interval_drawing(check: Check) -> str:
    """The drawing of one check; ends without limit run off the axis, a measurement that is no number is not drawn."""
    finite = [v for v in (check.low, check.high, check.measured, check.allowed_low, check.allowed_high)
              if math.isfinite(v)]  # fmt: skip
    if not finite or not math.isfinite(check.measured):
        return ""
    logarithmic = min(finite) > 0 and math.log10(max(finite) / min(finite)) > DECADES
    place = _axis(finite, logarithmic)
    low, high = place(check.allowed_low), place(check.allowed_high)
    parts = [
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{MIDDLE}" y2="{MIDDLE}"/>',
        f'<rect class="region" x="{low:.1f}" y="{MIDDLE - 9}" width="{max(high - low, 1.5):.1f}" height="18"/>',
    ]
    if check.low != check.high:
        start, end = place(check.low), place(check.high)
        parts.append(f'<line class="interval" x1="{start:.1f}" x2="{end:.1f}" y1="{MIDDLE}" y2="{MIDDLE}"/>')
        parts += [f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{MIDDLE - 5}" y2="{MIDDLE + 5}"/>'
                  for x, value in ((start, check.low), (end, check.high)) if math.isfinite(value)]  # fmt: skip
    parts.append(f'<circle class="{check.outcome}" cx="{place(check.measured):.1f}" cy="{MIDDLE}" r="4.5"/>')
    parts += _labels(check, low, high)
    label = escape(f"measured {measurement(check)}, allowed {region(check)}", quote=True)
    return (
        f'<svg class="drawn" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}'
        + ('<text class="scale" x="330" y="42" text-anchor="end">logarithmic</text>' if logarithmic else "")
        + "</svg>"
    )


def _axis(finite: list[float], logarithmic: bool) -> Callable[[float], float]:
    """Where a number lies on the axis, which spans all numbers with a margin; beyond it at its ends."""
    numbers = [math.log10(v) for v in finite] if logarithmic else finite
    first, last = min(numbers), max(numbers)
    margin = 0.12 * (last - first) or abs(first) or 1.0
    first, last = first - margin, last + margin

    def place(value: float) -> float:
        if math.isinf(value) or (logarithmic and value <= 0):
            return float(RIGHT if value > 0 and math.isinf(value) else LEFT)
        number = math.log10(value) if logarithmic else value
        return LEFT + (RIGHT - LEFT) * (number - first) / (last - first)

    return place


def _labels(check: Check, low: float, high: float) -> list[str]:
    """The finite ends of the region below it; one text for both where two would not fit side by side."""
    digits = digits_of(check)
    ends = [(x, amount(value, digits)) for x, value in ((low, check.allowed_low), (high, check.allowed_high))
            if math.isfinite(value)]  # fmt: skip
    if len(ends) == 2 and high - low < LETTER * (len(ends[0][1]) + len(ends[1][1])) / 2 + LETTER:
        both = ends[0][1] if ends[0][1] == ends[1][1] else f"{ends[0][1]} to {ends[1][1]}"
        ends = [((low + high) / 2, both)]
    labels = []
    for x, text in ends:
        half = LETTER * len(text) / 2
        middle = min(max(x, half), WIDTH - half)
        labels.append(f'<text x="{middle:.1f}" y="36" text-anchor="middle">{escape(text)}</text>')
    return labels
