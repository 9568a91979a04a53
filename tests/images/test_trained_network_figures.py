"""The figures of a trained network: what they draw is what they were given, and no text leaves them."""

import numpy as np
import pytest
from matplotlib.text import Text

from cgrosim.figures.attacked_images import AttackedImage, attacked_images_figure
from cgrosim.figures.confusion import confusion_figure
from cgrosim.figures.image_mistakes import ShownMistake, image_mistakes_figure
from cgrosim.figures.network_filters import network_filters_figure

HEADING = ["a-rather-long-name-of-a-data-set.npz, stack3x3-32, epoch 30, trained against linf PGD-7, radius 0.03137, "
           "step 0.0112, random start", "clean accuracy 55.5 % of 1000 test images"]  # fmt: skip
NAMES = [f"{number} is a class with a long name" for number in range(30)]


def check_texts(figure):
    """Every text lies inside the figure, and no two overlap by more than a hair."""
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    texts = [text for text in found if text.get_text().strip()]
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= -1, text
        assert box.y0 >= -1, text
        assert box.x1 <= width + 1, text
        assert box.y1 <= height + 1, text
    for one, box in enumerate(boxes):
        for other in boxes[:one]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            down = min(box.y1, other.y1) - max(box.y0, other.y0)
            assert across <= 2 or down <= 3, (texts[one], across, down)


@pytest.mark.parametrize("classes", [2, 10, 30])
def test_confusion(classes):
    generator = np.random.default_rng(0)
    confusion = generator.integers(0, 9, (classes, classes)) + np.diag(np.full(classes, 50))
    figure = confusion_figure(confusion, NAMES[:classes], HEADING)
    check_texts(figure)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, 100.0 * confusion / confusion.sum(axis=1, keepdims=True), rtol=1e-12)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == ([str(count) for count in confusion.ravel() if count] if classes <= 12 else [])


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3)])
def test_images(shape):
    generator = np.random.default_rng(0)
    images = generator.random((5, *shape))
    mistakes = [ShownMistake(image, NAMES[0], NAMES[1], 0.999, 12345) for image in images]
    figure = image_mistakes_figure(mistakes, HEADING)
    check_texts(figure)
    drawn = [axes.images[0].get_array() for axes in figure.axes]
    np.testing.assert_array_equal(drawn, images[..., 0] if shape[2] == 1 else images)
    rows = [AttackedImage(image, image[::-1], 7, *generator.dirichlet(np.ones(30), 2)) for image in images[:2]]
    figure = attacked_images_figure(rows, NAMES, HEADING)
    check_texts(figure)
    bold = [label.get_text() for label in figure.axes[3].get_yticklabels() if label.get_fontweight() == "bold"]
    assert len(bold) == 1
    assert bold[0].startswith("7 is a")
    check_texts(image_mistakes_figure([], HEADING))
    check_texts(attacked_images_figure([], NAMES, HEADING))


def test_filters():
    filters = np.random.default_rng(0).normal(size=(5, 4, 1, 70))
    figure = network_filters_figure(filters, HEADING)
    check_texts(figure)
    assert len(figure.axes) == 64
    assert figure.axes[63].images[0].get_array()[2, 3] == filters[2, 3, 0, 63] / np.abs(filters[..., 63]).max()
    assert "70 filters of 5 × 4, 64 of them shown" in figure.texts[0].get_text()
    colour = np.zeros((3, 3, 3, 2))
    colour[1, 1, 0, 0] = -2.0
    figure = network_filters_figure(colour, HEADING)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[1, 1], [0.0, 0.5, 0.5])
