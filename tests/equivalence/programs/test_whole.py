"""Results as a whole, through loops and compilers, held against runs with noise."""

from functools import partial
from types import SimpleNamespace

import array_api_compat.numpy as honest
import numpy as np
import pytest

from portable_dnn.arrays.devices import choose_device
from portable_dnn.equivalence import compare_function
from portable_dnn.errors import SettingError
from tests.equivalence.programs.loops import LOOPS, adam, momentum
from tests.equivalence.programs.test_faults import fast_exp, rough_sqrt, tf32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_right(default_device, name, dtype):
    """Compiled by the backend's own compiler, where it has one."""
    function, inputs = LOOPS[name]
    backend = choose_device(default_device).backend
    program = backend.compile(partial(function, xp=backend.namespace()))
    report = compare_function(
        function,
        *inputs,
        backend=default_device,
        dtype=dtype,
        compiled=program,
    )
    assert report.outcome == "right", str(report)
    assert {one.verdict for one in report.results} == {"right"}
    assert all(one.share < 0.5 for one in report.results), str(report)


def space(**functions):
    """NumPy's functions, and some of other ones."""
    return SimpleNamespace(**{**vars(honest), **functions})


def whole(function, compiled, *inputs, dtype="float32"):
    return compare_function(function, *inputs, dtype=dtype, compiled=compiled)


def with_a_sample_twice(x, y, w, *, xp):
    x, y = (xp.concat((a[:-1], a[:1])) for a in (x, y))
    return adam(x, y, w, xp=xp)


FAULTS = {
    "products in TF32": ("adam", lambda *a, xp: adam(*a, xp=space(matmul=tf32))),
    "a square root of 12 bits": ("adam", lambda *a, xp: adam(*a, xp=space(sqrt=rough_sqrt))),
    "Adam 1 % too long": ("adam", partial(adam, late=1.01)),
    "a penalty that nobody asked for": ("adam", partial(adam, decay=1e-4)),
    "a sample twice": ("adam", with_a_sample_twice),
    "a step too few": ("adam", partial(adam, steps=49)),
    "momentum 0.1 % too long": ("momentum", partial(momentum, mu=0.9009)),
    "a normalization in TF32": (
        "normalized_layers",
        lambda *a, xp: LOOPS["normalized_layers"].function(*a, xp=space(matmul=tf32)),
    ),
    "recurrent products in TF32": (
        "recurrent",
        lambda *a, xp: LOOPS["recurrent"].function(*a, xp=space(matmul=tf32)),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_compiled_programs_are_seen(name):
    loop, compiled = FAULTS[name]
    function, inputs = LOOPS[loop]
    report = whole(function, compiled, *inputs)
    assert report.outcome == "wrong"
    assert report.headline.startswith("WRONG as a whole: result")
    assert not report.of("wrong")


def test_a_careless_function_in_float64():
    def program(x, *, xp):
        return xp.sum(xp.exp(x), axis=1)

    x = np.random.RandomState(3).uniform(-3, 0, (9, 40))
    assert whole(program, program, x, dtype="float64").outcome == "right"
    careless = lambda x, xp: program(x, xp=space(exp=fast_exp))  # noqa: E731
    (one,) = whole(program, careless, x, dtype="float64").results
    assert (one.verdict, one.share > 1e6) == ("wrong", True)


def test_decisions_that_rounding_may_turn_are_followed_both_ways():
    """Of sums near a threshold, each side is right; farther from it, one."""
    terms = np.random.RandomState(5).uniform(0, 1, (200, 50)).astype(np.float32)
    terms[:, -1] = 25 - terms[:, :-1].astype(np.float64).sum(axis=1)  # sums that are almost 25
    terms[0, -1] += 1e-2

    def program(x, *, xp):
        s = xp.sum(x, axis=1)
        return xp.where(s >= 25.0, s, -s)

    def turned(x, *, xp, which=slice(1, None)):
        out = program(x, xp=xp)
        out[which] *= -1
        return out

    assert whole(program, turned, terms).outcome == "right"
    (one,) = whole(program, partial(turned, which=slice(0, 1)), terms).results
    assert one.verdict == "wrong"


def test_whole_numbers_that_rounding_may_turn_are_undecided():
    def program(x, *, xp):
        return xp.argmax(xp.exp(x), axis=0)

    x = np.linspace(0, 1, 7)
    assert whole(program, program, x).outcome == "right"
    report = whole(program, lambda x, xp: program(x, xp=xp) - 1, x)
    assert report.results[0].verdict == "undecided"
    assert "not decided or not judged result" in report.headline


@pytest.mark.parametrize("seed", range(4))
def test_a_program_that_casts_to_float32_has_its_errors(default_device, seed):
    def program(a, *, xp):
        b = xp.astype(a, xp.float32)
        total = xp.astype(xp.sum(b * b, axis=0), xp.float64)
        return {"scaled": b * 3.0, "product": xp.matmul(b, b.T), "exp": xp.exp(b), "sum": total}

    x = np.random.RandomState(seed).randn(5, 5)
    report = compare_function(program, x, backend=default_device)
    assert report.outcome == "right", str(report)
    assert {one.verdict for one in report.results} == {"right"}, str(report)


def test_another_default_dtype_is_not_called_wrong():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def program(x, *, xp):
        return x * 0.1 + xp.linspace(0.0, 1.0, 5)

    assert torch.get_default_dtype() == torch.float32
    report = compare_function(program, np.ones(5), backend="torch")
    (one,) = report.results
    assert (one.verdict, "gives float32 there" in one.reason) == ("not judged", True)


def test_what_cannot_be_judged_as_a_whole_is_said():
    x = np.random.RandomState(2).randn(4, 4)
    determinant = whole(lambda x, xp: xp.linalg.det(x), None, x)
    assert "the size of the error of linalg.det is not known" in determinant.results[0].reason
    left = whole(lambda x: np.asarray(x) + 1.0, None, x)
    assert "__array__" in left.results[0].reason


def test_what_the_function_writes_to_is_a_copy():
    def program(x):
        x[0] = 0.0
        x *= 3.0
        return x

    x = np.ones(3)
    (one,) = compare_function(program, x).results
    assert one.verdict == "right"
    np.testing.assert_array_equal(x, 1.0)


def test_a_process_that_takes_subnormal_numbers_for_0_judges_nothing():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.set_flush_denormal(True):
        pytest.skip("the processor has no such mode")
    try:
        with pytest.raises(SettingError, match="takes subnormal numbers for 0"):
            compare_function(lambda x: x * 1e-310, np.ones(3), backend="torch")
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_numbers_that_leave_the_range_on_the_way_are_undecided():
    def program(x, *, xp):
        return xp.linalg.vector_norm(x)

    x = np.asarray([1e30, 1e30], np.float32)
    (one,) = whole(program, lambda x, xp: program(x, xp=xp) * np.float32(0.5), x).results
    assert (one.verdict, "may make anything" in one.reason) == ("undecided", True)


def test_a_product_of_many_numbers_is_not_judged_by_two_roundings():
    (one,) = whole(lambda x, xp: xp.prod(x), None, np.linspace(0.9, 1.1, 400)).results
    assert (one.verdict, "prod" in one.reason) == ("not judged", True)


@pytest.mark.parametrize("size", [1e-308, 1e-200, 1e200, 1e305])
def test_very_small_and_very_large_numbers(default_device, size):
    """The squares of their errors are 0, or infinite."""

    def program(x, *, xp):
        return xp.log1p(x) if size < 1 else x / 3.0

    x = size * np.linspace(1.0, 1.2, 7)
    report = compare_function(program, x, backend=default_device)
    assert {one.verdict for one in report.results} == {"right"}, str(report)
    if size != 1e-308:  # where numbers have few digits, and some libraries none
        (one,) = whole(program, lambda x, xp: program(x, xp=xp) * (1 + 1e-9), x, dtype=None).results
        assert one.verdict == "wrong"
