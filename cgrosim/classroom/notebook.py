"""The page in a cell of a notebook: an iframe with the same file, and nothing more."""

from __future__ import annotations

import html
from dataclasses import dataclass

INSTEAD = "The classroom is not shown in a notebook that is not trusted; run this cell, or trust the notebook."


@dataclass(frozen=True)
class Page:
    """The whole page; Jupyter and marimo show it as a frame.

    Attributes
    ----------
    text : the page's HTML
    height : of the frame, in pixels
    """

    text: str
    height: int

    def _repr_html_(self) -> str:
        content = html.escape(self.text, quote=True)
        return (  # the frame covers the sentence, which stays where a notebook leaves frames of strangers out
            f'<p style="height:0;margin:0">{html.escape(INSTEAD)}</p>'
            f'<iframe srcdoc="{content}" title="cgrosim classroom" '
            'sandbox="allow-scripts allow-downloads allow-modals" style="display:block;position:relative;width:100%;'
            f'height:{self.height}px;box-sizing:border-box;border:1px solid #888;background:#fff"></iframe>'
        )

    def __repr__(self) -> str:
        return (
            f"<classroom page, {len(self.text) // 1024} KiB; shown in a notebook, or write it with cgrosim classroom>"
        )
