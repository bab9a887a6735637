"""Drawing with NumPy alone, so that the same picture comes out of every machine, bit for bit.

Only ``+ - * /``, square roots and comparisons are used: IEEE 754 fixes their results exactly, which
it does not for sines, exponentials or sums whose order a library may choose.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Colour",
    "Coverage",
    "Frame",
    "Layer",
    "Picture",
    "Point",
    "box",
    "ellipse",
    "frame",
    "paint",
    "polygon",
    "stroke",
    "to_bytes",
]

Coverage: TypeAlias = NDArray[np.float64]
"""How much of each pixel a shape covers: (size, size), 0 to 1."""
Picture: TypeAlias = NDArray[np.float64]
"""A picture being painted: (size, size, 3), 0 to 255."""
Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""
Point: TypeAlias = tuple[float, float]
"""A place in a figure's frame: x to the right, y down, the figure about -1 to 1."""
Layer: TypeAlias = tuple[Coverage, Colour]
"""One shape in one colour."""


@dataclass(frozen=True)
class Frame:
    """The coordinates of every pixel's centre as a figure sees them.

    Attributes
    ----------
    x, y : ndarray of float64, (size, size)
        Coordinates in the figure's own units.
    scale : float
        Pixels in one of the figure's units.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    scale: float


def frame(size: int, centre: Point, scale: float, tilt: float = 0.0) -> Frame:
    """Place a figure in a picture.

    Parameters
    ----------
    size : int
        The picture's height and width in pixels.
    centre : (float, float)
        Where the figure's origin lies, x and y in pixels.
    scale : float
        Pixels in one of the figure's units.
    tilt : float, default 0
        Tangent of half the angle by which the figure is turned. The half angle makes the rotation
        rational, so no sine is needed.

    Returns
    -------
    Frame
    """
    across = np.arange(size, dtype=np.float64) + 0.5
    dx = (across[np.newaxis, :] - centre[0]) / scale
    dy = (across[:, np.newaxis] - centre[1]) / scale
    cosine = (1.0 - tilt * tilt) / (1.0 + tilt * tilt)
    sine = 2.0 * tilt / (1.0 + tilt * tilt)
    return Frame(cosine * dx + sine * dy, cosine * dy - sine * dx, scale)


def ellipse(on: Frame, centre: Point, half_width: float, half_height: float) -> Coverage:
    """Cover an ellipse with axes along the frame's.

    Parameters
    ----------
    on : Frame
        The figure's frame.
    centre : (float, float)
        The middle.
    half_width, half_height : float
        The half axes, above 0.

    Returns
    -------
    ndarray of float64, (size, size)
        The share of each pixel that is covered, 0 to 1.
    """
    x = (on.x - centre[0]) / half_width
    y = (on.y - centre[1]) / half_height
    distance = (np.sqrt(x * x + y * y) - 1.0) * min(half_width, half_height)
    return _coverage(on, distance)


def box(on: Frame, centre: Point, half_width: float, half_height: float) -> Coverage:
    """Cover a rectangle with sides along the frame's axes; parameters as for `ellipse`."""
    x = np.abs(on.x - centre[0]) - half_width
    y = np.abs(on.y - centre[1]) - half_height
    return _coverage(on, np.maximum(x, y))


def polygon(on: Frame, *corners: Point) -> Coverage:
    """Cover a convex polygon.

    Parameters
    ----------
    on : Frame
        The figure's frame.
    *corners : (float, float)
        At least three, clockwise as seen (y points down).

    Returns
    -------
    ndarray of float64, (size, size)
        The share of each pixel that is covered, 0 to 1.
    """
    distance = np.full(on.x.shape, -np.inf)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        dx, dy = x1 - x0, y1 - y0
        length = float(np.sqrt(dx * dx + dy * dy))
        # Signed distance from the edge's line: negative on the polygon's side.
        edge = ((on.x - x0) * dy - (on.y - y0) * dx) / length
        distance = np.maximum(distance, edge)
    return _coverage(on, distance)


def stroke(on: Frame, start: Point, end: Point, half_width: float) -> Coverage:
    """Cover a straight stroke with round ends.

    Parameters
    ----------
    on : Frame
        The figure's frame.
    start, end : (float, float)
        The two ends; they must differ.
    half_width : float
        Half the stroke's width, above 0.

    Returns
    -------
    ndarray of float64, (size, size)
        The share of each pixel that is covered, 0 to 1.
    """
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = on.x - start[0], on.y - start[1]
    along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy), 0.0, 1.0)
    x, y = x - along * dx, y - along * dy
    return _coverage(on, np.sqrt(x * x + y * y) - half_width)


def _coverage(on: Frame, distance: NDArray[np.float64]) -> Coverage:
    """Turn a signed distance (negative inside) into an edge that is one pixel soft."""
    covered: Coverage = np.clip(0.5 - distance * on.scale, 0.0, 1.0)
    return covered


def paint(picture: Picture, coverage: Coverage, colour: Colour) -> Picture:
    """Lay one colour over a picture.

    Parameters
    ----------
    picture : ndarray of float64, (size, size, 3)
        What is there, 0 to 255.
    coverage : ndarray of float64, (size, size)
        How much of each pixel the colour takes, 0 to 1.
    colour : (float, float, float)
        Red, green and blue, 0 to 255.

    Returns
    -------
    ndarray of float64, (size, size, 3)
        A new picture.
    """
    return picture + coverage[:, :, np.newaxis] * (np.array(colour) - picture)


def to_bytes(picture: Picture) -> NDArray[np.uint8]:
    """Round a painted picture to whole colour values, once, ties to even.

    Parameters
    ----------
    picture : ndarray of float64, (size, size, 3)
        Anything outside 0 to 255 is cut off.

    Returns
    -------
    ndarray of uint8, (size, size, 3)
    """
    return np.rint(np.clip(picture, 0.0, 255.0)).astype(np.uint8)
