"""Images that are the theory's patch data: the true feature in the first patch, noise in the others."""

import numpy as np

from cgrosim.images.attacks.class_means import ClassMeanAttack
from cgrosim.images.experiments.stage_records import StageData
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.network.patch_model import ClassMeans
from cgrosim.model.patches import draw_patch_data
from cgrosim.model.streams import stream

FRESH = 99  # random stream of the fresh samples


def as_images(data):
    """(N, P, 1, d) images whose pixels are the patches, and labels 0 and 1; the signal's position does not matter."""
    signal = (data.signal_strength * data.labels)[:, None] * data.direction
    return np.concatenate([signal[:, None], data.noise], axis=1)[:, :, None, :], (data.labels > 0).astype(np.int64)


def planted(params, system, fresh=200):
    """Stage data with the true class means, which on planted images are known."""
    feature = np.zeros((params.patches, params.dimension))
    feature[0] = params.signal_strength * system.data.direction
    means = ClassMeans(np.zeros_like(feature), np.stack([-feature, feature]))
    test = draw_patch_data(params, stream(params.seed, FRESH), system.data.direction, samples=fresh)
    return StageData(*as_images(system.data), *as_images(test), means)


def settings_of(params, **changes):
    """The settings that describe the same training as the theory's parameters."""
    return StageSettings(
        dataset="planted",
        patch=1,
        filters=params.neurons,
        exponent=int(params.power),
        attack=ClassMeanAttack(params.gap, search=params.threat == "signal_span"),
        adversarial_weight=params.adversarial_weight,
        samples=None,
        learning_rate=params.learning_rate,
        steps=params.steps,
        records=params.records,
        seed=params.seed,
    ).replace(**changes)
