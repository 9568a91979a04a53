"""The stages of a run on the time axis: a strip with their names, and their tints behind the panels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cgrosim.figures.style import FONT, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cgrosim.run.results import Run

GROWTH, STAGNATION, MEMORISATION, ESCAPE = "#FBE6C2", "#EDEDED", "#D3E6F3", "#CDEDE1"
SIZE = FONT - 1
MARGIN = 1.9  # inches that the labels of the curves leave free to the right of the strip


@dataclass(frozen=True)
class Stage:
    """One stage: its numeral, name, tint, and first and last step."""

    numeral: str
    name: str
    tint: str
    first: float
    last: float


def stages_of(run: Run, last: float) -> list[Stage]:
    """The stages of a run by its measured times, in order of time, up to step `last`.

    I ends when the signal has grown, III begins when the first sample is memorised, II is what lies between. Where
    the attacked signal escapes before any sample is memorised, that takes the place of stage III. A sample whose noise
    is beyond the threshold from the start, by chance, was not memorised by training and begins no stage.
    """
    grown, escaped = (_or_never(run.data[name]) for name in ("signal_growth_time", "escape_time"))
    escaped = escaped if run.params.trains_attacked else math.inf
    times = np.asarray(run.data["memorization_time"], dtype=np.float64)
    memorised = 0.0 if np.all(times == 0.0) else _or_never(times[times > 0.0])
    end = min(memorised, escaped)
    found = [Stage("I", "signal growth", GROWTH, 0.0, min(grown, end, last))]
    if grown < end:
        name = "stagnation" if grown > 0.0 else "stagnation (I was over at the start)"
        found.append(Stage("II", name, STAGNATION, grown, min(end, last)))
    if end < last:
        if memorised <= escaped:
            early = "" if grown <= memorised else " before the signal has grown"
            found.append(Stage("III", "memorisation" + early, MEMORISATION, end, last))
        else:
            found.append(Stage("", "escape: robust by the true feature", ESCAPE, end, last))
    return [stage for stage in found if stage.last > stage.first]


def draw_strip(axes: Axes, stages: Iterable[Stage]) -> None:
    """Draw the stages as a strip of named boxes; a box too narrow for its name carries the numeral alone.

    The name of the last stage then stands beside its box, in the margin on the right.
    """
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    axes.tick_params(bottom=False, labelbottom=False)
    for side in ("left", "bottom", "top", "right"):
        axes.spines[side].set_visible(False)
    low, high = np.log10(axes.get_xlim())
    inches = axes.get_window_extent().width / axes.figure.dpi
    stages = list(stages)
    for stage in stages:
        left = max(math.log10(stage.first), low) if stage.first > 0 else low
        right = min(math.log10(stage.last), high) if stage.last > 0 else low
        if right <= left:
            continue
        axes.axvspan(10**left, 10**right, color=stage.tint, lw=0)
        room = inches * (right - left) / (high - low)
        whole = f"{stage.numeral}  {stage.name}".strip()
        text = _fitting([whole, stage.numeral], room)
        axes.text(10 ** (0.5 * (left + right)), 0.5, text, ha="center", va="center", fontsize=SIZE, weight="bold")
        if text != whole and stage is stages[-1]:
            beside = 10 ** (right + 0.01 * (high - low))
            axes.text(
                beside,
                0.5,
                _fitting([stage.name, stage.name.split()[0].rstrip(":")], MARGIN),
                ha="left",
                va="center",
                fontsize=SIZE,
                weight="bold",
            )


def shade(axes: Axes, stages: Iterable[Stage]) -> None:
    """Tint the stages behind a panel and mark where one ends."""
    for stage in stages:
        axes.axvspan(max(stage.first, 1e-300), stage.last, color=stage.tint, alpha=0.45, lw=0, zorder=-2)
        if stage.first > 0:
            axes.axvline(stage.first, color=GREY, lw=0.8, zorder=-1)


def _fitting(texts: list[str], room: float) -> str:
    width = 0.56 * SIZE / 72.0  # of a bold letter on average
    return next((text for text in texts if len(text) * width <= room), "")


def _or_never(times: object) -> float:
    values = np.asarray(times, dtype=np.float64)
    return float(np.min(values[np.isfinite(values)], initial=np.inf))
