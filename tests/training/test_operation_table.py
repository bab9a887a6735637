"""One table: every public function that computes, on every device, in both dtypes.

Whatever its numbers (other tests judge those), a result is of the input's library, on its device,
in its dtype, of the right shape; no input is changed; read-only inputs are taken. Labels come in
the other floating dtype and as bytes, so that a silent promotion shows.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import pytest

import portable_dnn as p
from portable_dnn import device_of, place, to_host
from portable_dnn.arrays.devices import choose_device
from portable_dnn.network.losses import cost_gradient
from portable_dnn.network.norms import gradient_norm
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter, leave, ones_for
from portable_dnn.training.measurements import Measure
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, forms_for, step_of

N, H, M = 7, 4, 5  # features, hidden units, samples: more features than samples, as for the span
X, Z, A = (N, M), (H, M), (1, M)
W1, B1, W2, B2 = (H, N), (H, 1), (1, H), (1, 1)
PARAMETERS = {"W1": W1, "b1": B1, "W2": W2, "b2": B2}
OTHER = {"float32": "float64", "float64": "float32"}
LABELS = ("other", "uint8")


class Inputs(NamedTuple):
    """What the operations are given."""

    X: Any
    Y: Any
    Z: Any  # also dA of layer 1
    AL: Any
    pixels: Any
    classes: Any
    parameters: dict[str, Any]
    grads: dict[str, Any]

    @property
    def layer(self) -> tuple[Any, Any, Any]:
        return self.X, self.parameters["W1"], self.parameters["b1"]

    @property
    def caches(self) -> list[Any]:
        last = (self.Z, self.parameters["W2"], self.parameters["b2"])
        return [(self.layer, self.Z), (last, self.AL)]


class Row(NamedTuple):
    """An operation: how it is called, what comes out; other dtypes than the input's by name."""

    call: Callable[[Inputs], Any]
    shapes: Any
    dtype: str | None = None


def step(i: Inputs, *, compiled: bool, compressed: bool) -> Any:
    """Measure, and take a training step."""
    xp = array_api_compat.array_namespace(i.X)
    training_step = step_of(Settings(layers=(H,)), forms_for(2, compressed=compressed))
    held, inputs = enter(training_step.forms, i.parameters, i.X, xp=xp)
    targets = training_step.head.targets(i.Y, dtype=i.X.dtype, xp=xp)
    batch = Batch(inputs, targets, ones_for(i.X, xp=xp), M)
    run, measure = Bound(training_step, xp), Bound(Measure(training_step), xp)
    if compiled:
        backend = choose_device(device_of(i.X)).backend
        repeated, measure = backend.compile(backend.repeat(run)), backend.compile(measure)
        after = repeated(State(held, {}), batch, {}, 1)
    else:
        after = run(State(held, {}), batch, {})
    measured = measure(State(held, {}), batch)
    left = leave(training_step.forms, after.parameters, i.parameters, i.X, xp=xp)
    return list(measured.values()), left


def trained(model: Callable[..., Any], i: Inputs) -> Any:
    return model(i.X, i.Y, [N, H, 1], num_iterations=2)[0]


FORWARD = (A, [((X, W1, B1), Z), ((Z, W2, B2), A)])
BACKWARD = {"dW1": W1, "db1": B1, "dW2": W2, "db2": B2, "dA1": Z, "dA0": X}
STEP = ([()] * 6, PARAMETERS)

TABLE: dict[str, Row] = {
    **{
        name: Row(lambda i, f=name: getattr(p, f)(i.Z), (Z, Z))
        for name in ("sigmoid", "tanh", "relu", "leaky_relu")
    },
    **{
        name: Row(lambda i, f=name: getattr(p, f)(i.Z, i.Z), Z)
        for name in ("sigmoid_backward", "tanh_backward", "relu_backward", "leaky_relu_backward")
    },
    "linear_forward": Row(lambda i: p.linear_forward(*i.layer), (Z, (X, W1, B1))),
    "linear_backward": Row(lambda i: p.linear_backward(i.Z, i.layer), (X, W1, B1)),
    **{
        f"linear_activation_forward {g}": Row(
            lambda i, g=g: p.linear_activation_forward(*i.layer, g), (Z, ((X, W1, B1), Z))
        )
        for g in ("sigmoid", "tanh", "relu", "leaky_relu:0.3")
    },
    **{
        f"linear_activation_backward {g}": Row(
            lambda i, g=g: p.linear_activation_backward(i.Z, (i.layer, i.Z), g), (X, W1, B1)
        )
        for g in ("sigmoid", "tanh", "relu", "leaky_relu:0.3")
    },
    "L_model_forward": Row(lambda i: p.L_model_forward(i.X, i.parameters), FORWARD),
    "L_model_backward": Row(
        lambda i: p.L_model_backward(i.AL, i.Y, i.caches, input_gradient=True), BACKWARD
    ),
    "compute_cost": Row(lambda i: p.compute_cost(i.AL, i.Y), ()),
    "compute_cost_from_logits": Row(lambda i: p.compute_cost_from_logits(i.AL, i.Y), ()),
    "cost_gradient": Row(lambda i: cost_gradient(i.AL, i.Y), A),
    "gradient_norm": Row(
        lambda i: gradient_norm(i.X, xp=array_api_compat.array_namespace(i.X)), ()
    ),
    "update_parameters": Row(lambda i: p.update_parameters(i.parameters, i.grads, 0.1), PARAMETERS),
    "predict": Row(lambda i: p.predict(i.X, i.parameters), A, "int32"),
    "predict_probabilities": Row(lambda i: p.predict_probabilities(i.X, i.parameters), A),
    "scale_pixels": Row(lambda i: p.scale_pixels(i.pixels, dtype_of(i.X)), X),
    "scale_pixels of floats": Row(lambda i: p.scale_pixels(i.X, dtype_of(i.X)), X),
    "accuracy": Row(lambda i: p.accuracy(i.classes, i.Y), None),
    "gradient_check": Row(
        lambda i: p.gradient_check(i.X, i.Y, i.parameters, max_entries=1), dict.fromkeys(PARAMETERS)
    ),
    "step": Row(lambda i: step(i, compiled=False, compressed=False), STEP),
    "step, compiled": Row(lambda i: step(i, compiled=True, compressed=False), STEP),
    "step in the span": Row(lambda i: step(i, compiled=False, compressed=True), STEP),
    "step in the span, compiled": Row(lambda i: step(i, compiled=True, compressed=True), STEP),
    **{
        f"train, compress {choice}": Row(
            lambda i, c=choice: (
                p.train(i.X, i.Y, i.parameters, num_iterations=2, compress=c).parameters
            ),
            PARAMETERS,
        )
        for choice in ("on", "off")
    },
    "L_layer_model": Row(lambda i: trained(p.L_layer_model, i), PARAMETERS),
    "two_layer_model": Row(lambda i: trained(p.two_layer_model, i), PARAMETERS),
}

# What computes nothing on a device: the door between host and device (test_placement), files,
# texts, and what is drawn on the host.
NOT_IN_THE_TABLE = {
    "Settings",
    *("place", "to_host", "device_of", "choose_device", "load_model", "save_model"),
    *("summary", "summary_table", "parameters_hash", "flatten_images", "PortableDnnError"),
    *("initialize_parameters", "initialize_parameters_deep"),
}


def test_every_public_function_is_in_the_table():
    names = {name.partition(" ")[0].rstrip(",") for name in TABLE}
    assert set(p.__all__) - NOT_IN_THE_TABLE <= names
    assert not NOT_IN_THE_TABLE & names
    assert set(p.__all__) >= NOT_IN_THE_TABLE


def dtype_of(array: Any) -> str:
    return str(array.dtype).rpartition(".")[2]


def host_inputs(dtype: str, labels: str) -> Inputs:
    """Draw the inputs on the host, read-only."""
    stream = np.random.RandomState(3)

    def draw(shape: tuple[int, ...]) -> Any:
        return stream.randn(*shape).astype(dtype)

    parameters = {name: draw(shape) for name, shape in PARAMETERS.items()}
    inputs = Inputs(
        draw(X),
        stream.randint(0, 2, A).astype(OTHER[dtype] if labels == "other" else labels),
        draw(Z),
        stream.uniform(0.1, 0.9, A).astype(dtype),
        stream.randint(0, 256, X).astype(np.uint8),
        stream.randint(0, 2, A).astype(np.int32),
        parameters,
        {f"d{name}": draw(shape) for name, shape in PARAMETERS.items()},
    )
    for array in leaves(inputs):
        array.flags.writeable = False
    return inputs


def leaves(tree: Any) -> list[Any]:
    """List the arrays and numbers in tuples, lists and dicts, in order."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def shapes_of(tree: Any) -> Any:
    """Put shapes in the place of arrays, None in the place of Python's numbers."""
    if isinstance(tree, Mapping):
        return {key: shapes_of(value) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map(shapes_of, tree))
    if isinstance(tree, list):
        return list(map(shapes_of, tree))
    return None if type(tree) is float else tuple(tree.shape)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("operation", TABLE)
def test_the_result_is_of_the_inputs_kind_and_the_inputs_stay(operation, labels, device, dtype):
    row = TABLE[operation]
    host = host_inputs(dtype, labels)
    inputs = Inputs(*(place(part, device) for part in host))
    xp = array_api_compat.array_namespace(inputs.X)
    result = row.call(inputs)
    assert shapes_of(result) == row.shapes
    for leaf in leaves(result):
        if type(leaf) is float:
            continue
        assert array_api_compat.array_namespace(leaf) is xp
        assert device_of(leaf) == device
        assert dtype_of(leaf) == (row.dtype or dtype)
    for before, after in zip(leaves(host), leaves(inputs), strict=True):
        assert dtype_of(after) == dtype_of(before)
        assert to_host(after).tobytes() == before.tobytes()
