"""Which epoch is the best: by robust accuracy on validation images, confirmed by attacks stronger than every epoch's.

A short PGD is easily misled: a network that hides its gradients withstands it, and would be selected for that. So an
epoch that would be the best by the measurement of every epoch is attacked by APGD on two losses as well, and what that
leaves is compared. More attacks only lower the accuracy, so no other epoch needs them: the epoch found is the one that
has the largest accuracy under all attacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.standard import AnyAttack
from cgrosim.images.attacks.worst import worst_case
from cgrosim.images.network.losses import LOSSES
from cgrosim.model.streams import TrainingStream, stream

if TYPE_CHECKING:
    from cgrosim.images.network.network import Network
    from cgrosim.images.training.file import Training
    from cgrosim.images.training.samples import Samples
    from cgrosim.images.training.settings import Settings
VALIDATION_PLACE = 1  # of the validation images among the measured ones


def confirming_attacks(settings: Settings) -> tuple[AutoPGD, ...]:
    """APGD on the cross-entropy and, from three classes on, on the ratio of logits, in the ball of the measurement."""
    ball, steps, classes = settings.evaluation_attack, settings.confirmation_steps, settings.architecture.classes
    if steps == 0:
        return ()
    first = AutoPGD(ball.norm, ball.radius, "ce", steps)
    return (first, first.replace(loss="dlr")) if classes >= LOSSES["dlr"] else (first,)


def least_to_beat(training: Training) -> float:
    """Robust validation accuracy of the best epoch so far; below every accuracy where there is none yet."""
    if training.best_epoch is None:
        return -1.0
    if training.best_accuracy is None:  # a file that does not say it was selected by the measurement alone
        return float(training.history["robust_validation"].max())
    return training.best_accuracy


def confirmed_accuracy(
    network: Network, settings: Settings, validation: Samples, measured: float, beaten: float
) -> float | None:
    """Robust accuracy after the measurement and the confirming attacks, or None as soon as it is not above `beaten`.

    Parameters
    ----------
    validation : the measured ones
    measured : what `settings.evaluation_attack` has left of them
    """
    # The measurement is repeated, to know which images it left; the draws are the same in every epoch.
    attacks: list[tuple[AnyAttack, np.random.Generator]]
    attacks = [(settings.evaluation_attack, stream(settings.seed, TrainingStream.START, VALIDATION_PLACE))]
    attacks += [
        (each, stream(settings.seed, TrainingStream.CONFIRMATION, place))
        for place, each in enumerate(confirming_attacks(settings))
    ]
    left, accuracy = np.ones(len(validation.labels), np.bool_), measured
    for attack, draws in attacks if len(attacks) > 1 else ():
        if accuracy <= beaten:
            return None
        left &= (
            worst_case(
                network, validation.images, validation.labels, attack=attack, generator=draws, among=left
            ).margins
            > 0.0
        )
        accuracy = float(left.mean())
    return None if accuracy <= beaten else accuracy
