"""What experiments on images find is one labelled table, kept in the store that sweeps have, a row a job."""

from pathlib import Path

import numpy as np
import pytest
from experiment_cases import ATTACK, CAPACITY, EXPERIMENTS, same, without_clock
from small_trainings import small_dataset, small_settings

import cgrosim
from cgrosim import UserError, images
from cgrosim.files.archive import write_archive
from cgrosim.images.data.datasets import Dataset
from cgrosim.images.experiments.accuracies import Accuracies
from cgrosim.images.experiments.catalogue.capacity import Capacity
from cgrosim.images.experiments.experiment import Conclusion, Experiment, Measurement, fingerprint
from cgrosim.images.experiments.job_table import statuses_of
from cgrosim.images.experiments.results import RESULT
from cgrosim.images.experiments.runner import run_experiment

RIGHT = {  # of 30 images: epoch, then clean and robust on training and test images; as they were before the table
    "lenet-x1-adversarial-seed5": [[2, 10, 10, 10, 10], [1, 10, 10, 11, 10]],
    "lenet-x1-standard-seed5": [[2, 10, 10, 10, 10]],
    "lenet-x2-adversarial-seed5": [[2, 20, 20, 20, 20], [2, 20, 20, 20, 20]],
    "lenet-x2-standard-seed5": [[2, 23, 20, 21, 20]],
    "decay-0-seed-3": [[2, 20, 20, 20, 20], [2, 20, 20, 20, 20]],
    "decay-0.05-seed-3": [[2, 20, 20, 20, 20], [2, 20, 20, 20, 20]],
    "smoothing-0.1-seed-3": [[2, 20, 20, 20, 20], [2, 20, 20, 20, 20]],
}
MEANS = {  # gradient norm, change of the loss
    "standard-epoch1": (2.6428828, 0.11991822), "standard-epoch2": (3.0133771, 0.14424604),
    "adversarial-epoch1": (2.3143208, 0.10293516), "adversarial-epoch2": (2.4643577, 0.12180450),
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The outcome and the folder of every experiment, by name."""
    return {
        name: (run_experiment(each, small_dataset(), folder := tmp_path_factory.mktemp(name)), folder)
        for name, each in EXPERIMENTS.items()
    }


@pytest.fixture
def kept(done, tmp_path):
    """A copy of the folder of the capacity experiment."""
    import shutil

    return Path(shutil.copytree(done["capacity"][1], tmp_path / "copy"))


@pytest.fixture
def measured(monkeypatch):
    """Names of the measurements that are done from here on."""
    names, measure = [], Accuracies.measure

    def noted(self, *arguments):
        names.append(self.name)
        return measure(self, *arguments)

    monkeypatch.setattr(Accuracies, "measure", noted)
    return names


def test_the_numbers_are_those_of_before(done):
    results = {name: each for outcome, _ in done.values() for name, each in outcome.results.items()}
    parts = ("clean_train", "robust_train", "clean_test", "robust_test")
    for name, rows in RIGHT.items():
        found = results[f"{name}-accuracies"]["rows"]
        assert [[row["epoch"], *(round(30 * row[part]) for part in parts)] for row in found] == rows, name
    for name, means in MEANS.items():  # float32 networks: a processor without fused multiply-add rounds otherwise
        found = [results[name][each].mean() for each in ("gradient_norm", "value_change")]
        np.testing.assert_allclose(found, means, rtol=1e-3)


def test_a_table_has_the_axes_of_its_experiment_and_every_number(done):
    outcome, folder = done["capacity"]
    data = outcome.table.data
    assert dict(data.sizes) == {"width": 2, "seed": 1, "training": 2, "epoch": 2, "network": 3}
    for (width, seed, adversarial), name in {r: CAPACITY.name_of(*r) for r in CAPACITY.runs()}.items():
        cell = data.sel(width=width, seed=seed, training="adversarial" if adversarial else "standard")
        assert (cell.training_status, cell.accuracies_status) == ("finished", "finished")
        training = outcome.results[name]
        for curve, values in training.history.items():
            if curve != "epoch":
                np.testing.assert_array_equal(cell[curve], values)
        for row in outcome.results[f"{name}-accuracies"]["rows"]:
            assert float(cell.final_robust_test.sel(network=row["selected"])) == row["robust_test"]
        assert cell.parameters == training.settings.architecture.parameter_count
    assert np.isnan(data.final_clean_test.sel(network="averaged")).all()
    for name in ("clean_test", "final_robust_train", "seconds"):
        assert {"long_name", "units"} <= {*data[name].attrs}
    assert images.load_table(folder).data.identical(data)
    found = done["landscape"][0].table.data
    assert found.gradient_norm.dims == ("training", "snapshot", "points_of", "point", "radius")
    surroundings = done["landscape"][0].results["standard-epoch2"]
    np.testing.assert_array_equal(found.value_change.sel(training="standard", snapshot=2), surroundings["value_change"])
    assert found.radius.values.tolist() == list(EXPERIMENTS["landscape"].radii)
    assert dict(done["cures"][0].table.data.sizes)["training"] == 3


def test_a_table_goes_to_pandas_netcdf_and_zarr(done, tmp_path):
    import xarray

    outcome, _ = done["capacity"]
    table = outcome.table
    frame = table.to_pandas()
    assert len(frame) == 4
    assert {"width", "seed", "training", "training_status", "seconds"} <= {*frame.columns}
    assert len(table.to_pandas("final_robust_test")) == 12
    assert images.load_table(table.to_netcdf(tmp_path / "table.nc")).data.drop_attrs().equals(table.data.drop_attrs())
    found = xarray.open_zarr(table.to_zarr(tmp_path / "table.zarr"), consolidated=False)
    np.testing.assert_array_equal(found.final_robust_test, table.data.final_robust_test)
    assert repr(table) == "<ExperimentTable width 2 x seed 1 x training 2: 8 finished>"
    with pytest.raises(UserError, match="something stands there"):
        table.to_zarr(tmp_path / "table.zarr")


def test_what_is_there_is_not_measured_again_and_more_of_it_adds_rows(done, kept, measured):
    expected, _ = done["capacity"]
    assert same(run_experiment(CAPACITY, small_dataset(), kept), expected)
    assert measured == []
    more = Capacity(small_settings(epochs=2), (2, 1), (6, 5), ATTACK, black_box_samples=0)
    grown = run_experiment(more, small_dataset(), kept)
    assert sorted(measured) == sorted(job.name for job in more.jobs() if job.needs and "seed6" in job.name)
    assert [len(grown.table.data[name]) for name in ("width", "seed")] == [2, 2]


@pytest.mark.slow  # six experiments, one after the other
def test_whatever_is_added_the_table_is_that_of_one_call(done, kept, measured):
    expected, _ = done["capacity"]
    more = Capacity(small_settings(epochs=2), (2, 1), (6, 5), ATTACK, black_box_samples=0)
    longer = Capacity(small_settings(epochs=3), (1,), (7,), ATTACK, black_box_samples=0)
    for asked in (more, longer):
        assert same(run_experiment(asked, small_dataset(), kept), run_experiment(asked, small_dataset()))
    measured.clear()
    for path in kept.glob("*seed5.npz"):
        path.unlink()
    # trained anew, and the same; and by now there is room for three epochs
    assert same(run_experiment(CAPACITY, small_dataset(), kept), expected)
    assert measured == []


def test_a_result_of_another_training_is_measured_again(kept, measured, monkeypatch):
    before = fingerprint
    monkeypatch.setattr("cgrosim.images.experiments.keeping.fingerprint", lambda result: "other" + before(result))
    run_experiment(CAPACITY, small_dataset(), kept)
    assert len(measured) == 4


def test_a_measurement_in_a_file_of_its_own_is_read_once(kept, measured, monkeypatch):
    """As the first format kept it, with a number that nothing would measure."""
    import shutil

    job = next(job for job in CAPACITY.jobs() if job.name == "lenet-x1-standard-seed5-accuracies")
    outcome = run_experiment(CAPACITY, small_dataset(), kept)
    (row,) = outcome.results[job.name]["rows"]
    found = {"rows": [{**row, "clean_test": 0.123}]}
    given = {name: fingerprint(outcome.results[name]) for name in job.needs}
    key = {"job": job.dump(), "data": small_dataset().digest, "given": given}
    shutil.rmtree(kept / "cells.zarr")
    shutil.rmtree(kept / "marks")
    (kept / "plan.json").unlink()
    path = kept / "measured" / f"{job.name}-{job.digest()}.npz"
    write_archive(path, RESULT, {"key": key, "values": found}, {})
    (kept / "marks").mkdir()
    (kept / "marks" / f"{job.name}-{job.digest()}.json").write_text("{}")  # of that time
    again = run_experiment(CAPACITY, small_dataset(), kept)
    assert again.results[job.name]["rows"][0]["clean_test"] == 0.123
    assert again.notes == ()
    assert sorted(measured) == sorted(j.name for j in CAPACITY.jobs() if j.needs and j.name != job.name)
    path.write_bytes(b"nonsense")  # once
    last = run_experiment(CAPACITY, small_dataset(), kept)
    assert last.results[job.name]["rows"][0]["clean_test"] == 0.123
    shutil.rmtree(kept / "marks")
    with pytest.raises(UserError, match=r"is not a whole measurement.*remove it and measure again"):
        run_experiment(CAPACITY, small_dataset(), kept)
    write_archive(path, RESULT, {"key": {**key, "data": "other"}, "values": found}, {})
    with pytest.raises(UserError, match="holds a measurement on other images"):
        run_experiment(CAPACITY, small_dataset(), kept)


@pytest.mark.parametrize("part", ["cells", "mark", "missing mark"])
def test_damaged_cells_are_said_and_found_again(part, done, kept, measured):
    chunks = [path for path in (kept / "cells.zarr" / "final_robust_test" / "c").rglob("*") if path.is_file()]
    path = chunks[0] if part == "cells" else sorted((kept / "marks").iterdir())[-1]
    if part == "missing mark":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] + b"nonsense")
    found = run_experiment(CAPACITY, small_dataset(), kept)
    assert same(found, done["capacity"][0])
    assert len(measured) == (4 if part == "cells" else 1)
    assert len(found.notes) == (part != "missing mark")
    assert all("damaged result" in note for note in found.notes)
    assert images.load_table(kept).counts == {"finished": 8}


def test_a_damaged_plan_is_one_sentence(kept):
    (kept / "plan.json").write_text((kept / "plan.json").read_text().replace("adversarial", "other", 1))
    with pytest.raises(UserError, match=r"plan\.json is not a .*trainings stay"):
        run_experiment(CAPACITY, small_dataset(), kept)


def test_what_is_not_its_own_is_refused(kept, tmp_path):
    data = small_dataset()
    other = Dataset(
        data.name, data.train_images[::-1], data.train_labels[::-1], data.test_images, data.test_labels, ("a", "b", "c")
    )
    with pytest.raises(UserError, match="holds results of other images"):
        run_experiment(CAPACITY, other, kept)
    with pytest.raises(UserError, match=r"plan\.json is not a sweep of cgrosim; give the folder of one"):
        cgrosim.load_table(kept)
    table = cgrosim.sweep(cgrosim.Params.from_paper(200, samples=4, steps=5, neurons=2, test_samples=20),
                          {"gap": [0.1]}, out=tmp_path / "sweep", predicted_seeds=0)  # fmt: skip
    with pytest.raises(UserError, match=r"plan\.json is not a table of an experiment on images; give the folder"):
        run_experiment(CAPACITY, data, tmp_path / "sweep")
    assert cgrosim.load_table(tmp_path / "sweep").data.identical(table.data)


def test_other_versions_may_read_but_not_add(done, kept, monkeypatch):
    monkeypatch.setattr("cgrosim.images.experiments.job_plan.versions", lambda: {"numpy": "0.1"})
    assert same_values(run_experiment(CAPACITY, small_dataset(), kept), done["capacity"][0])
    more = Capacity(small_settings(epochs=2), (1,), (5, 6), ATTACK, black_box_samples=0)
    with pytest.raises(
        UserError, match=r"holds results computed with python .*, but this is None; go on with the same"
    ):
        run_experiment(more, small_dataset(), kept)
    sorted((kept / "marks").iterdir())[1].unlink()
    with pytest.raises(UserError, match="holds results computed with"):
        run_experiment(CAPACITY, small_dataset(), kept)


def same_values(found, expected):
    """Whether the tables agree; their versions are those of who made them."""
    return without_clock(found.table).identical(without_clock(expected.table))


def test_without_zarr_the_work_is_done_and_said_not_to_be_kept(done, tmp_path, measured, monkeypatch):
    monkeypatch.setattr("cgrosim.files.zarr_arrays.find_spec", lambda name: None)
    for _ in range(2):
        found = run_experiment(CAPACITY, small_dataset(), tmp_path)
        assert same(found, done["capacity"][0])
        assert "pip install '.[sweep]'" in found.notes[0]
    assert len(measured) == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{CAPACITY.name_of(*r)}.npz" for r in CAPACITY.runs()
    )
    for act in (lambda: images.load_table(tmp_path), lambda: found.table.to_zarr(tmp_path / "t.zarr")):
        with pytest.raises(UserError, match=r"not installed; run pip install"):
            act()


class Mean(Measurement):
    """A measurement of somebody else: numbers and words come by themselves."""

    label: int

    def measure(self, data, given, tell):
        """Of one class."""
        return {"mean": float(np.mean(data.train_images[data.train_labels == self.label])), "word": "fine"}


class Means(Experiment):
    """Of two classes."""

    options = None

    def jobs(self):
        """One a class."""
        return tuple(Mean(name=f"class{k}", label=k) for k in (0, 1))

    def conclude(self, results):
        """Nothing."""
        return Conclusion()


def test_an_experiment_that_says_nothing_of_its_table_has_one_too(tmp_path):
    found = run_experiment(Means(), small_dataset(), tmp_path)
    again = run_experiment(Means(), small_dataset(), tmp_path)
    assert again.results == found.results
    data = images.load_table(tmp_path).data
    assert data["mean"].sel(job="class1") == found.results["class1"]["mean"]
    assert statuses_of(tmp_path) == {"class0": "finished", "class1": "finished"}


def test_an_array_that_is_no_variable_is_a_mistake_of_the_programmer(monkeypatch):
    monkeypatch.setattr(Mean, "measure", lambda self, data, given, tell: {"odd": np.zeros(3)})
    with pytest.raises(TypeError, match="class0 found odd, an array that is none of its variables"):
        run_experiment(Means(), small_dataset())
