"""The landscape over training time: which points, what the file holds, and that a stopped experiment goes on."""

import json

import numpy as np
import pytest

from cgrosim.errors import FileError, ParameterError
from cgrosim.files.netcdf import write_netcdf
from cgrosim.images.attacks.gradient import Attack
from cgrosim.images.data.datasets import Dataset
from cgrosim.images.experiments import runner
from cgrosim.images.experiments.catalogue.landscape import LossLandscape, draw_points, landscape_of
from cgrosim.images.experiments.landscape_file import LANDSCAPE, load
from cgrosim.images.experiments.landscape_search import Ball, NetworkSurface, Search, measure
from cgrosim.images.experiments.landscape_statistics import contrasts, curves
from cgrosim.images.network.layers import Architecture, Convolution, FullyConnected, ReLU, initial_parameters
from cgrosim.images.network.reference import ReferenceNetwork
from cgrosim.images.training.file import Training
from cgrosim.images.training.settings import Settings
from cgrosim.model.streams import TrainingStream, stream

NETWORK = Architecture("small", (4, 4, 1), (Convolution(3, 3), ReLU(), FullyConnected(2)))
ATTACK = Attack.pgd("linf", 0.1, 2)
SETTINGS = Settings("toy", NETWORK, ATTACK, ATTACK, epochs=4, snapshots=(0, 2, 4), subset=20, seed=3)
STUDY = LossLandscape(
    {"standard": SETTINGS.replace(adversarial_weight=0.0), "adversarial": SETTINGS},
    (0.0, 0.1, 0.2),
    0.1,
    0.2,
    points=6,
    search=Search(steps=2, restarts=1, randoms=1, segments=1),
)


@pytest.fixture(scope="module")
def dataset():
    generator = np.random.default_rng(0)
    images = generator.random((60, 4, 4, 1)).astype(np.float32)
    labels = np.arange(60) % 2
    return Dataset("toy", images[:40], labels[:40], images[40:], labels[40:], ("a", "b"))


def trained(settings, epochs):
    """A training that kept random networks: what is measured does not matter here."""
    history = {name: np.linspace(0.5, 1.0, settings.epochs) for name in ("clean_train", "robust_train")}
    history |= {name: np.linspace(0.2, 0.4, settings.epochs) for name in ("clean_test", "robust_test")}
    history["epoch"] = np.arange(1.0, settings.epochs + 1.0)
    networks = {e: initial_parameters(settings.architecture, np.random.default_rng(e)) for e in epochs}
    return Training(settings, history, {}, {}, snapshots=networks, status="finished")


def all_trained(epochs=(0, 2, 4)):
    return {name: trained(settings, epochs) for name, settings in STUDY.trainings.items()}


@pytest.fixture(autouse=True, scope="module")
def reference_networks():
    """Nothing is compiled, and the trainings are given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cgrosim.images.training.train.new_network", ReferenceNetwork)
        yield patch


def run_study(study, dataset, trainings, folder):
    """Results of the measurements on given trainings."""
    results = dict(trainings)
    for job in study.jobs():
        if job.name not in study.trainings:
            results[job.name] = job.run(dataset, {name: results[name] for name in job.needs}, folder, lambda *_: None)
    return results


@pytest.fixture(scope="module")
def measured(dataset, tmp_path_factory):
    return STUDY.dataset(run_study(STUDY, dataset, all_trained(), tmp_path_factory.mktemp("study")))


def test_every_number_is_there_and_is_what_the_measure_gives(measured, dataset):
    assert dict(measured["value_change"].sizes) == {
        "training": 2,
        "epoch": 3,
        "points_of": 2,
        "point": 6,
        "radius": len(STUDY.radii),
    }
    assert np.all(np.isfinite(measured["value_change"]))
    assert np.all(np.isfinite(measured["gradient_norm"]))
    points = draw_points(SETTINGS, dataset, 6)["test"]
    network = ReferenceNetwork(
        SETTINGS.architecture, initial_parameters(SETTINGS.architecture, np.random.default_rng(2))
    )
    again = measure(
        NetworkSurface(network),
        points.images,
        points.labels,
        np.array(STUDY.radii),
        Ball("linf"),
        STUDY.search,
        stream(3, TrainingStream.SEARCH, 1, 2, 1),
    )
    chosen = measured.sel(training="adversarial", epoch=2, points_of="test")
    assert np.array_equal(chosen["value_change"], again.value_change)
    assert np.array_equal(chosen["gradient_norm"], again.gradient_norm)


def test_accuracies_stand_beside_the_epochs(measured):
    assert measured["accuracy"].sel(training="standard", epoch=4, accuracy_of="clean_train") == 1.0
    assert measured["accuracy"].sel(training="standard", epoch=2, accuracy_of="clean_test") == pytest.approx(
        0.2 + 0.2 / 3
    )
    assert np.all(np.isnan(measured["accuracy"].sel(epoch=0)))


def test_the_conclusion_tells_what_changed_over_the_epochs(dataset):
    found = STUDY.conclude(run_study(STUDY, dataset, all_trained(), None))
    told = [text for text in found.sentences if "training, epoch 2 to 4: the largest" in text]
    assert len(told) == 8  # of both trainings, quantities and kinds of points
    assert set(found.figures) == {"landscape", "landscape_epochs"}


def test_the_file_says_what_was_measured(measured):
    assert measured.attrs["search"].startswith("linf PGD-2 at every radius")
    assert "radius 0.1" in measured.attrs["attacks"]
    assert measured["gradient_norm"].attrs["long_name"].startswith("largest l_1 norm")


def test_training_points_are_trained_on_test_points_are_not_and_classes_are_balanced(dataset):
    points = draw_points(SETTINGS, dataset, 6)
    every = {name: {image.tobytes() for image in part.images} for name, part in points.items()}
    assert every["train"] <= {image.tobytes() for image in dataset.train_images}
    assert every["test"] <= {image.tobytes() for image in dataset.test_images}
    assert [part.labels.tolist().count(1) for part in points.values()] == [3, 3]


def test_there_are_equally_many_of_both(dataset):
    assert {len(part) for part in draw_points(SETTINGS, dataset, 1000).values()} == {20}


def test_a_stopped_study_goes_on_to_the_same_numbers(measured, dataset, tmp_path, reference_networks):
    made = []

    def counted(*arguments):
        made.append(arguments)
        if len(made) == 4:
            raise KeyboardInterrupt
        return ReferenceNetwork(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cgrosim.images.training.train.new_network", counted)
        patch.setattr("cgrosim.images.training.train.train", lambda settings, *_, **__: trained(settings, (0, 2, 4)))
        stopped = runner.run_experiment(STUDY, dataset, tmp_path)
        assert stopped.status == "interrupted"
        assert np.all(np.isnan(STUDY.dataset(stopped.results)["value_change"].sel(training="adversarial")))
        again = runner.run_experiment(STUDY, dataset, tmp_path)
        assert len(made) == 7  # the three networks that were missing
        assert again.status == "finished"
        assert STUDY.dataset(again.results).identical(measured)
        runner.run_experiment(STUDY, dataset, tmp_path)
        assert len(made) == 7


def test_other_images_do_not_continue_a_measurement(dataset, tmp_path):
    other = Dataset(
        "toy", dataset.test_images, dataset.test_labels, dataset.train_images, dataset.train_labels, ("a", "b")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cgrosim.images.training.train.train", lambda settings, *_, **__: trained(settings, (0, 2, 4)))
        runner.run_experiment(STUDY, dataset, tmp_path)
        with pytest.raises(FileError, match="holds results of other images"):
            runner.run_experiment(STUDY, other, tmp_path)


def test_other_networks_are_measured_anew(dataset, tmp_path):
    first = run_study(STUDY, dataset, all_trained(), tmp_path)["standard-epoch2"]
    trainings = {name: trained(settings, (0, 2, 4, 9)) for name, settings in STUDY.trainings.items()}
    for each in trainings.values():
        each.snapshots[2] = each.snapshots.pop(9)
    assert not np.array_equal(
        run_study(STUDY, dataset, trainings, tmp_path)["standard-epoch2"]["value_change"], first["value_change"]
    )


def test_an_epoch_that_was_not_reached_stays_unmeasured(dataset, tmp_path):
    trainings = {"standard": all_trained()["standard"], "adversarial": trained(SETTINGS, (0, 2))}
    data = STUDY.dataset(run_study(STUDY, dataset, trainings, tmp_path))
    means = curves(data)
    assert np.all(np.isnan(means["value_change"].sel(training="adversarial", epoch=4)))
    assert np.all(np.isfinite(means["value_change"].sel(training="standard")))
    assert contrasts(data, "adversarial", 4) == {}
    assert set(contrasts(data, "adversarial", 2)) == {"gradient_norm", "value_change"}
    assert STUDY.dataset({}) is None


def test_curves_are_means_inside_their_intervals(measured):
    means = curves(measured)
    for name in ("gradient_norm", "value_change"):
        assert np.array_equal(means[name], measured[name].mean("point"))
        assert np.all(means[f"{name}_low"] <= means[name])
        assert np.all(means[name] <= means[f"{name}_high"])
    assert means.attrs["points"] == 6
    assert means.identical(curves(measured))


def test_contrasts_compare_the_two_marked_radii(measured):
    found = contrasts(measured, "standard", 4)["value_change"]
    mean = measured["value_change"].sel(training="standard", epoch=4).mean("point")
    at = {
        (part, radius): float(mean.sel(points_of=part, radius=radius))
        for part in ("train", "test")
        for radius in (0.1, 0.2)
    }
    assert found.inside.estimate == pytest.approx(at["test", 0.1] / at["train", 0.1], rel=1e-12)
    assert found.growth_train.estimate == pytest.approx(at["train", 0.2] / at["train", 0.1], rel=1e-12)
    assert found.growth_test.estimate == pytest.approx(at["test", 0.2] / at["test", 0.1], rel=1e-12)


def test_other_measurements_lie_beside_the_first(measured, dataset, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cgrosim.images.training.train.train", lambda settings, *_, **__: trained(settings, (0, 2, 4)))
        for study in (STUDY, STUDY.replace(points=5)):
            runner.run_experiment(study, dataset, tmp_path)
        assert len(json.loads((tmp_path / "plan.json").read_text())["jobs"]) == 14  # of two trainings
        patch.setattr("cgrosim.images.experiments.catalogue.landscape.measure", None)
        assert STUDY.dataset(runner.run_experiment(STUDY, dataset, tmp_path).results).identical(measured)


def test_the_file_gives_the_landscape_back(measured, tmp_path):
    assert load(write_netcdf(tmp_path / "out.nc", LANDSCAPE, measured)).drop_attrs().identical(measured.drop_attrs())


@pytest.mark.parametrize("content", [b"", b"not netCDF at all" * 100])
def test_a_damaged_file_is_one_sentence(content, tmp_path):
    path = tmp_path / "out.nc"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"out\.nc"):
        load(path)


def test_a_missing_or_foreign_file_is_one_sentence(measured, tmp_path):
    with pytest.raises(FileError, match="does not exist"):
        load(tmp_path / "none.nc")
    measured.assign_attrs(format="other").to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    with pytest.raises(FileError, match="not a landscape"):
        load(tmp_path / "foreign.nc")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"points": 0}, "points"),
        ({"outer_radius": 0.1}, "outer radius"),
        ({"radii": (0.0, 0.2)}, "must hold"),
        ({"trainings": {"a": SETTINGS.replace(snapshots=())}}, "no networks"),
        ({"trainings": {"a": SETTINGS, "b": SETTINGS.replace(seed=4)}}, "differ in seed"),
        ({"trainings": {"a": SETTINGS, "b": SETTINGS.replace(shuffle_labels=True)}}, "differ in shuffle_labels"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ParameterError, match=said):
        STUDY.replace(**changes)


def test_a_study_of_settings_marks_the_training_radius_and_one_beyond():
    study = landscape_of(SETTINGS, 3, 6, search=STUDY.search)
    assert study.any_settings.snapshots == (1, 2, 4)  # 2.5 rounds to the even number
    assert study.training_radius == 0.1
    assert study.outer_radius in study.radii
    assert study.trainings["standard"].adversarial_weight == 0.0
    assert landscape_of(SETTINGS, 1, 6, search=STUDY.search).any_settings.snapshots == (4,)
    for networks in (0, 5):
        with pytest.raises(ParameterError, match="networks"):
            landscape_of(SETTINGS, networks, 6, search=STUDY.search)
    with pytest.raises(ParameterError, match="adversarial_weight"):
        landscape_of(SETTINGS.replace(adversarial_weight=0.0), 3, 6, search=STUDY.search)
