"""Each argument of each public function, given anything: taken, or refused in our words."""

import inspect
import io
import math
import sys
from contextlib import redirect_stdout
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import portable_dnn
from portable_dnn.equivalence import assert_equivalent, compare_function
from portable_dnn.errors import PortableDnnError
from portable_dnn.models.model import Model
from tests.public_functions import arguments

# Whoever gives the namespace has checked the arrays; what a user's function raises is the user's.
NOT_TRIED = {"xp", "callback", "function", "options"}
ENDLESS = (2**62, 10**30)


def numbers():
    yield from (0, -1, 3, *ENDLESS, 10**400, 1.5, math.nan, math.inf, 1j, True)
    yield from (Decimal("0.1"), Fraction(1, 3), np.float64(1.0), np.int64(3), np.str_("a"))


def texts():
    yield from ("", "relu", "nan", "1e-3", "x\0y", "\ud800", "cpu", "leaky_relu:x", b"", b"abc")
    yield from (bytearray(b"a"), Path("/no/such/path"))


def collections():
    yield from ([], [1.0], [[1, 2], [3, 4]], (), (1, 2), {}, {"a": 1}, {1: 2}, {"W1": None})
    yield from (set(), range(3), iter([1]), [None], [[None]], [np.ones(2)])


def things():
    yield from (None, ..., NotImplemented, object(), object, np.ndarray, np, len, np.dtype(float))


def numpy_arrays():
    yield from (np.array(1.0), np.ones(3), np.ones((2, 2)), np.ones((0, 0)), np.ones((6, 0)))
    yield from (np.ones((2, 2, 2)), np.ones((6, 5), bool), np.full((6, 5), np.nan))
    for dtype in ("int64", "complex128", "float16", "longdouble", ">f8", "object", "U1", "M8[s]"):
        yield np.ones((6, 5)).astype(dtype)
    yield from (np.ma.ones((6, 5)), np.asmatrix(np.ones((6, 5))), np.zeros((6, 5), [("a", float)]))


def torch_tensors():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    t = torch.ones(6, 5, dtype=torch.float64)
    yield from (t, t.to(torch.bfloat16), t.half(), t.to(torch.float8_e4m3fn), t.to_sparse())
    yield from (t.to("meta"), t.clone().requires_grad_(), t.to(torch.complex64).conj().imag)
    yield from (torch.device("cpu"), torch.float64, t.shape, torch.tensor(1.0))
    yield torch.quantize_per_tensor(t.float(), 0.1, 0, torch.qint8)
    yield torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    yield torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])


def jax_arrays():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    gone = jax.numpy.ones((6, 5))
    gone.delete()
    yield from (gone, jax.numpy.ones((6, 5)), jax.numpy.ones((6, 5), jax.numpy.bfloat16))
    yield from (jax.random.key(0), jax.ShapeDtypeStruct((6, 5), "float32"))


def strict_arrays():
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    yield from (strict.ones((6, 5)), strict.ones((6, 5), dtype=strict.bool), strict.asarray(1.0))


VALUES = (
    numbers,
    texts,
    collections,
    things,
    numpy_arrays,
    torch_tensors,
    jax_arrays,
    strict_arrays,
)


def judge(x, backend=None, dtype=None):
    return compare_function(lambda x: x, x, backend=backend, dtype=dtype)


@pytest.fixture
def calls(tmp_path):
    """Every public function with arguments that it takes."""
    p, x = portable_dnn, arguments()
    W, b = x.start["W1"], x.start["b1"]
    AL, caches = p.L_model_forward(x.X, x.start)
    model = Model(x.start, ("relu",), ("a", "b"), image_shape=(1, 2, 3))
    p.save_model(model, tmp_path / "model.h5")
    network = {"X": x.X, "Y": x.Y, "parameters": x.start}
    course = {"X": x.X, "Y": x.Y, "layers_dims": [6, 4, 1], "num_iterations": 2}
    derivative = {"dA": x.Z, "cache": x.Z}
    given = {
        "L_layer_model": course,
        "two_layer_model": course,
        "L_model_forward": {"X": x.X, "parameters": x.start},
        "L_model_backward": {"AL": AL, "Y": x.Y, "caches": caches},
        "Settings": {},
        "accuracy": {"predictions": x.Y, "Y": x.Y},
        "choose_device": {"request": "cpu"},
        "compute_cost": {"AL": x.A, "Y": x.Y},
        "compute_cost_from_logits": {"ZL": x.z, "Y": x.Y},
        "device_of": {"x": x.X},
        "flatten_images": {"images": x.pixels},
        "gradient_check": network,
        "initialize_parameters": {"n_x": 6, "n_h": 4, "n_y": 1},
        "initialize_parameters_deep": {"layer_dims": [6, 4, 1]},
        "leaky_relu_backward": derivative,
        "linear_activation_backward": {"dA": x.Z, "cache": caches[0], "activation": "relu"},
        "linear_activation_forward": {"A_prev": x.X, "W": W, "b": b, "activation": "relu"},
        "linear_backward": {"dZ": x.Z, "cache": caches[0][0]},
        "linear_forward": {"A": x.X, "W": W, "b": b},
        "load_model": {"path": tmp_path / "model.h5"},
        "parameters_hash": {"parameters": x.start},
        "place": {"x": x.X, "device": "cpu"},
        "predict": {"X": x.X, "parameters": x.start},
        "predict_probabilities": {"X": x.X, "parameters": x.start},
        "relu_backward": derivative,
        "save_model": {"model": model, "path": tmp_path / "other.h5"},
        "scale_pixels": {"X": x.pixels},
        "sigmoid_backward": derivative,
        "summary": {"layer_dims": [6, 4, 1], "m": 5},
        "summary_table": {"layer_dims": [6, 4, 1], "m": 5},
        "tanh_backward": derivative,
        "to_host": {"x": x.start},
        "train": network | {"num_iterations": 2},
        "update_parameters": {
            "parameters": x.start,
            "grads": p.L_model_backward(AL, x.Y, caches),
            "learning_rate": 0.1,
        },
        **{name: {"Z": x.Z} for name in ("leaky_relu", "relu", "sigmoid", "tanh")},
    }
    found = {name: (getattr(p, name), taken) for name, taken in given.items()}
    found["compare_function"] = (judge, {"x": x.X})
    equal = {"actual": x.X, "reference": x.X, "operation": "exact"}
    found["assert_equivalent"] = (assert_equivalent, equal)
    return found


def test_none_is_forgotten(calls):
    assert set(portable_dnn.__all__) - {"PortableDnnError"} <= set(calls)


def places(function, taken):
    """Yield each argument's name, and a function that puts something in its place or into it."""
    for name in {**inspect.signature(function).parameters, **taken}:
        if name in NOT_TRIED or name == "single":
            continue
        yield name, lambda value, name=name: {**taken, name: value}
        whole = taken.get(name)
        if isinstance(whole, dict):
            first = next(iter(whole))
            yield name, lambda v, n=name, w=whole, k=first: {**taken, n: {**w, k: v}}
        elif isinstance(whole, list) or type(whole) is tuple:
            yield name, lambda v, n=name, w=whole: {**taken, n: type(w)((v, *w[1:]))}


@pytest.mark.filterwarnings("ignore")  # of numbers that are none, and of matrices
@pytest.mark.parametrize("values", VALUES)
def test_it_is_taken_or_refused_in_our_words(calls, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = []
    for name, (function, taken) in calls.items():
        with redirect_stdout(io.StringIO()):
            function(**taken)
        for argument, put in places(function, taken):
            for value in values():
                if argument == "num_iterations" and any(value is number for number in ENDLESS):
                    continue
                try:
                    with redirect_stdout(io.StringIO()):
                        function(**put(value))
                except PortableDnnError:
                    pass
                except AssertionError:  # what assert_equivalent is there to say
                    assert name == "assert_equivalent"
                except Exception as error:
                    raw.append(f"{name}({argument}={type(value)}): {type(error)} {error}")
    assert not raw, "\n".join(raw)


@pytest.mark.filterwarnings("ignore")  # of kinds of tensors that PyTorch will change or remove
def test_torch_tensors_without_plain_numbers_are_told():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    said = {
        "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "quantized": torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8),
        "only stores": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "dtype torch.bfloat16, which NumPy has not": torch.ones(2, 2).to(torch.bfloat16),
    }
    for sentence, tensor in said.items():
        with pytest.raises(PortableDnnError, match=sentence):
            portable_dnn.to_host(tensor)


def test_paths_that_no_file_can_have(tmp_path):
    model = Model(arguments().start, ("relu",), ("a", "b"), image_shape=(1, 2, 3))
    for path in (None, 0, b"m.h5", "m\0.h5"):
        with pytest.raises(PortableDnnError, match="the path of"):
            portable_dnn.save_model(model, path)
        with pytest.raises(PortableDnnError, match="the path of"):
            portable_dnn.load_model(path)
    assert sys.platform == "win32" or not list(tmp_path.iterdir())
