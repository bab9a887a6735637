"""What no public function can compute with is refused by each of them, in a sentence of ours."""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import portable_dnn
from portable_dnn import L_layer_model, Settings, choose_device, place, predict, to_host, train
from portable_dnn.arrays import registry
from portable_dnn.arrays.registry import get_backend
from portable_dnn.data import DataSet, ImageSet
from portable_dnn.equivalence import compare
from portable_dnn.errors import DTypeError, PortableDnnError, SettingError
from portable_dnn.models.model import Model, classify
from portable_dnn.results.evaluation import evaluate
from portable_dnn.results.experiment import run
from tests.public_functions import CALLS, arguments


class Metres(np.ndarray):
    """A quantity: its products are areas."""


STRANGE = {
    "a list": lambda a: a.tolist(),
    "a tuple": lambda a: tuple(a.tolist()),
    "nothing": lambda a: None,
    "a number": lambda a: 3,
    "text": lambda a: "cat",
    "a view of bytes": lambda a: memoryview(a.tobytes()),
    "a matrix": lambda a: np.asmatrix(a.reshape(a.shape[0], -1)),
    "a masked array": lambda a: np.ma.masked_array(a, a > a.mean()),
    "a quantity": lambda a: a.view(Metres),
    "an array of texts": lambda a: a.astype(str),
    "an array of objects": lambda a: a.astype(object),
    "a complex array": lambda a: a.astype(complex),
    "an array of dates": lambda a: a.astype(int).astype("datetime64[s]"),
    "a record": lambda a: a.view([("x", a.dtype)]),
}
UNUSUAL = {  # which some functions can take
    "bytes in the other order": lambda a: a.astype(a.dtype.newbyteorder()),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "no samples": lambda a: a[:, :0],
    "numbers that are no numbers": lambda a: np.full_like(a, np.nan, dtype=float),
    "one axis too many": lambda a: a[None],
    "a memory map": lambda a: a.view(np.memmap),
}
# These take numbers of any kind, or any shape, and change none.
TAKES = {
    "to_host": {"an array of texts", "an array of objects", "a complex array", "an array of dates"},
    "place": {"an array of texts", "an array of objects", "a complex array", "an array of dates"},
    "flatten_images": {
        *("an array of texts", "an array of objects", "a complex array", "an array of dates"),
    },
}
for name in TAKES:
    TAKES[name] |= {"a record"}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [*STRANGE, *UNUSUAL])
@pytest.mark.parametrize("function", CALLS)
def test_every_function_refuses_in_our_words(function, kind, tmp_path):
    change = (STRANGE | UNUSUAL)[kind]
    given = arguments(change)
    said = ""
    try:
        CALLS[function](portable_dnn, given, tmp_path / "model.h5")
    except PortableDnnError as error:
        said = str(error)
    assert said or kind in UNUSUAL or kind in TAKES.get(function, ())
    assert "\n" not in said


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_what_it_is_and_what_helps_is_said():
    X = np.ones((3, 2))
    for array, words in (
        (np.asmatrix(X), r"a numpy\.matrix, which has arithmetic .* numpy\.asarray makes"),
        (np.ma.masked_array(X, X > 0), r"a masked array; fill what is masked"),
        ([1.0], r"a list, not an array"),
    ):
        with pytest.raises(DTypeError, match=f"^the argument is {words}"):
            place(array)


def test_float16_is_told_what_can_be_computed_in():
    X, Y = np.ones((3, 2), np.float16), np.array([[0, 1]])
    with pytest.raises(PortableDnnError) as caught:
        L_layer_model(X, Y, [3, 2, 1], num_iterations=1)
    assert "int8" not in str(caught.value)
    assert "float16" in str(caught.value)


RATES = [10**400, 10**5000, "0.1x", None, float("inf"), -1, [0.1]]


@pytest.mark.parametrize("number", range(len(RATES)))
def test_rates_that_are_none(number):
    X, Y = np.ones((3, 2)), np.array([[0, 1]])
    with pytest.raises(SettingError, match="a number above 0 would be right"):
        L_layer_model(X, Y, [3, 2, 1], RATES[number], 1)


@pytest.mark.parametrize("backend", ["torch", "jax", "strict", "dpnp"])
def test_what_other_libraries_have_not_is_told_or_turned(backend):
    failure = registry.first_failure(get_backend(backend))
    if failure is not None:
        pytest.skip(f"{backend} NOT RUN: {failure.detail}")
    for array in (np.array(["a"]), np.array([None]), np.ones(2, np.longdouble)):
        with pytest.raises(DTypeError, match=f"which {backend} has not"):
            place(array, backend)
    turned = place(np.array([1.5, 2.0], dtype=">f8"), backend)
    np.testing.assert_array_equal(portable_dnn.to_host(turned), [1.5, 2.0])


def test_tensors_without_numbers_or_places():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    Y = torch.tensor([[0.0, 1.0]])
    for tensor, words in (
        (torch.ones((3, 2), device="meta"), "on the device meta, which holds no numbers"),
        (torch.ones((3, 2)).to_sparse(), r"of layout torch\.sparse_coo; tensor\.to_dense\(\)"),
    ):
        with pytest.raises(DTypeError, match=f"X is a tensor {words}"):
            L_layer_model(tensor, Y, [3, 2, 1], num_iterations=1)


def test_arrays_inside_of_jit():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    get_backend("jax").namespace()
    start = place(portable_dnn.initialize_parameters_deep([3, 2, 1]), "jax")
    with pytest.raises(DTypeError, match=r"inside of jax\.jit or jax\.grad, which has no numbers"):
        jax.jit(lambda X: predict(X, start))(jax.numpy.ones((3, 2)))


def test_the_process_settings_change_nothing():
    """What a user may have set for his own arithmetic, with numbers that under- and overflow."""
    x = arguments()
    X, start = x.X * 1e-300, x.start
    expected = train(X, x.Y, start, num_iterations=3).parameters
    tiny = X * 1e-10
    before = np.seterr(all="raise")
    try:
        found = train(X, x.Y, start, num_iterations=3).parameters
        predict(X, start)
        far = np.array([[-1000.0, 0.0, 1000.0, 5e-324]])
        for function in ("sigmoid", "tanh", "relu", "leaky_relu"):
            getattr(portable_dnn, function)(far)
            getattr(portable_dnn, f"{function}_backward")(far, far)
        AL, caches = portable_dnn.L_model_forward(tiny, start)
        grads = portable_dnn.L_model_backward(AL, x.Y, caches)
        portable_dnn.update_parameters(start, grads, 1e-300)
        portable_dnn.compute_cost_from_logits(np.array([[900.0, -800.0]]), np.array([[1, 0]]))
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")
    finally:
        np.seterr(**before)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_torch_defaults_change_nothing():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = arguments(lambda array: place(array, "torch"))
    expected = train(x.X, x.Y, x.start, num_iterations=3).parameters
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    try:
        x = arguments(lambda array: place(array, "torch"))
        found = train(x.X, x.Y, x.start, num_iterations=3).parameters
        classes = predict(x.X, x.start)
    finally:
        torch.set_default_dtype(dtype)
        torch.set_default_device(None)
    assert classes.device.type == "cpu"
    for name, array in expected.items():
        assert torch.equal(found[name], array)


def test_torch_autocast_changes_nothing():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = arguments(lambda array: place(array.astype(array.dtype.str.replace("f8", "f4")), "torch"))
    expected = train(x.X, x.Y, x.start, num_iterations=3).parameters
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = train(x.X, x.Y, x.start, num_iterations=3).parameters
        Z, _ = portable_dnn.linear_forward(x.X, x.start["W1"], x.start["b1"])
        assert (x.X.T @ x.X).dtype == torch.bfloat16  # the process has its setting back
    assert Z.dtype == torch.float32
    for name, array in expected.items():
        assert torch.equal(found[name], array)


def test_what_is_not_used_is_not_imported(monkeypatch):
    """A plug-in of a stranger may end the process when it is imported, or take a minute."""

    def load():
        raise KeyboardInterrupt("it was imported")

    bomb = SimpleNamespace(load=load, value="bomb_of_a_stranger")
    known = registry._entry_points()
    monkeypatch.setattr(registry, "_entry_points", lambda: {**known, "bomb": bomb})
    x = arguments()
    train(x.X, x.Y, x.start, num_iterations=3)
    place(x.X, "cpu")
    run(
        DataSet(ImageSet(np.zeros((2, 1, 2, 3), np.uint8), np.array([0, 1])), None, ("a", "b"), ""),
        Settings(layers=(2,), iterations=2),
        choose_device("cpu"),
    )
    monkeypatch.setitem(sys.modules, "bomb", SimpleNamespace())
    with pytest.raises(KeyboardInterrupt):  # its library is there, so its arrays may be
        train(x.X, x.Y, x.start, num_iterations=3)


GUARDS = ("", "_host_to_device", "_device_to_device", "_device_to_host")


@pytest.mark.parametrize(
    ("guard", "how"), [("", "disallow"), *((guard, "disallow_explicit") for guard in GUARDS)]
)
def test_jax_transfer_guards_change_nothing(tmp_path, guard, how):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    setting = f"jax_transfer_guard{guard}"
    before = getattr(jax.config, setting)
    x = arguments(lambda array: place(array, "jax"))
    jax.config.update(setting, how)
    try:
        for name, call in CALLS.items():
            call(portable_dnn, x, tmp_path / f"{name}.h5")
        place(x.X, "jax")
        choose_device("jax")
        whole = Model(x.start, ("relu",), ("a", "b"), image_shape=(1, 2, 3))
        pictures = np.zeros((2, 1, 2, 3), np.uint8)
        classify(pictures, whole)
        evaluate(ImageSet(pictures, np.array([0, 1])), whole)
        small = Settings(layers=(2,), iterations=2)
        data = DataSet(ImageSet(pictures, np.array([0, 1])), None, ("a", "b"), "made")
        run(data, small, choose_device("jax"))
        if not guard:  # it takes seconds
            compare("jax", to_host(x.X), to_host(x.Y), settings=small, many=0)
    finally:
        jax.config.update(setting, before)


def test_programs_are_not_kept_for_ever():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    module = sys.modules[get_backend("jax").__name__]
    x = arguments(lambda array: place(array, "jax"))
    for rate in np.linspace(0.001, 0.1, 40):
        train(x.X, x.Y, x.start, num_iterations=2, learning_rate=float(rate))
    kept = module._program.cache_info()
    assert kept.currsize <= kept.maxsize == module._PROGRAMS
    assert jax.devices()


@pytest.mark.parametrize("setting", ["jax_debug_nans", "jax_debug_infs"])
def test_jax_computes_what_is_infinite_or_no_number(setting):
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    W, b = np.array([[1e300, -1e300]]), np.zeros((1, 1))
    X = np.array([[1e300, 1e300, 0.0], [1e300, 0.0, 1e300]])
    on_jax = [place(array, "jax") for array in (X, W, b)]
    jax.config.update(setting, True)
    try:
        Z, _ = portable_dnn.linear_forward(*on_jax)
        assert not np.isfinite(to_host(Z)).any()
        assert getattr(jax.config, setting)  # the process has its setting back
    finally:
        jax.config.update(setting, False)


def test_tensors_with_arithmetic_of_their_own_are_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class Doubling(torch.Tensor):
        def __add__(self, other):
            return 2 * super().__add__(other)

    plain = torch.ones(2, 3)
    parameter = torch.nn.Parameter(plain)
    assert torch.equal(portable_dnn.relu(parameter)[0], plain)
    with warnings.catch_warnings(action="ignore"):  # a prototype, it says
        masked = torch.masked.masked_tensor(plain, plain > 0)
    for tensor in (plain.as_subclass(Doubling), masked):
        with pytest.raises(DTypeError, match=r"which has arithmetic of its own; .*as_subclass"):
            portable_dnn.relu(tensor)


@pytest.mark.filterwarnings("ignore")  # the compiler warns of caches, ours and others'
def test_torch_compile_takes_public_functions():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    Z = torch.linspace(-3.0, 3.0, 12).reshape(3, 4)
    compiled = torch.compile(lambda Z: portable_dnn.sigmoid(Z)[0] + 1.0, backend="eager")
    assert torch.equal(compiled(Z), portable_dnn.sigmoid(Z)[0] + 1.0)
