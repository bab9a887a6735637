"""Running a test on every backend, and finding the real data set.

A test that takes `device` runs on two devices of each backend, if it has two; one that takes
`default_device` runs once for each backend, and one that takes `cupy_device` on CuPy alone. A
backend that cannot run here is reported as skipped, with its own reason, never passed over in
silence; one that was asked for by name (`--backend cupy`) and cannot run is a failure. With
`--backend`, tests of the host alone run only if numpy is among the named. The work is done by the
plug-in that other people's tests use as well, `plugins/pytest_portable_dnn.py`; here its fixtures
and its option have shorter names.
"""

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from portable_dnn.arrays.registry import backend_names
from pytest_portable_dnn import DESTINATION, chosen, device_parameters, not_run

FIXTURES = {"device": ((), 2), "default_device": ((), 1), "cupy_device": (("cupy",), 1)}
"""Fixtures that are devices: of which backends (all, if none is named), and how many of each."""

DATA_VARIABLE = "PORTABLE_DNN_DATA"

# However slow a machine is, what commands say is the same; tests/cli/test_progress.py has it back.
os.environ["PORTABLE_DNN_PROGRESS"] = "off"

pytest_plugins = ["pytester", "tests.textbook"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        default=[],
        dest=DESTINATION,
        metavar="NAME",
        help="run the tests that compute on this backend only (may be repeated)",
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    reasons = {name: not_run(name) for name in backend_names()} if not chosen(config) else {}
    return [
        f"backend {name}: " + (f"NOT RUN: {reason}" if reason else "runs")
        for name, reason in reasons.items()
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, (names, most) in FIXTURES.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, device_parameters(metafunc.config, names, most=most))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    backends = {name.partition(":")[0] for name in chosen(config)}
    if not backends:
        return
    wanted = [item for item in items if _is_of(getattr(item, "fixturenames", ()), backends)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


def _is_of(fixtures: Collection[str], backends: set[str]) -> bool:
    """Whether a test runs on one of these backends; one without a device runs with NumPy's."""
    of = [set(names) for fixture, (names, _) in FIXTURES.items() if fixture in fixtures]
    return all(not names or names & backends for names in of) if of else "numpy" in backends


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the course's data set."""
    folder = Path(os.environ.get(DATA_VARIABLE) or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "train_catvnoncat.h5").is_file():
        pytest.skip(
            f"no train_catvnoncat.h5 in {folder}: the course's data set is not part of the "
            f"repository; set {DATA_VARIABLE} to its folder"
        )
    return folder


@pytest.fixture
def random() -> np.random.RandomState:
    """A seeded stream, the same for every test."""
    return np.random.RandomState(20)
