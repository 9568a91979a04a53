"""The paper's analytic side: numbers predicted without running the simulator (arXiv 2306.01271).

Every function says its kind: exact, bound, order (right within a factor) or asymptotic, and its source. NumPy and SciPy
only; nothing here draws random numbers of its own or touches a file. `cgrosim.predict` applies it to an experiment.

Growth by a power
    power_growth: x' = x^(q-1): its integral, its inverses, many coordinates on one clock
    tensor_power: how long gradient descent takes to grow, and who grows first (L1-L4)
    saturation: a margin that solves its own sample grows like the logarithm of time (L5)
    conserved: what all coordinates under one force keep (L6)
    clock: one-dimensional flows by quadrature
    initial_laws: laws of the random start and of the times it sets (L8)

Stages of training
    setting: the numbers of one experiment and what follows from them
    scaling: the paper's exponents in the dimension
    admissible: the exponents that the stages allow, and where the paper's lie among them
    thresholds: the margins at which an event has happened
    stages: stage I: the signal growth time T_I and its law
    growth_window: rigorous windows for T_I
    plateau: growth, plateau and escape of the signal as one flow
    plateau_forms: closed forms of the plateau
    memorisation: stage III: the exposure a sample needs, the coupling chi
    memorisation_laws: laws of the memorisation times
    overlap_delay: what the overlaps of growing noise add to them
    control: what standard training cannot memorise
    phase: memorise or escape, robust or overfitting: the edges
    regime: every hypothesis with its slack

Algorithms
    decay: growth against weight decay: who is memorised, when, and in law
    decay_plateaus: where margins rest under decay, bistability, the edge of escape
    decay_cure: when decay makes the network robust on fresh samples
    decoupled_flow: the whole training of decoupled samples as N + 1 numbers
    momentum: heavy-ball momentum as a faster clock, with its delay
    minibatches: how much the time of memorisation varies
    label_smoothing: later, capped, and the signal worn away
    label_noise: flipped samples first
    labelled_flow: the signal's flow to its rest under smoothed, flipped and missing labels

Test errors
    noise_moments: moments of the test noise S (L7)
    needed_balls: memorising networks with balls only around the samples that need one
    noise_law: its exact law for orthogonal filters
    small_ball: its density at 0
    chaos: bounds of its tails and small balls
    errors: bounds of the clean and the robust test error
    coverage: how much of the distribution the training balls cover
    patch_attacks: which radius an attack on all patches needs

Flatness
    flatness: how far and how steeply the loss moves along the true feature
    flatness_rise: how far the loss must rise where it is steep
    flatness_gap: the robust generalization gap from flatness
    transport: Wasserstein distances
    line: networks of one variable, exactly

Representation
    relu_network: ReLU networks as explicit arrays
    relu_steps: how they are evaluated
    relu_composition: networks out of networks
    yarotsky: squares by sawtooth functions
    balls: indicators of balls
    ball_attacks: attacks on balls
    certification: proofs that a classifier is right on every ball
    representation: the CGRO classifier as a network
    interval_bounds: interval bounds with every rounding error
    lower_bound: how many parameters robustness needs
    sign_proofs: the sign of a network on whole boxes
"""

__all__ = [
    "admissible",
    "ball_attacks",
    "balls",
    "certification",
    "chaos",
    "clock",
    "conserved",
    "control",
    "coverage",
    "decay",
    "decay_cure",
    "decay_plateaus",
    "decoupled_flow",
    "errors",
    "flatness",
    "flatness_gap",
    "flatness_rise",
    "growth_window",
    "initial_laws",
    "interval_bounds",
    "label_noise",
    "label_smoothing",
    "labelled_flow",
    "line",
    "lower_bound",
    "memorisation",
    "memorisation_laws",
    "minibatches",
    "momentum",
    "needed_balls",
    "noise_law",
    "noise_moments",
    "overlap_delay",
    "patch_attacks",
    "phase",
    "plateau",
    "plateau_forms",
    "power_growth",
    "regime",
    "relu_composition",
    "relu_network",
    "relu_steps",
    "representation",
    "saturation",
    "scaling",
    "setting",
    "sign_proofs",
    "small_ball",
    "stages",
    "tensor_power",
    "thresholds",
    "transport",
    "yarotsky",
]
