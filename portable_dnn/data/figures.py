"""What the built-in pictures show: a cat's face, and six things that are not cats.

Every figure is about two units wide around the origin of its frame, with y pointing down, and is a
list of layers to be painted one over the other. The colours come from the same palettes for cats
and other things, so that colour alone does not separate them.
"""

import itertools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from portable_dnn.data.drawing import (
    Colour,
    Frame,
    Layer,
    Point,
    box,
    ellipse,
    polygon,
    stroke,
)
from portable_dnn.network.randomness import uniform

__all__ = ["OTHER_THINGS", "Figure", "Palette", "cat", "palette"]

Palette: TypeAlias = tuple[Colour, Colour, Colour]
"""Main colour, a darker one and a lighter one."""
Figure: TypeAlias = Callable[[Frame, Palette], list[Layer]]
"""A function that draws one figure in the colours given."""

_MAIN_COLOURS: tuple[Colour, ...] = (
    (226, 140, 62),  # ginger
    (120, 122, 132),  # grey
    (176, 150, 152),  # lilac
    (240, 222, 190),  # cream
    (150, 98, 62),  # brown
    (214, 176, 120),  # sand
)
_ACCENTS: tuple[Colour, ...] = ((142, 196, 64), (240, 196, 52), (92, 176, 214))
_INK: Colour = (32, 26, 30)
_PINK: Colour = (240, 140, 150)
_WHITE: Colour = (250, 248, 244)


def palette(random: np.random.RandomState) -> Palette:
    """Choose a figure's colours: a main one, slightly varied, with a dark and a light companion.

    Parameters
    ----------
    random : numpy.random.RandomState
        The stream to choose from.

    Returns
    -------
    tuple of three (red, green, blue), 0 to 255
    """
    chosen = _MAIN_COLOURS[random.randint(len(_MAIN_COLOURS))]
    main = _mix(chosen, _WHITE, uniform(random, 0.0, 0.15))
    return main, _mix(main, _INK, 0.4), _mix(main, _WHITE, 0.5)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    """Go from one colour towards another by a share of 0 to 1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return red, green, blue


def _accent(colours: Palette) -> Colour:
    """Choose an accent that goes with the main colour, without another random number."""
    return _ACCENTS[int(colours[0][0]) % len(_ACCENTS)]


def _mirrored(*points: Point) -> list[Point]:
    """Mirror a polygon left to right; the order is turned round to stay clockwise."""
    return [(-x, y) for x, y in reversed(points)]


def cat(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a cat's face: pointed ears, slit pupils, a small nose and whiskers.

    Parameters
    ----------
    on : Frame
        Where to draw.
    colours : Palette
        The fur's colours.

    Returns
    -------
    list of (coverage, colour)
        To be painted in this order.
    """
    main, dark, light = colours
    ear: tuple[Point, ...] = ((-0.92, 0.05), (-0.86, -1.05), (-0.08, -0.55))
    inner: tuple[Point, ...] = ((-0.76, -0.25), (-0.76, -0.82), (-0.34, -0.52))
    layers: list[Layer] = [
        (polygon(on, *ear), main),
        (polygon(on, *_mirrored(*ear)), main),
        (polygon(on, *inner), _PINK),
        (polygon(on, *_mirrored(*inner)), _PINK),
        (ellipse(on, (0.0, 0.1), 0.95, 0.78), main),
        (stroke(on, (0.0, -0.6), (0.0, -0.38), 0.06), dark),
        (stroke(on, (-0.22, -0.57), (-0.17, -0.38), 0.05), dark),
        (stroke(on, (0.22, -0.57), (0.17, -0.38), 0.05), dark),
        (ellipse(on, (-0.16, 0.5), 0.24, 0.19), light),
        (ellipse(on, (0.16, 0.5), 0.24, 0.19), light),
    ]
    for side in (-1.0, 1.0):
        layers += [
            (ellipse(on, (0.4 * side, 0.02), 0.25, 0.25), _INK),
            (ellipse(on, (0.4 * side, 0.02), 0.21, 0.21), _accent(colours)),
            (ellipse(on, (0.4 * side, 0.02), 0.065, 0.19), _INK),
            (stroke(on, (0.0, 0.54), (0.12 * side, 0.62), 0.035), _INK),
            (stroke(on, (0.12 * side, 0.62), (0.26 * side, 0.56), 0.035), _INK),
            (stroke(on, (0.42 * side, 0.42), (1.12 * side, 0.26), 0.025), _WHITE),
            (stroke(on, (0.42 * side, 0.5), (1.15 * side, 0.52), 0.025), _WHITE),
            (stroke(on, (0.42 * side, 0.58), (1.08 * side, 0.78), 0.025), _WHITE),
        ]
    layers += [
        (stroke(on, (0.0, 0.4), (0.0, 0.54), 0.035), _INK),
        (polygon(on, (-0.14, 0.27), (0.14, 0.27), (0.0, 0.43)), _PINK),
    ]
    return layers


def _dog(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a dog's face: hanging ears, a long snout, a big nose and the tongue out."""
    main, dark, light = colours
    layers: list[Layer] = [
        (ellipse(on, (0.0, 0.0), 0.72, 0.86), main),
        (ellipse(on, (0.0, 0.42), 0.46, 0.42), light),
        (ellipse(on, (0.0, 0.86), 0.16, 0.22), _PINK),
        (stroke(on, (-0.24, 0.68), (0.24, 0.68), 0.04), _INK),
        (ellipse(on, (0.0, 0.3), 0.23, 0.16), _INK),
    ]
    for side in (-1.0, 1.0):
        layers += [
            (ellipse(on, (0.8 * side, 0.05), 0.25, 0.68), dark),
            (ellipse(on, (0.3 * side, -0.22), 0.13, 0.15), _INK),
            (ellipse(on, (0.3 * side + 0.04, -0.27), 0.045, 0.045), _WHITE),
        ]
    return layers


def _fish(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a fish that swims to the left, with stripes and a round eye."""
    main, dark, light = colours
    return [
        (polygon(on, (0.35, 0.0), (1.1, -0.6), (1.1, 0.6)), dark),
        (polygon(on, (-0.3, -0.4), (0.25, -0.85), (0.35, -0.3)), dark),
        (ellipse(on, (-0.2, 0.0), 0.82, 0.56), main),
        (ellipse(on, (-0.2, 0.22), 0.6, 0.28), light),
        (stroke(on, (-0.1, -0.38), (-0.1, 0.38), 0.06), dark),
        (stroke(on, (0.18, -0.32), (0.18, 0.32), 0.06), dark),
        (ellipse(on, (-0.58, -0.12), 0.17, 0.17), _WHITE),
        (ellipse(on, (-0.61, -0.12), 0.08, 0.08), _INK),
        (stroke(on, (-0.95, 0.18), (-0.7, 0.2), 0.035), _INK),
    ]


def _flower(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a flower with six petals, a stem and two leaves."""
    main, dark, light = colours
    petals: tuple[Point, ...] = (
        (0.5, -0.2),
        (0.25, 0.23),
        (-0.25, 0.23),
        (-0.5, -0.2),
        (-0.25, -0.63),
        (0.25, -0.63),
    )
    green = (84.0, 150.0, 72.0)
    layers: list[Layer] = [
        (stroke(on, (0.0, 0.0), (0.05, 1.1), 0.07), green),
        (ellipse(on, (0.3, 0.8), 0.3, 0.13), green),
        (ellipse(on, (-0.24, 0.92), 0.28, 0.12), green),
    ]
    layers += [(ellipse(on, petal, 0.31, 0.31), dark) for petal in petals]
    layers += [(ellipse(on, petal, 0.26, 0.26), main) for petal in petals]
    layers += [
        (ellipse(on, (0.0, -0.2), 0.3, 0.3), _accent(colours)),
        (ellipse(on, (0.0, -0.2), 0.16, 0.16), light),
    ]
    return layers


def _house(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a house with a chimney, a door and two lit windows."""
    main, dark, light = colours
    layers: list[Layer] = [
        (box(on, (0.5, -0.65), 0.13, 0.35), dark),
        (box(on, (0.0, 0.38), 0.8, 0.52), main),
        (polygon(on, (-1.02, -0.1), (0.0, -0.95), (1.02, -0.1)), dark),
        (box(on, (0.0, 0.58), 0.17, 0.32), _INK),
    ]
    for side in (-1.0, 1.0):
        layers += [
            (box(on, (0.48 * side, 0.28), 0.2, 0.2), _INK),
            (box(on, (0.48 * side, 0.28), 0.16, 0.16), light),
            (stroke(on, (0.48 * side, 0.12), (0.48 * side, 0.44), 0.03), _INK),
        ]
    return layers


def _car(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a car from the side, with two wheels, a window and a lamp."""
    main, dark, light = colours
    layers: list[Layer] = [
        (polygon(on, (-0.7, 0.0), (-0.4, -0.52), (0.35, -0.52), (0.7, 0.0)), dark),
        (polygon(on, (-0.52, -0.02), (-0.32, -0.42), (-0.04, -0.42), (-0.04, -0.02)), light),
        (polygon(on, (0.06, -0.02), (0.06, -0.42), (0.28, -0.42), (0.5, -0.02)), light),
        (stroke(on, (-0.85, 0.2), (0.85, 0.2), 0.24), main),
        (ellipse(on, (-0.98, 0.14), 0.09, 0.09), _accent(colours)),
    ]
    for side in (-1.0, 1.0):
        layers += [
            (ellipse(on, (0.55 * side, 0.48), 0.26, 0.26), _INK),
            (ellipse(on, (0.55 * side, 0.48), 0.12, 0.12), _WHITE),
        ]
    return layers


def _mug(on: Frame, colours: Palette) -> list[Layer]:
    """Draw a striped mug with a handle and steam."""
    main, dark, light = colours
    handle: tuple[Point, ...] = ((0.55, 0.0), (0.95, 0.05), (0.95, 0.5), (0.55, 0.62))
    layers: list[Layer] = [
        (stroke(on, start, end, 0.09), dark) for start, end in itertools.pairwise(handle)
    ]
    layers += [
        (box(on, (-0.1, 0.3), 0.7, 0.62), main),
        (box(on, (-0.1, 0.32), 0.7, 0.12), light),
        (ellipse(on, (-0.1, -0.32), 0.7, 0.16), light),
        (ellipse(on, (-0.1, -0.32), 0.6, 0.11), _INK),
    ]
    for x in (-0.45, -0.1, 0.25):
        layers += [
            (stroke(on, (x, -0.5), (x + 0.1, -0.72), 0.035), _WHITE),
            (stroke(on, (x + 0.1, -0.72), (x, -0.98), 0.035), _WHITE),
        ]
    return layers


OTHER_THINGS: tuple[Figure, ...] = (_dog, _fish, _flower, _house, _car, _mug)
