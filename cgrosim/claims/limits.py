"""Why a claim does not notice an error in a parameter that its runs have: derived, where physics forbids it."""

from __future__ import annotations

from collections.abc import Iterable

PLATEAU = (
    "it enters through a = alpha^q U alone, a logarithm of eta q^2 alpha^2 (1 - lam) t: a factor f in that moves a, "
    "some 20 here, by log f / (1 - (2 - 2/q) / a), so 50 % in alpha by 0.9, four per cent"
)
CONSTANT = (
    "it enters through the O(1) of the statement alone: of kap = eta q^2 alpha^2 (1 - lam) only the logarithm appears, "
    "as a constant, and the exponent does not know it"
)
GIVEN = "the law is that given the weights, which are measured: it enters through them alone"
FACTOR = "a factor that is the same at every d moves no slope in d but through logarithms, by 1 / log d of what it is"
SCALES = ("signal_strength", "init_std", "learning_rate", "adversarial_weight", "gap")
SIZES = ("samples", "neurons", "dimension")


def _same(reason: str, names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(names, reason)


LIMITS: dict[str, dict[str, str]] = {
    "plateau-log-law": _same(CONSTANT, (*SCALES, "noise_std", "dimension")),
    "clean-generalization-robust-overfitting": _same(PLATEAU, ("signal_strength",)),
    "robust-distance": _same(PLATEAU, ("signal_strength",)),
    "theorem-scaling": _same(FACTOR, (*SCALES, "noise_std")),
    "fresh-noise-law": _same(GIVEN, (*SCALES, *SIZES)),
    "fresh-noise-variance": _same(GIVEN, (*SCALES, *SIZES)),
}
"""By claim and parameter. Where there is none the report says how far the change moves the checks."""
