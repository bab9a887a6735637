"""Settings outside what is allowed, refused before anything is trained or written."""

import pytest

from portable_dnn.arrays.registry import first_failure, get_backend

OUTPUTS = ("--out", "new.h5", "--history", "new.json", "--plots", "plots")


@pytest.fixture
def refused_by_train(refused, data):
    return lambda *arguments: refused(
        "train", data, *(() if "--iterations" in arguments else ("--iterations", 3)), *OUTPUTS,
        *arguments,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("20,,5", "part 2 is ''"),
        (",", "part 1 is ''"),
        ("20,7,", "part 3 is ''"),
        ("0", "part 1 is '0'"),
        ("20,0", "part 2 is '0'"),
        ("-3", "part 1 is '-3'"),
        ("a", "part 1 is 'a'"),
        ("2.5", "part 1 is '2.5'"),
        ("1e3", "part 1 is '1e3'"),
        ("20 7", "part 1 is '20 7'"),
        ("٣", "part 1 is '٣'"),
        ("20,7\n5", "part 2 is '7\\n5'"),
    ],
)
def test_layers(refused_by_train, layers, said):
    found = refused_by_train("--layers", layers)
    assert said in found
    assert "20,7,5" in found


@pytest.mark.parametrize(
    ("layers", "right"),
    [("48,3,2,1", "right: 3,2"), ("3,1", "right: 3"), ("48,3", "right: 3"), ("1", "none would be")],
)
@pytest.mark.parametrize(
    "command",
    [
        ("train", "data.h5", "--out", "m.h5"),
        ("sweep", "data.h5", "--layers", "5"),
        ("compare", "--backend", "numpy", "--data", "data.h5"),
        ("summary", "--features", 48),
    ],
)
def test_a_whole_network_in_place_of_the_hidden_layers(refused, data, command, layers, right):
    assert data.name == "data.h5"
    assert right in refused(*command, "--layers", layers)


def test_a_sweep_checks_all_its_layers_first(portable_dnn_command, data):
    outcome = portable_dnn_command("sweep", data, "--layers", 3, "--layers", "3,1")
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("train", "a.h5", "b.h5"),
            "too many: b.h5; a file with the test set is given as --test b.h5",
        ),
        (("sweep", "a.h5", "b.h5", "c.h5"), "too many: b.h5 c.h5; a file with the test set is"),
        (("evaluate", "m", "a", "b"), "evaluate takes MODEL.h5 [DATA.h5]; too many: b"),
        (("doctor", "gpu"), "doctor takes options only; too many: gpu"),
    ],
)
def test_arguments_that_are_too_many(refused, arguments, said):
    assert said in refused(*arguments)


@pytest.mark.parametrize("size", [10**9, 10**20, "9" * 5000])
def test_layers_larger_than_the_memory(refused_by_train, size):
    refused_by_train("--layers", size)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "-inf", "1e999", "-0.0"])
def test_learning_rate(refused_by_train, rate):
    assert "learning rate" in refused_by_train("--learning-rate", rate)


@pytest.mark.parametrize("iterations", [0, -1])
def test_iterations(refused_by_train, iterations):
    assert f"is {iterations};" in refused_by_train("--iterations", iterations)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_seed(refused_by_train, seed):
    assert f"the seed is {seed};" in refused_by_train("--seed", seed)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--hidden", "rel", ["'rel'", "leaky_relu"]),
        ("--hidden", "", ["''", "relu"]),
        ("--hidden", "relu,tanh", ["2 hidden activations", "3 hidden layers"]),
        ("--hidden", "relu,,relu", ["''", "leaky_relu"]),
        ("--hidden", "leaky_relu:x", ["'x'"]),
        ("--hidden", "leaky_relu:nan", ["nan"]),
        ("--init", "xavie", ["'xavie'", "xavier"]),
        ("--dtype", "float16", ["'float16'", "float64 or float32"]),
        ("--dtype", "int64", ["'int64'"]),
        ("--compress", "yes", ["'yes'", "auto"]),
        ("--device", "gpu", ["'gpu'", "cuda:N"]),
        ("--device", "numpy:gpu", ["'numpy:gpu'", "backend numpy has cpu"]),
        ("--device", "cpu:1", ["'cpu:1'"]),
        ("--device", "", ["''"]),
        ("--device", "numpy:", ["'numpy:'"]),
    ],
)
def test_unknown_names(refused_by_train, option, value, said):
    found = refused_by_train(option, value)
    for part in said:
        assert part in found


@pytest.mark.parametrize(
    "arguments",
    [("--init", "xavie"), ("--iterations", 0), ("--seed", -1), ("--hidden", "rel")],
)
def test_settings_are_checked_before_the_data_are_read(portable_dnn_command, data, arguments):
    data.unlink()
    outcome = portable_dnn_command("train", data, *arguments)
    assert outcome.code == 2
    assert "does not exist" not in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "sweep"])
def test_a_bad_environment_variable(refused, data, model, picture, monkeypatch, command):
    monkeypatch.setenv("PORTABLE_DNN_DEVICE", "bad")
    arguments = {
        "train": (data, *OUTPUTS),
        "evaluate": (model, data),
        "predict": (model, picture),
        "sweep": (data,),
    }[command]
    assert "unknown device 'bad' (from PORTABLE_DNN_DEVICE)" in refused(command, *arguments)


def test_the_option_goes_before_a_bad_environment_variable(succeeds, data, model, monkeypatch):
    monkeypatch.setenv("PORTABLE_DNN_DEVICE", "bad")
    succeeds("evaluate", model, data, "--device", "cpu")


@pytest.mark.parametrize("asked", ["cuda", "cuda:1", "cupy", "cupy:cuda:0"])
def test_cuda_where_there_is_none(refused_by_train, asked):
    failure = first_failure(get_backend("cupy"))
    if failure is None:
        pytest.skip("there is a usable CUDA GPU here")
    said = refused_by_train("--device", asked)
    assert f"cannot use device {asked!r}: {failure.detail}; to fix it: {failure.remedy}" == said


def test_a_cost_that_becomes_nan(refused_by_train):
    said = refused_by_train("--learning-rate", 1e300, "--hidden", "leaky_relu")
    assert said.startswith("the cost became nan at iteration 1: try a smaller learning rate than")
    assert "1e+300" in said


def test_a_cost_that_becomes_nan_later(refused_by_train):
    said = refused_by_train(
        *("--learning-rate", 1e6, "--hidden", "leaky_relu", "--iterations", 300)
    )
    assert "the cost became " in said
    assert 1 <= int(said.split("at iteration ")[1].split(":")[0]) < 200


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--iterations", "x"),
        ("train", "--learning-rate", "fast"),
        ("train", "--seed", "1.5"),
        ("train", "--no-such-option"),
        ("train", "--layers"),
        ("no-such-command",),
        ("data", "no-such-command"),
        ("evaluate",),
    ],
)
def test_what_cannot_be_parsed(misused, arguments):
    misused(*arguments)
