"""Data sets by name, their class-balanced subsets, and where they are looked for."""

import hashlib
import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import write_idx_folder

from cgrosim.errors import FileError, ParameterError
from cgrosim.images.data import digits
from cgrosim.images.data.datasets import Dataset, balanced_subset, load_dataset, split_validation

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def generator(seed=0):
    return np.random.default_rng(seed)


def largest(labels):
    """The size of the largest draw with the same number of every class, up to one."""
    sizes = np.unique(labels, return_counts=True)[1]
    return int(np.minimum(sizes, sizes.min() + 1).sum())


@given(labels=LABELS, share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_a_subset_is_balanced_sorted_and_repeatable(labels, share, seed):
    count = max(1, round(share * largest(labels)))
    chosen = balanced_subset(labels, count, generator(seed))
    assert chosen.dtype == np.int64
    assert len(chosen) == count
    assert np.all(np.diff(chosen) > 0)
    drawn = [np.count_nonzero(labels[chosen] == label) for label in np.unique(labels)]
    assert max(drawn) - min(drawn) <= 1
    assert np.array_equal(chosen, balanced_subset(labels, count, generator(seed)))


@given(labels=LABELS, seed=st.integers(0, 2**32 - 1))
def test_smaller_subsets_lie_in_larger_ones(labels, seed):
    draws = [set(balanced_subset(labels, count, generator(seed))) for count in range(1, largest(labels) + 1)]
    assert all(small < large for small, large in itertools.pairwise(draws))


@given(labels=LABELS, excess=st.integers(1, 100))
def test_a_subset_that_cannot_be_drawn_is_refused(labels, excess):
    limit = largest(labels)
    with pytest.raises(ParameterError, match=f"take at most {limit}"):
        balanced_subset(labels, limit + excess, generator())


def test_the_class_with_one_more_and_the_members_are_drawn():
    """Of 64 seeds every class is favoured, and every member taken, by at least one.

    For a fair draw the probability that one of the three classes is never favoured is 3 (2/3)^64 < 2e-11, that one of
    the 12 members is never taken at most 12 (3/4)^64 < 2e-7.
    """
    labels = np.repeat(np.arange(3), 4)
    draws = [balanced_subset(labels, 4, generator(seed)) for seed in range(64)]
    favoured = {int(np.argmax(np.bincount(labels[chosen]))) for chosen in draws}
    assert favoured == {0, 1, 2}
    assert set(np.concatenate(draws).tolist()) == set(range(12))


@pytest.mark.parametrize("count", [0, -3, 2.5, True, None])
def test_a_size_that_is_no_positive_number_is_refused(count):
    with pytest.raises(ParameterError, match="give a whole number of at least 1"):
        balanced_subset(np.arange(10), count, generator())


@pytest.fixture(scope="module")
def small():
    return load_dataset("digits")


def test_digits_are_those_of_scikit_learn_split_for_good(small):
    from sklearn.datasets import load_digits

    original = load_digits()
    assert small.train_images.shape == (1297, 8, 8, 1)
    assert small.test_images.shape == (500, 8, 8, 1)
    assert np.bincount(small.test_labels).tolist() == [50] * 10
    images = np.concatenate([small.train_images, small.test_images])[..., 0] * 16
    labels = np.concatenate([small.train_labels, small.test_labels])
    together = sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    expected = zip(original.images.astype(np.float32), original.target, strict=True)
    assert together == sorted((image.tobytes(), label) for image, label in expected)
    # The split must not change, or models of different versions could not be compared.
    assert hashlib.sha256((16 * small.test_images).astype(np.uint8).tobytes()).hexdigest()[:16] == "963b12bf73d26111"


def test_digits_come_from_scikit_learn_itself_if_its_file_moves(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(digits, "Path", lambda origin: tmp_path / "sklearn" / "__init__.py")
        again = load_dataset("digits")
    assert np.array_equal(again.train_images, small.train_images)
    assert np.array_equal(again.test_labels, small.test_labels)


def test_without_scikit_learn_the_sentence_says_so(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(FileError, match="scikit-learn, which is not installed"):
        load_dataset("digits")


def test_a_subset_drawn_while_loading_is_the_subset_drawn_afterwards(small, tmp_path):
    write_idx_folder(tmp_path)
    for name, folder in (("digits", None), ("mnist", tmp_path)):
        for counts in ((17, 11), (None, 10), (20, None), (None, None)):
            whole = load_dataset(name, folder).subset(*counts, generator(5))
            early = load_dataset(name, folder, train_count=counts[0], test_count=counts[1], generator=generator(5))
            for field in ("train_images", "train_labels", "test_images", "test_labels"):
                assert np.array_equal(getattr(whole, field), getattr(early, field))


def test_the_test_images_do_not_depend_on_the_number_of_training_images(small):
    parts = [small.subset(count, 40, generator(2)).test_images for count in (10, 100, None)]
    assert np.array_equal(parts[0], parts[1])
    assert np.array_equal(parts[0], parts[2])


def test_a_subset_needs_a_generator(tmp_path):
    with pytest.raises(ParameterError, match="give the generator"):
        load_dataset("digits", train_count=10)


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_validation_part_is_taken_out_of_the_training_part(small, count):
    rest, images, labels = split_validation(small, count, generator())
    assert len(images) == len(labels) == count
    assert len(rest.train_labels) == len(small.train_labels) - count
    assert rest.test_images is small.test_images
    together = np.concatenate([rest.train_images, images])
    assert sorted(map(bytes, together)) == sorted(map(bytes, small.train_images))
    assert (np.unique(labels, return_counts=True)[1] == 10).all() or count < 100


def test_a_validation_part_leaves_something_to_train_on(small):
    ten = small.subset(10, None, generator())
    with pytest.raises(ParameterError, match="leaves no training image of digits"):
        split_validation(ten, 10, generator())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train_images": np.zeros((3, 8, 8), np.float32)}, "images of shape"),
        ({"train_images": np.zeros((1297, 8, 8, 1))}, "type float64"),
        ({"test_labels": np.zeros(3, np.int64)}, "labels of shape"),
        ({"test_images": np.full((500, 8, 8, 1), np.nan, np.float32)}, "pixels outside"),
        ({"test_images": np.full((500, 8, 8, 1), 1.5, np.float32)}, "pixels outside"),
        ({"test_images": np.zeros((500, 9, 8, 1), np.float32)}, "the same shape"),
        ({"class_names": ("a", "b")}, "labels outside 0 to 1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(small, changes, sentence):
    with pytest.raises(ParameterError, match=sentence):
        replace(small, **changes)


def test_a_data_set_has_its_shape_and_classes(small):
    assert small.input_shape == (8, 8, 1)
    assert small.classes == 10
    assert isinstance(small, Dataset)


def test_an_unknown_name_and_an_absent_folder_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ParameterError, match="take one of digits, mnist, fashion-mnist, cifar-10"):
        load_dataset("imagenet")
    with pytest.raises(FileError, match="absent does not exist"):
        load_dataset("mnist", tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file is a file"):
        load_dataset("cifar-10", tmp_path / "file")
    with pytest.raises(FileError, match="holds no Fashion-MNIST; put train-images"):
        load_dataset("fashion-mnist", tmp_path)
    monkeypatch.setenv("CGROSIM_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileError, match="of CGROSIM_DATA does not exist"):
        load_dataset("mnist")


def test_the_argument_comes_before_the_variable(tmp_path, monkeypatch):
    write_idx_folder(tmp_path / "argument", seed=1)
    write_idx_folder(tmp_path / "variable", seed=2)
    argument = load_dataset("mnist", tmp_path / "argument").train_images
    monkeypatch.setenv("CGROSIM_DATA", str(tmp_path / "variable"))
    variable = load_dataset("mnist").train_images
    assert not np.array_equal(argument, variable)
    assert np.array_equal(load_dataset("mnist", str(tmp_path / "argument")).train_images, argument)


def test_loading_imports_nothing_heavy():
    code = (
        "import sys; from cgrosim.images.data.datasets import load_dataset; load_dataset('digits');"
        "print([name for name in ('sklearn', 'scipy', 'pooch', 'requests', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("name", "mean"), [("mnist", 0.1307), ("fashion-mnist", 0.2860)])
def test_the_real_files_in_idx_are_read(real_data, name, mean):
    dataset = load_dataset(name, real_data)
    assert dataset.train_images.shape == (60000, 28, 28, 1)
    assert dataset.test_images.shape == (10000, 28, 28, 1)
    # Published to four places, hence half a unit of the last one.
    assert abs(dataset.train_images.mean(dtype=np.float64) - mean) <= 0.5e-4
    counts = np.bincount(dataset.test_labels)
    assert counts.tolist() == [1000] * 10 if name == "fashion-mnist" else counts.max() == 1135


def test_the_real_cifar_10_is_read(real_data):
    dataset = load_dataset("cifar-10", real_data, train_count=1000, test_count=10000, generator=generator())
    assert dataset.train_images.shape == (1000, 32, 32, 3)
    assert np.bincount(dataset.test_labels).tolist() == [1000] * 10
    # Published are the channel means of the 50000 training images. The 10000 test images are another draw of the same
    # distribution, so their mean is off by five of its standard errors at most (probability 2e-6 for three channels),
    # and by half a unit of the fourth place.
    means = dataset.test_images.mean(axis=(1, 2), dtype=np.float64)
    difference = np.abs(means.mean(axis=0) - [0.4914, 0.4822, 0.4465])
    assert np.all(difference <= 5 * means.std(axis=0) / np.sqrt(len(means)) + 0.5e-4)


def test_a_folder_that_would_not_be_read_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"^digits comes with scikit-learn and is not read from own; leave"):
        load_dataset("digits", "own")
    np.savez(tmp_path / "mine.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array([0, 1, 0, 1]))
    with pytest.raises(ParameterError, match=r"is read from its own place; leave own out\.$"):
        load_dataset(tmp_path / "mine.npz", "own")
