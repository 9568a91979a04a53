"""Images of one's own: what is read, in which order, what is put aside, and what is refused in one sentence."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from own_images import some_images, write_folder
from PIL import Image

from cgrosim.errors import FileError, UserError
from cgrosim.images import default_settings, load_dataset
from cgrosim.images.data.own import found
from cgrosim.images.data.own.load import class_names_of, outline_of
from cgrosim.images.data.own.place import own_place, settled_name
from cgrosim.images.experiments.catalogue.stages import ThreeStages

IMAGES, LABELS = some_images()


def saved(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_a_test_part_is_read_as_it_is(tmp_path):
    train, test = some_images(8, seed=1), some_images(4, seed=2)
    path = saved(
        tmp_path / "my.npz", train_images=train[0], train_labels=train[1][:, None], test_images=test[0],
        test_labels=test[1], class_names=np.array(["cat", "dog"]),
    )  # fmt: skip
    data = load_dataset(path)
    assert (data.input_shape, data.class_names, data.name) == ((6, 5, 1), ("cat", "dog"), str(path))
    assert data.train_labels.tolist() == [0] * 4 + [1] * 4
    wanted = {image.tobytes() for image in np.divide(test[0], np.float32(255), dtype=np.float32)}
    assert {image.tobytes() for image in data.test_images} == wanted


def test_without_a_test_part_a_fifth_of_every_class_is_put_aside(tmp_path):
    path = saved(tmp_path / "my.npz", images=IMAGES, labels=LABELS)
    data = load_dataset(path)
    assert np.bincount(data.train_labels).tolist() == [8, 8]
    assert np.bincount(data.test_labels).tolist() == [2, 2]
    whole = {image.tobytes() for image in (*data.train_images, *data.test_images)}
    assert len(whole) == 20
    outline = outline_of(path)
    assert (outline.input_shape, outline.class_names) == (data.input_shape, data.class_names)
    assert (outline.train_counts, outline.test_counts) == ((8, 8), (2, 2))
    again = saved(tmp_path / "again.npz", images=IMAGES[::-1], labels=LABELS[::-1])
    assert load_dataset(again).digest == data.digest


def test_copies_of_one_image_never_part(tmp_path):
    images = np.concatenate([IMAGES, IMAGES[:10]])
    data = load_dataset(saved(tmp_path / "my.npz", images=images, labels=np.concatenate([LABELS, LABELS[:10]])))
    train, test = ({image.tobytes() for image in part} for part in (data.train_images, data.test_images))
    assert not train & test


def test_a_folder_with_train_and_test_and_names(tmp_path):
    write_folder(tmp_path / "my" / "train", *some_images(6, (4, 4, 3), seed=1), names=["b", "a"])
    write_folder(tmp_path / "my" / "test", *some_images(4, (4, 4, 3), seed=2), names=["b", "a"])
    (tmp_path / "my" / ".hidden").write_text("")
    (tmp_path / "my" / "train" / "a" / "Thumbs.db").write_text("")
    data = load_dataset(tmp_path / "my")
    assert (data.input_shape, data.class_names) == ((4, 4, 3), ("a", "b"))
    assert (len(data.train_labels), len(data.test_labels)) == (6, 4)


def test_classes_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    images, labels = some_images(66, classes=11)
    assert load_dataset(write_folder(tmp_path / "my", images, labels)).class_names == tuple(map(str, range(11)))
    named = saved(tmp_path / "my.npz", images=images, labels=labels.astype(str))
    assert load_dataset(named).digest == load_dataset(tmp_path / "my").digest


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    for label in range(2):
        (tmp_path / str(label)).mkdir()
        for number in range(5):
            generator = np.random.default_rng(10 * label + number)
            image = Image.fromarray(generator.integers(0, 256, (8, 16), dtype=np.uint8))
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(tmp_path / str(label) / f"{number}.jpg", exif=exif)
    data = load_dataset(tmp_path)
    assert data.input_shape == outline_of(tmp_path).input_shape == (16, 8, 1)


def test_what_is_a_path_and_what_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "pets").mkdir()
    assert [own_place(name) is None for name in ("mnist", "./mnist", "pets", "cats", "x.npz", "")] == [
        True, False, False, True, False, True,
    ]  # fmt: skip
    assert [settled_name(name) for name in ("mnist", "./mnist/", "./a//b.npz", "pets/")] == [
        "mnist", "./mnist", "a/b.npz", "pets",
    ]  # fmt: skip
    with pytest.raises(UserError, match="or the path of images of your own"):
        default_settings("mmist")
    with pytest.raises(FileError, match=r"there are no images at a/b\.npz"):
        default_settings("a/b.npz")


def test_defaults_of_images_of_ones_own(tmp_path):
    path = saved(tmp_path / "my.npz", images=IMAGES, labels=LABELS)
    settings = default_settings(path)
    assert (settings.architecture.name, settings.attack.radius, settings.validation) == ("lenet-x8", 0.1, 2)
    colour, labels = some_images(200, (12, 8, 3))
    path = saved(tmp_path / "colour.npz", images=colour, labels=labels)
    settings = default_settings(path, norm="l2")
    assert (settings.architecture.name, settings.attack.radius, settings.validation) == ("stack3x3-32", 0.5, 16)
    stages = ThreeStages.options(dataset=str(path)).experiment()
    assert (stages.settings.patch, stages.settings.samples, stages.settings.test_samples) == (4, 160, 40)
    assert class_names_of("digits") == tuple("0123456789")


def pickled(path):
    objects = np.array([[1], "two"], dtype=object)
    np.savez(path, images=IMAGES, labels=objects)


def bomb(path):
    """A member of zeros that packs a gigabyte into a megabyte, and says so."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 14, 1 << 8, 1 << 10)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as member:
        member.write(header.getvalue())
        for _ in range(4):
            member.write(bytes(1 << 20))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.npy", b"")


def lying(path):
    """A header that promises more than there is."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (20, 100, 100)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(600))
        archive.writestr("labels.npy", npy(LABELS))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def twice(path):
    np.savez(path, images=IMAGES, train_images=IMAGES, labels=LABELS)


def encrypted(path):
    np.savez(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(content)


def cut(path):
    np.savez(path, images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    for place in range(150, 170):
        content[place] ^= 255
    path.write_bytes(content)


ALIKE = IMAGES.copy()
ALIKE[3] = ALIKE[0]
NOT_A_NUMBER = np.divide(IMAGES, 255.0)
NOT_A_NUMBER[4, 0, 0] = np.nan
FILES = {
    "pickle": (pickled, "has labels of Python objects, which are never unpickled"),
    "lie": (lying, "has an array images that is not as long as it says"),
    "twice": (twice, "has the array train_images twice"),
    "encrypted": (encrypted, "is encrypted"),
    "cut": (cut, "is no .npz file, or a damaged one"),
    "flipped": (flipped, "is no .npz file, or a damaged one"),
    "text": (lambda path: path.write_text("images"), "is no .npz file"),
    "bare pickle": (lambda path: path.write_bytes(pickle.dumps([1])), "is no .npz file"),
    "no labels": ({"images": IMAGES}, "has no array labels"),
    "odd name": ({"images": IMAGES, "labels": LABELS, "lables": LABELS}, "has an array lables, which is not read"),
    "half a test": ({"images": IMAGES, "labels": LABELS, "test_images": IMAGES}, "only one of test_images"),
    "flat": ({"images": IMAGES.reshape(20, 30), "labels": LABELS}, "has images of shape (20, 30)"),
    "channels first": ({"images": np.zeros((20, 3, 5, 6), np.uint8), "labels": LABELS}, "transpose(0, 2, 3, 1)"),
    "transparent": ({"images": np.zeros((20, 5, 6, 4), np.uint8), "labels": LABELS}, "(n, height, width, 3)"),
    "empty": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "has images of shape (0, 6, 5)"),
    "whole numbers": ({"images": IMAGES.astype(int), "labels": LABELS}, "has images of type int64"),
    "to 255": ({"images": IMAGES.astype(float), "labels": LABELS}, "divide them by 255"),
    "negative": ({"images": IMAGES / -255.0, "labels": LABELS}, "but numbers must lie in [0, 1]; scale them"),
    "nan": ({"images": NOT_A_NUMBER, "labels": LABELS}, "has the pixel nan in image 4"),
    "too few labels": ({"images": IMAGES, "labels": LABELS[1:]}, "has labels of shape (19,) for 20 images"),
    "labels of numbers": ({"images": IMAGES, "labels": LABELS / 1.0}, "has labels of type float64"),
    "labels from 1": ({"images": IMAGES, "labels": LABELS + 1}, "0 images of class 0"),
    "labels below 0": ({"images": IMAGES, "labels": LABELS - 1}, "has labels from -1 to 0"),
    "large labels": ({"images": IMAGES, "labels": LABELS * 10**9}, "has labels from 0 to 1000000000"),
    "one class": ({"images": IMAGES, "labels": LABELS * 0}, "holds only the class 0"),
    "few": ({"images": IMAGES[:9], "labels": LABELS[:9]}, "has no test part and 4 images of class 1"),
    "names": (
        {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a"])},
        "has class_names of shape (1,) and type <U1 for labels from 0 to 1",
    ),
    "names twice": (
        {"images": IMAGES, "labels": LABELS.astype(str), "class_names": np.array(["a", "b"])},
        "leave class_names out",
    ),
    "two labels": ({"images": ALIKE, "labels": LABELS}, "one image under two classes, image 0 of images as 0"),
    "in both parts": (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[6:9], "test_labels": LABELS[6:9]},
        "has the same image for training and testing",
    ),
    "other size": (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:, 1:], "test_labels": LABELS},
        "has images of (6, 5) and test_images of (5, 5)",
    ),
    "unknown test label": (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES, "test_labels": LABELS + 1},
        "has the test label 2",
    ),
    "unknown test name": (
        {"images": IMAGES, "labels": LABELS.astype(str), "test_images": IMAGES, "test_labels": np.array(["2"] * 20)},
        "has no training image of class 2",
    ),
    "numbers and names": (
        {"images": IMAGES, "labels": LABELS, "test_images": IMAGES, "test_labels": LABELS.astype(str)},
        "numbers as labels in one part and names in the other",
    ),
    "class without test": (
        {"images": IMAGES, "labels": LABELS, "test_images": 255 - IMAGES[:1], "test_labels": LABELS[:1]},
        "has no test image of class 1",
    ),
    "all twice": (
        {"images": np.repeat(IMAGES, 2, axis=0), "labels": np.repeat(LABELS, 2)},
        "every image of class 0 is there twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file_is_one_sentence(case, tmp_path):
    made, told = FILES[case]
    path = tmp_path / "my.npz"
    made(path) if callable(made) else np.savez(path, **made)
    with pytest.raises(FileError) as error:
        load_dataset(path)
    sentence = str(error.value)
    assert told in sentence
    assert sentence.startswith(str(path))
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_what_is_huge_when_it_is_unpacked_is_refused_before_it_is(tmp_path, monkeypatch):
    bomb(tmp_path / "my.npz")
    monkeypatch.setattr("zipfile.ZipExtFile.read", limited(zipfile.ZipExtFile.read))
    with pytest.raises(FileError, match=r"not as long as it says"):
        load_dataset(tmp_path / "my.npz")
    monkeypatch.setattr(found, "MOST_PIXEL_BYTES", 1000)
    saved(tmp_path / "large.npz", images=IMAGES, labels=LABELS)
    with pytest.raises(FileError, match=r"holds 20 images of 6 x 5, which take .* GiB as float32, but at most"):
        load_dataset(tmp_path / "large.npz")
    with pytest.raises(FileError, match=r"holds 20 images of 6 x 5 x 1, which take"):
        load_dataset(write_folder(tmp_path / "large", IMAGES, LABELS))


def limited(read):
    """No more than headers are read."""

    def reading(self, size=-1):
        assert 0 <= size <= 20000
        return read(self, size)

    return reading


def spoil(folder, what):
    first = folder / "0" / "000.png"
    match what:
        case "file beside":
            (folder / "readme.txt").write_text("")
        case "other file":
            (folder / "0" / "notes.txt").write_text("")
        case "deeper":
            (folder / "0" / "more").mkdir()
        case "no image":
            first.write_bytes(b"GIF89a")
        case "cut":
            first.write_bytes(first.read_bytes()[:60])
        case "other size":
            Image.fromarray(IMAGES[0, 1:]).save(first.with_name("001.png"))
        case "colour":
            Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(first.with_name("001.png"))
        case "sixteen bits":
            Image.fromarray(np.zeros((6, 5), np.uint16)).save(first)
        case "transparent":
            Image.fromarray(np.zeros((6, 5, 4), np.uint8)).save(first)
        case "same":
            (folder / "1" / "001.png").write_bytes(first.read_bytes())


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("file beside", "holds the file readme.txt beside the folders of the classes"),
        ("other file", "notes.txt is no PNG or JPEG image"),
        ("deeper", "more is no PNG or JPEG image"),
        ("no image", "000.png is no PNG or JPEG image, or a damaged one"),
        ("cut", "000.png is no PNG or JPEG image, or a damaged one"),
        ("other size", "001.png is grey, 5 x 5 pixels, but the first image of"),
        ("colour", "001.png is in colour, 5 x 6 pixels"),
        ("sixteen bits", "pixels of the kind I;16"),
        ("transparent", "pixels of the kind RGBA"),
        ("same", "has one image under two classes"),
    ],
)
def test_a_wrong_folder_is_one_sentence(what, told, tmp_path):
    spoil(write_folder(tmp_path / "my", IMAGES, LABELS), what)
    with pytest.raises(FileError) as error:
        load_dataset(tmp_path / "my")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_needs_classes(tmp_path):
    (tmp_path / "my").mkdir()
    with pytest.raises(FileError, match="holds no class"):
        load_dataset(tmp_path / "my")
    write_folder(tmp_path / "my" / "train", IMAGES, LABELS)
    write_folder(tmp_path / "my" / "test", IMAGES[:2], LABELS[:2], names=["0", "x"])
    with pytest.raises(FileError, match="has the class x in test only"):
        load_dataset(tmp_path / "my")
