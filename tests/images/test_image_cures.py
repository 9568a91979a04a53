"""The sweep over cures on images: what it trains, what it says, what it draws."""

from typing import Any

import numpy as np
import pytest

from cgrosim.errors import ParameterError
from cgrosim.images.experiments.catalogue.cures import Cures, Options
from cgrosim.images.experiments.cure_rows import columns, means, sentences, warnings
from cgrosim.images.training.final import FinalAccuracies


def rows(*shares: tuple[float, float]) -> list[list[FinalAccuracies]]:
    """Robust test accuracy at the last and at the selected epoch, seed by seed."""
    common: dict[str, Any] = {
        "attack": "none", "clean_train": 1.0, "robust_train": 0.9, "clean_test": 0.8, "train_samples": 100,
        "test_samples": 100, "collapsed": False,
    }  # fmt: skip
    return [
        [
            FinalAccuracies(selected=selected, epoch=epoch, robust_test=share, **common)
            for selected, epoch, share in (("last", 30, last), ("validation-selected", 7 + number, early))
        ]
        for number, (last, early) in enumerate(shares)
    ]


def test_trainings_differ_in_one_setting():
    experiment = Options(weight_decays=(0.0, 0.01), label_smoothings=(0.2,), batch_sizes=(10,), seeds=2).experiment()
    found, usual = experiment.trainings(), experiment.settings
    assert list(found)[:4] == ["decay-0-seed-0", "decay-0.01-seed-0", "smoothing-0.2-seed-0", "batch-10-seed-0"]
    each = list(found.values())
    assert [one.weight_decay for one in each] == [0.0, 0.01, 0.0, 0.0] * 2
    assert [one.label_smoothing for one in each] == [0.0, 0.0, 0.2, 0.0] * 2
    assert [one.batch_size for one in each] == [*[usual.batch_size] * 3, 10] * 2
    assert [one.seed for one in each] == [0] * 4 + [1] * 4
    assert [job.name for job in experiment.jobs()][::2] == list(found)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"weight_decays": ()}, "weight_decays are"),
        ({"weight_decays": (0.1, 0.1)}, "weight_decays are"),
        ({"weight_decays": (-0.1,)}, "weight_decays are"),
        ({"batch_sizes": (20,)}, "other than 20"),
        ({"label_smoothings": (0.0,)}, "other than 0"),
        ({"label_smoothings": (1.0,)}, "below 1"),
        ({"seeds": 0}, "seeds is 0"),
        ({"adversarial_weight": 0.0}, "adversarial_weight is 0"),
    ],
)
def test_a_sweep_that_compares_nothing_is_refused(wrong, words):
    with pytest.raises(ParameterError, match=words):
        Options(**wrong).experiment()


def test_the_sentences_name_the_best_and_what_stopping_early_gains():
    said = sentences({"decay-0": rows((0.50, 0.56)), "decay-0.01": rows((0.61, 0.60))})
    assert "weight decay 0.01 has the largest robust test accuracy, 61.0 %, against 50.0 %" in said[0]
    assert "+11.0 (one training each: at most ± 7.0" in said[0]  # two binomial shares of 100 images
    assert "epoch 7 with weight decay 0: 56.0 %, +6.0" in said[1]
    assert sentences({"decay-0": rows((0.5, 0.5))}) == ()


def test_differences_are_taken_seed_by_seed():
    found = {"decay-0": rows((0.50, 0.52), (0.60, 0.60)), "decay-0.01": rows((0.54, 0.5), (0.66, 0.6))}
    said = sentences(found)
    assert "60.0 %, against 55.0 % with weight decay 0, +5.0 ± 1.0 over 2 seeds" in said[0]
    assert "at epoch 7-8 with weight decay 0: 56.0 %, +1.0 ± 1.0 over 2 seeds" in said[1]
    last, early = means(found["decay-0"])
    assert last.shares["robust_test"] == pytest.approx(0.55)
    assert last.errors["robust_test"] == pytest.approx(np.std([0.5, 0.6], ddof=1) / np.sqrt(2))
    assert early.epochs == "7-8"


def test_a_constant_prediction_is_left_out_and_told_of():
    found = rows((0.6, 0.6), (0.1, 0.1))
    found[1] = [row.replace(collapsed=True) for row in found[1]]
    assert means(found)[0].shares["robust_test"] == pytest.approx(0.6)
    both = {"decay-0": rows((0.5, 0.5), (0.5, 0.5)), "batch-5": found}
    assert warnings(both) == ("batch size 5: 1 of 2 ended in a constant prediction, left out of the means (*)",)
    assert [column.value for column in columns(both)] == ["0", "5*"]
    assert "+10.0 (one training each" in sentences(both)[0]
    assert means(found[1:])[0].shares["robust_test"] == pytest.approx(0.1)  # nothing else is there
    assert warnings({"batch-5": found[1:]}) == ("batch size 5: 1 of 1 ended in a constant prediction",)


def test_where_nothing_helps_it_says_so():
    said = sentences({"decay-0": rows((0.6, 0.6)), "decay-0.01": rows((0.5, 0.5))})
    assert "nothing has a larger robust test accuracy than weight decay 0, 60.0 %; robust gap 30.0." in said[0]


def test_the_figure_has_a_column_a_training_and_names_every_kind():
    experiment = Options(weight_decays=(0.0, 0.01), label_smoothings=(0.2,), seeds=2).experiment()
    assert isinstance(experiment, Cures)
    kinds = {"decay-0": (0.5, 0.56), "decay-0.01": (0.61, 0.6), "smoothing-0.2": (0.4, 0.5)}
    found = {kind: rows(share, share) for kind, share in kinds.items()}
    figure = experiment.draw(found)
    left, right = figure.axes
    assert [text.get_text() for text in left.get_xticklabels()] == ["0", "0.01", "0.2"]
    assert [t.get_text().strip() for t in left.get_xticklabels(minor=True)] == ["weight decay", "label smoothing"]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in left.lines if line.get_linestyle() in ("-", ":")]
    assert [0.5, 0.61] in drawn  # robust test, last epoch
    assert [0.56, 0.6] in drawn  # stopped early
    assert [0.4] in drawn  # no line from one kind to the next
    assert np.asarray(right.lines[1].get_ydata()).tolist() == [0.447, 0.477, 0.465]
    assert columns(found)[2].errors[0].robust_test == 0.0
