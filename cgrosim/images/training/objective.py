"""What a training minimises: clean and adversarial cross-entropy, or TRADES."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cgrosim.images.attacks.gradient import Attack, check_pixels, perturb, random_start
from cgrosim.images.network.divergence import divergence, log_softmax
from cgrosim.images.training.samples import Samples
from cgrosim.images.training.settings import Settings

_STEP, _FORWARD, _WEIGHTS = 2.0, 1.0, 3.0  # passes of an image: a step of an attack; logits; the weight gradient


def training_work(settings: Settings, images: int) -> float:
    """Passes of one image through the network in an epoch of descent: of every loss that has a weight."""
    weight, attack = settings.adversarial_weight, settings.attack
    found = _WEIGHTS if weight < 1.0 or settings.trades_beta > 0.0 else 0.0
    if weight > 0.0:
        found += _WEIGHTS + _STEP * attack.steps * attack.restarts
        if settings.trades_beta > 0.0:
            found += _FORWARD * (1 + attack.restarts)
    return images * found


def accumulate(
    network: Any, settings: Settings, batch: Samples, attack: Attack, generator: np.random.Generator
) -> float:
    """Add the gradient of the mean loss of a batch to the network's; return that loss."""
    if settings.trades_beta > 0.0 and settings.adversarial_weight > 0.0:
        return _trades(network, settings, batch, attack, generator)
    weight, loss = settings.adversarial_weight, 0.0
    if weight < 1.0:
        losses = network.accumulate_gradient(batch.images, batch.labels, 1.0 - weight, settings.label_smoothing)
        loss += (1.0 - weight) * _mean(losses)
    if weight > 0.0:
        images, _, _ = perturb(network, batch.images, batch.labels, attack=attack, generator=generator)
        losses = network.accumulate_gradient(images, batch.labels, weight, settings.label_smoothing)
        loss += weight * _mean(losses)
    return loss


def _trades(network: Any, settings: Settings, batch: Samples, attack: Attack, generator: np.random.Generator) -> float:
    """CE(x) + lam beta KL(p(x) || p(x')), with gradients through both x and x'."""
    beta = settings.adversarial_weight * settings.trades_beta
    log_p = log_softmax(network.logits(batch.images))
    images = most_divergent(network, batch, log_p, attack, generator)
    divergences, logits = network.accumulate_divergence(images, log_p, beta)
    _, slopes, _ = divergence(log_p, log_softmax(logits))
    losses = network.accumulate_gradient(batch.images, batch.labels, 1.0, settings.label_smoothing, beta * slopes)
    return _mean(losses) + beta * _mean(divergences)


def most_divergent(
    network: Any, batch: Samples, log_p: NDArray[np.float64], attack: Attack, generator: np.random.Generator
) -> NDArray[Any]:
    """The images of an attack that makes the divergence of the network's answer from `log_p` large.

    Steps, ball and starts are those of `cgrosim.images.attacks.gradient.perturb`; of several restarts the one with the
    largest divergence counts.
    """
    check_pixels(batch.images, attack)
    found, least = np.array(batch.images), np.full(len(batch), np.inf)
    for stream in generator.spawn(attack.restarts):
        images, negative, _ = network.perturb(
            batch.images,
            batch.labels,
            random_start(batch.images, attack, stream),
            norm=attack.norm,
            radius=attack.radius,
            step_size=attack.step_size,
            steps=attack.steps,
            log_probabilities=log_p,
        )
        better = negative < least
        found[better], least[better] = images[better], negative[better]
    return found


def _mean(losses: NDArray[Any]) -> float:
    return float(np.mean(losses, dtype=np.float64))
