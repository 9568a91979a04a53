"""APGD as a description: projected gradient ascent that chooses its step size (Croce and Hein 2020)."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from cgrosim.images.attacks.gradient import Ball, check_effort

Loss = Literal["ce", "dlr", "dlr-targeted"]
NAMES = {"ce": "APGD-CE", "dlr": "APGD-DLR", "dlr-targeted": "targeted APGD-DLR"}


class AutoPGD(Ball):
    """APGD (arXiv 2003.01690v2, Section 3 and Algorithm 1): PGD with momentum that chooses its own step size.

    The step size starts at twice the radius. It is halved at fixed checkpoints where the loss has not risen often
    enough, and the ascent then goes on from the best point. The loss is the cross-entropy, or the difference of logits
    ratio, which does not change with the scale of the logits and needs 3 classes, or 4 with a target (Section 4).

    Raises
    ------
    ParameterError
        If a number is out of its range.
    """

    random_start: ClassVar[bool] = True

    loss: Loss = Field("ce", description="ce, dlr or dlr-targeted")
    steps: int = Field(100, description="gradient steps of every start")
    restarts: int = Field(1, description="number of random starts (for every target)")
    targets: int = Field(9, description="of dlr-targeted: the classes with the largest other logits, as many as exist")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("steps", "restarts", "targets"):
            check_effort(name, getattr(self, name))
        return self

    def starts(self, classes: int) -> int:
        """How often it starts on a sample of so many classes."""
        return self.restarts * (min(self.targets, classes - 1) if self.loss == "dlr-targeted" else 1)

    def describe(self) -> str:
        """The whole attack in a line, to stand beside every number measured with it."""
        restarts = "" if self.restarts == 1 else f", {self.restarts} restarts"
        targets = f", {self.targets} targets" if self.loss == "dlr-targeted" else ""
        return f"{self.norm} {NAMES[self.loss]}, radius {self.radius:.4g}, {self.steps} steps{targets}{restarts}"
