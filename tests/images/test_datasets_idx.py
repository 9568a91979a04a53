"""The IDX reader: round trips, and one sentence for every way in which a file can be wrong."""

import contextlib
import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from image_files import IDX_STEMS, idx_bytes, some_images, some_labels, write_idx_folder

from cgrosim.errors import FileError
from cgrosim.images.data import raw_files
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.data.idx import read_images, read_labels

BYTES = st.integers(0, 255)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = IDX_STEMS


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file"


@given(
    images=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=BYTES),
    packed=st.booleans(),
)
def test_images_come_back_as_written(scratch, images, packed):
    content = idx_bytes(images)
    scratch.write_bytes(gzip.compress(content) if packed else content)
    assert np.array_equal(read_images(scratch, images.shape[1:]), images)


@given(labels=hnp.arrays(np.uint8, st.integers(1, 50), elements=st.integers(0, 9)), packed=st.booleans())
def test_labels_come_back_as_written(scratch, labels, packed):
    content = idx_bytes(labels)
    scratch.write_bytes(gzip.compress(content) if packed else content)
    assert np.array_equal(read_labels(scratch), labels)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, packed):
    content = idx_bytes(some_images(2, (4, 5)))
    content = gzip.compress(content) if packed else content
    path = tmp_path / "images"
    path.write_bytes(content)
    for length in reversed(range(len(content))):
        os.truncate(path, length)
        with pytest.raises(FileError, match="images"):
            read_images(path, (4, 5))


def test_a_flipped_bit_in_gzip_is_seen_or_harmless(tmp_path):
    images = some_images(2, (4, 5))
    content = bytearray(gzip.compress(idx_bytes(images), mtime=0))
    path, harmless = tmp_path / "images", 0
    for position in range(8 * len(content)):
        damaged = content.copy()
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            assert np.array_equal(read_images(path, (4, 5)), images)
            harmless += 1
        except FileError:
            pass
    # Without a sentence pass at most: 32 bits of time, 8 of extra flags, 8 of the system and 8 flags in the header,
    # and the 7 bits of padding before the checksum.
    assert harmless <= 63


@given(header=st.binary(min_size=0, max_size=20), rest=st.integers(0, 60))
def test_any_header_gives_images_or_a_sentence(scratch, header, rest):
    scratch.write_bytes(header + bytes(rest))
    for read in (lambda path: read_images(path, (4, 5)), read_labels):
        with contextlib.suppress(FileError):
            assert read(scratch).dtype == np.uint8


@given(position=st.integers(0, 15), value=BYTES)
def test_a_wrong_byte_in_the_header_is_refused(scratch, position, value):
    content = bytearray(idx_bytes(some_images(3, (4, 5))))
    same = content[position] == value
    content[position] = value
    scratch.write_bytes(content)
    if same:
        assert len(read_images(scratch, (4, 5))) == 3
    else:
        with pytest.raises(FileError):
            read_images(scratch, (4, 5))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html>", "begins with the bytes 3c 21 44 4f"),
        (gzip.compress(b""), "is empty"),
        (idx_bytes(some_labels(4)), r"holds labels \(magic number 2049\), but should hold images \(2051\)"),
        (idx_bytes(some_images(1))[:13], "is cut short within its header of 16 bytes"),
        (idx_bytes(np.zeros((0, 28, 28))), "count 0"),
        (idx_bytes(some_images(2, (8, 8))), "images of 8x8 pixels, not of 28x28"),
        (idx_bytes(some_images(1)) + b"x", "should hold 1 x 28 x 28 = 784 bytes after its header, but holds 785"),
        (bytes([0, 0, 8, 3]) + b"\xff\xff\xff\xff" + bytes([0, 0, 0, 28] * 2), "but holds 0"),
        (gzip.compress(idx_bytes(some_images(1))) + b"garbage", "is damaged or cut short"),
    ],
    ids=[
        "empty",
        "web page",
        "nothing packed",
        "labels",
        "header",
        "count 0",
        "size",
        "too long",
        "huge count",
        "after gzip",
    ],
)
def test_what_is_wrong_with_a_file_of_images_is_said(tmp_path, content, sentence):
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(FileError, match=sentence):
        read_images(path)


def test_labels_outside_the_classes_are_named(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(idx_bytes(np.array([0, 9, 10, 255])))
    with pytest.raises(FileError, match=r"gives record 2 the label 10, but the labels of Some are 0 to 9"):
        read_labels(path, "Some")


def test_a_folder_a_missing_file_and_an_unreadable_one_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileError, match="Is a directory"):
        read_images(tmp_path)
    with pytest.raises(FileError, match="No such file"):
        read_images(tmp_path / "absent")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match="Permission denied"):
        read_images(tmp_path / "secret")


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_files, "LARGEST", 1 << 21)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(FileError, match="more than 2 MiB"):
        read_images(path)


@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_data_set_is_found_in_its_folder(tmp_path, below, packed):
    contents = write_idx_folder(tmp_path / below, packed=packed)
    dataset = load_dataset("mnist", tmp_path)
    assert dataset.train_images.shape == (30, 28, 28, 1)
    expected = np.frombuffer(contents[TRAIN_IMAGES], np.uint8, offset=16).reshape(30, 28, 28, 1)
    assert np.array_equal(dataset.train_images, expected.astype(np.float32) / np.float32(255))
    assert dataset.test_labels.tolist() == list(range(10)) * 2


def _replace(folder, stem, content):
    (folder / f"{stem}.gz").write_bytes(gzip.compress(content))


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    contents = write_idx_folder(tmp_path)
    _replace(tmp_path, TRAIN_LABELS, contents[TEST_LABELS])
    with pytest.raises(FileError, match=r"holds 30 images, but .*train-labels.* holds 20 labels"):
        load_dataset("mnist", tmp_path)
    _replace(tmp_path, TRAIN_LABELS, contents[TRAIN_IMAGES])
    with pytest.raises(FileError, match=r"train-labels.* holds images \(magic number 2051\), but should hold labels"):
        load_dataset("mnist", tmp_path)


def test_a_test_set_that_is_the_training_set_is_refused(tmp_path):
    contents = write_idx_folder(tmp_path)
    _replace(tmp_path, TEST_IMAGES, contents[TRAIN_IMAGES])
    _replace(tmp_path, TEST_LABELS, contents[TRAIN_LABELS])
    with pytest.raises(FileError, match=r"t10k-images.* holds the same bytes as .*train-images"):
        load_dataset("mnist", tmp_path)


def test_a_missing_file_is_named(tmp_path):
    write_idx_folder(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / f"{TEST_LABELS}.gz").unlink()
    with pytest.raises(FileError, match=r"has no t10k-labels-idx1-ubyte\.gz, the test labels of Fashion-MNIST"):
        load_dataset("fashion-mnist", tmp_path)


class _Trap:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_pickle_in_place_of_a_file_is_not_opened(tmp_path):
    write_idx_folder(tmp_path)
    _replace(tmp_path, TRAIN_IMAGES, pickle.dumps(_Trap(tmp_path / "marker")))
    with pytest.raises(FileError, match="neither an IDX file of images nor one in gzip"):
        load_dataset("mnist", tmp_path)
    assert not (tmp_path / "marker").exists()


def test_files_of_another_data_set_are_recognised(tmp_path, real_data):
    """MNIST in the folder of Fashion-MNIST, packed or not, and training labels in place of test labels."""
    mnist, fashion = real_data / "mnist", real_data / "fashion-mnist"
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for stem in IDX_STEMS:
        (folder / f"{stem}.gz").symlink_to((fashion / f"{stem}.gz").resolve())
    (folder / f"{TEST_IMAGES}.gz").unlink()
    (folder / TEST_IMAGES).write_bytes(gzip.decompress((mnist / f"{TEST_IMAGES}.gz").read_bytes()))
    with pytest.raises(
        FileError, match="holds the test images of MNIST, byte for byte, not the test images of Fashion"
    ):
        load_dataset("fashion-mnist", tmp_path)
    (folder / TEST_IMAGES).unlink()
    (folder / f"{TEST_IMAGES}.gz").symlink_to((fashion / f"{TRAIN_IMAGES}.gz").resolve())
    with pytest.raises(FileError, match="holds the training images of Fashion-MNIST, byte for byte, not the test im"):
        load_dataset("fashion-mnist", tmp_path)
