"""The data set that needs no file: 209 + 50 pictures drawn from a seed."""

import numpy as np
from numpy.typing import NDArray

from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.drawing import Colour, Picture, ellipse, frame, paint, to_bytes
from portable_dnn.data.figures import OTHER_THINGS, cat, palette
from portable_dnn.network.randomness import random_stream, uniform

__all__ = ["builtin_dataset"]

_SIZE = 64
# As many pictures as the course's data set, but half of them cats (there 34 % and 66 %), so that an
# answer that is always the same is right for half of either set, and accuracy shows learning.
_TRAIN, _TRAIN_CATS = 209, 104
_TEST, _TEST_CATS = 50, 25


def builtin_dataset(seed: int = 1) -> DataSet:
    """Draw the built-in data set: faces of cats, and dogs, fish, flowers, houses, cars and mugs.

    Colour, place, size, tilt and background of every picture are random and of the same kind in
    both classes. The same seed gives the same bytes on every machine.

    Parameters
    ----------
    seed : int, default 1
        From 0 to 2**32 - 1.

    Returns
    -------
    DataSet
        209 training and 50 test pictures, uint8 of shape (64, 64, 3); classes "non-cat", "cat".

    Raises
    ------
    DataError
        If the seed is outside that range.

    Examples
    --------
    >>> from portable_dnn.data import builtin_dataset
    >>> dataset = builtin_dataset()
    >>> dataset.train.images.shape, dataset.test.images.shape
    ((209, 64, 64, 3), (50, 64, 64, 3))
    >>> dataset.class_names[dataset.train.labels[0]]
    'cat'
    """
    random = random_stream(seed)
    return DataSet(
        train=_image_set(random, _TRAIN, _TRAIN_CATS),
        test=_image_set(random, _TEST, _TEST_CATS),
        class_names=("non-cat", "cat"),
        source="built-in pictures",
    )


def _image_set(random: np.random.RandomState, count: int, cats: int) -> ImageSet:
    """Draw `count` pictures in random order, `cats` of them cats and every other thing in turn."""
    order = random.permutation(count)
    labels = (order < cats).astype(np.int64)
    images = np.stack([_picture(random, int(number), cats) for number in order])
    return ImageSet(images, labels)


def _picture(random: np.random.RandomState, number: int, cats: int) -> NDArray[np.uint8]:
    """Draw one picture: numbers below `cats` are cats."""
    figure = cat if number < cats else OTHER_THINGS[number % len(OTHER_THINGS)]
    scale = uniform(random, 16.0, 25.0)
    # The larger the figure, the less room it has to move.
    room = 29.0 - scale
    on = frame(
        _SIZE,
        centre=(32.0 + uniform(random, -room, room), 32.0 + uniform(random, -room, room)),
        scale=scale,
        tilt=uniform(random, -0.12, 0.12),
    )
    picture = _background(random)
    for coverage, colour in figure(on, palette(random)):
        picture = paint(picture, coverage, colour)
    return to_bytes(picture)


def _background(random: np.random.RandomState) -> Picture:
    """Paint a random colour with three large discs in other ones."""
    whole = frame(_SIZE, (0.0, 0.0), 1.0)
    picture: Picture = np.zeros((_SIZE, _SIZE, 3)) + np.array(_any_colour(random))
    for _ in range(3):
        centre = uniform(random, 0.0, _SIZE), uniform(random, 0.0, _SIZE)
        radius = uniform(random, 10.0, 26.0)
        disc = ellipse(whole, centre, radius, radius)
        picture = paint(picture, disc * 0.5, _any_colour(random))
    return picture


def _any_colour(random: np.random.RandomState) -> Colour:
    """Draw any colour that is darker than most of the figures."""
    return uniform(random, 30, 130), uniform(random, 30, 130), uniform(random, 30, 130)
