"""What the probes ask for is what the standard of arithmetic promises, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from portable_dnn.equivalence.exact.costs import cost_of_probabilities
from portable_dnn.equivalence.exact.maps import applied, rectified, updated
from portable_dnn.equivalence.limits.accuracy import NUMPY
from portable_dnn.equivalence.operations.probes import probes
from portable_dnn.equivalence.stages.judge import judge

FLUSHING = replace(NUMPY, flushes=True)
RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize(
    ("z", "found", "verdict"),
    [
        (0.0, -0.0, "rounding"),
        (-0.0, 0.0, "rounding"),
        (-0.0, -0.0, "rounding"),
        (-1.0, 0.0, "rounding"),
        (-1.0, -0.0, "wrong"),
        (-np.inf, -0.0, "wrong"),
    ],
)
def test_which_zero_relu_may_give(z, found, verdict):
    truth = rectified(np.array([[z]], np.float32))
    assert judge(np.array([[found]], np.float32), truth, NUMPY).verdict == verdict


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh_keeps_the_sign_of_zero(dtype):
    z = np.array([[-0.0, 0.0]], dtype)
    truth = applied("tanh", z, RANDOM)
    assert judge(np.tanh(z), truth, NUMPY).verdict == "rounding"
    assert judge(np.zeros_like(z), truth, NUMPY).verdict == "wrong"


def test_only_a_library_that_flushes_may_take_a_subnormal_probability_for_0():
    one = np.ones((1, 1), np.float32)
    truth = cost_of_probabilities(one * np.float32(1e-40), one)
    infinite = np.asarray(np.float32(np.inf))
    assert judge(infinite, truth, NUMPY).verdict == "wrong"
    assert judge(infinite, truth, FLUSHING).verdict == "by design"
    assert judge(np.asarray(np.float32(92.1034)), truth, FLUSHING).verdict == "rounding"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_honest_products_of_graded_scales_are_rounding_only(dtype):
    graded = [p for p in probes(np.dtype(dtype), RANDOM, 0) if p.case == "graded scales"]
    assert len(graded) == 4  # forward, dW, db, dA
    for probe in graded:
        truth = probe.operation.truth(probe.inputs, RANDOM)
        found = judge(probe.operation.compute(probe.inputs), truth, NUMPY)
        assert found.verdict == "rounding", found.reason


def test_no_probe_repeats_another():
    names = [
        (p.operation.name, p.operation.output, p.case)
        for p in probes(np.dtype("float32"), RANDOM, 1)
    ]
    assert not {name for name in names if names.count(name) > 1}


def test_a_gradient_that_is_flushed_is_missing_a_learning_rate_of_times():
    p, g = np.float32([[2.9e-38]]), np.float32([[1.1e-38]])
    truth = updated(p, g, 10.0)
    assert judge(p, truth, FLUSHING).verdict == "by design"
    assert judge(p, truth, NUMPY).verdict == "wrong"
    assert judge(p + np.float32(1e-37), truth, FLUSHING).verdict == "wrong"
