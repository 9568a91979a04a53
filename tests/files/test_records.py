"""Records of plain values: strict JSON with a checksum; everything else is one sentence."""

import json

import pytest
from damage import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

from cgrosim.errors import FileError
from cgrosim.files.kinds import Kind
from cgrosim.files.records import read_record, write_record

KIND = Kind("toy record 2", "record of toys", "a record", "make it again", older=("toy record 1",))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@given(PLAIN)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(folder, value):
    content = {"format": KIND.format, "value": value}
    assert read_record(write_record(folder / "toy.json", content), KIND) == content


def test_what_json_cannot_hold_is_not_written(folder):
    for bad in (float("nan"), float("inf"), object()):
        with pytest.raises((ValueError, TypeError)):
            write_record(folder / "bad.json", {"format": KIND.format, "value": bad})
    assert not (folder / "bad.json").exists()


def refused(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileError) as caught:
        read_record(path, KIND)
    assert str(caught.value).isprintable()
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_damaged_bytes_are_refused_or_change_nothing(folder):
    content = {"format": KIND.format, "numbers": [1, 2.5, 1e-300], "text": "ä" * 30, "inner": {"x": None, "y": True}}
    path = write_record(folder / "whole.json", content)
    whole = path.read_bytes()
    for seed in range(400):
        path.write_bytes(damaged(whole, seed))
        try:
            found = read_record(path, KIND)
        except FileError:
            continue
        assert found == content  # white space between values


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '{"format": 3}', '{"format": ["toy record 2"]}', '{"format": "toy record 2"}',
     '{"format": "toy record 1", "x": NaN}', '{"format": "toy record 1", "x": -Infinity}',
     '{"format": "toy record 1", "x": 1e999}', "[" * 200_000, '{"a":' * 200_000, b"\xff\xfe{}", "1" * 10_000,
     '{"format": "else"}'],
    ids=range(16),
)  # fmt: skip
def test_odd_texts_are_refused(folder, text):
    refused(folder / "odd.json", text)


def test_a_changed_value_does_not_fit_the_checksum(folder):
    path = write_record(folder / "changed.json", {"format": KIND.format, "value": 0.25})
    assert "checksum does not fit" in refused(path, path.read_text().replace("0.25", "0.75"))
    first = {"format": "toy record 1", "value": 0.25}
    path.write_text(json.dumps(first))
    assert read_record(path, KIND) == first


def test_a_huge_file_is_refused_by_its_size(folder, monkeypatch):
    path = write_record(folder / "huge.json", {"format": KIND.format, "value": "x" * 2000})
    monkeypatch.setattr("cgrosim.files.records.LARGEST", 1000)
    with pytest.raises(FileError, match="more than any record"):
        read_record(path, KIND)
