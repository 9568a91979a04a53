"""Random parameter sets through Python, TOML and the command line: an experiment or a sentence; and what then runs."""

import json
import math
import os
import random
import time

import pytest
from campaign import Row, trials
from children import ended, ended_before, forked, kill

from cgrosim.commands.main import main
from cgrosim.errors import UserError
from cgrosim.model.params import FACTORS, Params
from cgrosim.run import session
from cgrosim.run.planning import plan

GOAL = 10_000
RUNS_GOAL = 500
TOGETHER = 10  # runs, one after the other in a child
HANGING = 300.0
"""Seconds without a word after which a run counts as hanging: most take milliseconds, and share a busy machine."""
SECONDS = 10.0
"""Of a processor, allowed for one set: they take milliseconds."""

NAMES = [*Params.model_fields, *FACTORS, "self", "cls", "sampels", ""]
WORDS = ["power", "relu", "auto", "none", "l2_pgd", "linf_pgd", "fgsm", "flow", "direct", "gram", "log",
         "signed", "weights", "²", "9" * 5000, "x" * 10_000, "\x1b[31m", "1e400", "8/255", "8/0", ""]  # fmt: skip
WHOLE = [0, 1, 2, 3, 7, 100, 10**6, 10**9, 10**18, 10**19, 2**63, 2**64, 10**30, 10**308, 10**400, -1, -(10**400)]
REAL = [0.0, -0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e-300, 5e-324, 1e18, 1e30, 1e300, 1.7e308, math.nan, math.inf, -math.inf]


def drawn(draw, odd=True):
    """A value of any kind: mostly a number."""
    kinds = [
        lambda: draw.choice(WHOLE),
        lambda: draw.choice(REAL),
        lambda: 10.0 ** draw.uniform(-12.0, 12.0),
        lambda: draw.randint(1, 200),
        lambda: draw.choice(WORDS),
        lambda: draw.choice([True, False]),
    ]
    if odd:
        kinds.append(lambda: draw.choice([None, [1, "x"], {"a": 1}, b"x", 1j, object(), ...]))
    return draw.choice(kinds)()


def by_python(draw, place):
    """Of the constructors with arguments of any type."""
    values = {draw.choice(NAMES): drawn(draw) for _ in range(draw.randint(0, 4))}
    if draw.random() < 0.3:
        return values, lambda: Params.from_paper(1000).replace(**values)
    if draw.random() < 0.2:
        return values, lambda: Params(**values)
    given = {"dimension": draw.choice([1000, drawn(draw)]), **values}
    return given, lambda: Params.from_paper(**given)


def by_toml(draw, place):
    """Of a file."""
    lines = [f"dimension = {draw.choice([1000, 10**6, drawn(draw, odd=False)])}"]
    for _ in range(draw.randint(0, 4)):
        name, value = draw.choice(NAMES), drawn(draw, odd=False)
        text = json.dumps(value) if isinstance(value, str | bool) else str(value)
        lines.append(f"{name} = {text}")
    path = place / "any.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return lines, lambda: Params.from_toml(path)


def experiment_of(make):
    """What came of one set: 'made', 'refused', or what was wrong."""
    began, came = time.process_time(), "made"
    try:
        params = make()
        if not all(math.isfinite(value) for value in vars(params).values() if isinstance(value, float)):
            return "not finite"
        plan(params, params.steps)
        if Params(**json.loads(params.model_dump_json())) != params:
            return "another one when read back"
    except UserError as error:
        came, text = "refused", str(error)
        if not (text.isprintable() and text[-1:] in (".", "?") and len(text) < 2100):
            return f"said {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    spent = time.process_time() - began
    return came if spent < SECONDS else f"took {spent:.0f} s"


def count(row, came, what):
    """Count one set."""
    if came == "refused":
        row.refused += 1
    elif came == "made":
        row.survived += 1
    else:
        row.fail(f"{came}: {str(what)[:120]}")


def through(way, number, place, row, seed=0):
    """So many sets."""
    for trial in row.numbers(number):
        values, make = way(random.Random(f"{seed} {trial}"), place)
        count(row, experiment_of(make), values)


def by_command_line(number, place, row, seed=0):
    """So many commands; what is said on the terminal is a sentence and no traceback, and nothing runs."""

    def planned(params, **options):
        count(row, experiment_of(lambda: params), params)
        raise UserError("planned.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session, "simulate", planned)
        for trial in row.numbers(number):
            draw, before, began = random.Random(f"line {seed} {trial}"), row.tried, time.process_time()
            words = [
                f"--{draw.choice(NAMES).replace('_', '-')}={drawn(draw, odd=False)}" for _ in range(draw.randint(0, 4))
            ]
            try:
                status = main(["simulate", "--out", str(place / "out"), *words])
            except SystemExit as stopped:
                status = stopped.code
            except Exception as error:
                status = f"{type(error).__name__}: {error}"
            if row.tried > before:
                continue
            slow = time.process_time() - began > SECONDS
            count(row, "refused" if status == 2 and not slow else f"status {status}", words)


WAYS = {"Python": by_python, "TOML": by_toml}


@pytest.mark.parametrize("way", [*WAYS, "the command line"])
def test_some_sets(way, tmp_path, capsys):
    row = Row(way, 0)
    if way in WAYS:
        through(WAYS[way], 150, tmp_path, row)
    else:
        by_command_line(15, tmp_path, row)
    row.finish()
    assert row.refused


@pytest.mark.campaign
@pytest.mark.parametrize("way", [*WAYS, "the command line"])
def test_ten_thousand_sets(way, tmp_path, capsys):
    goal = {"Python": 5000, "TOML": 4000, "the command line": 1000}[way]
    note = "survived: an experiment with finite numbers, which is itself when read back"
    row = Row(f"random parameter sets through {way}", goal, note=note)
    if way in WAYS:
        through(WAYS[way], trials(goal), tmp_path, row, seed=1)
    else:
        by_command_line(trials(goal), tmp_path, row, seed=1)
    row.finish()


def small_run(draw):
    """Valid parameters of a run of at most a second, many of them at the ends of what is possible."""

    def scale():
        ends = draw.choice([(-3.0, 1.0), (-3.0, 1.0), (-30.0, 30.0), (-200.0, 200.0)])
        return 10.0 ** draw.uniform(*ends)

    values = {
        "dimension": draw.randint(2, 60),
        "patches": draw.choice([2, 3, 6]),
        "samples": draw.randint(1, 8),
        "neurons": draw.randint(1, 6),
        "activation": draw.choice(["power", "power", "relu", "relu_power", "smoothed_relu", "linear"]),
        "power": draw.choice([2.0, 3.0, 3.7, 6.0, 50.0, 1000.0]),
        "signal_strength": scale(),
        "noise_std": scale(),
        "init_std": scale(),
        "learning_rate": scale(),
        "gap": draw.choice([0.01, 0.5, 1.0, -0.5, draw.random()]),
        "adversarial_weight": draw.choice([0.0, 0.5, 1.0]),
        "threat": draw.choice(["signal_span", "fixed_direction", "none", "l2_pgd", "linf_pgd", "fgsm"]),
        "engine": draw.choice(["auto", "auto", "direct", "reduced", "flow"]),
        "sampling": draw.choice(["auto", "gram", "explicit"]),
        "steps": draw.choice([1, 40, 300, 300, None]),
        "test_samples": draw.choice([0, 20]),
        "records": 8,
        "seed": draw.randrange(1000),
    }
    if draw.random() < 0.4:
        name = draw.choice(["weight_decay", "momentum", "label_smoothing", "label_noise", "unlearnable_fraction"])
        values[name] = draw.choice([0.1, 0.3, 0.49, 1e-8, 1e-300])
    searching = values["threat"] in ("l2_pgd", "linf_pgd", "fgsm")
    if values["gap"] < 0.0 and values["threat"] != "fixed_direction":
        values["gap"] = 0.5
    if values["sampling"] == "gram":
        values["dimension"] += values["samples"] * values["patches"] + values["neurons"]
    if searching or values["engine"] == "direct":
        values |= {"sampling": "explicit"} | ({"engine": "direct", "steps": values["steps"] or 40} if searching else {})
    return values


def outcome_of(values):
    """Whether a valid run ends with finite numbers or a sentence."""
    import numpy as np

    try:
        run = session.simulate(Params(**values))
    except UserError as error:
        return "refused" if str(error).endswith((".", "?")) else f"said {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if run.status != "finished":
        return "made" if run.message else f"{run.status} without a word"
    measured = run.params.measures_robustness
    odd = [
        str(name)
        for name, found in run.data.data_vars.items()
        if found.dims[:1] == ("step",)
        and not np.all(np.isfinite(found.values))
        and not (np.all(np.isnan(found.values)) and ("robust" in name or "attacked" in name or "adversarial" in name))
    ]
    if odd and not run.message:
        return f"not finite ({', '.join(odd)}; attacks measured: {measured}) without a word"
    return "made"


def outcomes(sets, place):
    """What came of each, from children that do one after the other; one that hangs or dies costs its own set only."""
    told, done = place / "told", 0
    while done < len(sets):
        told.write_text("")

        def work(first=done):
            with told.open("a", buffering=1) as lines:
                for values in sets[first:]:
                    lines.write(json.dumps(outcome_of(values)) + "\n")

        child, seen, since, status = forked(work, place / "log"), 0, time.monotonic(), None
        try:
            while status is None and time.monotonic() - since < HANGING:
                status = ended_before(child, 0.5)
                lines = told.read_text().splitlines(keepends=True)
                whole = [json.loads(line) for line in lines if line.endswith("\n")]
                if len(whole) > seen:
                    yield from whole[seen:]
                    seen, since = len(whole), time.monotonic()
        finally:
            if status is None:
                kill(child)
                status = ended(child)
        done += seen
        if done < len(sets):
            yield f"the process ended with {status}"
            done += 1


@pytest.mark.campaign
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX processes")
def test_valid_runs_end_in_numbers_or_words(tmp_path):
    note = "extremes of every scale; survived: finite numbers, or a message"
    row = Row("small valid runs to their end", RUNS_GOAL, note=note)
    for first in row.numbers(max(1, trials(RUNS_GOAL) // TOGETHER)):
        sets = [small_run(random.Random(f"run {first} {number}")) for number in range(TOGETHER)]
        for number, came in enumerate(outcomes(sets, tmp_path)):
            count(row, came, f"{number} {sets[number]}")
    row.finish()
