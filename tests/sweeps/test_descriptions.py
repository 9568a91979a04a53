"""Zarr's descriptions of a sweep's arrays, damaged: read in a sentence, and made anew when the sweep goes on."""

import json
import shutil

import pytest

import cgrosim
from cgrosim.errors import FileError
from cgrosim.sweeps.store import SweepStore

PARAMS = cgrosim.Params.from_paper(100, samples=3, neurons=2, steps=3, test_samples=5, engine="reduced")
GRID = {"gap": [0.01, 0.1]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, cgrosim.sweep(PARAMS, GRID, out=folder, predicted_seeds=0).data.drop_attrs()


def changed(**values):
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def made_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("which", ["clean_loss/zarr.json", pytest.param("zarr.json", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:40]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        made_a_folder,
        changed(zarr_format=[]),
        changed(node_type="array"),
        changed(node_type="group"),
        changed(codecs="none"),
        changed(shape=[10**12, 3]),
        changed(data_type="int8"),
    ],
)
def test_a_damaged_description_is_a_sentence_and_then_mended(whole, which, damage, tmp_path):
    folder, expected = whole
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    damage(copy / "cells.zarr" / which)
    try:
        found = cgrosim.load_table(copy).data.drop_attrs()
    except FileError:
        pass
    else:
        assert found.identical(expected)
    assert cgrosim.sweep(PARAMS, GRID, out=copy, predicted_seeds=0).data.drop_attrs().identical(expected)
    assert cgrosim.load_table(copy).data.drop_attrs().identical(expected)


def test_an_array_that_no_plan_names_is_no_end_of_an_iteration(whole):
    """Within a generator, as every `with` block is one, StopIteration is another error."""
    with pytest.raises(KeyError, match="nothing"):
        SweepStore.reading(whole[0])._array("nothing")
