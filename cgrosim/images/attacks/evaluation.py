"""Clean and robust accuracy with the checks that tell whether the robust accuracy can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.arguments import checked
from cgrosim.images.attacks.black_box import Square, square_attack, transfer_attack
from cgrosim.images.attacks.gradient import Attack, Classifier, check_batch
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.attacks.worst import WorstCase, worst_case
from cgrosim.progress import Progress

OVERSTATED_TOLERANCE = 0.02
"""Robust accuracy this much too high is tolerated: two points, as far as two good attacks of one budget may differ."""
_TRANSFER_STEPS = 20  # of PGD on the substitute where the attack is not PGD itself


@dataclass(frozen=True)
class SecondOpinion:
    """Another attack without the network's gradients, on some of the same samples.

    Attributes
    ----------
    description : of the attack, with its budget
    samples : how many samples it was tried on, drawn at random
    accuracy : share of them that is correct on the clean image and under this attack alone
    white_box_accuracy : share of the same samples that is robust to the white-box attack
    only_here : samples that survived the white-box attack and fell to this one
    """

    description: str
    samples: int
    accuracy: float
    white_box_accuracy: float
    only_here: int

    @property
    def overstated(self) -> float:
        """Share of the samples that are robust to the white-box attack and proved not to be: a lower estimate."""
        return self.only_here / self.samples

    def warning(self, attack: AnyAttack) -> str | None:
        """The sentence to show if this attack beats the white-box one, or shows it to be off by over two points."""
        if self.accuracy < self.white_box_accuracy:
            return (
                f"A black-box attack beats the white-box one: {100 * self.accuracy:.1f} % of the same {self.samples} "
                f"samples survive {self.description}, and {100 * self.white_box_accuracy:.1f} % {attack.describe()}: "
                "gradients are masked or the attack is too weak."
            )
        if self.overstated > OVERSTATED_TOLERANCE:
            return (
                f"A black-box attack beats the white-box one on some samples: {self.description} broke "
                f"{self.only_here} of {self.samples} that survived {attack.describe()}, so robust accuracy is at least "
                f"about {100 * self.overstated:.1f} points too high: gradients are masked or the attack is too weak."
            )
        return None


@dataclass(frozen=True)
class Evaluation:
    """Accuracies of a network on `samples` images, and what the checks of `attack` found.

    Attributes
    ----------
    clean_accuracy : share of the images classified correctly
    robust_accuracy : share classified correctly on the clean image and on everything `attack` tried on it
    samples, attack : how many images, and what attacked them
    members : of `attack`, each with the robust accuracy after it and those before it
    zero_gradient_share : share counted as robust although the first gradient of every restart was exactly zero: the
        attack had no direction to go
    black_box : what Square Attack found, None where it was not run
    transfer : what adversarial examples made on another network did, None without one
    warnings : a sentence for every check that failed
    """

    clean_accuracy: float
    robust_accuracy: float
    samples: int
    attack: AnyAttack
    zero_gradient_share: float
    black_box: SecondOpinion | None
    transfer: SecondOpinion | None
    warnings: tuple[str, ...]
    members: tuple[tuple[str, float], ...] = ()

    @property
    def black_box_accuracy(self) -> float | None:
        """Share of the samples of `black_box` that is correct under Square Attack."""
        return None if self.black_box is None else self.black_box.accuracy

    def describe(self) -> str:
        """The two accuracies with the attack and the number of samples beside them."""
        return (
            f"clean accuracy {100 * self.clean_accuracy:.2f} %, robust accuracy {100 * self.robust_accuracy:.2f} % "
            f"({self.attack.describe()}; {self.samples} samples)"
        )


@checked
def evaluate(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    attack: AnyAttack,
    generator: np.random.Generator,
    black_box_samples: int = 100,
    black_box_queries: int = 500,
    substitute: Classifier | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure clean and robust accuracy and check the attack.

    Two checks look for robustness that is none. *Zero gradients*: samples that count as robust without ever having had
    a gradient to follow are reported, be it a single one. *Black box*: Square Attack runs on a random sample of the
    images. An image that survived the white-box attack and falls to Square Attack proves that it was not robust,
    whatever the reason; a few such images are normal, since gradient ascent with few restarts misses some. Reported
    is a Square Attack that leaves fewer of the same images correct than the white-box attack, although it knows less;
    and one that alone broke more than two points of the images, since a network may hide the gradients of some images
    only. The numbers stand in the sentence. What the black box does is held against the gradient attacks alone. A
    Square Attack that belongs to `attack` counts, and is reported if it broke more than two points that they had left.

    Parameters
    ----------
    images : ``(n, height, width, channels)``, pixels in [0, 1]
    labels : ``(n,)``, whole numbers from 0
    generator : source of all random numbers; the first restart is the same however many follow
    black_box_samples : images for Square Attack (and the transfer), at most; 0 leaves both out
    black_box_queries : forward passes of Square Attack for each
    substitute : another network for the same task, to make adversarial examples on
    progress : called with a text and the share done of what it names

    Raises
    ------
    ParameterError
        If images and labels do not fit each other or pixels are outside [0, 1].
    UserError
        If a margin is not finite.
    """
    check_batch(network, images, labels, attack)
    white_box, sampling, searching, transferring = generator.spawn(4)
    found = worst_case(network, images, labels, attack=attack, generator=white_box, progress=progress)
    informed = _before_black_box(found)
    warnings = []
    zero = int((found.zero_gradient & (informed > 0)).sum())
    if zero:
        warnings.append(
            f"The loss gradient is exactly zero at every start of {attack.describe()} for {zero} of {len(images)} "
            "samples that are classified correctly: they had no direction to go, and robust accuracy may be overstated."
        )
    broken = int(((informed > 0) & (found.margins <= 0)).sum())
    if broken > OVERSTATED_TOLERANCE * len(images):
        warnings.append(
            f"{found.after[-1][0].describe()} broke {broken} of {len(images)} images that every gradient attack had "
            "left: they do not count as robust, but gradients are masked or the gradient attacks are too weak."
        )
    chosen = np.sort(sampling.permutation(len(images))[: 0 if isinstance(attack, Square) else black_box_samples])
    black_box = transfer = None
    if len(chosen):
        square = square_attack(
            network,
            images[chosen],
            labels[chosen],
            attack=attack,
            generator=searching,
            queries=black_box_queries,
            progress=progress,
        )
        description = f"{attack.norm} Square Attack, {black_box_queries} queries"
        black_box = _opinion(description, found, informed, chosen, square.margins)
    if len(chosen) and substitute is not None:
        made = attack if isinstance(attack, Attack) else Attack.pgd(attack.norm, attack.radius, _TRANSFER_STEPS)
        moved = transfer_attack(network, substitute, images[chosen], labels[chosen], made, transferring)
        same = "the same attack" if made is attack else made.describe()
        transfer = _opinion(f"{same} on another network", found, informed, chosen, moved.margins)
    for opinion in (black_box, transfer):
        sentence = None if opinion is None else opinion.warning(attack)
        warnings += [] if sentence is None else [sentence]
    return Evaluation(
        clean_accuracy=float((found.clean_margins > 0).mean()),
        robust_accuracy=float((found.margins > 0).mean()),
        samples=len(images),
        attack=attack,
        zero_gradient_share=zero / len(images),
        black_box=black_box,
        transfer=transfer,
        warnings=tuple(warnings),
        members=tuple((member.describe(), float((left > 0).mean())) for member, left in found.after),
    )


def _before_black_box(found: WorstCase) -> NDArray[np.float64]:
    """Margins after the last gradient attack; those after everything where there was none."""
    left = [margins for member, margins in found.after if not isinstance(member, Square)]
    return left[-1] if left else found.margins


def _opinion(
    description: str,
    found: WorstCase,
    informed: NDArray[np.float64],
    chosen: NDArray[np.intp],
    margins: NDArray[np.float64],
) -> SecondOpinion:
    robust = informed[chosen] > 0
    correct = (found.clean_margins[chosen] > 0) & (margins > 0)
    return SecondOpinion(
        description, len(chosen), float(correct.mean()), float(robust.mean()), int((robust & ~correct).sum())
    )
