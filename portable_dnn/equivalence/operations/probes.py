"""Inputs that show what training data may hide: each case is made for one kind of fault.

Every probe is an operation of the training step on inputs made for it, on both backends.
"""

from collections.abc import Iterator

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.maps import copied
from portable_dnn.equivalence.operations import activations as maps
from portable_dnn.equivalence.operations import linear
from portable_dnn.equivalence.operations.operation import COPY, Inputs, Operation
from portable_dnn.equivalence.operations.probe_inputs import (
    Probe,
    normal,
    read_only,
    same,
    special,
    transposed,
    viewed,
)
from portable_dnn.equivalence.operations.product_probes import (
    exact_products,
    many_products,
    rounded_products,
    special_products,
)
from portable_dnn.network.activations import Activation, get_activation

__all__ = ["MANY", "probes"]

MANY = 2**25
"""Elements of exact products that are looked at: more than three times ten million."""


def probes(dtype: np.dtype, random: np.random.RandomState, many: int = MANY) -> Iterator[Probe]:
    """Make the probes, in the order in which operations are to be blamed.

    Parameters
    ----------
    dtype : numpy.dtype
        Float32 or float64.
    random : numpy.random.RandomState
        For the inputs.
    many : int
        How many elements of exact products are looked at; 0 leaves them out.

    Yields
    ------
    Probe
    """
    yield from _copies(dtype, random)
    yield from exact_products(dtype, random)
    if many:
        yield many_products(dtype, random, many)
    yield from rounded_products(dtype, random)
    yield from special_products(dtype, random)
    yield from _biases(dtype, random)
    for name in ("relu", "leaky_relu", "tanh", "sigmoid"):
        yield from _activations(get_activation(name), dtype, random)
    yield from _costs(dtype, random)
    yield from _updates(dtype, random)


def _copies(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Arrays go to the device and come back."""

    def copy(case: str, x: HostArray) -> Probe:
        operation = Operation(
            None, COPY, "X", same, lambda x: x["x"], lambda x, random: copied(x["x"])
        )
        return Probe(case, operation, {"x": x})

    yield copy("special values", special(dtype))
    yield copy("many numbers", normal(random, dtype, 512, 512))
    yield copy("strided, read-only", read_only(normal(random, dtype, 40, 30).T[::-1, ::3]))


def _biases(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """A bias that is not zero."""
    operation = linear.forward_bias(None, same)

    def bias(case: str, Z: HostArray, b: HostArray) -> Probe:
        return Probe(case, operation, operation.inputs({"Z": Z, "b": b}))

    yield bias("normal numbers", normal(random, dtype, 20, 29), normal(random, dtype, 20, 1))
    yield bias("one unit, one sample", normal(random, dtype, 1, 1), normal(random, dtype, 1, 1))
    tiny = np.finfo(dtype).tiny
    small = normal(random, dtype, 6, 6) * tiny / dtype.type(4)
    yield bias("subnormal numbers", small, small[:, :1] / dtype.type(2))
    every = special(dtype)
    yield bias("special values", np.repeat(every, every.size, axis=0), every.T)

    def columns(x: Inputs) -> Inputs:
        return {"Z": x["Z"].T, "b": x["b"][:, 1:2]}

    strided = {"Z": normal(random, dtype, 29, 20), "b": normal(random, dtype, 20, 3)}
    yield Probe("strided", viewed(operation, columns), strided)


def _activations(g: Activation, dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Activations and their derivatives: at 0, near it, far from it, beyond all numbers."""
    forward, backward = maps.activation(None, g, same), maps.activation_backward(None, g, same)
    far = np.concatenate([np.linspace(1.0, 100.0, 200), [300.0, 700.0, 745.0, 1e4, 1e30]])
    saturated = np.concatenate([far, -far]).astype(dtype).reshape(10, -1)
    # One shape for all: some libraries compile for every new one.
    cases = {
        "normal numbers": normal(random, dtype, *saturated.shape),
        "saturated": saturated,
        "special values": np.resize(special(dtype), saturated.shape),
    }
    for case, Z in cases.items():
        yield Probe(case, forward, {"Z": Z})
    first = next(iter(cases))
    yield transposed(Probe(first, forward, {"Z": cases[first]}))
    for case, Z in cases.items():
        dA = normal(random, dtype, *Z.shape)
        yield Probe(case, backward, {"dA": dA, "Z": Z})
    yield transposed(Probe(first, backward, {"dA": dA, "Z": cases[first]}))
    if g.rectifies:
        # A positive Z lets NaN and infinity through, others do not.
        dA = np.resize(special(dtype), saturated.shape)
        signs = np.where(np.arange(dA.size) % 2, 1.0, -1.0).astype(dtype).reshape(dA.shape)
        yield Probe("special derivatives", backward, {"dA": dA, "Z": signs})


def _costs(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Costs and their gradient."""
    m = 209
    Y = random.randint(0, 2, size=(1, m)).astype(dtype)
    Z = 4 * normal(random, dtype, 1, m)
    yield Probe("normal numbers", maps.cost(same), {"Z": Z, "Y": Y})
    far = (random.choice([-1.0, 1.0], size=(1, m)) * np.linspace(10.0, 1000.0, m)).astype(dtype)
    yield Probe("saturated", maps.cost(same), {"Z": far, "Y": Y})
    right = np.where(Y == 1, np.abs(far), -np.abs(far)) / dtype.type(10)
    yield Probe("saturated, right", maps.cost(same), {"Z": right, "Y": Y})
    one = slice(0, 1)
    yield Probe("one sample", maps.cost(same), {"Z": Z[:, one], "Y": Y[:, one]})
    yield from _sure(dtype)
    # What is neither right nor wrong costs NaN.
    lost = np.where(np.arange(m) == 100, np.nan, Z).astype(dtype)
    yield Probe("NaN", maps.cost(same), {"Z": lost, "Y": Y})
    A = random.uniform(0.001, 0.999, size=(1, m)).astype(dtype)
    yield Probe("normal numbers", maps.cost_of_probabilities(same), {"A": A, "Y": Y})
    lost = np.where(np.arange(m) == 100, np.nan, A).astype(dtype)
    yield Probe("NaN", maps.cost_of_probabilities(same), {"A": lost, "Y": Y})
    # One logarithm alone; in a mean of many its error hides behind the bound of the sum.
    subnormal = float(np.finfo(dtype).tiny) / 3.0
    singles = ((0.3, "doubtful"), (1e-3, "wrong"), (0.999, "right"), (subnormal, "subnormal"))
    for share, case in singles:
        probability = np.full((1, 1), share, dtype)
        inputs = {"A": probability, "Y": np.ones_like(probability)}
        yield Probe(f"one sample, {case}", maps.cost_of_probabilities(same), inputs)
    yield Probe("certain and wrong", maps.cost_of_probabilities(same), {"A": Y, "Y": 1 - Y})
    yield Probe("normal numbers", maps.gradient_of_cost(None, same), {"A": A, "Y": Y})
    # Equal numbers: their difference is +0.
    yield Probe("certain and right", maps.gradient_of_cost(None, same), {"A": Y, "Y": Y})
    every = np.repeat(special(dtype), 2, axis=1)
    labels = (np.arange(every.size) % 2).astype(dtype).reshape(every.shape)
    yield Probe("special values", maps.gradient_of_cost(None, same), {"A": every, "Y": labels})


def _sure(dtype: np.dtype) -> Iterator[Probe]:
    """Costs of one sample whose z is so large that 1 + e^−z has few digits of e^−z, or none.

    log1p has all of them, to where e^−z is subnormal.
    """
    logits = (12.3, 20.3, 90.3) if dtype == np.float32 else (30.3, 90.3, 720.3)
    for logit, case in zip(logits, ("right", "surely right", "subnormal"), strict=True):
        Z = np.full((1, 1), logit, dtype)
        yield Probe(f"one sample, {case}", maps.cost(same), {"Z": Z, "Y": np.ones_like(Z)})


def _updates(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Updates with a learning rate that has no short binary form."""
    W, dW = normal(random, dtype, 20, 29), normal(random, dtype, 20, 29)
    b, db = normal(random, dtype, 20, 1), normal(random, dtype, 20, 1)
    tiny = np.finfo(dtype).tiny
    for name in ("W", "b"):
        operation = linear.update(None, name, 0.0075, same)
        probe = Probe("normal numbers", operation, {"W": W, "b": b, "dW": dW, "db": db})
        yield from (probe, transposed(probe))
    small = {"W": W * tiny, "b": b * tiny, "dW": dW * tiny, "db": db * tiny}
    yield Probe("subnormal numbers", linear.update(None, "W", 0.0075, same), small)
    # (−0) − (+0) is −0. Of a bias that is not so: a product may begin to add at +0.
    zeros, others = np.array([[0.0, -0.0], [0.0, -0.0]], dtype), np.array([[0.0], [-0.0]], dtype)
    inputs = {"W": zeros, "b": others, "dW": zeros.T.copy(), "db": others[::-1].copy()}
    yield Probe("zeros", linear.update(None, "W", 0.0075, same), inputs)
    every = special(dtype)
    # Not the subnormal ones: a fused α g may leave another sign of 0 than one that underflows.
    others = every[:, ~((every != 0) & (np.abs(every) < tiny)).ravel()]
    W = np.repeat(every.T, others.size, axis=1)
    dW = np.repeat(others, every.size, axis=0)
    inputs = {"W": W, "b": every.T, "dW": dW, "db": np.flip(every.T).copy()}
    yield Probe("special values", linear.update(None, "W", 0.0075, same), inputs)
