"""The field's attacks together: PGD, APGD on two losses and Square Attack; of every image the worst counts."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from cgrosim.images.attacks.automatic import AutoPGD
from cgrosim.images.attacks.black_box import Square
from cgrosim.images.attacks.gradient import Attack, Ball, check_effort

Single = Attack | AutoPGD | Square


class Standard(Ball):
    """The worst, image by image, of PGD, APGD-CE, targeted APGD-DLR and Square Attack, in this order.

    Every member attacks what the ones before have left. It is AutoAttack (arXiv 2003.01690v2, Section 5) with PGD in
    place of the targeted FAB attack, random starts drawn uniformly in the ball, and the checkpoints of the paper.
    With 3 classes the ratio has no target; with 2 it is left out: every loss is then a function of the one margin.

    Raises
    ------
    ParameterError
        If a number is out of its range.
    """

    steps: int = Field(100, description="of APGD")
    targets: int = Field(9, description="of targeted APGD-DLR: the largest other logits, as many as exist")
    queries: int = Field(5000, description="of Square Attack")
    pgd_steps: int = Field(20, description="of PGD")
    pgd_restarts: int = Field(5, description="of PGD")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("steps", "targets", "queries", "pgd_steps", "pgd_restarts"):
            check_effort(name, getattr(self, name))
        return self

    def members(self, classes: int) -> tuple[Single, ...]:
        """The attacks on a network of so many classes, the black-box one last."""
        norm, radius = self.norm, self.radius
        ratios: tuple[Single, ...] = ()
        if classes > 3:
            ratios = (AutoPGD(norm, radius, "dlr-targeted", self.steps, targets=self.targets),)
        elif classes == 3:
            ratios = (AutoPGD(norm, radius, "dlr", self.steps),)
        return (
            Attack.pgd(norm, radius, self.pgd_steps, restarts=self.pgd_restarts),
            AutoPGD(norm, radius, "ce", self.steps),
            *ratios,
            Square(norm, radius, self.queries),
        )

    def describe(self) -> str:
        """The whole attack in a line, to stand beside every number measured with it."""
        return (
            f"{self.norm} standard, radius {self.radius:.4g}: worst of PGD-{self.pgd_steps} ({self.pgd_restarts} "
            f"restarts), APGD-CE and targeted APGD-DLR ({self.steps} steps, {self.targets} targets), Square Attack "
            f"({self.queries} queries)"
        )


AnyAttack = Single | Standard


def passes(attack: AnyAttack, classes: int) -> tuple[int, int]:
    """Forward and backward passes on an image that withstands everything, beside the one on the clean image."""
    if isinstance(attack, Standard):
        each = [passes(member, classes) for member in attack.members(classes)]
        return sum(forward for forward, _ in each), sum(backward for _, backward in each)
    if isinstance(attack, Square):
        return attack.queries, 0
    starts = attack.restarts if isinstance(attack, Attack) else attack.starts(classes)
    return starts * (attack.steps + 1), starts * attack.steps
