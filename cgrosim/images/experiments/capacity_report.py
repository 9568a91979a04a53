"""A capacity sweep in words, in a figure and as JSON: for the command and the experiment."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cgrosim.images.experiments.capacity import PAPER_MNIST, Result, Sweep
from cgrosim.images.experiments.capacity_statistics import Statements, summarise

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def attack_line(sweep: Sweep) -> str:
    """The attacks of training and of the final measurement."""
    return f"trained against {sweep.settings.attack.describe()}; measured by {sweep.attack.describe()}"


def heading(sweep: Sweep) -> list[str]:
    """What was trained on what, against and measured with which attack, in lines above the figure."""
    settings = sweep.settings
    return [
        f"{settings.dataset}, {settings.subset or 'all other'} training images, {sweep.family}, {settings.epochs} "
        f"epochs, batches of {settings.batch_size}, learning rate {settings.learning_rate:g} "
        f"({settings.schedule.describe()}), {len(sweep.seeds)} seeds (mean, standard deviation, every seed)",
        f"Adversarial training (λ = {settings.adversarial_weight:g}) against {settings.attack.describe()}",
        f"Robust accuracy: {sweep.attack.describe()}",
    ]


def draw(sweep: Sweep, results: Sequence[Result]) -> Figure:
    """The figure, with the paper's numbers where the data and the network are the paper's."""
    from cgrosim.figures.capacity import CapacityPanel, capacity_figure

    paper = {sweep.settings_of(w, 0, True).architecture.parameter_count: v for w, v in paper_numbers(sweep).items()}
    label = "arXiv 2306.01271, all 60,000 images"
    panels = [CapacityPanel("Adversarial training", summarise(results), paper, label)]
    if sweep.control:
        panels.append(CapacityPanel("Standard training", summarise(results, adversarial=False)))
    return capacity_figure(panels, heading(sweep))


def paper_numbers(sweep: Sweep) -> dict[int, Mapping[str, float]]:
    """The paper's accuracies by width, where data, network and norm are the paper's; otherwise none."""
    same = sweep.settings.dataset == "mnist" and sweep.family == "lenet" and sweep.settings.attack.norm == "linf"
    return {width: PAPER_MNIST[width] for width in sorted(sweep.widths) if width in PAPER_MNIST} if same else {}


def sentences(found: Statements) -> list[str]:
    """The statements in words."""
    rate = f"{100 * (1 - found.error_rate):g} %"
    told = []
    if found.ordering is not None and found.difference is not None and found.share_positive is not None:
        tau, difference = found.ordering, found.difference
        grows = "increases with width" if tau.low > 0 else "decreases with width" if tau.high < 0 else "is undecided"
        chance = max(tau.value - tau.low, tau.high - tau.value)
        spread = ""
        if math.isfinite(difference.low):
            spread = f" ({rate} interval {100 * difference.low:.1f} to {100 * difference.high:.1f})"
        told.append(
            f"Robust train accuracy {grows}: Kendall tau {tau.value:.2f}, by chance within {chance:.2f} "
            f"({rate}); widest minus narrowest {100 * difference.value:.1f} points{spread}, positive for "
            f"{round(found.share_positive.value * found.seeds)} of {found.seeds} seeds."
        )
    if not math.isnan(found.clean_test.value):
        told.append(
            f"Without collapse clean test accuracy is at least {100 * found.clean_test.value:.1f} % "
            f"({rate} interval from {100 * found.clean_test.low:.1f} %)."
        )
    if math.isnan(found.gap.value):
        told.append(f"No network fits {100 * found.fitted:g} % of the attacked training images.")
    else:
        told.append(
            f"Where {100 * found.fitted:g} % of the attacked training images are fitted, the robust gap is at least "
            f"{100 * found.gap.value:.1f} points ({rate} interval from {100 * found.gap.low:.1f})."
        )
    return told


def numbers(results: Sequence[Result], found: Statements) -> dict[str, Any]:
    """Every result and statement as plain finite numbers; null where there is none."""
    return {
        "results": _plain([dataclasses.asdict(r) for r in results]),
        "statements": _plain(dataclasses.asdict(found)),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
