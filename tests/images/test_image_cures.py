"""The sweep over weight decays and batch sizes on images: what it trains, what it says, what it draws."""

from typing import Any

import pytest

from cgrosim.errors import ParameterError
from cgrosim.images.experiments.catalogue.cures import Cures, Options, sentences
from cgrosim.images.training.final import FinalAccuracies


def rows(robust_test: float, early: float) -> list[FinalAccuracies]:
    common: dict[str, Any] = {
        "attack": "none", "clean_train": 1.0, "robust_train": 0.9, "clean_test": 0.8, "train_samples": 100,
        "test_samples": 100, "collapsed": False,
    }  # fmt: skip
    return [
        FinalAccuracies(selected=selected, epoch=epoch, robust_test=share, **common)
        for selected, epoch, share in (("last", 30, robust_test), ("validation-selected", 7, early))
    ]


def test_trainings_differ_in_one_setting():
    experiment = Options(weight_decays=(0.0, 0.01), batch_sizes=(10,)).experiment()
    found = experiment.trainings()
    assert list(found) == ["decay-0", "decay-0.01", "batch-10"]
    assert [each.weight_decay for each in found.values()] == [0.0, 0.01, 0.0]
    assert [each.batch_size for each in found.values()] == [experiment.settings.batch_size] * 2 + [10]
    assert [job.name for job in experiment.jobs()][::2] == list(found)


@pytest.mark.parametrize(
    "wrong", [{"weight_decays": ()}, {"weight_decays": (0.1, 0.1)}, {"weight_decays": (-0.1,)}, {"batch_sizes": (20,)},
              {"adversarial_weight": 0.0}]
)  # fmt: skip
def test_a_sweep_that_compares_nothing_is_refused(wrong):
    with pytest.raises(ParameterError):
        Options(**wrong).experiment()


def test_the_sentences_name_the_best_and_what_stopping_early_gains():
    said = sentences({"decay-0": rows(0.50, 0.56), "decay-0.01": rows(0.61, 0.60)})
    assert "weight decay 0.01 has the largest robust test accuracy, 61.0 %, against 50.0 %" in said[0]
    assert "epoch 7 with weight decay 0: 56.0 %, +6.0" in said[1]
    assert sentences({"decay-0": rows(0.5, 0.5)}) == ()


def test_the_figure_has_a_column_a_training():
    experiment = Options(weight_decays=(0.0, 0.01)).experiment()
    assert isinstance(experiment, Cures)
    figure = experiment.draw({"decay-0": rows(0.5, 0.56), "decay-0.01": rows(0.61, 0.6)})
    left, right = figure.axes
    assert [text.get_text() for text in left.get_xticklabels()] == ["weight decay\n0", "weight decay\n0.01"]
    assert left.lines[2].get_ydata().tolist() == [0.5, 0.61]  # robust test, last epoch
    assert right.lines[1].get_ydata().tolist() == [0.447, 0.477, 0.465]
