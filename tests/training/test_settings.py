"""Every setting is judged, or decides no step."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, place, train
from portable_dnn.equivalence import compare, judged
from portable_dnn.equivalence.exact.functions import FUNCTIONS
from portable_dnn.equivalence.judged import is_judged
from portable_dnn.equivalence.stages.compiled_steps import steps_of
from portable_dnn.errors import SettingError
from portable_dnn.network import activations
from portable_dnn.network.activations import ACTIVATIONS, Activation
from portable_dnn.training import optimizers
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import forms_for, step_of

# Other values, which are allowed.
OTHER = {
    "layers": (20, 7),
    "hidden": ("tanh",),
    "optimizer": "slower",
    "learning_rate": 0.01,
    "compress": "on",
    "initialization": "he",
    "seed": 2,
    "iterations": 10,
    "dtype": "float32",
}

DECIDE_NO_STEP = {
    "initialization": "where the parameters start, which a comparison hands to both sides",
    "seed": "likewise",
    "iterations": "how many steps are taken",
    "dtype": "what the arrays are made of, which the step takes as they are",
}


class Slower(optimizers.GradientDescent):
    """Another rule, for the tests."""


@dataclass(frozen=True)
class Moving(optimizers.GradientDescent):
    """A rule with settings."""

    momentum: float = 0.9
    decay: float = 0.0


@pytest.fixture(autouse=True)
def _another_rule(monkeypatch):
    table = {**optimizers.OPTIMIZERS, "slower": Slower, "moving": Moving}
    monkeypatch.setattr(optimizers, "OPTIMIZERS", table)


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_a_setting_changes_the_step_that_is_judged_or_decides_none(name):
    """A new setting that `train` obeys and `compare` does not see fails here."""
    settings = Settings()
    other = replace(settings, **{name: OTHER[name]})
    other.check()
    # As many samples as features: there the span is judged only where it is asked for.
    ours, theirs = (steps_of(s, 300, 300) for s in (settings, other))
    assert (ours == theirs) == (name in DECIDE_NO_STEP)


def test_only_steps_whose_results_are_known_are_judged():
    for compressed in (False, True):
        forms = forms_for(4, compressed=compressed)
        step = step_of(Settings(hidden=("relu", "leaky_relu:0.3", "tanh")), forms)
        assert is_judged(step)
        assert not is_judged(replace(step, optimizer=Slower(0.0075)))
        assert not is_judged(replace(step, head=object()))
        assert not is_judged(replace(step, reduce=object()))
        assert not is_judged(replace(step, forms=step.forms[::-1]))
        mine = Activation("tanh", ACTIVATIONS["relu"].forward, ACTIVATIONS["relu"].backward)
        assert not is_judged(replace(step, activations=(*step.activations[:2], mine)))
        unknown = replace(mine, name="mine")
        assert not is_judged(replace(step, activations=(*step.activations[:2], unknown)))


def test_a_new_activation_is_not_judged_before_its_exact_results_are_known(monkeypatch):
    """Even where something else that the judge computes has its name."""
    softplus = Activation(
        "softplus",
        lambda Z, *, xp: (xp.log1p(xp.exp(Z)), Z),
        lambda dA, cache, *, xp: dA / (1.0 + xp.exp(-cache)),
    )
    assert "softplus" in FUNCTIONS
    for module in (activations, judged):
        monkeypatch.setattr(module, "ACTIVATIONS", {**ACTIVATIONS, "softplus": softplus})
    settings = Settings(layers=(2,), hidden=("softplus",), iterations=3)
    settings.check()
    with pytest.raises(SettingError, match=r"relu, leaky_relu, tanh, sigmoid alone"):
        compare("numpy", np.ones((3, 2)), np.array([[0, 1]]), settings=settings)


def test_a_comparison_refuses_what_it_does_not_judge():
    X, Y = np.ones((3, 2)), np.array([[0, 1]])
    settings = Settings(layers=(2,), optimizer="slower", iterations=3)
    with pytest.raises(SettingError, match="does not judge optimizer 'slower'"):
        compare("numpy", X, Y, settings=settings)


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        ("steepest", "unknown optimizer 'steepest'; use gradient_descent"),
        ("gradient_descent:0.9", "optimizer 'gradient_descent:0.9': no settings would be right"),
        ("slower:x", "optimizer 'slower:x': no settings would be right"),
        (
            "moving:0.9,x",
            "optimizer 'moving:0.9,x': moving:MOMENTUM,DECAY, in numbers, would be right",
        ),
        (
            "moving:1,2,3",
            "optimizer 'moving:1,2,3': moving:MOMENTUM,DECAY, in numbers, would be right",
        ),
    ],
)
def test_optimizers_that_are_none(optimizer, said):
    with pytest.raises(SettingError, match=said):
        Settings(optimizer=optimizer).check()


def test_lists_and_single_names_will_do():
    assert Settings(layers=[4, 3], hidden="tanh") == Settings(layers=(4, 3), hidden=("tanh",))
    assert Settings(hidden=["relu", "tanh"], layers=[4, 3]).activations == ("relu", "tanh")


def test_layers_that_are_none():
    with pytest.raises(SettingError, match="the hidden layers are 4; a tuple of sizes is right"):
        Settings(layers=4).check()


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((75, 9, 1), "begin with that of the input and end with that of the output"),
        ((9, 1), "end with that of the output"),
        ((75, 9), "begin with that of the input"),
        ((9, 75, 9, 1), "end with that of the output"),
    ],
)
def test_a_whole_network_in_place_of_the_hidden_layers(layers, said):
    settings = Settings(layers=layers)
    with pytest.raises(SettingError) as refused:
        settings.layer_dims(75, pixels=True)
    right = ",".join(str(size) for size in layers if size == 9 or size != layers[0])
    right = right.removesuffix(",1")
    sizes = ",".join(map(str, layers))
    assert str(refused.value) == (
        f"the sizes of the hidden layers, {sizes}, {said}, which the network has in any case; the "
        f"hidden layers alone would be right: {right}"
    )


@pytest.mark.parametrize("layers", [(1,), (75, 1), (75,)])
def test_a_whole_network_without_hidden_layers(layers):
    with pytest.raises(SettingError, match=r"in any case; none would be right$"):
        Settings(layers=layers).layer_dims(75, pixels=True)


def test_a_layer_as_large_as_a_few_features_is_meant():
    assert Settings(layers=(2, 2)).layer_dims(2) == (2, 2, 2, 1)
    assert Settings(layers=(9, 75)).layer_dims(75, pixels=True) == (75, 9, 75, 1)


def test_parameters_decide_what_their_layers_are(default_device):
    start = place(initialize_parameters_deep([2, 2, 1, 1]), default_device)
    data = place({"X": np.eye(2), "Y": np.array([[0, 1]])}, default_device)
    assert train(data["X"], data["Y"], start, num_iterations=1).history.iteration == [0]


@pytest.mark.parametrize("settings", [0.01, {"learning_rate": 0.01}, "relu"])
def test_settings_that_are_none(settings):
    X, Y = np.ones((3, 2)), np.array([[0, 1]])
    start = initialize_parameters_deep([3, 2, 1])
    said = f"the settings are a {type(settings).__name__}; a Settings is right"
    for call in (
        lambda: train(X, Y, start, settings),
        lambda: compare("numpy", X, Y, settings=settings),
    ):
        with pytest.raises(SettingError, match=said):
            call()


def test_settings_as_a_whole_and_one_by_one():
    X, Y = np.ones((3, 2)), np.array([[0, 1]])
    start = initialize_parameters_deep([3, 2, 1])
    settings = Settings((2,), iterations=2, learning_rate=0.5)
    whole = train(X, Y, start, settings)
    single = train(X, Y, start, num_iterations=2, learning_rate=0.5)
    assert whole.history == single.history
    with pytest.raises(SettingError, match="learning_rate is given beside settings"):
        train(X, Y, start, settings, learning_rate=0.5)
    with pytest.raises(TypeError, match="'iterations'; single settings are hidden, learning_rate"):
        train(X, Y, start, iterations=5)
    with pytest.raises(SettingError, match=r"hidden layers \(3,\) in float64, .* have \(2,\)"):
        train(X, Y, start, Settings((3,)))
    with pytest.raises(SettingError, match=r"\(2,\) in float32, but the parameters have"):
        train(X, Y, start, Settings((2,), dtype="float32"))
