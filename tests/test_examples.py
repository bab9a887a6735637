"""The claims of the examples, by their numbers, and each script once as a reader runs it."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from portable_dnn import accuracy, place, predict

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_script_prints_a_table_and_ends_with_a_sentence(name, capsys):
    load(name).main("numpy")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 5
    assert lines[-1].endswith(".")
    assert all(len(line) <= 120 for line in lines)


def test_every_example_has_a_section_in_the_docs():
    text = (FOLDER.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert len(NAMES) == 6
    assert [n for n in NAMES if f"python examples/{n}.py" not in text] == []


@pytest.mark.parametrize("n", [2, 3, 5, 8, 11])
def test_parity_networks_are_right_on_every_input(n, default_device):
    example = load("parity_depth")
    layers, units, wrong = example.measure(example.tree_network(n), n, default_device)
    # Two units a gate, and at most one in each layer that carries a value without a partner.
    assert (layers, wrong) == (math.ceil(math.log2(n)), 0)
    assert 2 * (n - 1) <= units <= 2 * (n - 1) + layers
    assert example.measure(example.and_network(n), n, default_device) == (1, 2 ** (n - 1), 0)
    assert example.measure(example.counting_network(n), n, default_device) == (1, n, 0)


def test_parity_by_the_public_answer(default_device):
    example = load("parity_depth")
    X, parity = example.every_input(6)
    X, Y = place(X, default_device), place(parity[None, :], default_device)
    network = place(example.tree_network(6), default_device)
    assert accuracy(predict(X, network), Y) == 1.0


def test_parity_measure_counts_wrong_answers():
    example = load("parity_depth")
    network = example.and_network(4)
    network["W2"][0, 0] = 0.0  # one odd input is forgotten
    assert example.measure(network, 4)[2] == 1


def test_relu_sum_of_the_square_has_error_one_over_k_squared(default_device):
    example = load("relu_sums")
    square = example.FUNCTIONS["x^2 on [-1, 1]"]
    for k in (4, 8, 16, 32):
        error = example.largest_error(*square, k, default_device)
        assert error == pytest.approx(1 / k**2, rel=1e-12)


def test_relu_sum_of_tanh_stays_within_the_bound(default_device):
    example = load("relu_sums")
    f, left, right = example.FUNCTIONS["tanh on [-3, 3]"]
    errors = {k: example.largest_error(f, left, right, k, default_device) for k in (8, 32, 64)}
    curvature = 4 / (3 * math.sqrt(3))  # max |tanh''|
    for k, error in errors.items():
        assert 0 < error <= ((right - left) / k) ** 2 / 8 * curvature
    assert errors[32] / errors[64] == pytest.approx(4, rel=0.02)


def test_relu_sum_meets_the_function_at_its_knots():
    example = load("relu_sums")
    network = example.relu_sum(np.tanh, -3.0, 3.0, 6)
    knots = np.linspace(-3.0, 3.0, 7)
    values = network["W2"] @ np.maximum(knots + network["b1"], 0.0) + network["b2"]
    np.testing.assert_allclose(values[0], np.tanh(knots), rtol=0, atol=1e-15)


def test_zeros_stay_copies_and_guess(default_device):
    example = load("zero_initialization")
    with pytest.warns(UserWarning, match="copies of each other"):
        first, last, spread, moved = example.learn("zeros", default_device)
    assert (spread, moved) == (0.0, 0.0)
    assert first == pytest.approx(math.log(2), rel=1e-14)
    assert last == pytest.approx(math.log(2), rel=1e-14)


def test_equal_rows_move_together_and_random_ones_learn(default_device):
    example = load("zero_initialization")
    _, equal, spread, moved = example.learn("equal", default_device)
    assert spread < 1e-12
    assert moved > 0.5
    _, lecun, spread, _ = example.learn("lecun", default_device)
    assert spread > 1
    assert lecun < 0.05 < 0.5 < equal


def test_small_start_stalls_at_the_entropy_of_the_labels(default_device):
    example = load("initialization_scale")
    X, Y = example.pictures()
    entropy = example.label_entropy(Y)
    assert (Y.sum(), Y.size) == (55, 160)
    assert entropy == pytest.approx(0.64349, abs=1e-5)
    small = example.costs("small", X, Y, default_device, num_iterations=1000)
    lecun = example.costs("lecun", X, Y, default_device, num_iterations=1000)
    assert small[0] == pytest.approx(math.log(2), abs=1e-4)
    assert entropy < small[-1] < entropy + 0.002
    assert lecun[-1] < 0.5


def test_small_start_stalls_at_the_published_0644_on_the_real_data(real_data):
    example = load("initialization_scale")
    X, Y = example.pictures(real_data / "train_catvnoncat.h5")
    assert (Y.sum(), Y.size) == (72, 209)
    entropy = example.label_entropy(Y)
    assert f"{entropy:.3f}" == "0.644"
    assert example.costs("small", X, Y, "cpu")[-1] == pytest.approx(entropy, abs=2e-5)


@pytest.mark.parametrize("case", ["bias of -3", "step of 20"])
def test_dead_relu_stays_dead_and_leaky_relu_learns(case, default_device):
    example = load("dead_relu")
    dead = example.learn("relu", *example.CASES[case], default_device, num_iterations=200)
    shares = [share for (share,) in dead.dead_share]
    death = shares.index(1.0)
    assert death == (0 if case == "bias of -3" else 3)
    assert set(shares[death:]) == {1.0}
    for name in ("W1", "b1", "W2"):
        assert {norms[name] for norms in dead.gradient_norm[death:]} == {0.0}
    assert dead.final_cost > 0.69
    leaky = example.learn("leaky_relu", *example.CASES[case], default_device)
    assert all(norms["W1"] > 0 for norms in leaky.gradient_norm)
    assert leaky.final_cost < 0.2


def test_loop_and_product_give_the_same_gradients(default_device):
    example = load("vectorization")
    differences = example.largest_differences(*example.problem(default_device, m=50))
    assert list(differences) == [f"{kind}{layer}" for layer in range(1, 5) for kind in "Wb"]
    for name, (difference, largest) in differences.items():
        assert difference < 1e-15, name
        assert largest > 1e-4, name


def test_seconds_takes_the_fastest_of_several_calls():
    calls = []
    assert load("vectorization").seconds(calls.append, 1) >= 0
    assert calls == [1] * 5
