"""Running a test on every backend, and finding the real data set.

A test that takes `device` runs on each device of each backend; one that takes `default_device`
runs once for each backend. A backend that cannot run here is reported as skipped, with its own
reason, never passed over in silence; one that was asked for by name (`--backend cupy`) and cannot
run is a failure. With `--backend`, tests of the host alone run only if numpy is among the named.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from portable_dnn.registry import backend_names, first_failure, get_backend

FIXTURES = ("device", "default_device")
DATA_VARIABLE = "PORTABLE_DNN_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        default=[],
        metavar="NAME",
        help="run the tests that compute on this backend only (may be repeated)",
    )


def pytest_configure(config: pytest.Config) -> None:
    for name in config.getoption("--backend"):
        if name not in backend_names():
            raise pytest.UsageError(
                f"unknown backend {name!r}; registered are {', '.join(backend_names())}"
            )
        reason = not_run(name)
        if reason:
            raise pytest.UsageError(f"backend {name} was asked for and cannot run: {reason}")


def not_run(name: str) -> str:
    """Say why a backend cannot run here; empty if it can."""
    failure = first_failure(get_backend(name))
    return f"{failure.detail} ({failure.name})" if failure else ""


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = []
    for name in config.getoption("--backend") or backend_names():
        reason = not_run(name)
        lines.append(f"backend {name}: " + (f"NOT RUN: {reason}" if reason else "runs"))
    return lines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture in set(FIXTURES) & set(metafunc.fixturenames):
        parameters = []
        for name in metafunc.config.getoption("--backend") or backend_names():
            reason = not_run(name)
            if reason:
                mark = pytest.mark.skip(reason=f"backend {name} NOT RUN: {reason}")
                parameters.append(pytest.param(f"{name}:none", marks=mark, id=name))
                continue
            devices = get_backend(name).devices()[: 2 if fixture == "device" else 1]
            parameters += [pytest.param(f"{name}:{d}", id=f"{name}:{d}") for d in devices]
        metafunc.parametrize(fixture, parameters)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.getoption("--backend")
    if not chosen or "numpy" in chosen:
        return
    computing = [item for item in items if set(FIXTURES) & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=[item for item in items if item not in computing])
    items[:] = computing


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
