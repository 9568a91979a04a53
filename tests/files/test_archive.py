"""The archive of arrays: what is written is read, and whatever else is in a file is one sentence."""

import io
import json
import tracemalloc
import zipfile

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from damage import arrays_of, bombs, damaged, overlapping, rebuilt
from hypothesis import given, settings
from hypothesis import strategies as st

from cgrosim.errors import FileError
from cgrosim.files.archive import check_replaceable, read_archive, write_archive
from cgrosim.files.kinds import Kind

KIND = Kind("toy 2", "toy of cgrosim", "a toy", "make it again", older=("toy 1",))
TYPES = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.unicode_string_dtypes(max_len=5)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("archives")


@given(hnp.arrays(TYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), PLAIN, st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(folder, array, value, fortran):
    given = np.array(array, order="F" if fortran else "C")
    path = write_archive(folder / "toy.npz", KIND, {"value": value}, {"a/b c": given, "one": np.array(1)})
    found = read_archive(path, KIND)
    assert found.header["value"] == value
    assert found.format == "toy 2"
    assert found.arrays["a/b c"].shape == array.shape
    assert found.arrays["a/b c"].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert np.ascontiguousarray(found.arrays["a/b c"]).tobytes() == np.ascontiguousarray(array).tobytes()
    assert found.arrays["a/b c"].flags.writeable
    assert "numpy" in found.header["versions"]


def whole(folder):
    arrays = {"x": np.arange(60.0).reshape(5, 12), "n": np.array(7), "name": np.array(["ab", "c"])}
    return write_archive(folder / "whole.npz", KIND, {"value": [1, 2.5, "x"]}, arrays).read_bytes()


def test_the_same_content_is_the_same_file_and_numpy_reads_it(folder):
    assert whole(folder) == whole(folder)
    assert np.array_equal(arrays_of(whole(folder))["x"], np.arange(60.0).reshape(5, 12))


def refused(path, content):
    """The sentence with which the content is refused; empty if it is taken."""
    path.write_bytes(content)
    try:
        read_archive(path, KIND)
    except FileError as error:
        text = str(error)
        assert text.isprintable()
        assert text.endswith(".")
        assert "pickle" not in text
        assert "unsafe" not in text
        return text
    return ""


def test_damaged_bytes_are_refused_or_change_nothing(folder):
    """A zip file has bytes that mean nothing, such as the times of its members: then the content is the same."""
    content, path = whole(folder), folder / "damaged.npz"
    sound, taken = arrays_of(content), 0
    for seed in range(400):
        if not refused(path, damaged(content, seed)):
            taken += 1
            found = read_archive(path, KIND)
            assert found.header["value"] == [1, 2.5, "x"]
            assert all(np.array_equal(found.arrays[name], sound[name]) for name in found.arrays)
            assert len(found.arrays) == len(sound) - 1
    assert taken < 100


def test_archives_rebuilt_with_other_content_are_refused(folder):
    arrays, path = arrays_of(whole(folder)), folder / "rebuilt.npz"
    assert refused(path, rebuilt(arrays)) == ""
    header = json.loads(str(arrays["header"]))
    changes = {
        "a value": {"x": arrays["x"] + 1e-300},
        "a shape": {"x": arrays["x"].reshape(12, 5)},
        "a type": {"n": arrays["n"].astype(np.int32)},
        "more": {"y": arrays["x"]},
        "the header": {"header": np.array(json.dumps({**header, "value": 2}))},
        "no checksum": {"header": np.array(json.dumps({k: v for k, v in header.items() if k != "checksum"}))},
    }
    for change in changes.values():
        assert "its checksum does not fit" in refused(path, rebuilt({**arrays, **change}))
    swapped = {**arrays, "n": arrays["name"], "name": arrays["n"]}
    assert "its checksum does not fit" in refused(path, rebuilt(swapped))
    older = {**header, "format": "toy 1"}
    assert refused(path, rebuilt({**arrays, "header": np.array(json.dumps(older))})) == ""
    foreign = {**header, "format": "toy 3"}
    assert "is not a toy of cgrosim; give a toy." in refused(path, rebuilt({**arrays, "header": json.dumps(foreign)}))


@pytest.mark.parametrize("header", ["", "[]", "1", "{", "[" * 100_000, '{"format": 3}', "NaN", '{"format": ["toy 2"]}'])
def test_odd_headers_are_refused(folder, header):
    assert refused(folder / "odd.npz", rebuilt({"header": np.array(header)}))


def test_pickles_and_other_types_are_refused(folder):
    path, header = folder / "types.npz", np.array('{"format": "toy 1"}')
    assert refused(path, rebuilt({"header": header, "x": np.zeros(2)})) == ""
    evil = {"header": header, "x": np.array([{"a": 1}], dtype=object)}
    assert refused(path, rebuilt(evil, pickled=True))
    for odd in (np.zeros(2, "f8,i4"), np.zeros(2, "M8[s]"), np.zeros(2, complex), np.zeros(2, "S3"), np.zeros(2, "V3")):
        assert refused(path, rebuilt({"header": header, "x": odd}))


def test_what_would_unpack_to_more_than_the_file_is_refused_without_the_memory(folder):
    content, path = whole(folder), folder / "bomb.npz"
    for name, bomb in bombs(content):
        tracemalloc.start()
        assert refused(path, bomb), name
        assert tracemalloc.get_traced_memory()[1] < 20 * len(bomb) + 2**20, name
        tracemalloc.stop()


def test_overlapping_members_are_refused(folder):
    bomb = overlapping(1000, 5)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert len(archive.namelist()) == 5
    assert "claim to be larger than the file" in refused(folder / "overlapping.npz", bomb)


def test_only_an_archive_of_the_kind_is_replaced(folder):
    path = folder / "thesis.txt"
    check_replaceable(path, KIND)
    path.write_bytes(b"")
    check_replaceable(path, KIND)
    write_archive(path, KIND, {}, {})
    check_replaceable(path, KIND)
    other = Kind("other 1", "other", "another", "remove it")
    (folder / "below").mkdir()
    for content in (b"A theorem.", whole(folder)[:100]):
        path.write_bytes(content)
        with pytest.raises(FileError, match="is there, is not a whole toy of cgrosim, and is not overwritten"):
            check_replaceable(path, KIND)
        assert path.read_bytes() == content
    for place in (write_archive(path, other, {}, {}), folder / "below"):
        with pytest.raises(FileError, match="is not overwritten"):
            check_replaceable(place, KIND)


def test_compressed_archives_are_refused(folder):
    """Also one that is hardly smaller than what it holds: LZMA lets a file say how much memory it needs."""
    arrays, path = arrays_of(whole(folder)), folder / "compressed.npz"
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("header.npy", np.random.default_rng(0).bytes(3000))
        assert "is compressed" in refused(path, buffer.getvalue())
    np.savez_compressed(path, **arrays)
    assert "is compressed" in refused(path, path.read_bytes())


def test_a_member_twice_and_encryption_are_refused(folder):
    path, buffer = folder / "twice.npz", io.BytesIO(whole(folder))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x.npy", b"other")
    assert "holds a name twice" in refused(path, buffer.getvalue())
    locked = bytearray(whole(folder))
    place = locked.index(b"PK\x01\x02")
    locked[place + 8] |= 1
    assert "encrypted" in refused(path, bytes(locked))


def test_places_without_a_file_are_one_sentence(folder):
    (folder / "folder").mkdir()
    for path in (folder / "none", folder / "folder", folder / "zero\0byte", folder / ("a" * 300), "/dev/null"):
        with pytest.raises(FileError, match="give a toy"):
            read_archive(path, KIND)


def test_a_file_larger_than_the_memory_is_not_read(folder, monkeypatch):
    whole(folder)
    monkeypatch.setattr("cgrosim.files.kinds.memory_bytes", lambda: 3000)
    with pytest.raises(FileError, match="more than a third of this machine's memory"):
        read_archive(folder / "whole.npz", KIND)


def test_control_characters_and_long_names_do_not_reach_the_terminal(folder):
    with pytest.raises(FileError) as caught:
        read_archive(folder / ("\x1b[31m" + "a" * 4000), KIND)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
