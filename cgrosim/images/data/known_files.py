"""The published files of the data sets: their names, where they lie below a data folder, mirrors and checksums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

IdxName = Literal["mnist", "fashion-mnist"]
DatasetName = Literal["digits", "mnist", "fashion-mnist", "cifar-10"]
DATASET_NAMES: Final[tuple[DatasetName, ...]] = ("digits", "mnist", "fashion-mnist", "cifar-10")


@dataclass(frozen=True)
class IdxFile:
    """One of the four files of a data set in IDX format.

    Attributes
    ----------
    stem : file name without .gz
    content : what it holds, for messages
    archive_sha256 : of the published .gz file, for downloads
    sha256 : of the unpacked file, to recognise the file under another name or compressed again
    archive_size : of the published .gz file in bytes; no download goes on beyond it
    """

    stem: str
    content: str
    archive_sha256: str
    sha256: str
    archive_size: int


@dataclass(frozen=True)
class IdxSource:
    """A data set in IDX format.

    Attributes
    ----------
    title : its name in messages
    folders : where below a data folder it is looked for, besides the folder itself: ours, then torchvision's
    mirrors : addresses of folders with the .gz files, tried in this order; https, so that nobody reads along
    files : training images, training labels, test images, test labels
    class_names : of the labels 0..9
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]
    class_names: tuple[str, ...]


IDX_SOURCES: Final[dict[IdxName, IdxSource]] = {
    "mnist": IdxSource(
        "MNIST",
        ("mnist", "MNIST/raw"),
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (
            IdxFile(
                "train-images-idx3-ubyte",
                "training images",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                9_912_422,
            ),
            IdxFile(
                "train-labels-idx1-ubyte",
                "training labels",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                28_881,
            ),
            IdxFile(
                "t10k-images-idx3-ubyte",
                "test images",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                1_648_877,
            ),
            IdxFile(
                "t10k-labels-idx1-ubyte",
                "test labels",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                4_542,
            ),
        ),
        tuple("0123456789"),
    ),
    "fashion-mnist": IdxSource(
        "Fashion-MNIST",
        ("fashion-mnist", "FashionMNIST/raw"),
        ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
        (
            IdxFile(
                "train-images-idx3-ubyte",
                "training images",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                26_421_880,
            ),
            IdxFile(
                "train-labels-idx1-ubyte",
                "training labels",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                29_515,
            ),
            IdxFile(
                "t10k-images-idx3-ubyte",
                "test images",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                4_422_102,
            ),
            IdxFile(
                "t10k-labels-idx1-ubyte",
                "test labels",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                5_148,
            ),
        ),
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
}

CIFAR_FOLDERS: Final = ("cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin")
CIFAR_TRAINING: Final = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR_TEST: Final = "test_batch.bin"
CIFAR_ARCHIVE: Final = "cifar-10-binary.tar.gz"
CIFAR_ARCHIVE_MD5: Final = "c32a1d4ab5d03f1284b67883e8d87530"
CIFAR_ARCHIVE_LARGEST: Final = 180_000_000  # bytes; it has 162 MiB
CIFAR_MIRROR: Final = "https://www.cs.toronto.edu/~kriz/"
CIFAR_CLASSES: Final = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
