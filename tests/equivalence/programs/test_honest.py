"""Honest libraries are not flagged, whatever the program."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portable_dnn import place, to_host
from portable_dnn.arrays.devices import choose_device
from portable_dnn.equivalence import assert_function_equivalent, compare_function
from portable_dnn.equivalence.programs.rules import RULES
from tests.equivalence.programs.programs import PROGRAMS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_are_right(default_device, name, dtype):
    function, inputs = PROGRAMS[name]
    report = assert_function_equivalent(function, *inputs, device=default_device, dtype=dtype)
    assert report.outcome == "right", str(report)
    assert all(one.file == function.__code__.co_filename for one in report.operations)
    assert all(one.source for one in report.operations)


def test_the_result_is_the_function_s_own(default_device):
    function, inputs = PROGRAMS["distances"]
    device = choose_device(default_device)
    report = compare_function(function, *inputs, backend=device)
    there = (place(x, device) for x in inputs)
    right = function(*there, xp=device.backend.namespace())
    np.testing.assert_array_equal(to_host(report.result), to_host(right))


ELEMENTS = {
    "float32": st.floats(-(2.0**100), 2.0**100, width=32),
    "float64": st.floats(-1e200, 1e200),
}
ONE = ("exp", "log1p", "tanh", "sqrt", "square", "sum", "mean", "cumulative_sum", "expm1", "sin")
ONE_MORE = ("atan", "asinh", "log", "floor", "abs", "sign", "sort", "flip", "linalg.vector_norm")
TWO = ("add", "subtract", "multiply", "divide", "maximum", "less", "vecdot", "hypot", "atan2")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), dtype=st.sampled_from(["float32", "float64"]))
def test_any_numbers_are_right(default_device, data, dtype):
    name = data.draw(st.sampled_from(ONE + ONE_MORE + TWO))
    shape = (data.draw(st.integers(1, 12)),)
    x, y = (data.draw(arrays(dtype, shape, elements=ELEMENTS[dtype])) for _ in range(2))

    def program(x, y, *, xp):
        function = xp
        for part in name.split("."):
            function = getattr(function, part)
        return function(x, y) if name in TWO else function(x)

    with np.errstate(all="ignore"):
        report = compare_function(program, x, y, backend=default_device)
    assert report.outcome != "wrong", str(report)


def test_every_function_of_the_standard_has_a_rule():
    strict = pytest.importorskip("array_api_strict")
    names = {
        f"{prefix}{name}"
        for prefix, space in (("", strict), ("linalg.", strict.linalg), ("fft.", strict.fft))
        for name in space.__all__
        if callable(getattr(space, name)) and not isinstance(getattr(space, name), type)
    }
    # What returns no array, or is no function of the standard.
    about = """
    __array_namespace_info__ broadcast_shapes isdtype finfo iinfo result_type can_cast Device DType
    set_array_api_strict_flags get_array_api_strict_flags reset_array_api_strict_flags
    ArrayAPIStrictFlagsContext linalg.matmul linalg.tensordot linalg.vecdot
    """
    missing = {name for name in names if name not in RULES} - set(about.split())
    assert not missing
    assert all(rule.reason for rule in RULES.values() if rule.family == "not judged")


def test_a_number_in_half_precision_may_be_taken_as_it_is(default_device):
    if not hasattr(choose_device(default_device).backend.namespace(), "float16"):
        pytest.skip("the library has no float16")
    x = np.random.RandomState(6).randn(12, 30).astype(np.float16)
    for program in (lambda a: a * 3.14159, lambda a: a + 1000.3, lambda a: 3.9 / a):
        report = compare_function(program, x, backend=default_device)
        assert report.outcome == "right", str(report)
