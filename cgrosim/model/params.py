"""What an experiment is: one frozen, validated description used by Python, TOML and the command line alike."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from cgrosim.arguments import called_well, checked
from cgrosim.errors import FileError, ParameterError
from cgrosim.files.words import quoted, shown
from cgrosim.model.activations import ACTIVATIONS, SecondLayerSign, activation
from cgrosim.model.engine_kinds import ENGINES
from cgrosim.model.impossible import impossibilities
from cgrosim.model.radii import attacks, completed, fill_radius, finite_factor, gap_of, radius_of
from cgrosim.model.settings import LARGEST, SettingsBase, plain
from cgrosim.model.signal_threats import SIGNAL_THREATS
from cgrosim.model.threats import SEARCH_THREATS
from cgrosim.model.toml import read_toml, toml_text

RECORDABLE = ("noise_correlation", "coefficients", "weights")
MAX_STEPS = LARGEST
FACTORS = tuple(f"{name}_{kind}" for kind in ("exponent", "polylog") for name in ("signal", "noise", "init", "gap"))
"""What `Params.from_paper` takes beside the fields."""

if TYPE_CHECKING:
    ActivationName: TypeAlias = str
    ThreatName: TypeAlias = str
    EvaluationName: TypeAlias = str
    EngineName: TypeAlias = str
    ChosenEngine: TypeAlias = str
else:  # the names are those of the tables, as they stand when this module is imported
    ActivationName = Literal[tuple(ACTIVATIONS)]
    ThreatName = Literal[(*SIGNAL_THREATS, *SEARCH_THREATS)]
    EvaluationName = Literal[("auto", *SIGNAL_THREATS, *SEARCH_THREATS)]
    EngineName, ChosenEngine = Literal[("auto", *ENGINES)], Literal[tuple(ENGINES)]
SecondLayer = Literal["auto", "positive", "signed"]
SamplingName = Literal["auto", "explicit", "gram"]
Recordable = Literal["noise_correlation", "coefficients", "weights"]

SCALES = ("signal_strength", "noise_std", "init_std", "gap", "perturbation_radius")
"""What the paper scales with the dimension."""


class Params(SettingsBase):
    """A complete experiment: data, network, training, threat, engine and what to record.

    The training loss is ``(1 - adversarial_weight) * clean + adversarial_weight * adversarial`` (the paper's lambda
    multiplies the adversarial term here: 0 is standard training, 1 is plain adversarial training).
    The threat is specified by ``perturbation_radius`` or by ``gap = 1 - perturbation_radius / signal_strength``;
    the other one is filled in. ``gap`` is what the dynamics uses, because at a gap of 1e-9 the difference
    ``signal_strength - perturbation_radius`` has lost its digits.

    Raises
    ------
    ParameterError
        If a value, or a combination of values, is impossible: one sentence naming it and what to do.
    """

    remedy: ClassVar[str] = "give it, or start from Params.from_paper(dimension)"
    also: ClassVar[tuple[str, ...]] = FACTORS

    dimension: int = Field(ge=2, description="dimension of one patch (d)")
    patches: int = Field(
        3, ge=2, le=LARGEST, description="patches per sample (P): one true feature, the others spurious noise"
    )
    samples: int = Field(50, ge=1, le=LARGEST, description="training samples (N)")
    neurons: int = Field(10, ge=1, le=LARGEST, description="filters of the two-layer network (m)")
    activation: ActivationName = Field(
        "power", description="power is sign(z)|z|^power; others take a signed second layer"
    )
    power: float = Field(3.0, description="exponent q of the activation, real, at least 2")
    second_layer: SecondLayer = Field("auto", description="fixed output weights: all +1, or half +1 and half -1")
    signal_strength: float = Field(ge=0, description="norm of the true feature (alpha)")
    noise_std: float = Field(ge=0, description="standard deviation of one coordinate of a noise patch (sigma_p)")
    init_std: float = Field(gt=0, description="standard deviation of one initial weight (sigma_0)")
    perturbation_radius: float = Field(0.0, description="radius of the attack (delta); give this or gap")
    gap: float = Field(1.0, description="1 - radius / signal_strength: the share of the signal the attack leaves")
    adversarial_weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description="weight of the adversarial loss (lambda): 0 standard training",
        json_schema_extra={"must": "lie between 0 (standard training) and 1"},
    )
    learning_rate: float = Field(gt=0, description="step size of gradient descent (eta); time = learning_rate * step")
    steps: int | None = Field(
        None,
        ge=1,
        le=MAX_STEPS,
        description="gradient steps; none: until the story is over, then three times more",
        json_schema_extra={"must": "lie between 1 and 1e18 (or be left out)"},
    )
    threat: ThreatName = Field("signal_span", description="threat model of training")
    evaluation_threat: EvaluationName = Field(
        "auto", description="threat model of the robust errors; auto: that of training, or signal_span if it has none"
    )
    attack_steps: int = Field(10, ge=1, le=LARGEST, description="steps of l2_pgd and linf_pgd")
    attack_step_size: float | None = Field(None, description="step size of the attack; none: 2.5 radius / attack_steps")
    attack_restarts: int = Field(1, ge=1, le=LARGEST, description="restarts of the attack; the worst one counts")
    attack_random_start: bool = Field(True, description="start the attack at a random point of the ball")
    engine: EngineName = Field("auto", description="how to advance: weights, Gram-reduced, or gradient flow")
    sampling: SamplingName = Field("auto", description="explicit vectors, or the closed system drawn exactly in law")
    flow_tolerance: float = Field(1e-8, gt=0, description="relative tolerance of the flow engine")
    seed: int = Field(0, ge=0, le=2**128 - 1, description="seed of every random draw")
    record: tuple[Recordable, ...] = Field((), description="extra records: noise_correlation, coefficients, weights")
    record_grid: Literal["log", "linear"] = Field("log", description="spacing of the recorded steps")
    records: int = Field(40, ge=1, le=LARGEST, description="records per decade (log grid) or in all (linear grid)")
    test_samples: int = Field(
        2000, ge=0, le=LARGEST, description="fresh samples behind each test error (0: no test errors)"
    )
    weight_decay: float = Field(
        0.0, ge=0, description="weight decay (rho): each step takes learning_rate * rho of the weights"
    )
    momentum: float = Field(
        0.0, ge=0, lt=1, description="heavy-ball momentum (beta): time = learning_rate * step / (1 - beta)"
    )
    batch_size: int | None = Field(
        None, ge=1, le=LARGEST, description="samples of a step; none: all of them", json_schema_extra={"none": "all"}
    )
    batch_replacement: bool = Field(
        False, description="draw every batch from all samples, not each sample once an epoch"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="label smoothing (epsilon): the target is 1 - epsilon/2"
    )
    label_noise: float = Field(0.0, ge=0, le=0.5, description="share of the training labels that is flipped (tau)")
    unlearnable_fraction: float = Field(
        0.0, ge=0, le=1, description="share of the training samples that carries no true feature"
    )
    unlearnable_certainty: float = Field(
        1.0, ge=0, le=1, description="how certain the soft label of such a sample is; 1: a hard label"
    )

    @model_validator(mode="before")
    @classmethod
    def _radius_and_gap(cls, values: Any) -> Any:
        """Fill in the one of radius and gap that was not given; refuse a pair that disagrees."""
        return completed(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _possible(self) -> Params:
        for broken, sentence in impossibilities(self):
            if broken:
                raise ValueError(sentence)
        return self

    @property
    def signal_only(self) -> bool:
        """Whether the threat moves only the true feature, so that the dynamics closes on the Gram matrix."""
        return self.threat in SIGNAL_THREATS

    @property
    def evaluation(self) -> Params:
        """These parameters with the threat that the robust errors are measured with.

        Training without attack is measured with the paper's attack at its own gap (with fixed_direction beyond the
        signal); at gap 1 nothing is attacked, and nothing robust is measured.
        """
        threat = self.evaluation_threat
        if threat == "auto":
            threat = self.threat
            if not self.trains_attacked and self.gap != 1.0:
                threat = "signal_span" if self.gap >= 0.0 else "fixed_direction"
        return self if threat == self.threat else self.model_copy(update={"threat": threat})

    @property
    def discrete(self) -> bool:
        """Whether the engine may take steps one by one: it does unless the gradient flow is asked for."""
        return self.engine == "auto" or ENGINES[self.engine].discrete

    @property
    def flow_rate(self) -> float:
        """Time of the gradient flow that one step covers, learning_rate / (1 - momentum)."""
        return self.learning_rate / (1.0 - self.momentum)

    @property
    def holds_signal(self) -> bool:
        """Whether flipped labels let the attack push the true feature back as soon as it is learnt.

        While U > 0 the attack on a flipped sample strengthens its feature, to alpha + delta, so the signal is pulled by
        ``(1-lam)(1-2 tau) + lam [(1-tau) gap^q - tau (2-gap)^q]`` at small margins: not above 0 here (derived here).
        """
        lam, tau, q = self.adversarial_weight, self.label_noise, self.power
        if tau == 0.0 or not self.signal_only or SIGNAL_THREATS[self.threat].beyond_signal:
            return False
        return (1 - lam) * (1 - 2 * tau) + lam * ((1 - tau) * self.gap**q - tau * (2 - self.gap) ** q) <= 0.0

    @property
    def trains_attacked(self) -> bool:
        """Whether training attacks anything; without, no attack can be escaped."""
        return attacks(self.threat)

    @property
    def measures_robustness(self) -> bool:
        """Whether there is an attack to measure robust errors with: without one they are not 0 but unknown."""
        return attacks(self.evaluation.threat)

    @property
    def second_layer_sign(self) -> SecondLayerSign:
        """The second layer in use: all +1 for the odd power, half +1 and half -1 for the other activations."""
        return activation(self.activation).second_layer if self.second_layer == "auto" else self.second_layer

    @property
    def attacked_interval(self) -> tuple[float, float]:
        """Ends of the interval from which a threat that moves only the true feature takes its coefficient.

        Raises
        ------
        ParameterError
            If the threat searches over all patches.
        """
        if not self.signal_only:
            raise ParameterError(f"threat {self.threat} moves every patch, so the signal alone has no attacked value.")
        alpha = self.signal_strength
        return SIGNAL_THREATS[self.threat].interval(alpha, self.gap * alpha, alpha + self.perturbation_radius)

    @property
    def noise_patches(self) -> int:
        """Number M = N (P - 1) of noise patches in the training set: the side of the Gram matrix."""
        return self.samples * (self.patches - 1)

    @property
    def attack_description(self) -> str:
        """The exact attack, to stand beside every robust number: of training and, where another, of evaluation."""
        if self.evaluation.threat == self.threat:
            return self._threat_description if self.trains_attacked else "no attack, robust errors not measured"
        measured = self.evaluation._threat_description if self.measures_robustness else "not measured"
        trained = f"under {self._threat_description}" if self.trains_attacked else "without attack"
        return f"trained {trained}; robust errors: {measured}"

    @property
    def _threat_description(self) -> str:
        if not self.signal_only:
            return f"{self.threat}, radius {self.perturbation_radius:.6g}" + SEARCH_THREATS[self.threat].describe(self)
        return f"{self.threat}, radius {self.perturbation_radius:.6g} (gap {self.gap:.3g})"

    @called_well
    def replace(self, /, **changes: Any) -> Params:
        """Return a validated copy with some fields changed; changing the signal strength keeps the gap.

        Where there is no signal, before or after the change, there is no gap either: a threat that moves more than
        the true feature then keeps its radius.

        Raises
        ------
        ParameterError
            If a value makes no sense, or if the dimension changes and none of the scales that go with it.
        """
        values = {**self.model_dump(), **changes}
        if not set(SCALES) & set(changes) and _as_dimension(values["dimension"]) != self.dimension:
            raise ParameterError(
                f"dimension {values['dimension']} alone would keep {', '.join(SCALES[:4])} of dimension "
                f"{self.dimension}; take Params.from_paper({values['dimension']}), or give the ones that are meant."
            )
        given = [name for name in ("perturbation_radius", "gap") if changes.get(name) is not None]
        if given == ["perturbation_radius"]:
            values["gap"] = None
        elif given == ["gap"]:
            values["perturbation_radius"] = None
        elif not given and (signal := plain(values["signal_strength"])) != self.signal_strength:
            no_signal = 0.0 in (signal, self.signal_strength)
            keeps_radius = no_signal and str(values["threat"]) not in SIGNAL_THREATS
            values["gap" if keeps_radius else "perturbation_radius"] = None
        elif not given:
            values |= {"perturbation_radius": self.perturbation_radius, "gap": self.gap}
        return Params(**values)

    @classmethod
    @called_well
    def from_paper(
        cls,
        /,
        dimension: int | float,
        *,
        signal_exponent: float = 0.249,
        noise_exponent: float = -0.509,
        init_exponent: float = -0.5,
        gap_exponent: float = -0.5,
        signal_polylog: float = 1.0,
        noise_polylog: float = 1.0,
        init_polylog: float | None = None,
        gap_polylog: float | None = None,
        **values: Any,
    ) -> Params:
        """Parameters at the paper's exponents, every polylog factor explicit.

        ``signal_strength = signal_polylog d^0.249``, ``noise_std = noise_polylog d^-0.509``,
        ``init_std = init_polylog d^-0.5`` and ``gap = d^-0.5 / gap_polylog`` (arXiv 2306.01271v4, Definition 5.1 and
        the choice of the radius after it). The paper leaves the polylog factors open; the defaults here are 1,
        ``sqrt(log d)`` for the initialisation (a variance of log(d)/d) and ``log d`` in the gap.
        The radius of an attack in l_infinity is by default that of the largest such ball within the paper's l_2 ball,
        ``signal_strength (1 - d^-0.5 / gap_polylog) / sqrt(patches d)``.
        The default learning rate is ``0.1 / signal_strength^2``, a tenth of the order at which the signal's own
        gradient step stops being a contraction.

        Parameters
        ----------
        dimension
            Dimension of one patch; any whole number, 1e12 included.
        signal_exponent, noise_exponent, init_exponent, gap_exponent
            Exponents of d.
        signal_polylog, noise_polylog, init_polylog, gap_polylog
            Factors beside the powers of d.
        **values
            Any field of `Params`; overrides the value derived here.
        """
        d = _as_dimension(dimension)
        log = math.log(d)
        exponents = (signal_exponent, noise_exponent, init_exponent, gap_exponent)
        polylogs = (
            signal_polylog,
            noise_polylog,
            math.sqrt(log) if init_polylog is None else init_polylog,
            log if gap_polylog is None else gap_polylog,
        )
        *powers, signal_factor, noise_factor, init_factor, gap_factor = (
            finite_factor(name, given) for name, given in zip(FACTORS, (*exponents, *polylogs), strict=True)
        )
        if gap_factor <= 0:
            raise ParameterError(f"gap_polylog is {gap_factor:g}, but must be positive.")
        try:
            signal, noise, init, gap = (float(d) ** power for power in powers)
            derived: dict[str, Any] = {
                "signal_strength": signal_factor * signal,
                "noise_std": noise_factor * noise,
                "init_std": init_factor * init,
            }
            if values.get("gap") is None and values.get("perturbation_radius") is None:
                derived["gap"] = min(gap / gap_factor, 1.0)
        except OverflowError:
            raise ParameterError(f"an exponent is too large for dimension {d}; lower the exponents.") from None
        merged = {**derived, **{key: value for key, value in values.items() if value is not None}}
        if "gap" in derived:
            fill_radius(merged, d)
        if "learning_rate" not in merged:
            try:
                merged["learning_rate"] = 0.1 / float(merged["signal_strength"]) ** 2
            except (TypeError, ValueError, ArithmeticError):
                merged["learning_rate"] = 0.1  # no signal, or a bad value that the validation below reports
        return cls(dimension=d, **merged)

    @classmethod
    @checked
    def from_toml(cls, path: str | Path) -> Params:
        """Read parameters from a TOML file; fields that are left out take the paper's values at its dimension."""
        values = read_toml(path)
        if "dimension" not in values:
            raise FileError(f"{shown(path)} does not give the dimension; add a line such as 'dimension = 1000'.")
        return cls.from_paper(**values)

    def to_toml(self) -> str:
        """The parameters as TOML text that `from_toml` reads back; of radius and gap only what is needed for that."""
        values = self.model_dump(exclude_none=True)
        if self.perturbation_radius == radius_of(self.signal_strength, self.gap):
            del values["perturbation_radius"]
        elif self.gap == gap_of(self.signal_strength, self.perturbation_radius):
            del values["gap"]
        return toml_text(values)


def _as_dimension(given: Any) -> int:
    value = plain(given)
    try:
        number = float(value)
        whole = value if isinstance(value, int) else int(number)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(
            f"dimension is {quoted(given)}, which is not a whole number; give one, such as 1000."
        ) from None
    if (not isinstance(value, int) and number != whole) or whole < 2 or isinstance(value, bool):
        raise ParameterError(f"dimension is {quoted(given)}, but must be a whole number of at least 2.")
    return whole
