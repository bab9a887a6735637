"""A run through the library: settings in, model, history and evaluation out."""

from dataclasses import replace

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, train
from portable_dnn.arrays.devices import choose_device, device_of, place, to_host
from portable_dnn.data import DataSet, ImageSet, builtin_dataset
from portable_dnn.errors import DataError, DivergenceError, SettingError
from portable_dnn.models.model import Model, classify
from portable_dnn.network import pieces
from portable_dnn.results.evaluation import evaluate
from portable_dnn.results.experiment import run
from portable_dnn.training.settings import Settings

SETTINGS = Settings(layers=(3, 2), iterations=30, learning_rate=0.1)


def pictures(count, size=4, seed=0):
    random = np.random.RandomState(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.randint(0, 156, (count, size, size, 3)) + 100 * labels[:, None, None, None]
    return ImageSet(images.astype(np.uint8), labels)


@pytest.fixture
def data():
    return DataSet(pictures(8), pictures(5, seed=1), ("non-cat", "cat"), "test pictures")


@pytest.fixture
def cpu():
    return choose_device("cpu")


def test_a_run_is_train_on_scaled_columns(data, device):
    experiment = run(data, SETTINGS, choose_device(device))
    assert device_of(experiment.model.parameters) == device
    parameters, history = train(
        data.train.images.reshape(8, -1).T / 255.0,
        data.train.labels.reshape(1, -1),
        initialize_parameters_deep((48, 3, 2, 1)),
        learning_rate=0.1,
        num_iterations=30,
    )
    for name, array in to_host(experiment.model.parameters).items():
        np.testing.assert_allclose(array, parameters[name], rtol=1e-10, atol=1e-12)
    assert experiment.history.cost == pytest.approx(history.cost, rel=1e-12)
    assert experiment.history.start_hash == history.start_hash
    for name, array in initialize_parameters_deep((48, 3, 2, 1)).items():
        assert np.array_equal(experiment.start[name], array)


def test_evaluation_against_the_definition(data, device):
    experiment = run(data, SETTINGS, choose_device(device))
    for part, found in ((data.train, experiment.training), (data.test, experiment.test)):
        predictions = classify(part.images, experiment.model)
        A = np.array([prediction.probability for prediction in predictions])
        np.testing.assert_allclose(found.probabilities, A, rtol=1e-12)
        assert [p.class_name for p in predictions] == [
            "cat" if a > 0.5 else "non-cat" for a in A.tolist()
        ]
        assert found.pictures == len(part.labels)
        assert found.wrong == int(((A > 0.5) != (part.labels == 1)).sum())
        assert found.accuracy == (found.pictures - found.wrong) / found.pictures
        cost = -np.log(np.where(part.labels == 1, A, 1 - A)).mean()
        assert found.cost == pytest.approx(cost, rel=1e-9)
    assert experiment.training.cost == pytest.approx(experiment.history.final_cost, rel=1e-12)


@pytest.mark.parametrize(("logit", "wrong"), [(0.0, 2), (1e-9, 3), (0.2, 3), (-0.2, 2)])
def test_above_one_half_is_class_1(data, device, logit, wrong):
    parameters = {"W1": np.zeros((1, 48)), "b1": np.full((1, 1), logit)}
    model = Model(place(parameters, device), (), ("non-cat", "cat"), (4, 4, 3))
    assert evaluate(data.test, model).wrong == wrong  # of 3 pictures of class 0 and 2 of class 1


def test_evaluating_later_is_the_same(data, cpu):
    experiment = run(data, SETTINGS, cpu)
    again = evaluate(data.test, experiment.model)
    assert again.cost == experiment.test.cost
    assert np.array_equal(again.probabilities, experiment.test.probabilities)


def test_where_a_model_came_from(data, cpu):
    provenance = run(data, SETTINGS, cpu).model.provenance
    assert provenance["settings"]["hidden"] == ("relu", "relu")
    assert provenance["settings"]["layers"] == (3, 2)
    assert provenance["data"] == {"source": "test pictures", "sha256": data.fingerprint()}
    assert provenance["device"] == "numpy:cpu"
    assert provenance["versions"]["numpy"] == np.__version__
    assert len(provenance["start_sha256"]) == 64


def test_floats_and_bytes_are_the_same_pictures(data, cpu):
    def scaled(part):
        return ImageSet(part.images / 255.0, part.labels)

    floats = replace(data, train=scaled(data.train), test=scaled(data.test))
    assert run(floats, SETTINGS, cpu).history.cost == run(data, SETTINGS, cpu).history.cost


def test_without_test_pictures(data, cpu):
    assert run(replace(data, test=None), SETTINGS, cpu).test is None


def test_without_training_pictures(data, cpu):
    with pytest.raises(DataError, match="test pictures has no training pictures"):
        run(replace(data, train=None), SETTINGS, cpu)


def test_test_pictures_of_another_size(data, cpu):
    with pytest.raises(DataError, match="both must have the same size"):
        run(replace(data, test=pictures(3, size=5)), SETTINGS, cpu)


def test_pictures_of_another_size_than_the_models(data, cpu):
    model = run(data, SETTINGS, cpu).model
    with pytest.raises(DataError, match=r"the pictures are 5 x 5 .* pictures of 4 x 4"):
        evaluate(pictures(3, size=5), model)
    with pytest.raises(DataError, match=r"the pictures are 5 x 5"):
        classify(pictures(3, size=5).images, model)


def test_the_defaults_are_the_published_settings():
    settings = Settings()
    assert settings.layer_dims(12288) == (12288, 20, 7, 5, 1)
    assert settings.activations == ("relu",) * 3
    assert (settings.initialization, settings.seed, settings.dtype) == ("lecun", 1, "float64")
    assert (settings.learning_rate, settings.iterations) == (0.0075, 2500)
    settings.check()


@pytest.mark.parametrize(
    "change",
    [
        {"layers": (3, 0)},
        {"layers": (-1,)},
        {"hidden": ("relu", "rel")},
        {"hidden": ("relu",) * 3},
        {"initialization": "xavie"},
        {"seed": -1},
        {"seed": 2**32},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"iterations": 0},
        {"dtype": "float16"},
    ],
)
def test_bad_settings_are_found_without_data(change):
    with pytest.raises(SettingError):
        replace(SETTINGS, **change).check()


def test_a_run_that_diverges(data, cpu):
    settings = replace(SETTINGS, hidden=("leaky_relu",), learning_rate=1e300)
    with pytest.raises(DivergenceError, match="at iteration 1: try a smaller learning rate"):
        run(data, settings, cpu)


@pytest.mark.parametrize("hidden", ["relu", "tanh"])
def test_in_pieces_a_model_says_the_same(default_device, monkeypatch, hidden):
    """Up to rounding, because a library may add up other shapes in another order."""
    data = replace(builtin_dataset(), test=None)
    settings = Settings(layers=(4, 3), iterations=2, hidden=(hidden,))
    model = run(data, settings, choose_device(default_device)).model
    whole, said = evaluate(data.train, model), classify(data.train.images, model)
    monkeypatch.setattr(pieces, "_NUMBERS", 50 * 12288)
    assert pieces.samples_a_piece(model.layer_dims) == 49
    parts, said_again = evaluate(data.train, model), classify(data.train.images, model)
    assert (parts.pictures, parts.wrong) == (209, whole.wrong)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-12)
    np.testing.assert_allclose(parts.cost, whole.cost, rtol=1e-12)
    assert [one.class_name for one in said_again] == [one.class_name for one in said]
    np.testing.assert_allclose(
        [one.probability for one in said_again], parts.probabilities, rtol=1e-12
    )
