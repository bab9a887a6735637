"""Whether to train layer 1 in the span of the samples: what excludes it, whether it pays."""

from typing import NamedTuple

from portable_dnn.arrays.contract import Array, Parameters
from portable_dnn.arrays.devices import Device
from portable_dnn.errors import SettingError
from portable_dnn.training.optimizers import Optimizer

__all__ = ["Work", "check_allowed", "choose", "pays", "work"]


class Work(NamedTuple):
    """Floating-point operations in layer 1's products over a whole run.

    Attributes
    ----------
    plain, span : int
        With the weights, and in the span with the way in and out.
    """

    plain: int
    span: int


def work(n_x: int, m: int, n_1: int, num_iterations: int) -> Work:
    """Count the work of both ways, the cost model of `choose`.

    A product (a, b)(b, c) is 2 a b c operations. Plain, a step makes two of n_1 · n_x · m; in the
    span one of n_1 · m². The way in is m² · n_x for K (symmetric: half of it is computed) and
    n_1 · n_x · m for Z1, the way out n_1 · n_x · m.

    Parameters
    ----------
    n_x, m, n_1 : int
        Features, samples, units in layer 1.
    num_iterations : int
        Steps.

    Returns
    -------
    Work
    """
    wide = 2 * n_1 * n_x * m
    return Work(2 * num_iterations * wide, 2 * num_iterations * n_1 * m**2 + m**2 * n_x + 2 * wide)


def check_allowed(optimizer: Optimizer, *, compressed: bool) -> None:
    """Refuse the span where the optimizer excludes it.

    Parameters
    ----------
    optimizer : Optimizer
        The rule of the run.
    compressed : bool
        Whether layer 1 is to be trained in the span.

    Raises
    ------
    SettingError
        If it is, and the rule is not linear.
    """
    if compressed and not optimizer.linear:
        raise SettingError(
            "compression is exact only for an optimizer that is linear in the gradients, such "
            "as gradient_descent; with this one use compress 'auto' or 'off'"
        )


def choose(
    compress: str,
    optimizer: Optimizer,
    X: Array,
    parameters: Parameters,
    num_iterations: int,
    device: Device,
) -> bool:
    """Decide whether to train in the span.

    Parameters
    ----------
    compress : {"auto", "on", "off"}
        "auto" takes the span where the optimizer allows it, there are fewer samples than features,
        the run is long enough for it to be less work, and there is memory for it.
    optimizer : Optimizer
        The rule of the run.
    X : array
        Input, (n_x, m).
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    num_iterations : int
        Length of the run.
    device : Device
        Where X lies.

    Returns
    -------
    bool

    Raises
    ------
    SettingError
        If `compress` is "on" and the optimizer excludes the span, or there is no memory for K.
    """
    n_x, m = X.shape
    n_1 = parameters["W1"].shape[0]
    if compress == "off" or (
        compress == "auto" and not pays(n_x, m, n_1, num_iterations, optimizer)
    ):
        return False
    needed = 2 * 8 * m * m  # K and the product that is added to it, in float64
    free = device.backend.free_memory(device.name)
    fits = free is None or needed <= free
    if compress == "on":
        check_allowed(optimizer, compressed=True)
        if not fits:
            raise SettingError(
                f"compression needs {needed / 2**30:.1f} GiB for the products of {m} samples with "
                f"each other, but only {(free or 0) / 2**30:.1f} GiB are free; use compress 'auto'"
            )
    return fits


def pays(n_x: int, m: int, n_1: int, num_iterations: int, optimizer: Optimizer) -> bool:
    """Tell whether the span may be taken and is less work.

    Parameters
    ----------
    n_x, m, n_1, num_iterations
        As for `work`.
    optimizer : Optimizer
        The rule of the run.

    Returns
    -------
    bool
    """
    counted = work(n_x, m, n_1, num_iterations)
    return optimizer.linear and m < n_x and counted.span < counted.plain
