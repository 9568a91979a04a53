"""What is the law of the margin on unseen points, clean and attacked: alpha^q U + S?

A network is trained on explicit vectors; fresh samples are drawn from the data distribution and passed through it.
Bars: measured margins; lines: the part of the signal plus the law of S for independent filters of the measured norms
(no fit). Look for: the clean margins lie hundreds of standard deviations right of 0 (clean test error 0); the attack
removes the part of the signal and leaves S, symmetric about 0 with heavy tails: robust test error 1/2. The JSON file
also has the test against draws that keep the overlaps of the filters, which independence leaves out. Ten seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from common import Experiment, run_script, start
from scipy.stats import ks_2samp, kstwo

from cgrosim import Params
from cgrosim.figures import style
from cgrosim.model.patches import draw_patch_data
from cgrosim.model.reference import attacked_inputs
from cgrosim.model.streams import RunStream, stream
from cgrosim.studies.fresh_noise import draw_fresh_noise
from cgrosim.studies.paper_scale import horizon_of
from cgrosim.studies.trained import Trained, searching_model, train
from cgrosim.theory.noise_law import IndependentNoiseLaw
from cgrosim.theory.noise_moments import gram_test_noise_std

SIZES = {"samples": 20, "patches": 3, "neurons": 10, "init_polylog": 1.0, "flow_tolerance": 1e-6}
DIMENSION, FRESH, BATCH = 1000, 40_000, 1000


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Train, measure the margins of fresh samples, predict their law, and draw both."""
    experiment = start(__file__, __doc__, argv)
    p = Params.from_paper(experiment.choose(DIMENSION, 100), **SIZES, seed=experiment.seed + 1)
    trained = train(p, horizon_of(p), vectors=True)
    clean, attacked = _margins(experiment, trained)
    gram = trained.weight_gram
    law = IndependentNoiseLaw(np.repeat(p.noise_std * np.sqrt(np.diag(gram)), p.patches - 1), p.power)
    deviation = float(gram_test_noise_std(gram, power=p.power, noise_std=p.noise_std, patches=p.patches))
    shares = {"clean": trained.signal_margin, "attacked": trained.attacked_signal_margin}
    numbers: dict[str, Any] = {"sd_S": deviation, "V_min": trained.memorization.min()}
    exact = draw_fresh_noise(stream(p.seed), experiment.choose(10**6, 10**4), gram, power=p.power,
                             noise_std=p.noise_std, patches=p.patches)  # fmt: skip
    numbers["law_to_overlaps"] = float(np.max(np.abs(np.linspace(1, 0, len(exact)) - law.survival(np.sort(exact)))))
    for name, margins in (("clean", clean), ("attacked", attacked)):
        ordered = np.sort(margins)
        predicted = 1.0 - law.survival(ordered - shares[name])
        distance = float(np.max(np.abs(predicted - (np.arange(len(ordered)) + 0.5) / len(ordered))))
        numbers[name] = {
            "signal_share": shares[name],
            "error_measured": float(np.mean(margins <= 0.0)),
            "error_predicted": float(law.error_at(shares[name])),
            "kolmogorov_distance": distance,
            "kolmogorov_5_percent": float(kstwo.isf(0.05, len(ordered))),
            "p_value_with_overlaps": float(ks_2samp(margins, shares[name] + exact).pvalue),
        }
    with experiment.figure(14.0, 6.4) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        _draw(left, clean, shares["clean"], law, deviation, 8.0, "clean", numbers["clean"])
        _draw(right, attacked, shares["attacked"], law, deviation, 8.0, "attacked (signal_span)", numbers["attacked"])
        left.set_ylabel("density (per sd of S)")
    return experiment.write({"run": p}, [p.seed], numbers)


def _margins(experiment: Experiment, trained: Trained) -> tuple[np.ndarray, np.ndarray]:
    """Clean and attacked margins of fresh samples, in batches."""
    p, system, model = trained.params, trained.system, searching_model(trained, trained.params.perturbation_radius)
    assert system.data is not None
    generator, found = stream(p.seed, RunStream.TEST), []
    for _ in experiment.track(range(experiment.choose(FRESH // BATCH, 2)), "fresh batches"):
        data = draw_patch_data(p, generator, system.data.direction, samples=experiment.choose(BATCH, 200))
        hard = attacked_inputs(p, system.second_layer, model.weights, data)
        found.append([model.margins(inputs, data.labels) for inputs in (data.inputs(), hard)])
    clean, attacked = np.concatenate(found, axis=1)
    return clean, attacked


def _draw(axes: Any, margins: np.ndarray, share: float, law: IndependentNoiseLaw, unit: float, reach: float,
          name: str, numbers: dict[str, Any]) -> None:  # fmt: skip
    """Histogram and law in units of sd(S) around the part of the signal."""
    edges = np.linspace(-reach, reach, 81)
    middles = 0.5 * (edges[1:] + edges[:-1])
    counts, _ = np.histogram((margins - share) / unit, edges)
    density = counts / len(margins) / np.diff(edges)
    axes.bar(middles + share / unit, density, np.diff(edges), color=style.SKY, label=f"{len(margins)} fresh samples")
    predicted = -np.diff(law.survival(edges * unit)) / np.diff(edges)
    axes.plot(middles + share / unit, predicted, color=style.BLACK, lw=2.2, label="predicted law, no fit")
    axes.axvline(0.0, color=style.GREY, ls="--", label="decision boundary")
    error = f"error {numbers['error_measured']:.3f}, predicted {numbers['error_predicted']:.3f}"
    axes.set(yscale="log", title=f"{name}: {error}", xlabel="margin of an unseen point, in standard deviations of S")
    axes.set_ylim(0.3 / len(margins) / (edges[1] - edges[0]), 20.0)
    axes.legend(loc="upper left")


if __name__ == "__main__":
    run_script(main)
