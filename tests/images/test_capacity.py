"""The capacity sweep: what is trained, that a rerun goes on, how a collapse is told, and what its statistics say."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trainings import small_dataset, small_settings

from cgrosim.errors import FileError, ParameterError
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.capacity_statistics import (
    Result,
    concordance,
    least_clean_test,
    least_gap,
    ordering,
    proportion_interval,
    sentences,
    statements,
    summarise,
    table_by_seed,
    widest_minus_narrowest,
)
from cgrosim.images.experiments.catalogue.capacity import Capacity
from cgrosim.images.experiments.experiment import multiplications
from cgrosim.images.experiments.job_table import load_table
from cgrosim.images.experiments.runner import plain, run_experiment
from cgrosim.images.network.architectures import lenet
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, MaxPool
from cgrosim.images.training.final import FinalAccuracies, is_constant
from cgrosim.images.training.train import Training

ATTACK = Attack.pgd("linf", 0.05, 4)


def small_sweep(**changes):
    start = {
        "settings": small_settings(epochs=2),
        "widths": (2, 1),
        "seeds": (5, 6),
        "attack": ATTACK,
        "black_box_samples": 3,
    }
    return Capacity(**{**start, **changes})


def run_sweep(sweep, dataset, folder, progress=None):
    """Everything that was measured."""
    return sweep.table(run_experiment(sweep, dataset, folder, progress=progress).results)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A small sweep and its folder."""
    folder = tmp_path_factory.mktemp("sweep")
    return run_sweep(small_sweep(), small_dataset(), folder), folder


def test_every_width_and_seed_is_trained_with_and_without_attack(done):
    results, folder = done
    assert [(r.seed, r.width, r.adversarial) for r in results] == list(itertools.product((5, 6), (1, 2), (True, False)))
    assert len(list(folder.glob("*.npz"))) == 8
    trained = Training.load(folder / "lenet-x2-adversarial-seed6.npz")
    assert trained.settings.architecture == lenet(2, (4, 4, 1), 3)
    assert (trained.settings.seed, trained.settings.adversarial_weight) == (6, 1.0)
    assert trained.settings == small_sweep().settings_of(2, 6, True)
    for result in results:
        assert result.parameters == lenet(result.width, (4, 4, 1), 3).parameter_count
        assert result.last.epoch == 2
        assert (result.selected is not None) == result.adversarial
        assert result.last.robust_test <= result.last.clean_test
        assert result.last.robust_train <= result.last.clean_train


def test_a_rerun_takes_up_what_is_there(done, monkeypatch):
    results, folder = done
    monkeypatch.setattr("cgrosim.images.training.final.evaluate", lambda *_, **__: pytest.fail("measured again"))
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    assert run_sweep(small_sweep(), small_dataset(), folder) == results


def test_a_lost_training_is_done_again_and_is_the_same(done):
    results, folder = done
    (folder / "lenet-x1-adversarial-seed6.npz").unlink()
    assert [_timeless(r) for r in run_sweep(small_sweep(), small_dataset(), folder)] == [_timeless(r) for r in results]


def test_other_images_in_the_same_folder_are_refused(done):
    _, folder = done
    with pytest.raises(FileError, match="results of other images, which are never replaced; choose another place"):
        run_sweep(small_sweep(), small_dataset(noise=0.06), folder)


def test_another_attack_is_measured_without_training_again(done, monkeypatch):
    results, folder = done
    monkeypatch.setattr("cgrosim.images.training.train._descend", lambda *_: pytest.fail("trained again"))
    strong = small_sweep(attack=Attack.pgd("linf", 1.0, 20))
    found = run_sweep(strong, small_dataset(), folder)
    assert [result.last.clean_test for result in found] == [result.last.clean_test for result in results]
    for new in found:  # with radius 1 every image can become any other
        assert new.last.collapsed or new.last.robust_test < 0.2


def test_other_settings_in_the_same_folder_are_refused(done):
    _, folder = done
    other = small_sweep(settings=small_settings(epochs=3))
    with pytest.raises(FileError, match=r"other settings \(epochs\)"):
        run_sweep(other, small_dataset(), folder)


def test_progress_ends_at_one_and_never_falls(tmp_path):
    told = []
    sweep = small_sweep(seeds=(5,), control=False)
    run_sweep(sweep, small_dataset(), tmp_path, lambda text, share: told.append((text, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0, abs=1e-12)
    assert told[0][0].startswith("lenet-x1-adversarial-seed5, epoch 1/2")


def _timeless(result):
    return result.replace(seconds=0.0)


def test_an_interrupted_training_ends_the_sweep(monkeypatch, tmp_path):
    trainings = iter(["finished", "interrupted"])

    def stopped(settings, dataset, **options):
        return dataclasses.replace(made, settings=settings, status=next(trainings))

    made = Training(small_settings(), {"epoch": np.arange(1.0)}, {}, {})
    monkeypatch.setattr("cgrosim.images.training.train.train", stopped)
    monkeypatch.setattr("cgrosim.images.training.final.final_accuracies", lambda *_, **__: [network(0.5)])
    outcome = run_experiment(small_sweep(), small_dataset(), tmp_path)
    assert outcome.status == "interrupted"
    names = ["lenet-x1-adversarial-seed5", "lenet-x1-adversarial-seed5-accuracies", "lenet-x1-standard-seed5"]
    assert list(outcome.results) == names


@pytest.mark.slow
def test_ctrl_c_in_a_measurement_keeps_what_was_done(monkeypatch, tmp_path):
    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cgrosim.images.training.final.evaluate", pressed)
    outcome = run_experiment(small_sweep(), small_dataset(), tmp_path)
    assert (outcome.status, list(outcome.results)) == ("interrupted", ["lenet-x1-adversarial-seed5"])
    assert [path.name for path in tmp_path.glob("*.npz")] == ["lenet-x1-adversarial-seed5.npz"]
    assert load_table(tmp_path).counts == {"finished": 1, "missing": 15}
    monkeypatch.undo()
    assert run_experiment(small_sweep(), small_dataset(), tmp_path).status == "finished"


def test_a_network_that_cannot_learn_has_collapsed(tmp_path):
    """Weights of zero and a bias say the same of every image."""
    sweep = small_sweep(settings=small_settings(epochs=4), widths=(4,), seeds=(0,), control=False)
    (before,) = run_sweep(sweep, small_dataset(), tmp_path)
    path = tmp_path / "lenet-x4-adversarial-seed0.npz"
    training = Training.load(path)
    zero = {name: np.zeros_like(value) for name, value in training.last.items()}
    zero["layer8.bias"][1] = 1.0
    dataclasses.replace(training, last=zero).save(path)
    (after,) = run_sweep(sweep, small_dataset(), tmp_path)
    assert after.last.collapsed
    assert not before.last.collapsed
    assert after.selected == before.selected
    assert after.last.clean_test == 1 / 3  # one of three balanced classes


def test_constant_predictions():
    assert is_constant(np.array([3, 3, 3]))
    assert not is_constant(np.array([3, 3, 2]))
    assert is_constant(np.array([3] * 198 + [2, 1]))
    assert not is_constant(np.array([3] * 197 + [2, 1, 0]))


def test_multiplications_by_hand():
    layers = (Convolution(4, 3, padding=1), MaxPool(), FullyConnected(5))
    assert multiplications(Architecture("mine", (6, 6, 2), layers)) == 6 * 6 * 4 * 9 * 2 + 36 * 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widths": ()}, "widths are ()"),
        ({"widths": (1, 1)}, "widths are (1, 1)"),
        ({"widths": (0, 1)}, "widths are (0, 1)"),
        ({"seeds": ()}, "seeds are ()"),
        ({"seeds": (-1,)}, "seeds are (-1,)"),
        ({"family": "resnet"}, "family is 'resnet'"),
        ({"settings": small_settings(adversarial_weight=0.0)}, "adversarial_weight is 0"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_sentence(changes, words):
    with pytest.raises(ParameterError) as caught:
        small_sweep(**changes)
    assert words in str(caught.value)


def network(robust_train, robust_test=0.5, clean_test=0.9, collapsed=False):
    """Made-up final numbers."""
    return FinalAccuracies(
        selected="last", epoch=9, attack="an attack", clean_train=1.0, robust_train=robust_train,
        clean_test=clean_test, robust_test=robust_test, train_samples=200, test_samples=500, collapsed=collapsed,
    )  # fmt: skip


def result(width, seed, robust_train, robust_test=0.5, clean_test=0.9, collapsed=False, **changes):
    """A made-up result of an adversarial training."""
    last = network(robust_train, robust_test, clean_test, collapsed)
    return Result(width, seed, True, 100 * width, last, None, "finished", "", 1.0).replace(**changes)


def test_summaries_by_hand():
    results = [
        result(2, 0, 0.9),
        result(2, 1, 0.7, collapsed=True),
        result(1, 0, 0.5),
        result(1, 1, 0.0, status="diverged"),
    ]
    one, two = summarise(results)
    assert (one.width, two.width, one.parameters) == (1, 2, 100)
    assert one.mean["robust_train"] == 0.5
    assert math.isnan(one.deviation["robust_train"])
    assert two.mean["robust_train"] == pytest.approx(0.8, abs=1e-15)
    assert two.deviation["robust_train"] == pytest.approx(math.sqrt(0.02), abs=1e-15)
    assert two.collapsed.tolist() == [False, True]
    assert summarise(results, adversarial=False) == []
    assert summarise(results, selected=True) == []


def test_tables_keep_whole_seeds_only():
    results = [result(w, s, 0.1 * w + s) for w in (1, 2) for s in (0, 1, 2)]
    results[4] = results[4].replace(status="diverged")  # width 2, seed 1
    assert table_by_seed(results, "robust_train") == pytest.approx(np.array([[0.1, 0.2], [2.1, 2.2]]), abs=1e-15)


def test_the_ordering_of_perfect_and_reversed_tables():
    grows = np.tile([0.1, 0.5, 0.9, 1.0], (4, 1))
    found = ordering(grows, 1e-5)  # by chance with probability 2 / 24^4 = 6e-6: the largest size is beyond the rate
    assert found.value == 1.0
    assert found.low > 0.0
    back = ordering(grows[:, ::-1], 1e-5)
    assert (back.value, back.low, back.high) == (-found.value, -found.high, -found.low)
    few = ordering(grows[:3], 1e-5)  # 2 / 24^3 = 1.4e-4: nothing can be said
    assert few.low <= 0.0
    equal = ordering(np.ones((3, 4)), 0.05)
    assert (equal.value, equal.low, equal.high) == (0.0, 0.0, 0.0)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 0.7, 1.0]), min_size=3, max_size=3), min_size=1, max_size=3))
def test_the_interval_of_the_ordering_is_exact(table):
    """Over all orders within the seeds, |tau| exceeds the half width no more often than said; no less would do."""
    rate = 0.1
    found = ordering(table, rate)
    half = max(found.value - found.low, found.high - found.value)  # the interval is cut to [-1, 1]
    most = 3 * len(table)
    every = [
        abs(sum(map(concordance, orders))) / most
        for orders in itertools.product(*(list(itertools.permutations(row)) for row in table))
    ]
    assert np.mean(np.array(every) > half + 1e-9) <= rate + 1e-12
    if half > 0:
        assert np.mean(np.array(every) > half - 1e-9) > rate - 1e-12


def test_noise_is_rarely_called_an_order():
    """1000 tables of noise at a rate of 5 %: the false alarms are within five standard deviations of at most 50."""
    generator = np.random.default_rng(2)
    alarms = sum(f.low > 0 or f.high < 0 for f in (ordering(generator.uniform(size=(3, 4)), 0.05) for _ in range(1000)))
    assert alarms <= 50 + 5 * math.sqrt(50)
    assert alarms >= 5  # and the test is not blind: 4 widths and 3 seeds have sizes near the rate


@pytest.mark.parametrize("shape", [(0, 3), (2, 1), (2, 9), (3,)])
def test_an_ordering_of_too_little_or_too_much_is_refused(shape):
    with pytest.raises(ParameterError, match="2 to 8 widths"):
        ordering(np.zeros(shape), 0.05)


def test_widest_minus_narrowest():
    table = np.array([[0.1, 0.9, 0.8], [0.2, 0.0, 0.6], [0.3, 0.9, 0.9]])
    difference, positive = widest_minus_narrowest(table, 0.05)
    assert difference.value == pytest.approx(1.7 / 3, abs=1e-15)
    quantile = 0.95 / math.sqrt(2 * 0.975 * 0.025)  # Student with 2 degrees of freedom: (2p - 1) / sqrt(2p(1 - p))
    half = quantile * np.std([0.7, 0.4, 0.6], ddof=1) / math.sqrt(3)
    assert difference.high - difference.value == pytest.approx(half, rel=1e-9)
    assert positive.value == 1.0
    assert positive.low == pytest.approx(0.025 ** (1 / 3), rel=1e-12)  # Clopper-Pearson: low^3 = 0.025
    assert math.isinf(widest_minus_narrowest(table[:1], 0.05)[0].high)


@given(successes=st.integers(0, 20), trials=st.integers(20, 25))
def test_proportion_intervals_hold_and_turn(successes, trials):
    found, other = proportion_interval(successes, trials, 0.1), proportion_interval(trials - successes, trials, 0.1)
    assert found.low <= found.value <= found.high
    assert found.low == pytest.approx(1 - other.high, abs=1e-12)


def test_least_clean_test_and_gap_leave_out_the_collapsed():
    results = [result(1, 0, 0.1, 0.1, 0.1, collapsed=True), result(2, 0, 0.95, 0.6, 0.88), result(4, 0, 1.0, 0.7, 0.92)]
    clean = least_clean_test(results, 0.05)
    expected = proportion_interval(440, 500, 0.025)
    assert (clean.value, clean.low) == (0.88, expected.low)
    gap = least_gap(results, 0.9, 0.05)
    assert gap.value == pytest.approx(0.3, abs=1e-15)  # of the width 4
    train, test = proportion_interval(200, 200, 0.0125), proportion_interval(350, 500, 0.0125)
    assert gap.low == min(
        train.low - test.high, proportion_interval(190, 200, 0.0125).low - proportion_interval(300, 500, 0.0125).high
    )
    assert least_gap(results, 0.96, 0.05).value == pytest.approx(0.3, abs=1e-15)
    nothing = least_gap(results[:1], 0.9, 0.05)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (-1.0, 1.0)
    assert least_clean_test(results[:1], 0.05).low == 0.0


def test_statements_in_words():
    results = [
        result(w, s, min(1.0, 0.3 + 0.25 * k), 0.4 + 0.01 * s) for k, w in enumerate((1, 2, 4, 8)) for s in range(4)
    ]
    told = " ".join(sentences(statements(results)))
    assert "increases with width: Kendall tau 1.00" in told
    assert "positive for 4 of 4 seeds" in told
    assert "at least 90.0 %" in told
    assert "robust gap is at least 57.0 points" in told
    back = [r.replace(last=r.last.replace(robust_train=1 - r.last.robust_train)) for r in results]
    assert "decreases with width" in " ".join(sentences(statements(back)))
    flat = [r.replace(last=r.last.replace(robust_train=0.5)) for r in results]
    told = " ".join(sentences(statements(flat)))
    assert "undecided" in told
    assert "No network fits 90 %" in told


def test_numbers_are_finite_json():
    results = [result(1, 0, 0.1, collapsed=True), result(2, 0, 0.4, status="diverged", message="Diverged.")]
    told = plain({"results": [each.dump() for each in results], "statements": statements(results).dump()})
    assert json.loads(json.dumps(told, allow_nan=False))["results"][0]["last"]["collapsed"] is True
    assert told["statements"]["ordering"] is None
    assert sentences(statements(results)) == ["No network fits 90 % of the attacked training images."]
