"""The theory's attack on real images, as a description; `cgrosim.images.network.patch_model` carries it out."""

from __future__ import annotations

from pydantic import Field, model_validator

from cgrosim.model.settings import SettingsBase


class ClassMeanAttack(SettingsBase):
    """The theory's attack on real images: it moves every patch along its class-mean part only, and nearly erases it.

    Patch j of a sample with label y becomes ``X[j] - t_j mu_{y,j}`` with ``|t_j| <= 1 - gap``, so the radius at every
    patch is (1 - gap) times the length of the part there, as the theory's ``delta = alpha (1 - gap)``
    (arXiv 2306.01271v4, Section 5). It may leave the pixel box, as in the theory.

    Raises
    ------
    ParameterError
        If `gap` is out of its range.
    """

    gap: float = Field(0.1, description="share of the class-mean part that a full shift leaves, 0 <= gap < 1")
    search: bool = Field(
        True, description="take the worst t of every patch (exact; two classes and exponent 3 only), not always 1 - gap"
    )

    @model_validator(mode="after")
    def _possible(self) -> ClassMeanAttack:
        if not 0.0 <= self.gap < 1.0:
            raise ValueError(f"gap is {self.gap}, but must be at least 0 and below 1.")
        return self

    def describe(self) -> str:
        """The whole attack in a line, to stand beside every number measured with it."""
        how = "worst point (exact)" if self.search else "full shift"
        return f"class-mean direction of every patch, radius {1 - self.gap:.4g} of its length, {how}, no pixel box"
