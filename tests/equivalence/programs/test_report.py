"""What is said of a function, and what is refused."""

import json

import numpy as np
import pytest

from portable_dnn.equivalence import assert_function_equivalent, compare_function
from portable_dnn.errors import DeviceError, SettingError

X = np.linspace(-1.0, 1.0, 12, dtype=np.float32).reshape(3, 4)


def test_what_is_not_judged_stands_in_the_verdict():
    def program(x):
        xp = x.__array_namespace__()
        if xp.sum(x) > 100:
            return x
        return xp.prod(x, axis=0) + np.exp(x)[0, :] + np.asarray(x)[1, :]

    report = compare_function(program, X)
    assert report.outcome == "right in part"
    assert "not judged: bool at test_report.py:" in report.headline
    assert "prod at test_report.py:" in report.headline
    assert "products of many numbers overflow on the way" in report.headline
    assert "__array__ at test_report.py:" in report.headline
    names = [one.name for one in report.operations]
    assert names[:4] == ["sum", "greater", "bool", "prod"]
    assert "exp" in names  # of NumPy itself, given such an array


def test_nothing_judged_says_why():
    report = compare_function(lambda x, xp: xp.prod(x), X)
    assert report.outcome == "nothing judged"
    assert "prod at test_report.py:" in report.headline


def test_integers_and_nothing_at_all():
    def program(n, empty, *, xp):
        return xp.prod(n % 3 + n // 2), xp.sum(empty, axis=0) + 1.0

    report = compare_function(program, np.arange(5), np.zeros((0, 2)))
    assert report.outcome == "right", report.headline
    one = compare_function(lambda x: x * 0.1, X)
    assert one.headline.startswith("right: 1 operation of <lambda> on numpy:cpu, of which 1 rounds")


def test_what_numpy_does_not_have_is_not_judged():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def program(x):
        return (x.bfloat16() @ x.bfloat16().T).float() + 1.0

    report = compare_function(program, X, backend="torch")
    assert report.outcome == "right in part"
    assert len(report.of("not judged")) == len(report.operations) - 1 == 5
    assert "BFloat16" in report.of("not judged")[0].reason
    assert report.result.dtype == torch.float32


def test_names_for_people():
    def program(X, W, *, b):
        Z = X @ W + b
        Z *= 2.0
        return -Z.T

    report = compare_function(program, X, X.T, b=X[:, :1])
    assert [one.text for one in report.operations] == [
        "X @ W",
        "(X @ W) + b",
        "((X @ W) + b) *= 2.0",
        "((X @ W) + b).T",
        "-((X @ W) + b).T",
    ]


def test_the_table_has_a_row_a_line():
    def program(x):
        for _ in range(3):
            x = x * 0.5
        return x

    report = compare_function(program, X)
    row, result = report.rows()
    assert result == ("as a whole", "result", "-", "-", "0", "right")
    assert row[0].endswith("  x * 0.5")
    assert row[1:3] == ("multiply", "3")
    assert len(str(report).splitlines()) == 4


def test_plain_data_for_json():
    content = json.loads(json.dumps(compare_function(lambda x: x + 1.0, X).as_dict()))
    assert content["outcome"] == "right"
    assert content["operations"][0]["name"] == "add"
    assert content["operations"][0]["verdict"] == "rounding"


def test_methods_of_objects_and_methods_of_arrays():
    class Scaler:
        def __init__(self):
            self.mean = X.mean(axis=0)

        def transform(self, x):
            return (x - self.mean).sum(axis=1).reshape(-1, 1)

    report = compare_function(Scaler().transform, X)
    assert [one.name for one in report.operations] == ["subtract", "sum", "reshape"]
    assert report.function == "transform"
    assert report.outcome == "right"


def test_what_makes_no_question_is_refused():
    with pytest.raises(SettingError, match="was given no array"):
        compare_function(lambda x: x, 3.0)
    with pytest.raises(SettingError, match="dtype"):
        compare_function(lambda x: x, X, dtype="bfloat16")
    with pytest.raises(DeviceError):
        compare_function(lambda x: x, X, backend="abacus")
    with pytest.raises(AssertionError, match="no operation on arrays was seen"):
        assert_function_equivalent(lambda x: x, X)


def test_the_function_s_own_errors_stay():
    def program(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        compare_function(program, X)
