"""Terms that repeat each other: equal roundings add up, and are not blamed; faults still are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn.equivalence import compare, in_order
from portable_dnn.equivalence.exact.running_value import Arithmetic, known, matmul
from portable_dnn.equivalence.limits.accuracy import NUMPY
from portable_dnn.equivalence.limits.repeats import class_sizes
from portable_dnn.training.settings import Settings
from tests.equivalence.faults import Fault, faulty_device
from tests.equivalence.faults.rounding import bfloat16

LABELS = np.random.RandomState(0).randint(0, 2, (1, 60))


def pictures(kind, scale, dtype, features=3000):
    """60 samples: one number all over, one picture again and again, one number a sample."""
    random = np.random.RandomState(1)
    value = {
        "flat": np.ones((1, 1)),
        "one picture": random.uniform(size=(features, 1)),
        "flat pictures": random.uniform(size=(1, 60)),
    }[kind]
    return np.broadcast_to(value * scale, (features, 60)).astype(dtype)


def network(rate, dtype, seed=1, hidden="leaky_relu"):
    return Settings(
        layers=(20, 7, 5),
        hidden=(hidden,),
        learning_rate=rate,
        iterations=2,
        dtype=dtype,
        seed=seed,
    )


@pytest.mark.parametrize(
    ("kind", "rate", "dtype", "seed"),
    [
        ("flat", 1.0, "float64", 1),
        ("flat", 1.0, "float64", 2),
        ("flat", 10.0, "float32", 3),
        ("one picture", 10.0, "float64", 4),
        ("flat pictures", 1.0, "float32", 5),
    ],
)
def test_repeated_pictures_are_not_flagged(default_device, kind, rate, dtype, seed):
    X = pictures(kind, 100.0, dtype)
    report = compare(default_device, X, LABELS, settings=network(rate, dtype, seed), many=0)
    assert report.outcome in ("same numbers", "rounding only"), report.headline


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 1.0, width=32), st.integers(20_000, 60_000), st.booleans())
def test_a_sum_of_equal_terms_may_be_added_one_after_the_other(value, k, varied):
    x = np.full((1, k), value, np.float32)
    if varied:  # a tenth is not alike
        x[0, ::10] = np.random.RandomState(k).uniform(size=x[0, ::10].size)
    y = np.ones((k, 1), np.float32)
    total = np.add.accumulate(x[0], dtype=np.float32)[-1]
    limit = matmul(Arithmetic(x.dtype, NUMPY), known(x), known(y)).limit
    assert abs(float(total) - x.astype(np.float64).sum()) <= limit[0, 0]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 300), st.integers(1, 50))
def test_errors_that_are_alike_add_up(k, sources):
    """Each term has the error of one of a few sources, whose sum is that of whole classes."""
    random = np.random.RandomState(k)
    which = random.randint(sources, size=k)
    sizes = np.bincount(which, minlength=sources)[which].astype(float)
    deviation = random.uniform(size=sources)
    x = known(random.standard_normal((1, k)))._replace(deviation=deviation[None, which])
    y = known(random.uniform(1.0, 2.0, size=(k, 1)))
    arithmetic = Arithmetic(np.dtype("float64"), NUMPY)
    once = np.array([y.exact.hi[which == source].sum() for source in range(sources)])
    right = np.sqrt(((once * deviation) ** 2).sum())
    assert matmul(arithmetic, x, y, sizes).deviation[0, 0] >= right * (1 - 1e-12)
    independent = np.sqrt(((y.exact.hi[:, 0] * deviation[which]) ** 2).sum())
    assert matmul(arithmetic, x, y).deviation[0, 0] == pytest.approx(independent, rel=1e-9)


def test_classes_are_counted():
    rows = np.array([[1.0, 2.0], [3.0, 0.0], [-1.0, 2.0], [0.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    sizes = class_sizes(rows, np.dtype("float32"))
    assert sizes.tolist() == [2.0, 1.0, 2.0, 1.0, 1.0, 1.0]
    near = np.array([[1.0], [1.0 + 2.0**-30]])
    assert class_sizes(near, np.dtype("float32")).tolist() == [2.0, 2.0]
    assert class_sizes(near, np.dtype("float64")).tolist() == [1.0, 1.0]


def rate_in_float32(step):
    """A learning rate that was rounded to float32 on its way into the step."""
    share = float(np.float32(0.7)) / 0.7

    def run(state, batch, row):
        before, after = state.parameters, step(state, batch, row)
        moved = {n: x + (after.parameters[n] - x) * share for n, x in before.items()}
        return after._replace(parameters=moved)

    return run


def in_compiled_steps_only(change):
    """A device whose products are wrong while it takes a compiled step."""
    within = []
    device = faulty_device(
        Fault("product", "matmul", lambda call: change(call) if within else None, ())
    )
    honest = device.backend.compile

    def compiled(step):
        def run(*arguments):
            within.append(True)
            try:
                return step(*arguments)
            finally:
                within.pop()

        return honest(run)

    device.backend.compile = compiled
    return device


def in_bfloat16(call):
    return call.right(*(bfloat16(x) for x in call.inputs)).astype(call.inputs[0].dtype)


@pytest.mark.parametrize("kind", ["flat", "one picture", "flat pictures"])
@pytest.mark.parametrize("fault", ["rate", "products"])
def test_faults_of_the_compiled_step_are_caught_on_repeated_pictures(kind, fault):
    dtype = "float64" if fault == "rate" else "float32"
    device = (
        faulty_device(Fault("rate", "compile", rate_in_float32, ()))
        if fault == "rate"
        else in_compiled_steps_only(in_bfloat16)
    )
    X = pictures(kind, 1.1, dtype, features=600)
    report = compare(device, X, LABELS, settings=network(0.7, dtype), many=0)
    assert report.outcome == "wrong"
    assert in_order(report.wrong)[0].operation.startswith("compiled step")
