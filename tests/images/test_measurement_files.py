"""Files of measurements: values that such a measurement cannot have found are one sentence, right checksum or not."""

import json

import numpy as np
import pytest
from small_trainings import small_dataset, small_settings

from cgrosim.errors import UserError
from cgrosim.files.archive import write_archive
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.experiments.accuracies import Accuracies
from cgrosim.images.experiments.catalogue.landscape import Surroundings
from cgrosim.images.experiments.catalogue.stages import SelfChecks, StageOptions
from cgrosim.images.experiments.landscape_search import Search
from cgrosim.images.experiments.results import MEASURED, RESULT, first_format
from cgrosim.images.experiments.runner import run_experiment
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
    (accuracies, {"rows": [{**ROW, "train_black_box": {"attack": "a", "samples": 3, "accuracy": 0.5}}]}, True),
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
    """In a file of the first format, whose checksum is right."""
    each = job()
    key = {"job": each.dump(), "data": "x", "given": {}}
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in found.items() if name not in arrays}
    write_archive(tmp_path / MEASURED / f"a-{each.digest()}.npz", RESULT, {"key": key, "values": values}, arrays)
    if fine:
        assert {*first_format(tmp_path, each, "x", {})} == {*found}
        return
    with pytest.raises(UserError) as refused:
        first_format(tmp_path, each, "x", {})
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(("job", "found"), [case[:2] for case in CASES if case[2]])
def test_what_a_cell_keeps_is_what_was_found(job, found):
    each = job()
    arrays, words = each.cell(found)
    json.dumps(words, allow_nan=False)
    assert {*arrays} <= {variable.name for variable in each.variables()}
    again = each.found(arrays, words)
    np.testing.assert_equal(again, json.loads(json.dumps(found)) if not arrays or "rows" in found else found)


def test_what_is_read_from_the_table_is_judged(tmp_path):
    """The measurement of a job is read through its own check."""
    from cgrosim.images.experiments.experiment import Conclusion, Experiment

    class Toy(Accuracies):
        def measure(self, data, given, tell):
            return {"rows": []}

    class Toys(Experiment):
        options = None

        def jobs(self):
            return (Toy(name="toy", attack=Attack.pgd("linf", 0.1, 2), selected=False),)

        def conclude(self, results):
            return Conclusion()

    run_experiment(Toys(), small_dataset(), tmp_path)
    with pytest.raises(UserError, match="its accuracies are none"):
        run_experiment(Toys(), small_dataset(), tmp_path)
