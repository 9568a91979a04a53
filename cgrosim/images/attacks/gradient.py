"""Gradient attacks: perturbations of images inside a ball and the pixel box that make a network's loss large."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cgrosim.arguments import checked
from cgrosim.errors import ParameterError, UserError
from cgrosim.images.network.ascent import Ascended
from cgrosim.images.network.losses import margins as margins_of
from cgrosim.model.settings import SettingsBase, real_number, whole_number

Images = NDArray[np.float32]  # (n, height, width, channels), pixels in [0, 1]
Norm = Literal["linf", "l2"]

ROUNDING = 1e-6  # of pixels: a mean of float32 pixels may miss the box by some eps = 6e-8 of the sum


class Classifier(Protocol):
    """What the attacks need of a network: the compiled one and the float64 reference have it."""

    def logits(self, images: Any) -> NDArray[Any]:
        """``(n, classes)``."""

    def input_gradient(self, images: Any, labels: NDArray[np.int64]) -> NDArray[Any]:
        """Gradient of every sample's own loss, shaped like `images`."""

    def perturb(
        self,
        images: Any,
        labels: NDArray[np.int64],
        start: Any,
        *,
        norm: str,
        radius: float,
        step_size: float,
        steps: int,
        keep_worst: bool = False,
        low: float = 0.0,
        high: float = 1.0,
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
        """Adversarial images, their margins, and where the first gradient was exactly zero."""


@runtime_checkable
class Ascending(Protocol):
    """What APGD needs of a network beside logits."""

    def ascend(
        self,
        images: Any,
        labels: NDArray[np.int64],
        start: Any,
        *,
        norm: str,
        radius: float,
        steps: int,
        loss: str = "ce",
        targets: Any = None,
        low: float = 0.0,
        high: float = 1.0,
    ) -> Ascended:
        """Ascent with a step size that adapts."""


class Starting(Protocol):
    """What a random start needs of an attack."""

    @property
    def norm(self) -> Norm: ...
    @property
    def radius(self) -> float: ...
    @property
    def random_start(self) -> bool: ...


MOST_EFFORT = 10**6
"""Steps, starts or queries of an attack: what takes a machine days of one image, and more is a slip of the pen."""


def check_effort(name: str, value: int) -> None:
    """Refuse a number of steps, starts, targets or queries that no attack has.

    Raises
    ------
    ValueError
        In one sentence, for a validator.
    """
    if not 1 <= value <= MOST_EFFORT:
        most = f", {MOST_EFFORT:.0e} at most".replace("e+0", "e") if value > 1 else ""
        raise ValueError(f"The attack's {name} is {value}, but it must be a whole number of at least 1{most}.")


class Ball(SettingsBase):
    """Where an attack may go: a ball around every image, cut to the pixel box.

    Raises
    ------
    ParameterError
        If the radius is not positive.
    """

    called: ClassVar[str] = "The attack's "

    norm: Norm = Field(description="linf or l2")
    radius: float = Field(description="of the ball, in units of pixel values (0 to 1)")

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if self.radius <= 0:
            raise ValueError(f"The attack's radius is {self.radius}, but it must be a positive number.")
        return self

    def check_reach(self, shape: tuple[int, ...]) -> None:
        """Refuse a radius beyond which there is no image of this shape.

        Raises
        ------
        ParameterError
            If no two images with pixels in [0, 1] are that far apart.
        """
        farthest = 1.0 if self.norm == "linf" else math.sqrt(math.prod(shape))
        if self.radius > farthest:
            raise ParameterError(
                f"The attack's radius is {self.radius:g}, but no two images of {' x '.join(map(str, shape))} pixels in "
                f"[0, 1] are farther apart than {farthest:g} in {self.norm}; give the radius in these units, such as "
                "8/255 for 8 of 255 levels."
            )


class Attack(Ball):
    """Projected gradient ascent on the loss (PGD; Madry et al. 2018, arXiv 1706.06083) in a ball and the pixel box.

    Every step goes `step_size` along the sign of the gradient (``linf``) or along the gradient divided by its length
    (``l2``), then back to the nearest point of the ball, then of the box [0, 1].

    Raises
    ------
    ParameterError
        If a number is out of its range, or restarts would all be the same.
    """

    steps: int = Field(description="gradient steps of every restart")
    step_size: float = Field(description="length of a step in the norm, same units")
    restarts: int = Field(1, description="number of starts; the one that leaves a sample the smallest margin counts")
    random_start: bool = Field(True, description="start uniformly in the ball (cut to the box), not at the image")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.step_size <= 0:
            raise ValueError(f"The attack's step_size is {self.step_size}, but it must be a positive number.")
        for name in ("steps", "restarts"):
            check_effort(name, getattr(self, name))
        if self.restarts > 1 and not self.random_start:
            raise ValueError(
                f"The attack has {self.restarts} restarts without a random start, which would all be the same; "
                "use 1 restart or random starts."
            )
        return self

    @classmethod
    def fgsm(cls, radius: float) -> Attack:
        """Fast gradient sign method (Goodfellow et al. 2015, arXiv 1412.6572): one full step from the image."""
        return cls("linf", radius, steps=1, step_size=radius, random_start=False)

    @classmethod
    def pgd(cls, norm: Norm, radius: float, steps: int, step_size: float | None = None, restarts: int = 1) -> Attack:
        """PGD with random starts; without a `step_size` it is 2.5 radius / steps (Madry et al. 2018)."""
        if step_size is None:
            length, count = real_number(radius), whole_number(steps)
            numbers = isinstance(length, int | float) and isinstance(count, int | float)
            step_size = 2.5 * length / max(count, 1) if numbers else 1.0  # what is no number is refused in any case
        return cls(norm, radius, steps, step_size, restarts)

    def describe(self) -> str:
        """The whole attack in a line, to stand beside every number measured with it."""
        if self == Attack("linf", self.radius, 1, self.radius, random_start=False):
            return f"linf FGSM, radius {self.radius:.4g}"
        restarts = "" if self.restarts == 1 else f", {self.restarts} restarts"
        start = "random start" if self.random_start else "no random start"
        return f"{self.norm} PGD-{self.steps}, radius {self.radius:.4g}, step {self.step_size:.4g}{restarts}, {start}"


def check_pixels(images: NDArray[Any], attack: Ball) -> None:
    """Refuse images outside the pixel box, and a radius that does not fit it.

    Raises
    ------
    ParameterError
        If pixels are outside [0, 1] or the radius is larger than the box.
    """
    low, high = float(images.min()), float(images.max())
    if not (low >= -ROUNDING and high <= 1.0 + ROUNDING):  # in this form it refuses nan as well
        raise ParameterError(f"Pixels go from {low:g} to {high:g}, but the attacks need them in [0, 1]; rescale them.")
    attack.check_reach(images.shape[1:])


def check_batch(network: Classifier, images: NDArray[Any], labels: NDArray[Any], attack: Ball) -> None:
    """`check_pixels`, and refuse images and labels that fit neither one another nor the network.

    Raises
    ------
    ParameterError
        If they do not fit, pixels are outside [0, 1], or the radius is larger than the box.
    """
    architecture = getattr(network, "architecture", None)
    if np.ndim(images) != 4 or not len(images) or np.shape(labels) != np.shape(images)[:1]:
        raise ParameterError(
            f"Images of shape {np.shape(images)} with labels of shape {np.shape(labels)} cannot be attacked; give at "
            "least one image as (n, height, width, channels) and one label for each."
        )
    if architecture is not None and np.shape(images)[1:] != tuple(architecture.input_shape):
        raise ParameterError(
            f"Images of shape {np.shape(images)[1:]} do not fit the network, which takes {architecture.input_shape}."
        )
    classes = np.inf if architecture is None else architecture.classes
    if np.asarray(labels).dtype.kind not in "iu" or not (0 <= int(np.min(labels)) <= int(np.max(labels)) < classes):
        most = "" if architecture is None else f" to {classes - 1}"
        raise ParameterError(f"Labels must be whole numbers from 0{most}, one of the classes each.")
    check_pixels(images, attack)


def random_start(images: NDArray[Any], attack: Starting, generator: np.random.Generator) -> Images:
    """Uniform points of the balls around the images, cut to the box; the images themselves without a random start.

    The draws go through the images in order, so images drawn in two calls get the numbers they get in one.
    In ``l2`` they are the first D of D + 2 coordinates of a uniform point on the sphere, which is uniform in the ball
    of D dimensions (Harman and Lacko 2010, J. Multivariate Anal. 101:2297): a normal direction with a radius u^(1/D).
    """
    if not attack.random_start:
        return np.array(images, np.float32)
    if attack.norm == "linf":
        offset = generator.uniform(-attack.radius, attack.radius, images.shape)
    else:
        size = math.prod(images.shape[1:])
        normal = generator.standard_normal((len(images), size + 2))
        normal *= attack.radius / np.linalg.norm(normal, axis=1, keepdims=True)
        offset = normal[:, :size].reshape(images.shape)
    return np.clip(images + offset, 0.0, 1.0).astype(np.float32)


@checked
def perturb(
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    *,
    attack: Attack,
    generator: np.random.Generator,
    keep_worst: bool = False,
) -> tuple[Images, NDArray[np.float64], NDArray[np.bool_]]:
    """Attack every image with every restart; for training and for making adversarial examples.

    Parameters
    ----------
    images : ``(n, height, width, channels)``, pixels in [0, 1]
    labels : ``(n,)``
    generator : every restart draws from its own spawned stream, so the first does not depend on how many follow
    keep_worst : within a restart keep the iterate with the smallest margin instead of the last one

    Returns
    -------
    adversarial images, their margins, and where the first gradient of every restart was exactly zero

    Raises
    ------
    ParameterError
        If pixels are outside [0, 1] or the radius is larger than the box.
    UserError
        If a margin is not finite (`cgrosim.images.network.network.NonFiniteError` from the compiled network).
    """
    check_batch(network, images, labels, attack)
    found, least = np.array(images, np.float32), np.full(len(images), np.inf)
    stuck = np.ones(len(images), bool)
    for stream in generator.spawn(attack.restarts):
        start = random_start(images, attack, stream)
        adversarial, margins, zero = network.perturb(
            images,
            labels,
            start,
            norm=attack.norm,
            radius=attack.radius,
            step_size=attack.step_size,
            steps=attack.steps,
            keep_worst=keep_worst,
        )
        require_finite(margins, np.arange(len(images)))
        stuck &= zero
        better = margins < least
        found[better], least[better] = adversarial[better], margins[better]
    return found, least, stuck


def finite_margins(network: Classifier, images: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logit of the label minus the largest other logit, ``(n,)``; a UserError if one is not finite."""
    found = margins_of(np.asarray(network.logits(images), np.float64), labels)
    require_finite(found, np.arange(len(images)))
    return found


def require_finite(margins: NDArray[Any], index: NDArray[np.intp]) -> None:
    """A UserError if a margin of the samples `index` is not finite."""
    wrong = np.flatnonzero(~np.isfinite(margins))
    if len(wrong):
        raise UserError(
            f"The network's margin of sample {index[wrong[0]]} is {margins[wrong[0]]} not a number one "
            "can compare; check the weights and the images."
        )
