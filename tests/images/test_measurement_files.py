"""Files of measurements: values that such a measurement cannot have found are one sentence, right checksum or not."""

import numpy as np
import pytest
from small_trainings import small_settings

from cgrosim.errors import UserError
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.accuracies import Accuracies
from cgrosim.images.experiments.catalogue.landscape import Surroundings
from cgrosim.images.experiments.catalogue.stages import SelfChecks, StageOptions
from cgrosim.images.experiments.landscape_search import Search
from cgrosim.images.experiments.results import read_result, write_result
from cgrosim.images.training.final import FinalAccuracies

ROW = FinalAccuracies(
    selected="last", epoch=4, attack="none", clean_train=1.0, robust_train=0.5, clean_test=0.5, robust_test=0.25,
    train_samples=30, test_samples=30, collapsed=False,
).dump()  # fmt: skip
VALUES = np.zeros((2, 5, 3))


def accuracies():
    return Accuracies(name="a", attack=Attack.pgd("linf", 0.1, 2), selected=True)


def surroundings():
    return Surroundings(
        name="a", settings=small_settings(), epoch=1, radii=(0.0, 0.1, 0.2), points=5, search=Search(), order=0
    )


def checks():
    return SelfChecks(name="a", settings=StageOptions().experiment().settings)


CASES = [
    (accuracies, {"rows": [ROW]}, True),
    (accuracies, {"rows": [ROW, {**ROW, "selected": "validation-selected"}]}, True),
    (accuracies, {"rows": []}, False),
    (accuracies, {"rows": [ROW, {**ROW, "selected": "averaged"}]}, True),
    (accuracies, {"rows": [ROW, ROW]}, False),
    (accuracies, {"rows": [{**ROW, "selected": "averaged"}]}, False),
    (accuracies, {"rows": 3}, False),
    (accuracies, {}, False),
    (accuracies, {"rows": [{**ROW, "clean_test": 1.5}]}, False),
    (accuracies, {"rows": [{**ROW, "clean_test": "high"}]}, False),
    (accuracies, {"rows": [{**ROW, "test_samples": 0}]}, False),
    (accuracies, {"rows": [{**ROW, "odd": 1}]}, False),
    (accuracies, {"rows": [ROW], "more": 1}, False),
    (surroundings, {}, True),
    (surroundings, {"gradient_norm": VALUES, "value_change": VALUES}, True),
    (surroundings, {"gradient_norm": VALUES}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": VALUES[:, :, :2]}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": VALUES[:1]}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": VALUES[:, :0]}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": np.zeros((2, 6, 3))}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": VALUES.astype(np.float32)}, False),
    (surroundings, {"gradient_norm": VALUES, "value_change": 1.0}, False),
    (checks, {"warnings": ["A sentence."]}, True),
    (checks, {"warnings": []}, True),
    (checks, {"warnings": [1]}, False),
    (checks, {"warnings": None}, False),
    (checks, {"warning": []}, False),
]


@pytest.mark.parametrize(("job", "found", "fine"), CASES)
def test_only_what_a_measurement_can_find_is_taken(job, found, fine, tmp_path):
    path, key = tmp_path / "a.npz", {"data": "x"}
    write_result(path, key, found)
    if fine:
        assert {*read_result(path, key, job().check)} == {*found}
        return
    with pytest.raises(UserError) as refused:
        read_result(path, key, job().check)
    assert str(refused.value).isprintable()


def test_what_is_read_is_judged(monkeypatch, tmp_path):
    """The measurement of a job is read through its own check."""
    from small_trainings import small_dataset

    class Toy(Accuracies):
        def measure(self, data, given, tell):
            return {"rows": []}

    toy, data = Toy(name="toy", attack=Attack.pgd("linf", 0.1, 2), selected=False), small_dataset()
    toy.run(data, {}, tmp_path, lambda *told: None)
    with pytest.raises(UserError, match="its accuracies are none"):
        toy.run(data, {}, tmp_path, lambda *told: None)
