"""Attacks for an evaluation: of every image the worst that any of them found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError
from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.black_box import Square, search
from cgrosim.images.attacks.gradient import (
    Ascending,
    Attack,
    Classifier,
    Images,
    check_batch,
    finite_margins,
    random_start,
    require_finite,
)
from cgrosim.images.attacks.standard import AnyAttack, Single, Standard
from cgrosim.images.network.losses import check_loss
from cgrosim.progress import Progress, part_of

_CHUNK = 1000  # images attacked between two calls of `progress`; results do not depend on it


@dataclass(frozen=True)
class WorstCase:
    """The worst of the clean images and everything an attack tried on them, sample by sample.

    Attributes
    ----------
    adversarial : ``(n, height, width, channels)``, the images with the smallest margins met
    clean_margins, margins : ``(n,)``, logit of the label minus the largest other, at the clean images and the worst
        ones; a sample is robust where `margins` is positive
    zero_gradient : ``(n,)``, correctly classified, and the first gradient of every start was exactly zero
    after : the attack, or the members of `Standard`, each with the margins after it and those before it
    """

    adversarial: Images
    clean_margins: NDArray[np.float64]
    margins: NDArray[np.float64]
    zero_gradient: NDArray[np.bool_]
    after: tuple[tuple[Single, NDArray[np.float64]], ...] = ()


@checked
def worst_case(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    attack: AnyAttack,
    generator: np.random.Generator,
    progress: Progress | None = None,
    among: NDArray[np.bool_] | None = None,
) -> WorstCase:
    """Attack the images for an evaluation: the clean image and every iterate of every start count.

    Samples that are already misclassified are not attacked again.

    Parameters
    ----------
    images : ``(n, height, width, channels)``, pixels in [0, 1]
    labels : ``(n,)``
    generator : every member and every start draws from its own spawned stream, for every sample whether it is still
        attacked or not
    progress : called with a text and the share done
    among : ``(n,)``, the samples that are attacked; the others have the margin -inf

    Raises
    ------
    ParameterError
        If pixels are outside [0, 1], the radius is larger than the box, or there are too few classes for the loss.
    UserError
        If a margin is not finite.
    """
    check_batch(network, images, labels, attack)
    if among is not None and np.shape(among) != (len(images),):
        raise ParameterError(f"among has the shape {np.shape(among)}, but needs one truth value for each image.")
    classes = np.shape(network.logits(images[:1]))[1]
    members = attack.members(classes) if isinstance(attack, Standard) else (attack,)
    for member in members:
        if isinstance(member, AutoPGD):
            check_loss(member.loss, classes)
            if not isinstance(network, Ascending):
                raise ParameterError(f"A {type(network).__name__} cannot be attacked by {member.describe()}; use PGD.")
    clean = finite_margins(network, images, labels)
    least = clean.copy() if among is None else np.where(among, clean, -np.inf)
    found = WorstCase(np.array(images, np.float32), clean, least, clean > 0)
    streams = generator.spawn(len(members)) if isinstance(attack, Standard) else [generator]
    after = []
    for place, (member, stream) in enumerate(zip(members, streams, strict=True)):
        tell = (
            None
            if progress is None
            else part_of(progress, f"attack {place + 1} of {len(members)}", place / len(members), 1 / len(members))
        )
        _try(network, images, labels, member, classes, stream, found, tell)
        after.append((member, found.margins.copy()))
    blind = all(isinstance(member, Square) for member in members)
    return WorstCase(found.adversarial, clean, found.margins, found.zero_gradient & (not blind), tuple(after))


def _try(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    attack: Single,
    classes: int,
    generator: np.random.Generator,
    worst: WorstCase,
    progress: Progress | None,
) -> None:
    """Let one attack at what is still right, and enter what it finds into `worst`."""
    starts = attack.starts(classes) if isinstance(attack, AutoPGD) else getattr(attack, "restarts", 1)
    for turn, stream in enumerate(generator.spawn(starts)):
        for first in range(0, len(images), _CHUNK):
            part = slice(first, first + _CHUNK)
            chosen = np.flatnonzero(worst.margins[part] > 0)
            _enter(worst, first + chosen, *_start(network, images[part], labels[part], attack, turn, stream, chosen))
            if progress is not None:
                progress(attack.describe(), (turn + min(first + _CHUNK, len(images)) / len(images)) / starts)


def _start(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    attack: Single,
    turn: int,
    stream: np.random.Generator,
    chosen: NDArray[np.intp],
) -> tuple[Any, Any, Any]:
    """One start on the chosen samples: adversarial images, margins, and whether there was no gradient.

    It draws for all of the images, so that what a sample gets does not depend on who is left.
    """
    begin = images if isinstance(attack, Square) else random_start(images, attack, stream)
    streams = stream.spawn(len(images)) if isinstance(attack, Square) else []
    if len(chosen) == 0:
        return begin[chosen], np.empty(0), np.empty(0, bool)
    shown, marks = images[chosen], labels[chosen]
    if isinstance(attack, Square):
        mine = [streams[index] for index in chosen]
        result = search(network, shown, marks, attack, mine, attack.queries)
        return result.adversarial, result.margins, np.ones(len(chosen), bool)
    if isinstance(attack, Attack):
        return network.perturb(
            shown,
            marks,
            begin[chosen],
            norm=attack.norm,
            radius=attack.radius,
            step_size=attack.step_size,
            steps=attack.steps,
            keep_worst=True,
        )
    assert isinstance(network, Ascending)  # `worst_case` has seen to it
    targets = None if attack.loss != "dlr-targeted" else _rivals(network, shown, marks)[:, turn // attack.restarts]
    found = network.ascend(
        shown, marks, begin[chosen], norm=attack.norm, radius=attack.radius, steps=attack.steps, loss=attack.loss,
        targets=targets,
    )  # fmt: skip
    return found.adversarial, found.margins, found.stuck


def _rivals(network: Classifier, images: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """The other classes in the order of their logits at the clean images, the largest first: ``(n, classes - 1)``."""
    logits = np.array(network.logits(images), np.float64)
    logits[np.arange(len(labels)), labels] = -np.inf
    return np.argsort(-logits, axis=1, kind="stable")[:, :-1]


def _enter(worst: WorstCase, index: NDArray[np.intp], adversarial: Any, margins: Any, zero: Any) -> None:
    require_finite(margins, index)
    worst.zero_gradient[index] &= zero
    better = np.flatnonzero(margins < worst.margins[index])
    worst.adversarial[index[better]] = adversarial[better]
    worst.margins[index[better]] = margins[better]
