"""Why a claim does not notice an error in a parameter that its runs have: derived, where physics forbids it."""

from __future__ import annotations

from collections.abc import Iterable

PLATEAU = (
    "it enters through a = alpha^q U alone, a logarithm of eta q^2 alpha^2 (1 - lam) t: a factor f in that moves a, "
    "some 20 here, by log f / (1 - (2 - 2/q) / a), so 50 % in alpha by 0.9, four per cent"
)
CONSTANT = (
    "of the parameters kap = eta q^2 alpha^2 (1 - lam) alone stays in the law on the plateau: the start and the noise "
    "are forgotten, and the attack's share of the push is gap^q, here 1e-24"
)
GIVEN = "the law is that given the weights, which are measured: it enters through them alone"
ANY_NETWORK = "an identity of the network at hand, whatever made its weights: it enters through them alone"
ANY_RUN = "the law of every run, whatever its other parameters: q alone is in it"
ANY_RUN_AT_ALL = "a matter of signs, whatever the sizes of the parameters"
FACTOR = (
    "a factor that is the same at every d moves no slope in d but through logarithms, by 1 / log d of what it is; the "
    "factors themselves are those of theorem-orders"
)
SLOPES = (
    "a factor that is the same in every run moves no slope, and what the runs do not vary is such a factor; the "
    "factors themselves are those of memorisation-times"
)
CONTROL = (
    "the bounds of the control's noise hold on one side; how near to them it comes is control-limit, and the time of "
    "the memorisation does not know it"
)
BOTH_CLOCKS = "it moves the signal and the noise alike, and the edges are where one overtakes the other"
STAGE_ONE = (
    "u' = c1 u^(q-1) of stage I is followed from the start that was drawn, with |V_i| below a bound and gap^q of the "
    "signal left to the attack: none of these is in c1"
)
PUSH = (
    "once the signal has grown a sample is pushed at lam / 2, whatever made the signal grow: alpha and gap are not in "
    "N v^(2-q) / (lam eta kappa)"
)
START = "the prediction is that of the start that was drawn: it enters through its v(0), u(0) and Gram matrix alone"
DRAWN = "only what is drawn at the start is looked at: sizes, init_std and noise_std"
RANKS = "an order, not a law: ranks over networks do not know a factor that all of them share"
AT_REST = "a margin at rest knows neither its start, nor the step, nor how many neurons have died on the way"
ANY_MOTION = "the clock does not know what it times"
OWN_EDGES = "edges are rates of flow time; the signal only says when stage I ends, long before"
RESTS = (
    "it enters through the plateau a alone, a logarithm of q alpha^2 (1 - lam) / rho: 50 per cent in alpha move a, "
    "some 10, by 8 per cent"
)
AS_LARGE = (
    "the test noise meets the attacked signal where v exp(-rho t) is as large as gap alpha u, and the power raises "
    "both alike"
)
MANY_TIMES = "it moves the edges of the samples alone, and the decay is three times above them"
NOTHING_LEFT = "gap^q = 1e-15 of the signal is left: nothing, or nearly twice that"
BEFORE = "until somebody is memorised no filter knows how many samples there are; stops are those of the claimed runs"
SAME_LOSSES = "clean and attacked loss are the same for a sample without a feature"
WHOLE = "a whole number, 2 or 3 here: one more is noticed, and of two none can be missing"
LARGEST_OF = (
    "it enters through the largest of m starts, whose law is F^m: 10 % in m move that by p - p^1.1, 0.035 at most, "
    "which a Kolmogorov distance shows after 21,000 samples"
)
NORMS = (
    "what the start leaves in a filter, sigma_0^2 d, grows with d, and what is memorised, V^(2/q) / (sigma_p^2 d), "
    "falls: in the size of S the two cancel in part"
)
NOISE_OF_SAMPLES = (
    "N enters through the norms of the filters, to which the samples that they hold add: 10 % in N moves the distance "
    "by some 4 %, half of what overlaps are allowed to"
)
EDGE_OF_POWER = (
    "gap^q and what it is held against both know q: 0.1 moves the gap at an edge by 1 to 3 %, at every N by another "
    "amount, where 1 to 2 % are left to kicks and to the search"
)
FEW = "small whole numbers, of which a tenth is none: the smallest change that there is is noticed"
DRAWN_ANEW = "all vectors are drawn anew, and what is predicted is of another start: no power to speak of"
VALUE = (
    "the value with which a memorised sample kicks grows while others wait and its mean is taken: either end of its "
    "range moves the median time by a tenth, as a tenth in these does; memorisation-times, with small kicks, is sharper"
)
EVERY_SIZE = (
    "a factor that is the same at every size moves no slope in it; the times themselves are signal-growth-window"
)
CAP = "the signal rests at its cap before anybody is memorised, whatever its strength, which is in the head start alone"
SAMPLERS = (
    "two ways to draw one start are compared, so that what training makes of it is only one of ten numbers, seen "
    "through the scatter of 1,100 starts"
)
EACH_START = "each start has its law, however many are drawn"
ONE_SIDE = "a bound on one side, of which the growth is three fifths: what lowers it is no contradiction"
HELD = "the signal rests where flipped samples hold it, whatever its strength, which sets when it gets there"
WHO_IS_FLIPPED = (
    "with another number of samples others are flipped, and another one comes first: nothing is left to compare"
)
LITTLE_LEFT = (
    "gap^q of the signal is left to the attack: it moves margins at rest by some 1e-4, at which they are claimed"
)
THE_UNIT = "growth and decay share the flow time, whose unit it is"
SCALES = ("signal_strength", "init_std", "learning_rate", "adversarial_weight", "gap")
SIZES = ("samples", "neurons", "dimension")


def _same(reason: str, names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(names, reason)


EVERY = ("power", *SCALES, "noise_std", *SIZES, "patches")


def _but(names: str) -> tuple[str, ...]:
    """Every parameter of a run but these."""
    return tuple(name for name in EVERY if name not in names.split())


DISTANCE = {
    **_same(PLATEAU, ("signal_strength", "learning_rate", "adversarial_weight")),
    "samples": NOISE_OF_SAMPLES,
    "neurons": START,
    "patches": WHOLE,
    "dimension": NORMS,
}

LIMITS: dict[str, dict[str, str]] = {
    "plateau-log-law": _same(CONSTANT, ("init_std", "gap", "noise_std", *SIZES, "patches")),
    "theorem-orders": _same(PUSH, ("gap",)) | _same(START, ("neurons", "patches")),
    "clean-generalization-robust-overfitting": DISTANCE,
    "robust-distance": DISTANCE,
    "theorem-scaling": _same(FACTOR, (*SCALES, *SIZES, "noise_std", "patches")),
    "memorisation-slope-rates": _same(SLOPES, EVERY),
    "memorisation-slope-starts": _same(SLOPES, _but("power")),
    "fresh-noise-law": _same(GIVEN, (*SCALES, *SIZES)) | _same(WHOLE, ("patches",)),
    "error-laws": _same(GIVEN, (*SCALES, *SIZES)),
    "flatness-along-feature": _same(ANY_NETWORK, _but("power signal_strength")),
    "steep-loss-rise": _same(ANY_NETWORK, _but("signal_strength gap")),
    "flatness-order": _same(RANKS, EVERY),
    "inner-maximum": _same(ANY_NETWORK, _but("power signal_strength gap")),
    "transfer-attack": _same(ANY_NETWORK, _but("power signal_strength learning_rate adversarial_weight gap")),
    "margin-decomposition": _same(ANY_NETWORK, _but("power signal_strength gap")),
    "phase-edges": {
        **_same(BOTH_CLOCKS, ("learning_rate", "adversarial_weight")),
        "power": EDGE_OF_POWER,
        "samples": FEW,
        "neurons": START,
        "patches": WHOLE,
    },
    "control-pairs": _same(CONTROL, ("signal_strength",)) | _same(PUSH, ("gap",)) | _same(FEW, ("patches",)),
    "fresh-noise-variance": _same(GIVEN, (*SCALES, *SIZES)) | _same(FEW, ("patches",)),
    "decay-plateaus": {
        **_same(AT_REST, ("init_std", "learning_rate", "neurons", "patches")),
        "gap": LITTLE_LEFT,
    },
    "decay-phase-diagram": {"learning_rate": THE_UNIT},
    "decay-memorised-fraction": _same(OWN_EDGES, ("signal_strength", "learning_rate", "gap")),
    "decay-cures-the-test-error": {
        **_same(RESTS, ("signal_strength", "adversarial_weight")),
        "power": AS_LARGE,
        "samples": MANY_TIMES,
    },
    "early-stopping-gains-nothing": {
        **_same(PLATEAU, ("signal_strength", "learning_rate", "adversarial_weight")),
        "samples": BEFORE,
        "neurons": START,
    },
    "momentum-is-a-clock": _same(ANY_MOTION, ("init_std", "noise_std", "gap", *SIZES, "patches")),
    "flipped-labels-first": {"gap": NOTHING_LEFT, "signal_strength": HELD, "samples": WHO_IS_FLIPPED},
    "smoothing-delays": {"gap": NOTHING_LEFT, "signal_strength": CAP},
    "unlearnable-samples": {
        **_same(SAME_LOSSES, ("adversarial_weight", "gap")),
        "neurons": START,
        **_same(DRAWN_ANEW, ("samples", "dimension")),
        "unlearnable_fraction": FEW,
    },
    "signal-growth-window": _same(STAGE_ONE, ("noise_std", "init_std", "gap", *SIZES, "patches")),
    "signal-growth-law": {
        **_same(STAGE_ONE, ("noise_std", "gap", "samples", "patches", "dimension")),
        "neurons": LARGEST_OF,
    },
    "signal-growth-slopes": {
        **_same(STAGE_ONE, ("noise_std", "init_std", "gap", *SIZES, "patches")),
        **_same(EVERY_SIZE, ("signal_strength", "learning_rate", "adversarial_weight")),
    },
    "noise-small-at-growth": {
        **_same(STAGE_ONE, ("noise_std", "init_std", "gap", *SIZES, "patches")),
        **_same(ONE_SIDE, ("power", "signal_strength", "learning_rate", "adversarial_weight")),
    },
    "plateau-quadrature": _same(STAGE_ONE, ("noise_std", "init_std", *SIZES, "patches")),
    "noise-growth-dominates": _same(PUSH, ("gap",)),
    "memorisation-times": _same(PUSH, ("signal_strength", "gap")),
    "memorisation-kicks": {
        **_same(PUSH, ("signal_strength", "gap")),
        **_same(VALUE, ("init_std", "learning_rate", "adversarial_weight", "dimension")),
    },
    "memorisation-law": {**_same(PUSH, ("signal_strength", "gap")), "neurons": LARGEST_OF},
    "control-limit": _same(START, _but("power signal_strength")),
    "adversarial-weight-sweep": _same(START, ("noise_std", "init_std", "gap", *SIZES, "patches")),
    "threat-gap": _same(ANY_NETWORK, EVERY),
    "dead-filters-stay-dead": _same(ANY_RUN_AT_ALL, EVERY),
    "initial-laws": {
        **_same(DRAWN, _but("noise_std init_std samples neurons patches dimension")),
        **_same(EACH_START, ("samples", "patches")),
    },
    "sampling-in-law": _same(SAMPLERS, _but("noise_std init_std dimension")),
    "success-rate": {**_same(PUSH, ("signal_strength", "gap")), "neurons": FEW},
    "dead-start-probability": {**_same(ANY_RUN_AT_ALL, _but("neurons")), "neurons": FEW},
    "conserved-differences": _same(ANY_RUN, _but("power")),
}
"""By claim and parameter. Where there is none the report says how far the change moves the checks."""
