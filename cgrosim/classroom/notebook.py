"""The page in a cell of a notebook: an iframe with the same file, and nothing more."""

from __future__ import annotations

import html
from dataclasses import dataclass


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
        return (
            f'<iframe srcdoc="{content}" title="cgrosim classroom" sandbox="allow-scripts allow-downloads allow-modals '
            f'allow-same-origin" style="width:100%;height:{self.height}px;border:1px solid #888"></iframe>'
        )

    def __repr__(self) -> str:
        return (
            f"<classroom page, {len(self.text) // 1024} KiB; shown in a notebook, or write it with cgrosim classroom>"
        )
