"""The classroom: one self-contained page that computes the training live and predicts before it plays.

`show` puts it into a cell of a notebook, ``cgrosim classroom`` writes it to a file. ``web/model.js`` is the closed
system, to be read beside `cgrosim.model.reference`; every word of the page stands in ``web/texts.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cgrosim.arguments import checked

if TYPE_CHECKING:
    from cgrosim.classroom.notebook import Page
    from cgrosim.run.results import Run

__all__ = ["show"]


@checked
def show(run: Run | None = None, *, height: int = 720) -> Page:
    """The page in a notebook.

    Parameters
    ----------
    run
        A run to begin from: its start and its settings are the page's. None: the page draws its own.
    height
        Of the frame, in pixels.

    Raises
    ------
    UserError
        If the page's model is not that of the run.
    """
    from cgrosim.classroom.lesson import given_of
    from cgrosim.classroom.notebook import Page
    from cgrosim.classroom.page import page

    return Page(page(None if run is None else given_of(run, "a run of this notebook")), height)
