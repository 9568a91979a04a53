"""Stage I: the step at which the true feature has been learnt, run by run, against the window of Lemma L1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgrosim.claims.checks import guard, inside
from cgrosim.claims.claim import Claim, Context, Evidence, Panel, Series
from cgrosim.claims.growth_runs import GROWTH, SMALL_NOISE, SMALL_START, growth_step, long_growth, window_of
from cgrosim.model.sampling import draw_gram
from cgrosim.predictions.clock import signal_flow
from cgrosim.predictions.regime import slacks
from cgrosim.studies.world import World, plus, times

Array = NDArray[np.float64]


def _measure_window(context: Context, world: World) -> Evidence:
    seeds = context.seeds("signal-growth-window", context.choose(3, 20))
    rates = (0.03, 0.01, 0.003) if not context.full else (0.03, 0.01, 0.003, 0.001, 0.0003)
    kappas, lows, highs, times, noise = [], [], [], [], []
    for rate in rates:
        for seed in seeds:
            params = long_growth(seed=seed, learning_rate=rate)
            simulated = world.of(params)
            system = draw_gram(simulated)
            if not np.any(system.signal > 0.0):
                continue
            window, flow = window_of(params, system.signal), signal_flow(params, system.signal).time_of_margin(1.0)
            step, largest = growth_step(simulated, system, 2.0 * window.upper)
            noise.append(largest)
            kappas.append(rate * params.signal_strength**2)
            lows.append(window.lower / float(flow))
            highs.append(window.upper / float(flow))
            times.append(step / float(flow))
    low, high, time = np.array(lows), np.array(highs), np.array(times)
    outside = np.maximum(low - time, time - high) / (high - low)
    checks = (
        inside(
            f"worst distance from the window, in window widths ({len(time)} runs)",
            f"inside the window in every run (widths {np.min(high - low):.2g} to {np.max(high - low):.2g} of T_I)",
            float(np.max(np.where(np.isnan(outside), np.inf, outside))),
            (-1.0, 0.0),
            "the window of L1 with the loss weight, the other neurons and |V_i| <= "
            f"{SMALL_NOISE:g} bounded from both sides holds for every run; the centre of a window is at -1/2",
        ),
        guard(
            inside(
                "largest |V_i| at the end of stage I",
                f"at most {SMALL_NOISE:g}",
                float(np.max(noise)),
                (0.0, SMALL_NOISE),
                "the hypothesis under which the window was computed, looked at after the end of the window",
            ),
            SMALL_START,
        ),
    )
    return Evidence(
        checks=checks,
        hypotheses=slacks(long_growth(learning_rate=max(rates)), *GROWTH),
        params=long_growth(seed=seeds[0]),
        seeds=tuple(seeds),
        tested_range=f"learning_rate {rates[-1]:g} to {rates[0]:g}, alpha = 4, sigma_0 = 0.002, q = 3, lam = 1/2",
        panels=(_window_panel(np.array(kappas), low, high, time),),
    )


def _window_panel(kappa: Array, low: Array, high: Array, time: Array) -> Panel:
    order = np.argsort(kappa, kind="stable")
    spread = np.exp(np.linspace(-0.06, 0.06, len(kappa)))  # so that seeds at one step size stay apart
    x = kappa[order] * spread
    middle = 0.5 * (low + high)[order]
    return Panel(
        "Signal growth time of gradient descent and its window",
        "step size times squared signal strength, eta alpha^2",
        "growth time / time of the gradient flow",
        (
            Series("points", "window of L1", x, middle, low[order], high[order]),
            Series("points", "gradient descent", x, time[order]),
            Series("line", "gradient flow", np.array([x.min(), x.max()]), np.ones(2)),
        ),
        x_scale="log",
    )


CLAIMS = (
    Claim(
        name="signal-growth-window",
        title="signal growth time inside the window of L1",
        statement="Gradient descent reaches alpha^q U = 1 at a step inside the two-sided window of the tensor power "
        "lemma L1, whose width closes like eta as the step size falls.",
        source="arXiv 2306.01271 stage I; window with the loss weight, all neurons and V_i derived here from L1",
        kind="bound",
        measure=_measure_window,
        worlds=(
            World("power q + 0.05", power=plus(0.05)),
            World("signal 3 % stronger", signal_strength=times(1.03)),
            World("step size 10 % larger", learning_rate=times(1.1)),
            World("adversarial weight 0.55 for 0.5", adversarial_weight=0.55),
        ),
        cost=0.6,
    ),
)
