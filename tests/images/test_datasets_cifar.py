"""The reader of CIFAR-10 in the binary version: files and archive."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import cifar_batches, cifar_bytes, some_images, some_labels

from cgrosim.errors import FileError
from cgrosim.images.data import known_files
from cgrosim.images.data.cifar import RECORD, read_archive, read_batch
from cgrosim.images.data.datasets import load_dataset
from cgrosim.images.data.known_files import CIFAR_ARCHIVE, CIFAR_TEST, CIFAR_TRAINING

NAMES = (*CIFAR_TRAINING, CIFAR_TEST)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("cifar") / "batch.bin"


def write_files(folder, names, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    batches = cifar_batches(names)
    for name, content in batches.items():
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)
    return batches


@given(count=st.integers(1, 5), seed=st.integers(0, 2**32 - 1), packed=st.booleans())
def test_records_come_back_as_written(scratch, count, seed, packed):
    images = some_images(count, (32, 32, 3), seed)
    labels = np.random.default_rng(seed).integers(0, 10, count)
    content = cifar_bytes(images, labels)
    scratch.write_bytes(gzip.compress(content) if packed else content)
    batch = read_batch(scratch)
    assert np.array_equal(batch.images, images)
    assert np.array_equal(batch.labels, labels)


def test_a_pixel_lies_where_the_format_says(tmp_path):
    """Byte 1 + 1024 c + 32 y + x of a record is channel c of the pixel in row y and column x."""
    record = bytearray(RECORD)
    record[1 + 1024 * 2 + 32 * 5 + 7] = 200
    (tmp_path / "batch.bin").write_bytes(record)
    images = read_batch(tmp_path / "batch.bin").images
    assert images[0, 5, 7, 2] == 200
    assert np.count_nonzero(images) == 1


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_cut_anywhere_is_refused(tmp_path, packed):
    content = cifar_bytes(np.zeros((1, 32, 32, 3), np.uint8), some_labels(1))
    content = gzip.compress(content) if packed else content
    path = tmp_path / "batch.bin"
    path.write_bytes(content)
    for length in reversed(range(len(content))):
        os.truncate(path, length)
        with pytest.raises(FileError, match=r"batch\.bin"):
            read_batch(path)


def test_a_file_cut_between_records_is_a_shorter_file(tmp_path):
    """Any number of records is a file of the format; only gzip shows such a cut."""
    content = cifar_bytes(some_images(3, (32, 32, 3)), some_labels(3))
    path = tmp_path / "batch.bin"
    path.write_bytes(content[: 2 * RECORD])
    assert read_batch(path).labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (bytes(RECORD + 1), "holds 3074 bytes, which is no whole number of CIFAR-10 records of 3073 bytes"),
        (bytes(RECORD) + bytes([10]) * RECORD, "gives record 1 the label 10, but the labels of CIFAR-10 are 0 to 9"),
        (gzip.compress(bytes(RECORD))[:-3], "is damaged or cut short"),
    ],
    ids=["empty", "longer records", "label", "cut"],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, content, sentence):
    path = tmp_path / "batch.bin"
    path.write_bytes(content)
    with pytest.raises(FileError, match=sentence):
        read_batch(path)


@pytest.mark.parametrize("below", ["", "cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"])
@pytest.mark.parametrize(("training", "packed"), [((1,), False), ((1, 2), True), ((2, 5), False), (range(1, 6), False)])
def test_the_training_files_that_are_there_are_read(tmp_path, below, training, packed):
    names = [f"data_batch_{number}.bin" for number in training]
    batches = write_files(tmp_path / below, (*names, CIFAR_TEST), packed)
    dataset = load_dataset("cifar-10", tmp_path)
    assert dataset.train_images.shape == (10 * len(names), 32, 32, 3)
    (tmp_path / "last").write_bytes(batches[names[-1]])
    assert np.array_equal(dataset.train_images[-10:] * 255, read_batch(tmp_path / "last").images)
    assert dataset.class_names[dataset.test_labels[9]] == "truck"


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileError, match="holds no CIFAR-10 in the binary version"):
        load_dataset("cifar-10", tmp_path)
    write_files(tmp_path / "a", CIFAR_TRAINING)
    with pytest.raises(FileError, match=r"has no test_batch.bin of CIFAR-10"):
        load_dataset("cifar-10", tmp_path / "a")
    write_files(tmp_path / "b", (CIFAR_TEST,))
    with pytest.raises(FileError, match=r"has no data_batch_1.bin of CIFAR-10"):
        load_dataset("cifar-10", tmp_path / "b")


def test_the_same_file_twice_is_refused(tmp_path):
    batches = write_files(tmp_path, NAMES)
    (tmp_path / CIFAR_TEST).write_bytes(batches["data_batch_3.bin"])
    with pytest.raises(FileError, match=r"test_batch\.bin holds the same bytes as .*data_batch_3\.bin"):
        load_dataset("cifar-10", tmp_path)


def test_the_version_in_pickles_is_not_opened(tmp_path):
    folder = tmp_path / "cifar-10"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"labels": [0], b"data": bytes(3072)}))
    with pytest.raises(FileError, match=r"in pickles, which are never opened; put cifar-10-binary\.tar\.gz there"):
        load_dataset("cifar-10", tmp_path)


def write_archive(path, monkeypatch, members):
    """An archive that passes for the published one; `members` are a member's description and its bytes."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(known_files, "CIFAR_ARCHIVE_MD5", hashlib.md5(path.read_bytes()).hexdigest())


def test_the_archive_gives_what_its_files_give(tmp_path, monkeypatch):
    batches = write_files(tmp_path / "files", NAMES)
    others = {"cifar-10-batches-bin/readme.html": b"<html>", "../../escaped": b"x", "/absolute/data_batch_1.bin": b"x"}
    archived = {f"cifar-10-batches-bin/{name}": content for name, content in batches.items()} | others
    archive = tmp_path / "packed" / CIFAR_ARCHIVE
    archive.parent.mkdir()
    write_archive(archive, monkeypatch, [(tarfile.TarInfo(name), content) for name, content in archived.items()])
    before = sorted(tmp_path.rglob("*"))
    packed, loose = load_dataset("cifar-10", archive.parent), load_dataset("cifar-10", tmp_path / "files")
    assert np.array_equal(packed.train_images, loose.train_images)
    assert np.array_equal(packed.test_labels, loose.test_labels)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path):
    (tmp_path / CIFAR_ARCHIVE).write_bytes(b"another")
    with pytest.raises(FileError, match=r"is not the published archive \(its md5 is b32d73e5"):
        load_dataset("cifar-10", tmp_path)


def test_a_link_in_the_archive_is_not_followed(tmp_path, monkeypatch):
    members = [(tarfile.TarInfo(f"cifar-10-batches-bin/{name}"), bytes(RECORD)) for name in NAMES[1:]]
    link = tarfile.TarInfo("cifar-10-batches-bin/data_batch_1.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "data_batch_2.bin"
    write_archive(tmp_path / CIFAR_ARCHIVE, monkeypatch, [*members, (link, b"")])
    with pytest.raises(FileError, match=r"has no file data_batch_1\.bin"):
        read_archive(tmp_path / CIFAR_ARCHIVE)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"no tar"), gzip.compress(bytes(100)), b"no gzip", b""],
    ids=["packed text", "packed zeros", "text", "empty"],
)
def test_an_archive_of_another_kind_is_a_sentence(tmp_path, monkeypatch, content):
    path = tmp_path / CIFAR_ARCHIVE
    path.write_bytes(content)
    monkeypatch.setattr(known_files, "CIFAR_ARCHIVE_MD5", hashlib.md5(content).hexdigest())
    with pytest.raises(FileError, match=CIFAR_ARCHIVE):
        read_archive(path)
