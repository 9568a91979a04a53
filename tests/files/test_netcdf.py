"""Labelled arrays: what is written is read; damaged, crafted and foreign files are one sentence, and nothing hangs."""

import io
import os

import h5py
import numpy as np
import pytest
import xarray
from damage import damaged

from cgrosim.errors import FileError
from cgrosim.files import hdf5
from cgrosim.files.kinds import Kind
from cgrosim.files.netcdf import SEAL_LENGTH, read_netcdf, write_netcdf

KIND = Kind("toy labels 2", "toy of cgrosim", "a toy", "make it again", older=("toy labels 1",))


def toy(**attributes):
    values = np.array([[1.0, np.nan, np.inf], [-0.0, 5e-324, 2.0]])
    return xarray.Dataset(
        {
            "x": (("step", "point"), values, {"long_name": "an ä", "units": "1"}),
            "count": ((), np.int64(2**60 + 1)),
            "single": ("point", np.array([1, 2, 3], np.float32)),
            "bare": ("nothing", np.zeros(0)),
        },
        coords={"step": ("step", [0, 10]), "name": ("name", ["a", "bc", "ä"])},
        attrs={"message": "", "seed": 3, "share": 0.1, "list": [1, 2], **attributes},
    )


@pytest.fixture
def path(tmp_path):
    return write_netcdf(tmp_path / "toy.nc", KIND, toy())


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_netcdf(path, KIND)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_what_is_written_is_read_and_other_programs_read_it(path):
    found = read_netcdf(path, KIND)
    xarray.testing.assert_identical(found, toy(format=KIND.format))
    assert all(found[name].dtype == toy()[name].dtype for name in ("x", "count", "single", "step"))
    assert np.array_equal(found["x"].values.view(np.int64), toy()["x"].values.view(np.int64))
    with xarray.open_dataset(path, engine="h5netcdf") as elsewhere:
        assert elsewhere.attrs["checksum"].startswith("sha256:")
    xarray.testing.assert_identical(read_netcdf(write_netcdf(path, KIND, found), KIND), found)
    assert os.listdir(path.parent) == ["toy.nc"]


def test_every_damaged_byte_is_noticed_before_the_hdf5_library_reads_it(path, monkeypatch):
    whole = path.read_bytes()
    monkeypatch.setattr("cgrosim.files.netcdf.inspect", lambda content: pytest.fail("was read"))
    monkeypatch.setattr("cgrosim.files.netcdf.inspect_apart", lambda content: (_ for _ in ()).throw(ValueError("cut")))
    for seed in range(300):
        if damaged(whole, seed) != whole:
            refused(path, damaged(whole, seed))


@pytest.mark.slow
def test_a_file_written_anew_by_another_program_is_judged_by_its_content(path):
    content = xarray.load_dataset(path, engine="h5netcdf")
    content.to_netcdf(path, engine="h5netcdf")
    xarray.testing.assert_identical(read_netcdf(path, KIND), toy(format=KIND.format))
    changes = {
        "value": content.assign(count=((), np.int64(1))),
        "attribute": content.assign_attrs(seed=4),
        "an attribute of a variable": content.assign(x=content.x.assign_attrs(units="nat")),
        "another": content.assign(y=1.0),
        "less": content.drop_vars("single"),
        "type": content.assign(single=content.single.astype(np.float64)),
        "coordinate": content.assign_coords(step=[0, 11]),
        "dimension": content.transpose("point", "step", "name", "nothing"),
    }
    for changed in changes.values():
        changed.to_netcdf(path, engine="h5netcdf")
        assert "checksum does not fit" in refused(path, path.read_bytes())
    content.assign_attrs(format="else").to_netcdf(path, engine="h5netcdf")
    assert "is not a toy of cgrosim; give a toy." in refused(path, path.read_bytes())


def test_the_first_format_needs_no_checksum(path):
    toy(format="toy labels 1").to_netcdf(path, engine="h5netcdf")
    xarray.testing.assert_identical(read_netcdf(path, KIND), toy(format="toy labels 1"))


def crafted(make):
    """The bytes of an HDF5 file of the first format, with what `make` puts in."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["format"] = "toy labels 1"
        make(file)
    return buffer.getvalue()


def external_values(file):
    file.create_dataset("x", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def external_link(file):
    file["x"] = h5py.ExternalLink("/etc/hostname", "/x")


def soft_link(file):
    file["x"] = h5py.SoftLink("/")


def a_circle(file):
    file["x"] = file["/"]


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("x", layout)


def compressed(file):
    file.create_dataset("x", data=np.zeros(10**6), compression="gzip")


def huge(file):
    file.create_dataset("x", (10**15,), "f8")


def huge_in_pieces(file):
    file.create_dataset("x", (10**15,), "f8", chunks=(1000,))


def group(file):
    file.create_group("x")


def compound(file):
    file["x"] = np.zeros(2, "f8,i4")


def many_texts(file):
    file["x"] = np.array(["a" * 1000] * 1000, dtype=object)


def many_variables(file):
    for index in range(hdf5.MOST_VARIABLES + 1):
        file[f"x{index}"] = 0.0


def large_attribute(file):
    file.attrs["texts"] = ["a"] * 1000


CRAFTED = (external_values, external_link, soft_link, a_circle, virtual, compressed, huge, huge_in_pieces, group,
           compound, many_variables, large_attribute)  # fmt: skip


@pytest.mark.parametrize("make", CRAFTED, ids=lambda make: make.__name__)
def test_what_our_files_never_hold_is_refused(make):
    with pytest.raises(ValueError, match=r"."):
        hdf5.inspect(crafted(make))


def test_texts_are_counted_each():
    """Many texts may share one place in a file, so that what they take is more than the file."""
    content = crafted(many_texts)
    hdf5.inspect(content)  # here each has a place of its own
    with h5py.File(io.BytesIO(content)) as file, pytest.raises(ValueError, match="more text than the file"):
        hdf5._text_bytes("x", file["x"], 10**5)


def test_a_secret_of_the_user_does_not_come_in(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"1234")
    content = crafted(lambda file: file.create_dataset("x", (4,), "u1", external=[(str(secret), 0, 4)]))
    assert "lies in another file" in refused(tmp_path / "crafted.nc", content)


def test_a_circle_in_the_library_comes_to_an_end(path, monkeypatch):
    """What is cut and damaged has lost its seal: then another process reads it first, and is ended."""
    content = path.read_bytes()[:-SEAL_LENGTH]
    monkeypatch.setattr(hdf5, "LONGEST_SECONDS", 0.001)
    monkeypatch.setattr(hdf5, "SLOWEST", 1e9)
    assert "does not come to an end" in refused(path, content)


def test_damaged_files_without_a_seal_are_refused_or_say_the_same(path):
    content = path.read_bytes()[:-SEAL_LENGTH]
    for seed in range(4):
        path.write_bytes(damaged(content, seed))
        try:
            found = read_netcdf(path, KIND)
        except FileError:
            continue
        xarray.testing.assert_identical(found, toy(format=KIND.format))


def test_a_full_disk_is_one_sentence_and_the_process_lives(path):
    import resource

    whole = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(FileError, match="cannot be written"):
            write_netcdf(path, KIND, toy())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == ["toy.nc"]
