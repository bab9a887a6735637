"""Inputs that show what training data may hide: each case aims at a kind of fault.

Every probe is an operation of the training step on inputs made for it, on both sides.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from portable_dnn.activations import Activation, get_activation
from portable_dnn.backend import HostArray
from portable_dnn.equivalence import activation_operations as maps
from portable_dnn.equivalence import linear_operations as linear
from portable_dnn.equivalence.exact_maps import copied
from portable_dnn.equivalence.operations import COPY, Inputs, Operation
from portable_dnn.equivalence.truth import Truth

__all__ = ["MANY", "Probe", "probes"]

MANY = 2**25
"""Elements of exact products that are looked at: more than three times ten million."""

_SIDE = 1024  # of one such product: small enough for a cache


class Probe(NamedTuple):
    """An operation on inputs made for it.

    Attributes
    ----------
    case : str
        What the inputs are, in words.
    operation : Operation
        What runs.
    inputs : mapping of str to numpy.ndarray
        What it is given.
    calls : int
        How often it runs.
    """

    case: str
    operation: Operation
    inputs: Inputs
    calls: int = 2


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
    yield from _exact_products(dtype, random)
    if many:
        yield _many_products(dtype, random, max(2, many // _SIDE**2))
    yield from _rounded_products(dtype, random)
    yield from _special_products(dtype, random)
    yield from _biases(dtype, random)
    for name in ("relu", "leaky_relu", "tanh", "sigmoid"):
        yield from _activations(get_activation(name), dtype, random)
    yield from _costs(dtype, random)
    yield from _updates(dtype, random)


def _same(x: Inputs) -> Inputs:
    """Inputs as they are."""
    return x


def _exactly(operation: Operation) -> Operation:
    """The same operation where not a bit may be lost."""
    judged = operation.truth

    def exact(x: Inputs, random: np.random.RandomState) -> Truth:
        return replace(judged(x, random), kind="exact", noise=None)

    return replace(operation, truth=exact)


def _product(case: str, W: HostArray, A: HostArray, *, exact: bool = False) -> Probe:
    """A forward product."""
    operation = linear.forward_product(None, _same)
    inputs = operation.inputs({"A": A, "W": W})
    return Probe(case, _exactly(operation) if exact else operation, inputs)


def _backward(case: str, dZ: HostArray, A: HostArray, *, exact: bool = False) -> Iterator[Probe]:
    """Backward products and sum; W is made of the first entries of A."""
    n = dZ.shape[0]
    W = np.resize(A, (n, A.shape[0]))
    inputs = {"dZ": dZ, "A": A, "W": W, "b": np.zeros((n, 1), dZ.dtype)}
    for operation in linear.backward_products(None, _same, input_gradient=True):
        yield Probe(case, _exactly(operation) if exact else operation, inputs)


def _normal(random: np.random.RandomState, dtype: np.dtype, *shape: int) -> HostArray:
    """Standard normal numbers."""
    return random.standard_normal(shape).astype(dtype)


def _whole(random: np.random.RandomState, dtype: np.dtype, bits: int, *shape: int) -> HostArray:
    """Odd whole numbers of at most so many bits, of both signs."""
    half = random.randint(0, 2 ** (bits - 1), size=shape, dtype=np.int64)
    sign = 2 * random.randint(0, 2, size=shape) - 1
    return ((2 * half + 1) * sign).astype(dtype)


def _special(dtype: np.dtype) -> HostArray:
    """Numbers that are treated specially: zeros, subnormal ones, infinities, NaN."""
    information = np.finfo(dtype)
    tiny, least = float(information.tiny), float(information.smallest_subnormal)
    positive = [0.0, least, 3 * least, tiny / 2, tiny, 1.0, float(information.max), np.inf]
    return np.array([*positive, *(-x for x in positive), np.nan], dtype=dtype).reshape(1, -1)


def _copies(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Arrays go to the device and come back."""

    def copy(case: str, x: HostArray) -> Probe:
        operation = Operation(
            None, COPY, "X", _same, lambda x: x["x"], lambda x, random: copied(x["x"])
        )
        return Probe(case, operation, {"x": x})

    yield copy("special values", _special(dtype))
    yield copy("many numbers", _normal(random, dtype, 512, 512))
    yield copy("strided, read-only", _read_only(_normal(random, dtype, 40, 30).T[::-1, ::3]))


def _read_only(x: HostArray) -> HostArray:
    """The same memory, not to be written."""
    view = x.view()
    view.flags.writeable = False
    return view


def _exact_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Whole numbers whose products and sums have all their digits in the dtype.

    16 products of 6 and p − 10 bits sum to at most p bits. TF32 and the 16-bit dtypes cannot hold
    the larger factors.
    """
    bits = np.finfo(dtype).nmant + 1 - 10

    def wide(*shape: int) -> HostArray:
        return _whole(random, dtype, bits, *shape)

    def narrow(*shape: int) -> HostArray:
        return _whole(random, dtype, 6, *shape)

    yield _product("exact integers", wide(33, 16), narrow(16, 29), exact=True)
    pixels = random.randint(0, 256, size=(200, 24)).astype(dtype)
    yield _product("exact products of pixels", pixels.T, pixels, exact=True)
    yield from _backward("exact integers", wide(16, 16), narrow(31, 16), exact=True)
    yield _product("one unit, one sample", wide(1, 1), narrow(1, 1), exact=True)
    yield _product("one sample", wide(9, 5), narrow(5, 1), exact=True)
    yield _product("one unit", wide(1, 5), narrow(5, 9), exact=True)
    yield from _backward("one sample", wide(9, 1), narrow(5, 1), exact=True)
    yield from _backward("one unit", wide(1, 8), narrow(1, 8), exact=True)
    strided = _read_only(wide(20, 66)[::2, ::-3]), _read_only(narrow(17, 44).T[::2])
    yield _product("strided, read-only", *strided, exact=True)
    square = _read_only(wide(16, 16).T)
    yield _product("transposed, read-only", square, _read_only(narrow(16, 16).T), exact=True)
    yield from _backward("transposed, read-only", square, _read_only(narrow(16, 16).T), exact=True)


def _many_products(dtype: np.dtype, random: np.random.RandomState, calls: int) -> Probe:
    """So many exact elements, call after call, that one wrong in ten million is among them.

    Whole numbers up to 7 and four terms: what is summed is below 200.
    """
    W, A = _whole(random, dtype, 3, _SIDE, 4), _whole(random, dtype, 3, 4, _SIDE)
    return _product("many exact integers", W, A, exact=True)._replace(calls=calls)


def _rounded_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Products that must round, short and long; reduced precision shows best in short ones."""
    for inner in (1, 5, 20, 209, 4096):
        side = 16 if inner > 209 else 64
        W, A = _normal(random, dtype, side, inner), _normal(random, dtype, inner, side)
        yield _product(f"normal numbers, {inner} terms", W, A)
    W, A = np.abs(_normal(random, dtype, 16, 4096)), np.abs(_normal(random, dtype, 4096, 16))
    yield _product("positive numbers, 4096 terms", W, A)
    for inner in (5, 209):
        case = f"normal numbers, {inner} samples"
        yield from _backward(
            case, _normal(random, dtype, 24, inner), _normal(random, dtype, 20, inner)
        )
    half, other = _normal(random, dtype, 16, 50), _normal(random, dtype, 50, 16)
    noise = _normal(random, dtype, 16, 3)
    W = np.concatenate([half, noise, -half], axis=1)
    A = np.concatenate([other, _normal(random, dtype, 3, 16), other], axis=0)
    yield _product("cancellation", W, A)


def _special_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Products of subnormal numbers, of NaN and infinity."""
    tiny = np.sqrt(np.finfo(dtype).tiny).astype(dtype)
    W, A = _normal(random, dtype, 8, 4) * tiny / 16, _normal(random, dtype, 4, 8) * tiny
    yield _product("subnormal numbers", W, A)
    W, A = _normal(random, dtype, 6, 5), _normal(random, dtype, 5, 7)
    W[1, 2], W[2, 3], A[4, 5], A[0, 6] = np.nan, np.inf, -np.inf, np.nan
    # Some meet a 0, and 0 · ∞ is NaN: a product may skip no zeros.
    A[2, 1], A[3, 0], W[0, 4], W[3, 0] = 0.0, -0.0, 0.0, -0.0
    yield _product("infinity and NaN", W, A)


def _biases(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """A bias that is not zero."""
    operation = linear.forward_bias(None, _same)

    def bias(case: str, Z: HostArray, b: HostArray) -> Probe:
        return Probe(case, operation, operation.inputs({"Z": Z, "b": b}))

    yield bias("normal numbers", _normal(random, dtype, 20, 29), _normal(random, dtype, 20, 1))
    yield bias("one unit, one sample", _normal(random, dtype, 1, 1), _normal(random, dtype, 1, 1))
    tiny = np.finfo(dtype).tiny
    small = _normal(random, dtype, 6, 6) * tiny / dtype.type(4)
    yield bias("subnormal numbers", small, small[:, :1] / dtype.type(2))


def _activations(g: Activation, dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Activations and their derivatives: at 0, near it, far from it, beyond all numbers."""
    forward, backward = maps.activation(None, g, _same), maps.activation_backward(None, g, _same)
    far = np.concatenate([np.linspace(1.0, 100.0, 200), [300.0, 700.0, 745.0, 1e4, 1e30]])
    saturated = np.concatenate([far, -far]).astype(dtype).reshape(1, -1)
    # One shape for all: some libraries compile for every new one.
    cases = {
        "normal numbers": _normal(random, dtype, *saturated.shape),
        "saturated": saturated,
        "special values": np.resize(_special(dtype), saturated.shape),
    }
    for case, Z in cases.items():
        yield Probe(case, forward, {"Z": Z})
    for case, Z in cases.items():
        dA = _normal(random, dtype, *Z.shape)
        yield Probe(case, backward, {"dA": dA, "Z": Z})
    if g.rectifies:
        # A positive Z lets NaN and infinity through, others do not.
        dA = np.resize(_special(dtype), saturated.shape)
        signs = np.where(np.arange(dA.size) % 2, 1.0, -1.0).astype(dtype).reshape(1, -1)
        yield Probe("special derivatives", backward, {"dA": dA, "Z": signs})


def _costs(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Costs and their gradient."""
    m = 209
    Y = random.randint(0, 2, size=(1, m)).astype(dtype)
    Z = 4 * _normal(random, dtype, 1, m)
    yield Probe("normal numbers", maps.cost(_same), {"Z": Z, "Y": Y})
    far = (random.choice([-1.0, 1.0], size=(1, m)) * np.linspace(10.0, 1000.0, m)).astype(dtype)
    yield Probe("saturated", maps.cost(_same), {"Z": far, "Y": Y})
    right = np.where(Y == 1, np.abs(far), -np.abs(far)) / dtype.type(10)
    yield Probe("saturated, right", maps.cost(_same), {"Z": right, "Y": Y})
    one = slice(0, 1)
    yield Probe("one sample", maps.cost(_same), {"Z": Z[:, one], "Y": Y[:, one]})
    # So sure that 1 + e^−z keeps few digits of e^−z, and log1p all of them.
    sure = np.full((1, 1), 12.3 if dtype == np.float32 else 30.3, dtype)
    yield Probe("one sample, right", maps.cost(_same), {"Z": sure, "Y": np.ones_like(sure)})
    A = random.uniform(0.001, 0.999, size=(1, m)).astype(dtype)
    yield Probe("normal numbers", maps.cost_of_probabilities(_same), {"A": A, "Y": Y})
    # One logarithm alone; in a mean of many its error hides behind the bound of the sum.
    for share, case in ((0.3, "doubtful"), (1e-3, "wrong"), (0.999, "right")):
        probability = np.full((1, 1), share, dtype)
        inputs = {"A": probability, "Y": np.ones_like(probability)}
        yield Probe(f"one sample, {case}", maps.cost_of_probabilities(_same), inputs)
    yield Probe("certain and wrong", maps.cost_of_probabilities(_same), {"A": Y, "Y": 1 - Y})
    yield Probe("normal numbers", maps.gradient_of_cost(None, _same), {"A": A, "Y": Y})
    # Equal numbers: their difference is +0.
    yield Probe("certain and right", maps.gradient_of_cost(None, _same), {"A": Y, "Y": Y})


def _updates(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Updates with a learning rate that has no short binary form."""
    W, dW = _normal(random, dtype, 20, 29), _normal(random, dtype, 20, 29)
    b, db = _normal(random, dtype, 20, 1), _normal(random, dtype, 20, 1)
    tiny = np.finfo(dtype).tiny
    for name in ("W", "b"):
        operation = linear.update(None, name, 0.0075, _same)
        yield Probe("normal numbers", operation, {"W": W, "b": b, "dW": dW, "db": db})
    small = {"W": W * tiny, "b": b * tiny, "dW": dW * tiny, "db": db * tiny}
    yield Probe("subnormal numbers", linear.update(None, "W", 0.0075, _same), small)
    # (−0) − (+0) is −0. Of a bias that is not so: a product may begin to add at +0.
    zeros, others = np.array([[0.0, -0.0], [0.0, -0.0]], dtype), np.array([[0.0], [-0.0]], dtype)
    inputs = {"W": zeros, "b": others, "dW": zeros.T.copy(), "db": others[::-1].copy()}
    yield Probe("zeros", linear.update(None, "W", 0.0075, _same), inputs)
