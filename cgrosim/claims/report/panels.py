"""Figures of the report: panels of claims as inline SVG."""

from __future__ import annotations

import io
import re
from html import escape

from cgrosim.claims.claim import Panel


def panel_drawing(panel: Panel) -> str:
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
