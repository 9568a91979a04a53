"""Results of the first release that no redesign may move: bits where the machine is the same, else numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from pinned_cases import digest, machine, run_cases, run_values, stream_values, summary, training_values

from cgrosim import Params
from cgrosim.errors import ParameterError

PINNED = json.loads((Path(__file__).parent / "pinned.json").read_text())
SAME_MACHINE = machine() == PINNED["machine"]
# Another processor or library fuses and orders operations otherwise. The runs are short and start small, so that
# round-off grows by at most the factor by which their correlations grow, some 1e3; float32 trainings have eps 1e-7.
# A flow ends its steps where an error estimate says, the last bits of which are rounding: its hitting times lie between
# steps, on an interpolant that is good to ten times the tolerance of some ten steps, 1e-8 each.
FAR = {"runs": 1e-8, "training": 1e-2}
HITTING_TIMES = {"signal_growth_time": 1e-6, "memorization_time": 1e-6, "escape_time": 1e-6}


def compare(kind: str, arrays: dict[str, np.ndarray], pinned: dict[str, dict[str, object]]) -> None:
    assert set(pinned["values"]) <= set(arrays)
    chosen = {name: arrays[name] for name in pinned["values"]}
    if SAME_MACHINE and "bits" in pinned:  # flows have none: their steps are compiled since, in another order of sums
        assert digest(chosen) == pinned["bits"]
    for name, expected in pinned["values"].items():
        scale = max(np.abs(expected[1:]).max(), 1e-12)
        far = HITTING_TIMES.get(name, FAR[kind]) if "bits" not in pinned else FAR[kind]
        assert np.allclose(summary(chosen[name]), expected, rtol=far, atol=far * scale), name


@pytest.mark.parametrize("name", run_cases())
def test_runs_are_those_of_the_first_release(name: str) -> None:
    compare("runs", run_values(run_cases()[name]), PINNED["runs"][name])


def test_a_training_on_images_is_that_of_the_first_release() -> None:
    compare("training", training_values(), PINNED["training"])


def test_random_streams_are_those_of_the_first_release() -> None:
    for name, found in stream_values().items():
        assert found.tolist() == PINNED["streams"][name]


@pytest.mark.parametrize(("changes", "answer"), PINNED["sentences"], ids=lambda value: str(value)[:40])
def test_good_sentences_stay(changes: dict[str, object], answer: tuple[str, str]) -> None:
    with pytest.raises(ParameterError) as caught:
        Params.from_paper(**{"dimension": 40, "samples": 4, **changes})
    assert str(caught.value) == answer[1]
