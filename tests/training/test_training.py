"""Training: every number of a run against an own loop, and how a run ends that went wrong."""

import inspect
import json
import math
import warnings

import numpy as np
import pytest

from portable_dnn import (
    L_layer_model,
    L_model_backward,
    L_model_forward,
    compute_cost_from_logits,
    device_of,
    initialize_parameters,
    initialize_parameters_deep,
    parameters_hash,
    place,
    to_host,
    train,
    two_layer_model,
    update_parameters,
)
from portable_dnn.errors import DataError, DivergenceError, DTypeError, SettingError, ShapeError


def test_a_run_is_gradient_descent(device, dtype, close, make_network, textbook):
    net = make_network((3, 4, 2), 5, device, dtype)
    trained = train(
        net.X, net.Y, net.parameters, hidden="tanh", learning_rate=0.5,
        num_iterations=7, record_every=3,
    )  # fmt: skip
    parameters = {name: array.astype(np.float64) for name, array in net.host.parameters.items()}
    costs, norms = [], []
    for _ in range(7):
        costs.append(textbook.cost(net.host.X, net.host.Y, parameters, ["tanh"]))
        grads = textbook.gradients(net.host.X, net.host.Y, parameters, ["tanh"])
        norms.append({name: np.linalg.norm(grads[f"d{name}"]) for name in parameters})
        parameters = {name: array - 0.5 * grads[f"d{name}"] for name, array in parameters.items()}
    terms = 7 * 30  # seven steps, each with the sums of a pass forward and backward
    history = trained.history
    assert history.iteration == [0, 3, 6]
    eps = float(np.finfo(dtype).eps)
    assert history.cost == pytest.approx([costs[i] for i in (0, 3, 6)], abs=terms * eps)
    final = textbook.cost(net.host.X, net.host.Y, parameters, ["tanh"])
    assert history.final_cost == pytest.approx(final, abs=terms * eps)
    for got, i in zip(history.gradient_norm, (0, 3, 6), strict=True):
        assert list(got) == ["W1", "b1", "W2", "b2"]
        assert got == pytest.approx(norms[i], abs=terms * eps)
    assert history.dead_share == [(None,)] * 3
    assert history.start_hash == parameters_hash(net.host.parameters)
    assert list(trained.parameters) == list(parameters)
    for name, array in parameters.items():
        close(trained.parameters[name], array, device, dtype, terms=terms)


def test_the_callback_sees_every_iteration(device, make_network):
    net = make_network((3, 4, 1), 5, device)
    seen = []
    trained = train(
        net.X, net.Y, net.parameters, num_iterations=7, record_every=3, callback=seen.append
    )
    assert [progress.iteration for progress in seen] == list(range(7))
    records = [progress.record for progress in seen if progress.record is not None]
    assert [record.iteration for record in records] == [0, 3, 6]
    assert [record.cost for record in records] == trained.history.cost
    # The parameters are those after the update: a run from them goes on with the next cost.
    rest = train(net.X, net.Y, seen[2].parameters, num_iterations=1)
    assert rest.history.cost == [trained.history.cost[1]]
    assert parameters_hash(seen[-1].parameters) == parameters_hash(trained.parameters)
    assert {device_of(progress.parameters) for progress in seen} == {device}


def test_recording_changes_nothing(default_device, make_network):
    net = make_network((3, 4, 1), 5, default_device)
    runs = [
        train(net.X, net.Y, net.parameters, num_iterations=12, record_every=every)
        for every in (1, 5, 100)
    ]
    assert len({parameters_hash(run.parameters) for run in runs}) == 1
    assert len({run.history.final_cost for run in runs}) == 1
    every = runs[0].history.cost
    assert [every[i] for i in (0, 5, 10)] == runs[1].history.cost
    assert runs[2].history.iteration == [0]


def test_history_turns_into_json(default_device, make_network):
    net = make_network((3, 4, 2, 1), 5, default_device)
    history = train(
        net.X, net.Y, net.parameters, hidden=["relu", "tanh"], num_iterations=2, record_every=1
    ).history
    again = json.loads(json.dumps(history.as_dict(), allow_nan=False))
    assert again["iteration"] == [0, 1]
    assert again["cost"] == history.cost
    assert again["start_hash"] == history.start_hash
    assert again["final_cost"] == history.final_cost
    assert again["gradient_norm"] == history.gradient_norm
    assert [tuple(shares) for shares in again["dead_share"]] == history.dead_share


def test_dead_units_are_counted(device, dtype):
    # On the two samples −1 and 1, the units' Z are: 2 and 4, −6 and −4 (dead), −1 and 1 (alive
    # for one sample), 0 and 0 (dead, since relu'(0) = 0).
    parameters = {
        "W1": np.array([[1.0], [1.0], [1.0], [0.0]]),
        "b1": np.array([[3.0], [-5.0], [0.0], [0.0]]),
        "W2": np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
        "b2": np.array([[0.0], [-1.0]]),  # the second unit gets −1 from both: dead
        "W3": np.array([[1.0, 1.0]]),
        "b3": np.zeros((1, 1)),
    }
    X = place(np.array([[-1.0, 1.0]], dtype=dtype), device)
    Y = place(np.array([[0.0, 1.0]], dtype=dtype), device)
    start = place(parameters, device, dtype=dtype)

    def shares(*hidden):
        return train(X, Y, start, hidden=hidden, num_iterations=1).history.dead_share

    assert shares("relu", "relu") == [(0.5, 0.5)]
    assert shares("leaky_relu", "relu") == [(None, 0.5)]
    assert shares("relu", "tanh") == [(0.5, None)]
    assert shares("sigmoid", "leaky_relu:0.1") == [(None, None)]


def diverging(device, dtype):
    X = np.random.RandomState(0).randn(3, 6).astype(dtype)
    Y = np.array([[0, 1, 0, 1, 1, 0]], dtype=dtype)
    start = initialize_parameters_deep([3, 4, 4, 1], dtype=dtype)
    return place(X, device), place(Y, device), place(start, device)


@pytest.mark.parametrize("record_every", [1, 4, 5, 100])
def test_divergence_names_the_first_bad_iteration(record_every, device, dtype):
    X, Y, start = diverging(device, dtype)
    with warnings.catch_warnings():
        # NumPy warns of overflow; that nothing is heard of it from `train` is another test.
        warnings.simplefilter("ignore", RuntimeWarning)
        parameters, first, finite = start, 0, True
        while finite:
            AL, caches = L_model_forward(X, parameters, "leaky_relu")
            cost = float(compute_cost_from_logits(caches[-1].activation, Y))
            finite = math.isfinite(cost)
            if finite:
                grads = L_model_backward(AL, Y, caches, "leaky_relu")
                parameters = update_parameters(parameters, grads, 1e3)
                first += 1
        assert 1 < first < 50
        with pytest.raises(DivergenceError) as caught:
            train(
                X, Y, start, hidden="leaky_relu", learning_rate=1e3,
                num_iterations=50, record_every=record_every,
            )  # fmt: skip
    message = str(caught.value)
    assert message.startswith(f"the cost became {cost} at iteration {first}: try ")
    assert "smaller learning rate" in message
    assert "another initialization" in message
    assert isinstance(caught.value, ArithmeticError)


def test_divergence_is_one_error_and_no_warnings(default_device):
    # Warnings are errors here, so an overflow that is reported twice fails this test.
    X, Y, start = diverging(default_device, "float64")
    with pytest.raises(DivergenceError):
        train(X, Y, start, hidden="leaky_relu", learning_rate=1e3, num_iterations=50)


def test_divergence_in_the_last_update_is_found(default_device):
    X, Y, start = diverging(default_device, "float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(DivergenceError) as whole:
            train(X, Y, start, hidden="leaky_relu", learning_rate=1e3, num_iterations=50)
        first = int(str(whole.value).split("iteration ")[1].split(":")[0])
        # With so many updates, the bad cost is the final one, which no iteration records.
        with pytest.raises(DivergenceError, match=f"at iteration {first}:"):
            train(X, Y, start, hidden="leaky_relu", learning_rate=1e3, num_iterations=first)


def test_nan_in_the_input_is_told_apart(device, dtype, make_network):
    net = make_network((3, 4, 1), 5, device, dtype)
    host = net.host.X.copy()
    host[1, 2] = np.nan
    with pytest.raises(DivergenceError) as caught:
        train(place(host, device), net.Y, net.parameters)
    assert str(caught.value) == (
        "the cost became nan at iteration 0: before any update, so X or the start parameters hold "
        "NaN, infinity or huge values"
    )


@pytest.mark.parametrize("rate", [0, -0.0075, float("nan"), float("inf")])
def test_bad_learning_rate(rate, default_device, make_network):
    net = make_network((3, 1), 2, default_device)
    with pytest.raises(SettingError, match=f"the learning rate is {rate}; a number above 0"):
        train(net.X, net.Y, net.parameters, learning_rate=rate)
    with pytest.raises(SettingError, match=f"the learning rate is {rate}; a number above 0"):
        L_layer_model(net.X, net.Y, [3, 1], learning_rate=rate)


@pytest.mark.parametrize("count", [0, -1, 2.5, True, None])
def test_bad_counts(count, default_device, make_network):
    net = make_network((3, 1), 2, default_device)
    with pytest.raises(SettingError, match=f"the number of iterations is {count}; a whole number"):
        train(net.X, net.Y, net.parameters, num_iterations=count)
    with pytest.raises(SettingError, match=f"the interval between records is {count}; a whole"):
        train(net.X, net.Y, net.parameters, record_every=count)


@pytest.mark.parametrize("label", [2.0, -1.0, 0.5, float("nan")])
def test_bad_labels(label, default_device, make_network):
    net = make_network((3, 1), 4, default_device)
    Y = place(np.array([[0.0, 1.0, label, 1.0]]), default_device)
    with pytest.raises(DataError, match="Y has values other than 0 and 1"):
        train(net.X, Y, net.parameters)


@pytest.mark.parametrize("compress", ["on", "off"])
def test_pixels_are_scaled_on_the_way(compress, dtype, device, random):
    images = random.randint(0, 256, (40, 6)).astype(np.uint8)
    Y = place(np.array([[0, 1, 0, 1, 1, 0]]), device)
    start = place(initialize_parameters_deep([40, 4, 1], dtype=dtype), device)
    options = {"num_iterations": 8, "record_every": 4, "compress": compress}
    got = train(place(images, device), Y, start, **options)
    X = place((images / 255).astype(dtype), device)
    expected = train(X, Y, start, **options)
    # Eight steps with sums of at most 40 terms of numbers of order 1.
    bound = 8 * 40 * float(np.finfo(dtype).eps)
    assert got.history.cost == pytest.approx(expected.history.cost, abs=bound)
    assert got.history.compressed == (compress == "on")
    for name, array in to_host(expected.parameters).items():
        assert to_host(got.parameters[name]).dtype == np.dtype(dtype)
        np.testing.assert_allclose(to_host(got.parameters[name]), array, rtol=0, atol=bound)


def test_the_course_functions_take_pixels(default_device, random):
    images = random.randint(0, 256, (12, 5)).astype(np.uint8)
    Y = place(np.array([[0, 1, 0, 1, 1]]), default_device)
    parameters, costs = L_layer_model(place(images, default_device), Y, [12, 3, 1], 0.01, 2)
    _, expected = L_layer_model(place(images / 255, default_device), Y, [12, 3, 1], 0.01, 2)
    assert costs == pytest.approx(expected, rel=1e-13)
    assert to_host(parameters["W1"]).dtype == np.float64


def test_what_does_not_fit_is_refused(default_device, make_network):
    net = make_network((3, 4, 1), 5, default_device)
    with pytest.raises(DTypeError, match="X has dtype int64; the network computes in floats"):
        train(place(np.ones((3, 5), dtype=np.int64), default_device), net.Y, net.parameters)
    pixels = place(np.ones((6, 5), dtype=np.uint8), default_device)
    with pytest.raises(ShapeError, match=r"X has shape \(6, 5\), but W1 takes 3 features"):
        train(pixels, net.Y, net.parameters)
    with pytest.raises(DTypeError, match="X has dtype float64 but W1 has float32"):
        train(net.X, net.Y, place(net.parameters, default_device, dtype="float32"))
    with pytest.raises(ShapeError, match=r"X has shape \(3, 5\), but W1 takes 6 features"):
        train(net.X, net.Y, make_network((6, 2, 1), 5, default_device).parameters)
    with pytest.raises(SettingError, match=r"\[3, 1\]: \(n_x, n_h, n_y\) would be right"):
        two_layer_model(net.X, net.Y, [3, 1])


@pytest.mark.parametrize(
    ("sizes", "right"),
    [
        ([7, 6], "[3, 7, 6, 1]"),
        ((3, 7), "[3, 7, 1]"),
        ([7, 6, 1], "[3, 7, 6, 1]"),
        ([2, 3, 3, 2], "[3, 2, 3, 3, 2, 1]"),
        (np.array([4, 1]), "[3, 4, 1]"),
    ],
)
def test_hidden_layers_alone_are_refused_with_the_right_form(
    default_device, make_network, sizes, right
):
    net = make_network((3, 4, 1), 5, default_device)
    with pytest.raises(ShapeError) as refused:
        L_layer_model(net.X, net.Y, sizes)
    assert str(refused.value) == (
        f"the layer sizes {list(map(int, sizes))} must begin with the 3 features of X and end with "
        f"the 1 row of Y: {right} would be right"
    )


def test_other_sizes_for_two_layers_are_refused_with_the_right_form(default_device, make_network):
    net = make_network((3, 4, 1), 5, default_device)
    with pytest.raises(ShapeError, match=r"\[3, 7, 1\] would be right"):
        two_layer_model(net.X, net.Y, (8, 7, 2))


def test_samples_in_rows_are_refused_as_such(default_device, make_network):
    net = make_network((3, 4, 1), 5, default_device)
    with pytest.raises(ShapeError, match="samples are columns here: transpose it"):
        L_layer_model(net.X.T, net.Y, [3, 4, 1], num_iterations=1)


@pytest.mark.parametrize("model", [L_layer_model, two_layer_model])
def test_signature_is_the_course_s(model):
    parameters = inspect.signature(model).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [p.name for p in positional] == [
        "X", "Y", "layers_dims", "learning_rate", "num_iterations", "print_cost",
    ]  # fmt: skip
    assert [p.default for p in positional[3:]] == [0.0075, 3000, False]


@pytest.mark.parametrize("label_dtype", ["bool", "int64", "float64"])
def test_models_are_train_from_their_start(label_dtype, device, dtype, make_network, capsys):
    net = make_network((3, 4, 1), 5, device, dtype)
    Y = place(net.host.Y.astype(label_dtype), device)
    cases = [
        (L_layer_model, [3, 4, 2, 1], initialize_parameters_deep([3, 4, 2, 1], dtype=dtype)),
        (two_layer_model, [3, 4, 1], initialize_parameters(3, 4, 1, dtype=dtype)),
    ]
    for model, dims, start in cases:
        parameters, costs = model(net.X, Y, dims, 0.1, 201)
        expected = train(net.X, net.Y, place(start, device), learning_rate=0.1, num_iterations=201)
        assert parameters_hash(parameters) == parameters_hash(expected.parameters)
        assert costs == expected.history.cost
        assert len(costs) == 3
        assert all(type(cost) is float for cost in costs)
        assert device_of(parameters) == device
        assert {to_host(array).dtype for array in parameters.values()} == {np.dtype(dtype)}
    assert capsys.readouterr().out == ""


def test_settings_of_the_models_reach_the_run(default_device, make_network):
    net = make_network((3, 4, 1), 5, default_device)
    start = initialize_parameters_deep([3, 4, 1], method="he", seed=7)
    expected = train(net.X, net.Y, place(start, default_device), hidden="tanh", num_iterations=2)
    for model in (L_layer_model, two_layer_model):
        parameters, _ = model(
            net.X, net.Y, [3, 4, 1], num_iterations=2, hidden="tanh", initialization="he", seed=7
        )
        assert parameters_hash(parameters) == parameters_hash(expected.parameters)


def test_costs_are_printed_on_request(default_device, make_network, capsys):
    net = make_network((3, 4, 1), 5, default_device)
    _, costs = L_layer_model(net.X, net.Y, [3, 2, 1], num_iterations=150, print_cost=True)
    assert capsys.readouterr().out.splitlines() == [
        f"Cost after iteration {i}: {cost}" for i, cost in zip((0, 100), costs, strict=True)
    ]
