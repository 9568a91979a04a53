"""Every neuron as a dot in the plane of the true feature and of the noise it fits best, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.figures import style
from cgrosim.figures.heading import parameter_line
from cgrosim.figures.style import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cgrosim.run.results import Run

Array = NDArray[np.float64]
COLOURS = "cividis"  # of time; made for colour-blind readers, and it darkens evenly on a grey printer
DOT = 17.0  # points across
NUMBERED = 20  # neurons up to which the dots carry their numbers


@dataclass(frozen=True)
class Track:
    """The way of all neurons of one run: steps (K,), true and spurious correlations (K, neurons), and a title."""

    steps: Array
    true: Array
    spurious: Array
    title: str


@checked
def neuron_plane_figure(run: Run, standard: Run | None = None, *, step: float | None = None) -> Figure:
    """Draw the way of every neuron from its start (ring) to its last place (dot), coloured by time.

    Across is the correlation of a neuron with the true-feature patch, alpha u_r; up is its largest correlation with
    a noise patch, max_{i,j} v_{r,i,j}: both are inner products with one patch, so they compare.

    Parameters
    ----------
    run
        A run with adversarial training (or any other).
    standard
        The same start without adversarial training; drawn to the left on the same axes.
    step
        Last step to draw; the end of the runs if left out.
    """
    tracks = tracks_of(run, standard)
    last = max(float(track.steps[-1]) for track in tracks)
    with style.styled():
        figure, panels = plane_frame(tracks, run)
        for axes, track in zip(panels, tracks, strict=True):
            draw_track(axes, track, last, last if step is None else step)
    return figure


def tracks_of(run: Run, standard: Run | None) -> list[Track]:
    """The tracks to draw, the standard one first."""
    pair = [run] if standard is None else [standard, run]
    return [_track(each) for each in pair]


def plane_frame(tracks: list[Track], run: Run) -> tuple[Figure, list[Axes]]:
    """A figure with one empty panel a track, on the same axes, and a bar that tells the time of a colour."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    wide = 1.2 + 5.2 * len(tracks) + 1.3
    figure = style.new_figure(wide, 6.4, layout=None)
    lines = [parameter_line(run.params, weight=False), f"attack: {run.params.attack_description}"]
    figure.suptitle("\n".join(lines), fontsize=style.FONT - (0 if len(tracks) > 1 else 3), x=0.01, ha="left")
    grid = figure.add_gridspec(
        1, len(tracks), left=0.95 / wide, right=1.0 - 1.75 / wide, bottom=0.13, top=0.82, wspace=0.12
    )
    panels: list[Axes] = []
    horizontal, vertical = _limits([t.true for t in tracks]), _limits([t.spurious for t in tracks])
    for k, track in enumerate(tracks):
        axes = figure.add_subplot(grid[k])
        axes.set_title(track.title)
        axes.set_xlim(horizontal)
        axes.set_ylim(vertical)
        axes.axhline(0.0, color=style.GREY, lw=0.8, zorder=0)
        axes.axvline(0.0, color=style.GREY, lw=0.8, zorder=0)
        axes.set_xlabel(r"correlation with the true feature, $\alpha u_r$")
        if k == 0:
            axes.set_ylabel(r"largest correlation with noise, $v_{r,i,j}$")
        else:
            axes.tick_params(labelleft=False)
        panels.append(axes)
    last = max(float(track.steps[-1]) for track in tracks)
    bar = figure.add_axes((1.0 - 1.55 / wide, 0.13, 0.22 / wide, 0.69))
    figure.colorbar(ScalarMappable(LogNorm(1.0, max(last, 10.0)), COLOURS), cax=bar, label="gradient step")
    return figure, panels


def _track(run: Run) -> Track:
    p, data = run.params, run.data
    steps = np.asarray(data["step"].values, dtype=np.float64)
    true = p.signal_strength * np.asarray(data["signal_correlation"].values, dtype=np.float64)
    spurious = np.asarray(data["neuron_noise_max"].values, dtype=np.float64)
    standard = p.adversarial_weight == 0.0 or p.threat == "none"
    name = "Standard training" if standard else f"Adversarial training, λ = {p.adversarial_weight:g}"
    return Track(steps, true, spurious, name)


def draw_track(axes: Axes, track: Track, last: float, until: float) -> list[Artist]:
    """Trails up to step `until`, rings at the start and dots at the end of what is drawn; `last` ends the colours."""
    shown = int(np.searchsorted(track.steps, until, side="right")) - 1
    few = track.true.shape[1] <= NUMBERED
    places = np.stack([track.true[shown], track.spurious[shown]], axis=-1)
    drawn: list[Artist] = [draw_trails(axes, track, last, shown)]
    drawn += axes.plot(track.true[0], track.spurious[0], "o", mfc="white", mec=style.GREY, ms=7, zorder=3)
    drawn += axes.plot(*places.T, "o", color=style.BLACK, mec="white", ms=DOT if few else 8, zorder=4)
    if few:
        drawn += [_name(axes, places, members) for members in piles(axes, places)]
    when = f"step {number(track.steps[shown])}"
    drawn.append(axes.text(1.0, 1.02, when, transform=axes.transAxes, ha="right", va="bottom"))
    return drawn


def piles(axes: Axes, places: Array) -> list[list[int]]:
    """Neurons whose dots overlap on the screen, put together; those at no finite place are left out."""
    found: list[list[int]] = []
    screen = axes.transData.transform(places) / axes.figure.dpi * 72.0
    for neuron in np.flatnonzero(np.all(np.isfinite(places), axis=1)):
        near = [pile for pile in found if np.min(np.hypot(*(screen[pile] - screen[neuron]).T)) < 0.8 * DOT]
        found = [pile for pile in found if pile not in near]
        found.append(sorted([int(neuron), *(member for pile in near for member in pile)]))
    return sorted(found)


def _name(axes: Axes, places: Array, members: list[int]) -> Artist:
    """The number of a neuron in its dot; above a pile, the numbers of its members or how many they are."""
    if len(members) == 1:
        x, y = places[members[0]]
        number_look: dict[str, Any] = {"color": "white", "fontsize": 9, "ha": "center", "va": "center_baseline"}
        return axes.text(x, y, str(members[0] + 1), zorder=5, **number_look)
    x, y = places[members, 0].mean(), places[members, 1].max()
    text = ", ".join(str(k + 1) for k in members) if len(members) <= 3 else f"{len(members)} neurons"
    above = (0.0, 0.6 * DOT)
    return axes.annotate(text, (x, y), xytext=above, textcoords="offset points", fontsize=11, ha="center", zorder=5)


def draw_trails(axes: Axes, track: Track, last: float, shown: int) -> Artist:
    """The ways of the neurons up to record `shown`, each piece in the colour of its time."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LogNorm

    points = np.stack([track.true[: shown + 1], track.spurious[: shown + 1]], axis=-1)  # (time, neuron, 2)
    pieces = np.stack([points[:-1], points[1:]], axis=2).reshape(-1, 2, 2)
    times = np.repeat(np.maximum(track.steps[1 : shown + 1], 1.0), points.shape[1])
    trails = LineCollection(list(pieces), cmap=COLOURS, norm=LogNorm(1.0, max(last, 10.0)), lw=2.5, capstyle="round")
    trails.set_array(times)
    axes.add_collection(trails, autolim=False)
    return trails


def _limits(values: list[Array]) -> tuple[float, float]:
    """Common limits of all tracks with room for the dots, zero inside."""
    every = np.concatenate([np.ravel(v) for v in values])
    every = np.append(every[np.isfinite(every) & (np.abs(every) < 1e100)], 0.0)
    room = 0.1 * max(float(np.ptp(every)), 1e-300)
    return float(every.min()) - room, float(every.max()) + room
