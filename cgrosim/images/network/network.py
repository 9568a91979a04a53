"""A network that computes: compiled float32 kernels behind arrays of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cgrosim.errors import ParameterError, UserError
from cgrosim.images.network.ascent import Ascended, windows
from cgrosim.images.network.engine import (
    IMAGES,
    LOGARITHMS,
    LOGITS,
    PIXELS,
    SLOPES,
    WEIGHTS,
    Ascent,
    Engine,
    Floats,
    Given,
    Outcome,
)
from cgrosim.images.network.layers import Architecture
from cgrosim.images.network.layouts import Layout, check_layout, choose_layout
from cgrosim.images.network.losses import check_loss, check_targets
from cgrosim.images.network.reference import cut_patches, join_patches


class NonFiniteError(UserError):
    """A pixel, a weight or an activation that is not finite; the sentence says where it is."""


class Network:
    """A network in float32.

    Same numbers, same bits, for any number of threads and any size of batch (weight gradients: for the same batch).

    Parameters
    ----------
    architecture : what it is made of
    parameters : its trained arrays, by the names of `Architecture.parameter_shapes`
    layout : which numbers lie side by side in memory, 16 ``channels`` of a pixel or one number of 16 ``samples``; the
        first is faster for many channels, the second for few; ``auto`` chooses by counting vector instructions

    Raises
    ------
    ParameterError
        If the parameters do not fit the architecture, or the layout does not.
    """

    def __init__(
        self, architecture: Architecture, parameters: Mapping[str, NDArray[Any]], layout: Layout = "auto"
    ) -> None:
        self.architecture = architecture
        check_layout(architecture, layout)
        self.layout = choose_layout(architecture) if layout == "auto" else layout
        self._engine = Engine(architecture, self.layout)
        self.set_parameters(parameters)

    def parameters(self) -> dict[str, Floats]:
        """Copies of all trained arrays."""
        return self._named(self._engine.parameters)

    def set_parameters(self, parameters: Mapping[str, NDArray[Any]]) -> None:
        """Replace all trained arrays."""
        self._fill(self._engine.parameters, parameters)
        self._engine.changed()
        self._checked = False

    def velocity(self) -> dict[str, Floats]:
        """Copies of the velocity of gradient descent with momentum."""
        return self._named(self._engine.velocity)

    def set_velocity(self, velocity: Mapping[str, NDArray[Any]]) -> None:
        """Replace the velocity."""
        self._fill(self._engine.velocity, velocity)

    def gradient(self) -> dict[str, Floats]:
        """Copies of the stored gradient."""
        return self._named(self._engine.gradient)

    def logits(self, images: ArrayLike) -> Floats:
        """Logits of images ``(n, height, width, channels)``: ``(n, classes)``.

        Raises
        ------
        NonFiniteError
            If a pixel, a weight or a logit is not finite.
        """
        return self._pieces(images, None, LOGITS, Ascent(), "logits")

    def losses(self, images: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
        """Cross-entropy of every sample."""
        return self._pieces(images, labels, LOGITS, Ascent(), "losses")

    def input_gradient(self, images: ArrayLike, labels: ArrayLike) -> Floats:
        """Gradient of every sample's own loss with respect to its pixels, shaped like `images`."""
        return self._join(self._pieces(images, labels, PIXELS, Ascent(), "pixels"))

    def perturb(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        start: ArrayLike,
        *,
        norm: str,
        radius: float,
        step_size: float,
        steps: int,
        keep_worst: bool = False,
        judge: bool = True,
        low: float = 0.0,
        high: float = 1.0,
        log_probabilities: ArrayLike | None = None,
    ) -> tuple[Floats, NDArray[np.float64], NDArray[np.bool_]]:
        """Projected gradient ascent on the loss of every sample.

        Each step goes `step_size` along the steepest direction of the norm (the sign for ``linf``, g/|g| for ``l2``),
        then to the nearest point of the ball of `radius` around the image, then of the box [low, high].

        Parameters
        ----------
        start : where to begin, shaped like `images`
        keep_worst : return the point of least margin on the way, the start and the end included, instead of the end
        judge : whether to compute the margins; training does not need them (they are nan then)
        log_probabilities : ``(n, classes)``, of distributions p; what rises is then the divergence KL(p || q) of the
            network's own q from them, and what is returned as margin is its negative

        Returns
        -------
        adversarial images; their margins (logit of the label minus the largest other: correct where positive); whether
        the first gradient was exactly zero, ``(n,)``
        """
        ascent = Ascent(steps, norm, radius, step_size, low, high, keep_worst)
        goal = LOGITS if judge or keep_worst else IMAGES
        given = None if log_probabilities is None else self._given(LOGARITHMS, log_probabilities)
        found = self._run(images, labels, goal, ascent, start=start, given=given)
        joined = self._join(np.concatenate([each.images for each in found]))
        return joined, np.concatenate([e.margins for e in found]), np.concatenate([e.stuck for e in found])

    def ascend(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        start: ArrayLike,
        *,
        norm: str,
        radius: float,
        steps: int,
        loss: str = "ce",
        targets: ArrayLike | None = None,
        low: float = 0.0,
        high: float = 1.0,
    ) -> Ascended:
        """Ascent with a step size that adapts to every sample (APGD; Croce and Hein 2020, arXiv 2003.01690v2, 3).

        Parameters
        ----------
        start : where to begin, shaped like `images`, in the ball and the box
        loss : ``ce`` (cross-entropy), ``dlr`` (difference of logits ratio) or ``dlr-targeted``
        targets : for the last, the class to go to, ``(n,)``

        Raises
        ------
        ParameterError
            If the network has too few classes for the loss, or targets are missing or no other classes.
        """
        check_loss(loss, self.architecture.classes)
        ascent = Ascent(steps, norm, radius, 0.0, low, high, True, loss, windows(steps))
        goals = None if loss != "dlr-targeted" else check_targets(labels, targets, self.architecture.classes)
        found = self._run(images, labels, LOGITS, ascent, start=start, targets=goals)
        return Ascended(
            self._join(np.concatenate([each.best for each in found])),
            np.concatenate([each.largest for each in found]),
            self._join(np.concatenate([each.images for each in found])),
            np.concatenate([each.margins for each in found]),
            np.concatenate([each.stuck for each in found]),
        )

    def accumulate_gradient(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        weight: float,
        smoothing: float = 0.0,
        slopes: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Add `weight` times the gradient of the mean loss to the stored gradient; return the loss of every sample.

        With `smoothing` eps the loss is the cross-entropy of the target 1 - eps + eps/K for the label and eps/K for
        each other of K classes (Szegedy et al. 2016, arXiv 1512.00567). `slopes` ``(n, classes)`` are added to the
        gradient of every sample's loss with respect to its logits: that of a term that is none of its label.
        """
        scale = weight / len(np.asarray(labels))
        given = None if slopes is None else self._given(SLOPES, slopes)
        found = self._run(images, labels, WEIGHTS, Ascent(), scale=scale, smoothing=smoothing, given=given)
        losses = np.concatenate([each.losses for each in found])
        self._engine.clear_untrained()
        return losses

    def accumulate_divergence(
        self, images: ArrayLike, log_probabilities: ArrayLike, weight: float
    ) -> tuple[NDArray[np.float64], Floats]:
        """Add `weight` times the gradient of the mean divergence KL(p || q) of the network's q from given log p.

        Returns
        -------
        the divergence of every sample (nat), and the logits
        """
        given = self._given(LOGARITHMS, log_probabilities)
        found = self._run(images, None, WEIGHTS, Ascent(), scale=weight / len(given.values), given=given)
        self._engine.clear_untrained()
        return np.concatenate([each.losses for each in found]), np.concatenate([each.logits for each in found])

    def step(self, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        """One step with the stored gradient g, which is then zero: v <- mu v + g + decay w; w <- w - rate v."""
        self._engine.descend(learning_rate, momentum, weight_decay)
        self._checked = False

    def _pieces(self, images: ArrayLike, labels: ArrayLike | None, goal: int, ascent: Ascent, what: str) -> Any:
        return np.concatenate([getattr(each, what) for each in self._run(images, labels, goal, ascent)])

    def _run(
        self,
        images: ArrayLike,
        labels: ArrayLike | None,
        goal: int,
        ascent: Ascent,
        start: ArrayLike | None = None,
        scale: float = 1.0,
        smoothing: float = 0.0,
        given: Given | None = None,
        targets: NDArray[np.int64] | None = None,
    ) -> list[Outcome]:
        self._check_parameters()
        clean = self._flat("images", images)
        begin = clean if start is None else self._flat("start", start)
        if begin.shape != clean.shape:
            raise ParameterError(
                f"start has the shape {begin.shape}, but the images {clean.shape}; give one start each."
            )
        marks = self._checked_labels(labels, len(clean))
        if given is not None and len(given.values) != len(clean):
            raise ParameterError(f"{len(given.values)} rows are given for {len(clean)} images; give one row each.")
        size = self._engine.largest_batch
        found = []
        for first in range(0, len(clean), size):
            part = slice(first, first + size)
            rows = None if given is None else Given(given.kind, given.values[part])
            aims = None if targets is None else targets[part]
            outcome = self._engine.run(
                begin[part].copy(), clean[part], marks[part], goal, ascent, scale, smoothing, rows, aims
            )
            if not np.isfinite(outcome.logits).all():
                raise self._locate(outcome, first)
            found.append(outcome)
        return found

    def _flat(self, name: str, images: ArrayLike) -> Floats:
        """Images as contiguous rows of pixels in the order the first layer wants."""
        whole = np.asarray(images, np.float32)
        if whole.ndim != 4 or whole.shape[1:] != self.architecture.input_shape or len(whole) == 0:
            wanted = ", ".join(str(extent) for extent in self.architecture.input_shape)
            raise ParameterError(
                f"{name} have the shape {whole.shape}, but {self.architecture.name} takes (n, {wanted})."
            )
        if not np.isfinite(whole).all():  # ReLU and the pixel box can swallow an infinity
            sample, *place = (int(i) for i in np.argwhere(~np.isfinite(whole))[0])
            raise NonFiniteError(f"{name} hold {whole[(sample, *place)]} in image {sample} at {tuple(place)}; mend it.")
        cut = cut_patches(whole, self.architecture.patch) if self.architecture.patch > 1 else whole
        return np.ascontiguousarray(cut.reshape(len(whole), -1))

    def _join(self, flat: Floats) -> Floats:
        if self.architecture.patch > 1:
            return join_patches(flat.reshape(len(flat), *self.architecture.shapes[0]), self.architecture.patch)
        return flat.reshape(len(flat), *self.architecture.input_shape)

    def _checked_labels(self, labels: ArrayLike | None, count: int) -> NDArray[np.int64]:
        if labels is None:
            return np.zeros(count, np.int64)
        found = np.ascontiguousarray(labels, np.int64)
        if found.shape != (count,):
            raise ParameterError(
                f"labels have the shape {found.shape}, but there are {count} images; give one label each."
            )
        if found.min() < 0 or found.max() >= self.architecture.classes:
            worst = found.max() if found.max() >= self.architecture.classes else found.min()
            raise ParameterError(
                f"labels hold {worst}, but {self.architecture.name} has classes 0 to {self.architecture.classes - 1}."
            )
        return found

    def _given(self, kind: int, values: ArrayLike) -> Given:
        """What is given for every sample and class, checked but for the number of samples."""
        found = np.ascontiguousarray(values, np.float64)
        if found.ndim != 2 or found.shape[1] != self.architecture.classes:
            raise ParameterError(
                f"rows of the shape {found.shape} are given, but {self.architecture.name} has "
                f"{self.architecture.classes} classes; give (n, {self.architecture.classes})."
            )
        if not np.isfinite(found).all():
            raise NonFiniteError("what is given for the classes is not finite; lower the learning rate.")
        return Given(kind, found)

    def _check_parameters(self) -> None:
        """Once after every change: a weight of minus infinity, for one, could hide behind a ReLU."""
        if self._checked:
            return
        if not np.isfinite(self._engine.parameters).all():
            for name, values in self.parameters().items():
                for place in np.argwhere(~np.isfinite(values))[:1]:
                    where = tuple(int(i) for i in place)
                    raise NonFiniteError(f"{name} holds {values[where]} at {where}; lower the learning rate.")
        self._checked = True

    def _locate(self, outcome: Outcome, first: int) -> NonFiniteError:
        """Say where the first number that is not finite is, in the slow reference."""
        from cgrosim.images.network.reference import ReferenceNetwork

        sample = int(np.flatnonzero(~np.isfinite(outcome.logits).all(axis=1))[0])
        with np.errstate(all="ignore"):
            one = self._join(outcome.images[sample : sample + 1])
            seen = ReferenceNetwork(self.architecture, self.parameters()).activations(one)
        for index, output in enumerate(seen):
            beyond = ~(np.abs(output) <= np.finfo(np.float32).max)
            if beyond.any():
                place = tuple(int(i) for i in np.argwhere(beyond)[0][1:])
                where = (
                    "pixel" if index == 0 else f"output of layer {index - 1} ({self.architecture.layers[index - 1]})"
                )
                return NonFiniteError(
                    f"image {first + sample} has the {where} {output[(0, *place)]} at {place}, which float32 cannot "
                    "hold; check the images and lower the learning rate."
                )
        return NonFiniteError(f"image {first + sample} has logits that are not finite; lower the learning rate.")

    def _named(self, packed: Floats) -> dict[str, Floats]:
        shapes = self.architecture.parameter_shapes
        return {name: packed[places].reshape(shapes[name]) for name, places in self._engine.plan.places.items()}

    def _fill(self, packed: Floats, arrays: Mapping[str, NDArray[Any]]) -> None:
        shapes = self.architecture.parameter_shapes
        if set(arrays) != set(shapes):
            raise ParameterError(
                f"parameters are named {sorted(arrays)}, but {self.architecture.name} has {sorted(shapes)}."
            )
        for name, places in self._engine.plan.places.items():
            values = np.asarray(arrays[name])
            if values.shape != shapes[name]:
                raise ParameterError(
                    f"{name} has the shape {values.shape}, but {self.architecture.name} needs {shapes[name]}."
                )
            packed[places] = values.ravel()
