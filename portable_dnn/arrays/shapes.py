"""Shapes of a network: checked once in a call, with errors that name the layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from portable_dnn.errors import SettingError, ShapeError
from portable_dnn.setting_checks import check_count, described, whole_number

__all__ = [
    "LayerShapes",
    "check_input",
    "check_labels",
    "check_layer",
    "check_layer_dims",
    "check_names",
    "check_parameters",
    "check_same_shape",
    "layer_shapes",
    "summary",
    "summary_table",
]


def check_layer_dims(layer_dims: Sequence[int]) -> tuple[int, ...]:
    """Check the sizes of a network's layers.

    Parameters
    ----------
    layer_dims : sequence of int
        `n_0 … n_L`: input features, units of each layer, outputs.

    Returns
    -------
    tuple of int
        The same, as Python's integers.

    Raises
    ------
    SettingError
        If there are fewer than two, or one is not a positive whole number.
    """
    if isinstance(layer_dims, np.ndarray):
        layer_dims = layer_dims.tolist()  # an array of sizes will do
    if not isinstance(layer_dims, Sequence) or len(layer_dims) < 2:
        raise SettingError(
            f"layer sizes {described(layer_dims)}: at least the number of features and the number "
            "of outputs are needed"
        )
    dims = tuple(map(whole_number, layer_dims))
    for layer, size in enumerate(dims):
        if size is None or size < 1:
            what = "input features" if layer == 0 else f"units in layer {layer}"
            raise SettingError(
                f"{described(layer_dims[layer])} {what}: a whole number of at least 1 is right"
            )
    return tuple(size for size in dims if size is not None)


def check_names(parameters: Mapping[str, Any]) -> int:
    """Check that something is a dict with the names of a network's parameters.

    Parameters
    ----------
    parameters : mapping of str to array
        To have `W1, b1 … WL, bL`.

    Returns
    -------
    int
        L.

    Raises
    ------
    ShapeError
        If it is anything else, or a name is missing or unexpected.
    """
    if not isinstance(parameters, Mapping):
        kind = type(parameters).__name__
        raise ShapeError(f"the parameters are a {kind}; a dict W1, b1 … WL, bL would be right")
    L = len(parameters) // 2
    expected = [f"{kind}{layer}" for layer in range(1, L + 1) for kind in "Wb"]
    if L == 0 or set(parameters) != set(expected):
        raise ShapeError(
            f"the parameters are {', '.join(map(str, parameters)) or 'empty'}; a network has "
            "W1, b1 … WL, bL, a pair for each layer"
        )
    return L


def check_parameters(parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """Check that a parameter dict is a network: `W1, b1 … WL, bL` whose shapes chain.

    Parameters
    ----------
    parameters : mapping of str to array
        W of shape (n_l, n_{l−1}), b of shape (n_l, 1).

    Returns
    -------
    tuple of int
        The layer sizes `n_0 … n_L`.

    Raises
    ------
    ShapeError
        If a name is missing or unexpected, or a shape does not fit; the message names the layer.
    """
    L = check_names(parameters)
    dims: list[int] = []
    for layer in range(1, L + 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        check_layer(W, b, layer)
        if layer > 1 and W.shape[1] != dims[-1]:
            raise ShapeError(
                f"W{layer} has shape {tuple(W.shape)}, but layer {layer - 1} gives {dims[-1]} "
                f"unit{'s' * (dims[-1] != 1)}"
            )
        dims += [int(size) for size in (W.shape[::-1] if layer == 1 else W.shape[:1])]
    return tuple(dims)


def check_layer(W: Any, b: Any, layer: int | str = "") -> None:
    """Check the shapes of one layer's W and b.

    Parameters
    ----------
    W, b : array
        Of shape (n_l, n_{l−1}) and (n_l, 1).
    layer : int or str
        The layer's number, for the message.

    Raises
    ------
    ShapeError
        If they are anything else.
    """
    if W.ndim != 2 or 0 in W.shape:
        raise ShapeError(
            f"W{layer} has shape {tuple(W.shape)}; (units, inputs) would be right, none of them 0"
        )
    if tuple(b.shape) != (W.shape[0], 1):
        raise ShapeError(
            f"b{layer} has shape {tuple(b.shape)}, but W{layer} has {W.shape[0]} rows; "
            f"({W.shape[0]}, 1) would be right"
        )


def check_input(X: Any, n_x: int, name: str = "X", first: str = "W1") -> None:
    """Check that a layer can take its input.

    Parameters
    ----------
    X : array
        To be of shape (n_x, m), one column for each sample.
    n_x : int
        Number of features that the layer takes.
    name, first : str
        What to call the input and the layer's matrix in a message.

    Raises
    ------
    ShapeError
        If X has another rank, another number of rows, or no columns.
    """
    if X.ndim != 2 or X.shape[0] != n_x or X.shape[1] == 0:
        hint = ""
        if X.ndim == 2 and X.shape[1] == n_x:
            hint = "; samples are columns here: transpose it"
        elif X.ndim > 2:
            hint = "; flatten pictures with flatten_images()"
        elif X.ndim == 2 and X.shape[0] == n_x:
            hint = "; here is none"
        features = f"{n_x} feature{'s' * (n_x != 1)}"
        raise ShapeError(
            f"{name} has shape {tuple(X.shape)}, but {first} takes {features}: ({n_x}, m) would be "
            f"right, one column for each sample{hint}"
        )


def check_labels(Y: Any, n_y: int, m: int) -> None:
    """Check that labels fit outputs and samples.

    Parameters
    ----------
    Y : array
        To be of shape (n_y, m).
    n_y, m : int
        Number of outputs and of samples.

    Raises
    ------
    ShapeError
        If it is not.
    """
    if tuple(Y.shape) != (n_y, m):
        hint = ": reshape it to a row" if Y.ndim == 1 and Y.shape[0] == m and n_y == 1 else ""
        raise ShapeError(
            f"Y has shape {tuple(Y.shape)}, but there are {m} samples and {n_y} "
            f"output{'s' * (n_y != 1)}; ({n_y}, {m}) would be right{hint}"
        )


def check_same_shape(array: Any, shape: tuple[int, ...], name: str, like: str) -> None:
    """Check that an array has the shape of another.

    Parameters
    ----------
    array : array
        What is checked.
    shape : tuple of int
        The shape it should have.
    name, like : str
        What to call the array and the other one in the message.

    Raises
    ------
    ShapeError
        If it has another shape.
    """
    if tuple(array.shape) != tuple(shape):
        raise ShapeError(
            f"{name} has shape {tuple(array.shape)}; {tuple(shape)}, that of {like}, would be right"
        )


@dataclass(frozen=True)
class LayerShapes:
    """A row of the course's table: the shapes in one layer, for m samples.

    Attributes
    ----------
    layer : int
        1 … L.
    W, b, Z, A : tuple of int
        Shapes; Z and A have the same.
    parameters : int
        Number of entries in W and b together.
    """

    layer: int
    W: tuple[int, int]
    b: tuple[int, int]
    Z: tuple[int, int]
    A: tuple[int, int]
    parameters: int


def layer_shapes(layer_dims: Sequence[int], m: int) -> list[LayerShapes]:
    """Tabulate the shapes in a network.

    Parameters
    ----------
    layer_dims : sequence of int
        `n_0 … n_L`.
    m : int
        Number of samples.

    Returns
    -------
    list of LayerShapes
        One for each layer.

    Raises
    ------
    SettingError
        If a size is not a positive whole number.
    """
    dims = check_layer_dims(layer_dims)
    m = check_count(m, "number of samples")
    return [
        LayerShapes(layer, (n, p), (n, 1), (n, m), (n, m), n * p + n)
        for layer, (p, n) in enumerate(pairwise(dims), start=1)
    ]


def summary(layer_dims: Sequence[int], m: int) -> None:
    """Print the table of the course; `summary_table` returns it.

    Parameters
    ----------
    layer_dims : sequence of int
        `n_0 … n_L`.
    m : int
        Number of samples.

    Raises
    ------
    SettingError
        If a size is not a positive whole number.

    Examples
    --------
    >>> from portable_dnn import summary
    >>> summary([12288, 20, 1], m=209)
    layer            W        b  Z = W A + b          A  parameters
    ...
        1  (20, 12288)  (20, 1)    (20, 209)  (20, 209)     245,780
        2      (1, 20)   (1, 1)     (1, 209)   (1, 209)          21
    ...
    total                                                   245,801
    """
    print(summary_table(layer_dims, m))  # noqa: T201


def summary_table(layer_dims: Sequence[int], m: int) -> str:
    """Table of the course: for each layer the shapes of W, b, Z and A, and the parameters.

    Parameters
    ----------
    layer_dims : sequence of int
        `n_0 … n_L`.
    m : int
        Number of samples.

    Returns
    -------
    str
        The table, to be printed.

    Raises
    ------
    SettingError
        If a size is not a positive whole number.

    Examples
    --------
    >>> from portable_dnn import summary_table
    >>> print(summary_table([12288, 20, 1], m=209).splitlines()[-1])
    total                                                   245,801
    """
    rows: list[tuple[str, ...]] = [("layer", "W", "b", "Z = W A + b", "A", "parameters")]
    shapes = layer_shapes(layer_dims, m)
    rows += [
        (str(s.layer), *(f"({r}, {c})" for r, c in (s.W, s.b, s.Z, s.A)), f"{s.parameters:,}")
        for s in shapes
    ]
    rows.append(("total", "", "", "", "", f"{sum(s.parameters for s in shapes):,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
