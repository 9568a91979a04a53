"""Random small data sets of one's own: file and folder hold the same bits, and damage never passes unseen."""

import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from own_images import write_folder

from cgrosim.errors import FileError
from cgrosim.images import load_dataset
from cgrosim.images.data.own.load import outline_of

KINDS = {
    "bytes": lambda images: images,
    "float32": lambda images: images.astype(np.float32) / np.float32(255),
    "float64": lambda images: images / 255.0,
    "big-endian": lambda images: (images / 255.0).astype(">f4"),
    "columns first": np.asfortranarray,
}


@st.composite
def data_sets(draw):
    """Images, labels, and how many of the images are test images (0: none are told apart)."""
    classes = draw(st.integers(2, 3))
    shape = (draw(st.integers(2, 4)), draw(st.integers(2, 4)), draw(st.sampled_from((1, 3))))
    counts = [draw(st.integers(5, 8)) for _ in range(classes)]
    labels = np.repeat(np.arange(classes), counts)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = generator.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))  # no two are alike
    test = draw(st.booleans())
    held = np.zeros(len(labels), bool)
    if test:
        held[[np.flatnonzero(labels == label)[0] for label in range(classes)]] = True
    return images, labels, held, generator


def bits(data):
    parts = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    return [(part.dtype, part.shape, part.tobytes()) for part in parts]


def read_or_sentence(path):
    try:
        return load_dataset(path)
    except FileError as error:
        return str(error)


def arrays(images, labels, held, order):
    named = {"images": images[order][~held[order]], "labels": labels[order][~held[order]]}
    if held.any():
        named |= {"test_images": images[order][held[order]], "test_labels": labels[order][held[order]]}
    return named


@given(data_sets(), st.sampled_from(sorted(KINDS)), st.booleans())
@settings(max_examples=25)
def test_file_and_folder_hold_the_same_bits_in_whatever_order(made, kind, packed):
    images, labels, held, generator = made
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        order = generator.permutation(len(labels))
        flat = images[..., 0] if images.shape[3] == 1 and packed else images
        save = np.savez_compressed if packed else np.savez
        save(place / "my.npz", **arrays(KINDS[kind](flat), labels, held, order))
        if held.any():
            write_folder(place / "my" / "train", images[~held], labels[~held])
            write_folder(place / "my" / "test", images[held], labels[held])
        else:
            write_folder(place / "my", images, labels)
        one, other = load_dataset(place / "my.npz"), load_dataset(place / "my")
        assert bits(one) == bits(other)
        assert one.digest == other.digest
        assert one.class_names == other.class_names
        assert outline_of(place / "my.npz") == outline_of(place / "my")
        # and again, from what was read
        np.savez(place / "again.npz", images=one.train_images, labels=one.train_labels, test_images=one.test_images,
                 test_labels=one.test_labels)  # fmt: skip
        assert bits(load_dataset(place / "again.npz")) == bits(one)
        # every image is there once, under its label
        whole = np.concatenate([one.train_images, one.test_images])
        told = np.concatenate([one.train_labels, one.test_labels])
        mine = {image.tobytes(): label for image, label in zip(whole, told.tolist(), strict=True)}
        given_ = np.divide(images, np.float32(255), dtype=np.float32)
        assert mine == {image.tobytes(): label for image, label in zip(given_, labels.tolist(), strict=True)}


@given(data_sets(), st.booleans(), st.data())
@settings(max_examples=25)
def test_a_damaged_file_is_refused_or_holds_the_same(made, packed, drawn):
    images, labels, held, _ = made
    file = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(file, **arrays(images, labels, held, np.arange(len(labels))))
    content = bytearray(file.getvalue())
    place = drawn.draw(st.integers(0, len(content) - 1))
    if drawn.draw(st.booleans()):
        content[place] ^= 1 << drawn.draw(st.integers(0, 7))
    else:
        del content[place:]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "my.npz"
        path.write_bytes(file.getvalue())
        before = load_dataset(path)
        path.write_bytes(content)
        after = read_or_sentence(path)
        if isinstance(after, str):
            assert after.startswith(str(path))
            assert "\n" not in after
        else:
            assert bits(after) == bits(before)
