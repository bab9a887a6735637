"""Honest backends are not flagged, whatever the network and the data."""

from equivalence_check import SHAPES, clean, clean_case
from portable_dnn.arrays.devices import choose_device

# `scripts/equivalence_check.py` runs a thousand for each pair; JAX compiles for seconds.
CASES = {"jax": 2}


def test_a_clean_backend_is_not_flagged(default_device):
    count = CASES.get(choose_device(default_device).backend.name, 20)
    for number, report in clean(default_device, "numpy", count):
        assert report.outcome in ("same numbers", "rounding only"), (number, report.headline)
        assert report.free_run is not None


def test_what_underflows_early_is_not_flagged(default_device):
    # A saturated unit, whose derivatives a library may take for 0 after they carry α / m.
    ((_, report),) = clean(default_device, "numpy", 1, start=424)
    assert report.outcome in ("same numbers", "rounding only"), report.headline


def test_numpy_is_the_same_as_itself():
    ((_, report),) = clean("numpy", "numpy", 1)
    assert report.outcome == "same numbers"
    assert {j.verdict for j in report.judgements} == {"identical"}
    assert report.free_run.identical


def test_both_dtypes_and_many_shapes_are_drawn():
    drawn = [clean_case(number) for number in range(0, 2 * SHAPES, 7)]
    assert {settings.dtype for _, _, settings in drawn} == {"float32", "float64"}
    assert len({X.shape for X, _, _ in drawn}) > 5
    assert all(X.dtype == settings.dtype for X, _, settings in drawn)


def test_the_published_data(real_data, default_device):
    from dataclasses import replace

    from portable_dnn.data import read_dataset
    from portable_dnn.equivalence import DEFAULTS, compare
    from portable_dnn.network.pixels import flatten_images

    pictures = read_dataset(real_data / "train_catvnoncat.h5").train
    report = compare(
        default_device,
        flatten_images(pictures.images),
        pictures.labels.reshape(1, -1),
        settings=replace(DEFAULTS, dtype="float32", iterations=20),
        many=0,
    )
    assert report.outcome in ("same numbers", "rounding only"), report.headline
    assert any(j.operation == "input scaling" for j in report.judgements)
