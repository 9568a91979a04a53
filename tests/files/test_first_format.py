"""Files of the first format, written by the first release, are still read, and are judged as the present ones are.

The samples in ``first_format`` were written by the code of the first release: runs and checkpoints of every engine at
d = 10, three samples and two neurons, a training, a landscape and stages of toy size.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray
from damage import arrays_of, rebuilt, wrong

import cgrosim
from cgrosim.errors import FileError
from cgrosim.files.netcdf import write_netcdf
from cgrosim.files.versions import versions
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.experiments import landscape_file, stage_records
from cgrosim.images.experiments.stage_settings import StageSettings
from cgrosim.images.experiments.stage_training import run_stages, stage_data
from cgrosim.images.training.file import Training
from cgrosim.run.checkpoint import load_checkpoint

SAMPLES = Path(__file__).parent / "first_format"
ENGINES = ("reduced", "direct", "flow", "search")
LOADERS = {"run": cgrosim.load, "landscape": landscape_file.load, "stages": stage_records.load}


def of_these_versions(name):
    """The arrays of a checkpoint, as the libraries installed here would have written them."""
    arrays = arrays_of((SAMPLES / f"{name}.npz").read_bytes())
    header = json.loads(str(arrays["header"]))
    return {**arrays, "header": np.array(json.dumps({**header, "versions": versions()}))}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_checkpoint_goes_on_to_what_an_unbroken_run_gives(engine, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(rebuilt(of_these_versions(f"checkpoint_{engine}")))
    saved = load_checkpoint(path)
    resumed, whole = cgrosim.resume(path), cgrosim.simulate(saved.params)
    assert len(saved.records["step"]) < whole.data.sizes["step"]
    for name, last in whole.data.isel(step=-1).variables.items():
        if name != "step" and whole.data[name].dims[:1] == ("step",):
            # a first format of another machine may round its start otherwise; growth in these steps is below 1e3
            assert np.allclose(resumed.data[name].values[-1], last.values, rtol=1e-9, atol=1e-12, equal_nan=True), name
    with_state = load_checkpoint(path)
    assert len(with_state.records["step"]) == whole.data.sizes["step"]
    assert arrays_of(path.read_bytes())["header"][()].startswith('{"format": "cgrosim checkpoint 2"')


def test_a_checkpoint_of_other_versions_is_still_refused(tmp_path):
    arrays = arrays_of((SAMPLES / "checkpoint_reduced.npz").read_bytes())
    header = json.loads(str(arrays["header"]))
    header["versions"]["numpy"] = "1.0"
    path = tmp_path / "state.npz"
    path.write_bytes(rebuilt({**arrays, "header": np.array(json.dumps(header))}))
    with pytest.raises(FileError, match="other versions of numpy"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", LOADERS)
def test_labelled_arrays_are_read_and_saved_in_the_present_format(name, tmp_path):
    found = LOADERS[name](SAMPLES / f"{name}.nc")
    data = found.data if name == "run" else found
    first = xarray.load_dataset(SAMPLES / f"{name}.nc", engine="h5netcdf")
    last = list(first.data_vars)[-1]
    assert np.array_equal(data[last].values, first[last].values, equal_nan=True)
    if name == "run":
        found.save(tmp_path / "again.nc")
    else:
        kind = {"landscape": landscape_file.LANDSCAPE, "stages": stage_records.STAGES}[name]
        write_netcdf(tmp_path / "again.nc", kind, data)
    again = LOADERS[name](tmp_path / "again.nc")
    assert (again.data if name == "run" else again).attrs["format"].endswith(" 2")


def test_a_training_is_read_and_saved_in_the_present_format(tmp_path):
    found = Training.load(SAMPLES / "training.npz")
    assert found.status == "finished"
    assert sorted(found.snapshots) == [0, 2]
    again = Training.load(found.save(tmp_path / "again.npz"))
    assert again.settings == found.settings
    assert np.array_equal(again.best["layer0.weight"], found.best["layer0.weight"])


@pytest.mark.parametrize("name", [*(f"checkpoint_{engine}" for engine in ENGINES), "training"])
def test_arrays_that_cannot_be_are_refused_without_a_checksum(name, tmp_path):
    """Every array empty, doubled, halved, transposed, of another type, missing or not finite where it must be."""
    load = Training.load if name == "training" else load_checkpoint
    arrays, path = of_these_versions(name), tmp_path / "wrong.npz"
    path.write_bytes(rebuilt(arrays))
    load(path)
    for key, array in arrays.items():
        if key == "header":
            continue
        cases = dict(wrong(array)) | {"missing": None}
        if key in ("state noise", "state weights", "state vector", "last/layer0.weight", "velocity/layer2.bias"):
            cases |= {"nan": array * np.nan, "infinite": array + np.inf}
        for case, bad in cases.items():
            others = {other: value for other, value in arrays.items() if other != key}
            path.write_bytes(rebuilt(others if bad is None else {**others, key: bad}))
            with pytest.raises(FileError, match=r"is not a whole .*; .*\.$"):
                pytest.fail(f"{key} {case} was taken: {load(path)}")
    path.write_bytes(rebuilt({**arrays, "state more": np.zeros(2)}))
    with pytest.raises(FileError, match="more does not belong there"):
        load(path)


ODD = (None, True, -1, 10**30, 1e308, "x", [], {}, [[1]], "\x1b[31m" * 3000)


def leaves(value, place=()):
    """Places of all values in nested plain values, the containers included."""
    yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*place, key))


def changed(value, place, new):
    if not place:
        return new
    inside = dict(value) if isinstance(value, dict) else list(value)
    inside[place[0]] = changed(inside[place[0]], place[1:], new)
    return inside


@pytest.mark.parametrize("name", ["checkpoint_reduced", "checkpoint_search", "training"])
def test_a_header_with_other_values_is_refused_or_means_something(name, tmp_path):
    """No value of a header, whatever stands in its place, leads to anything but a file that is taken or a sentence."""
    load = Training.load if name == "training" else load_checkpoint
    arrays, path = of_these_versions(name), tmp_path / "odd.npz"
    header = json.loads(str(arrays["header"]))
    headers = [changed(header, place, odd) for i, place in enumerate(leaves(header)) for odd in ODD[i % 2 :: 2]]
    if "params" in header:
        params = json.loads(header["params"])
        inner = [changed(params, place, odd) for i, place in enumerate(leaves(params)) for odd in ODD[i % 2 :: 2]]
        headers += [{**header, "params": json.dumps(each)} for each in inner]
    refused = 0
    for each in headers:
        path.write_bytes(rebuilt({**arrays, "header": np.array(json.dumps(each))}))
        try:
            load(path)
        except FileError as error:
            refused += 1
            text = str(error)
            if not (text.isprintable() and text.endswith(".") and len(text) < 1000):
                pytest.fail(text)
    assert refused > len(headers) / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
def test_labelled_arrays_that_cannot_be_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr("cgrosim.files.netcdf.inspect_apart", lambda content: None)  # no circles here, and faster
    first, path = xarray.load_dataset(SAMPLES / f"{name}.nc", engine="h5netcdf"), tmp_path / "wrong.nc"
    some = next(n for n in first.data_vars if first[n].ndim and first[n].dtype == np.float64)
    cases = {
        "other type": first.assign({some: first[some].astype(np.complex64).real.astype(str)}),
        "other dimensions": first.assign({some: ((), 1.0)}),
        "no format": first.assign_attrs(format="else"),
        "versions": first.assign_attrs(versions="[") if name != "stages" else first.assign_attrs(stages="{}"),
        "params": first.assign_attrs(params="{}") if name != "landscape" else first.assign_attrs(norm=3),
        "no coordinate": first.isel(step=0) if name != "landscape" else first.drop_vars("radius"),
    }
    for case, bad in cases.items():
        bad.to_netcdf(path, engine="h5netcdf")
        with pytest.raises(FileError, match=r"; .*\.$"):
            pytest.fail(f"{case} was taken: {LOADERS[name](path)}")


def test_a_checkpoint_of_the_stages_is_taken_up_and_wrong_ones_are_refused(tmp_path):
    settings = StageSettings(filters=2, patch=4, samples=4, test_samples=4, steps=4, records=2)
    data, path = stage_data(settings, load_dataset("digits")), tmp_path / "stages.npz"
    whole = run_stages(settings, data, checkpoint=path)
    present = json.loads(str(arrays_of(path.read_bytes())["header"]))
    arrays = arrays_of((SAMPLES / "stages.npz").read_bytes())
    header = json.loads(str(arrays["header"]))
    header |= {name: present[name] for name in ("versions", "data and start")}
    arrays["header"] = np.array(json.dumps(header))
    path.write_bytes(rebuilt(arrays))
    again = run_stages(settings, data, checkpoint=path)
    assert again.attrs["status"] == "finished"
    assert again.attrs["seconds"] >= header["seconds"]  # nothing was trained again
    assert np.allclose(again["margin"].values, whole["margin"].values, rtol=1e-9)
    for key in ("weights", "record step", "record margin", "record weights", "record clean_loss"):
        for case, bad in wrong(arrays[key]):
            path.write_bytes(rebuilt({**arrays, key: bad}))
            with pytest.raises(FileError, match=r"is not a whole checkpoint of the stages \(.*\); remove it\."):
                pytest.fail(f"{key} {case} was taken: {run_stages(settings, data, checkpoint=path)}")
