"""Probes of matrix products and of the sums that come with them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.truth import Truth
from portable_dnn.equivalence.operations import linear
from portable_dnn.equivalence.operations.operation import DB, Inputs, Operation
from portable_dnn.equivalence.operations.probe_inputs import (
    Probe,
    normal,
    read_only,
    same,
    transposed,
)

__all__ = ["exact_products", "many_products", "rounded_products", "special_products"]

_GRADES = 20  # graded scales are powers of two from −20 to 20

_SIDE = 1024  # of one product of many: small enough for a cache


def _exactly(operation: Operation) -> Operation:
    """The same operation where not a bit may be lost."""
    judged = operation.truth

    def exact(x: Inputs, random: np.random.RandomState) -> Truth:
        return replace(judged(x, random), kind="exact", noise=None)

    return replace(operation, truth=exact)


def _product(case: str, W: HostArray, A: HostArray, *, exact: bool = False) -> Probe:
    """A forward product."""
    operation = linear.forward_product(None, same)
    inputs = operation.inputs({"A": A, "W": W})
    return Probe(case, _exactly(operation) if exact else operation, inputs)


def _backward(
    case: str, dZ: HostArray, A: HostArray, W: HostArray | None = None, *, exact: bool = False
) -> Iterator[Probe]:
    """Backward products and sum; W is made of the first entries of A, unless it is given."""
    n = dZ.shape[0]
    W = np.resize(A, (n, A.shape[0])) if W is None else W
    inputs = {"dZ": dZ, "A": A, "W": W, "b": np.zeros((n, 1), dZ.dtype)}
    for operation in linear.backward_products(None, same, input_gradient=True):
        yield Probe(case, _exactly(operation) if exact else operation, inputs)


def _whole(random: np.random.RandomState, dtype: np.dtype, bits: int, *shape: int) -> HostArray:
    """Odd whole numbers of at most this many bits, of both signs."""
    half = random.randint(0, 2 ** (bits - 1), size=shape, dtype=np.int64)
    sign = 2 * random.randint(0, 2, size=shape) - 1
    return ((2 * half + 1) * sign).astype(dtype)


def exact_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Whole numbers whose products and sums have all their digits in the dtype.

    16 products of 6 and p − 10 bits sum to at most p bits. TF32 and the 16-bit dtypes cannot hold
    the larger factors.
    """
    bits = np.finfo(dtype).nmant + 1 - 10

    def wide(*shape: int) -> HostArray:
        return _whole(random, dtype, bits, *shape)

    def narrow(*shape: int) -> HostArray:
        return _whole(random, dtype, 6, *shape)

    probe = _product("exact integers", wide(33, 16), narrow(16, 29), exact=True)
    yield from (probe, transposed(probe))
    pixels = random.randint(0, 256, size=(200, 24)).astype(dtype)
    yield _product("exact products of pixels", pixels.T, pixels, exact=True)
    for probe in _backward("exact integers", wide(16, 16), narrow(31, 16), exact=True):
        yield from (probe, transposed(probe))
    yield _product("one unit, one sample", wide(1, 1), narrow(1, 1), exact=True)
    yield _product("one sample", wide(9, 5), narrow(5, 1), exact=True)
    yield _product("one unit", wide(1, 5), narrow(5, 9), exact=True)
    yield from _backward("one sample", wide(9, 1), narrow(5, 1), exact=True)
    yield from _backward("one unit", wide(1, 8), narrow(1, 8), exact=True)
    strided = read_only(wide(20, 66)[::2, ::-3]), read_only(narrow(17, 44).T[::2])
    yield _product("strided, read-only", *strided, exact=True)
    square = read_only(wide(16, 16).T)
    yield _product("transposed, read-only", square, read_only(narrow(16, 16).T), exact=True)
    yield from _backward("transposed, read-only", square, read_only(narrow(16, 16).T), exact=True)


def many_products(dtype: np.dtype, random: np.random.RandomState, many: int) -> Probe:
    """Enough exact elements, call after call, to find one wrong element in ten million.

    Whole numbers up to 7 and four terms: what is summed is below 200.
    """
    W, A = _whole(random, dtype, 3, _SIDE, 4), _whole(random, dtype, 3, 4, _SIDE)
    return _product("many exact integers", W, A, exact=True)._replace(
        calls=max(2, many // _SIDE**2)
    )


def rounded_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Products that must round, short and long; reduced precision shows best in short ones."""
    for inner in (1, 5, 20, 209, 4096):
        side = 16 if inner > 209 else 64
        W, A = normal(random, dtype, side, inner), normal(random, dtype, inner, side)
        yield _product(f"normal numbers, {inner} terms", W, A)
    W, A = np.abs(normal(random, dtype, 16, 4096)), np.abs(normal(random, dtype, 4096, 16))
    yield _product("positive numbers, 4096 terms", W, A)
    for inner in (5, 209):
        case = f"normal numbers, {inner} samples"
        yield from _backward(
            case, normal(random, dtype, 24, inner), normal(random, dtype, 20, inner)
        )
    half, other = normal(random, dtype, 16, 50), normal(random, dtype, 50, 16)
    noise = normal(random, dtype, 16, 3)
    W = np.concatenate([half, noise, -half], axis=1)
    A = np.concatenate([other, normal(random, dtype, 3, 16), other], axis=0)
    yield _product("cancellation", W, A)
    yield from _graded_products(dtype, random)


def _graded_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """(W D) (D⁻¹ A): every term of an element is of size 1, the factors are of very different ones.

    Products in fixed point and Strassen's are right relative to the largest entry of a row, not
    relative to the terms of an element. D holds powers of two, which are exact.
    """

    def powers(count: int) -> HostArray:
        exponents = random.randint(-_GRADES, _GRADES + 1, size=count)
        return np.ldexp(np.ones(count, dtype), exponents)

    W, A, D = normal(random, dtype, 16, 24), normal(random, dtype, 24, 16), powers(24)
    yield _product("graded scales", W * D, A / D[:, None])
    dZ, A = normal(random, dtype, 24, 32), normal(random, dtype, 20, 32)
    W, D, samples = normal(random, dtype, 24, 20), powers(24)[:, None], powers(32)
    yield from _backward("graded scales", dZ / D * samples, A / samples, W * D)


def special_products(dtype: np.dtype, random: np.random.RandomState) -> Iterator[Probe]:
    """Products and sums of subnormal numbers, of NaN and infinity."""
    tiny = np.sqrt(np.finfo(dtype).tiny).astype(dtype)
    W, A = normal(random, dtype, 8, 4) * tiny / 16, normal(random, dtype, 4, 8) * tiny
    yield _product("subnormal numbers", W, A)
    W, A = normal(random, dtype, 6, 5), normal(random, dtype, 5, 7)
    W[1, 2], W[2, 3], A[4, 5], A[0, 6] = np.nan, np.inf, -np.inf, np.nan
    # Some meet a 0, and 0 · ∞ is NaN: a product may skip no zeros.
    A[2, 1], A[3, 0], W[0, 4], W[3, 0] = 0.0, -0.0, 0.0, -0.0
    yield _product("infinity and NaN", W, A)
    dZ, A, W = (normal(random, dtype, *shape) for shape in ((6, 8), (5, 8), (6, 5)))
    # A row each, one where infinities meet, two without. A NaN that is given and one that an
    # infinity makes differ in their bits; which of two a sum keeps is open, so none has both.
    dZ[0, 1], dZ[1, 2], dZ[2, 3], dZ[3, 4:6] = np.nan, np.inf, -np.inf, (np.inf, -np.inf)
    A[1, 6], A[2, 2], W[4, 0], W[5, 1] = np.inf, 0.0, np.nan, -np.inf
    yield from _backward("infinity and NaN", dZ, A, W)
    small = normal(random, dtype, 6, 5) * np.finfo(dtype).tiny / dtype.type(8)
    for probe in _backward("subnormal numbers", small, normal(random, dtype, 4, 5)):
        if probe.operation.name == DB:
            yield probe
