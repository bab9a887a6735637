"""For pytest: a test that takes `portable_dnn_device` runs on each array library that can run here.

pytest loads this module in every project of an environment that has portable_dnn, so it stays out
of the way: it imports neither portable_dnn nor any array library before a test or the command line
asks for one, and all its names begin with those of the package.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest

FIXTURE = "portable_dnn_device"
MARKER = "portable_dnn"
OPTION = "--portable-dnn-backend"
DESTINATION = "portable_dnn_backend"
"""Where the option is kept; a project's own option with this destination adds to it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses backends."""
    parser.getgroup("portable_dnn").addoption(
        OPTION,
        action="append",
        default=[],
        dest=DESTINATION,
        metavar="NAME",
        help="run tests that take portable_dnn_device on this backend or device only, such as "
        "torch or cupy:cuda:1 (may be repeated); an error if it cannot run here",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Explain the marker, and refuse what was asked for by name and cannot run."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*names, most=1): the backends or devices that a test with {FIXTURE} runs on "
        "(all, if none is named), and how many devices of each backend (None: all)",
    )
    for name in chosen(config):
        reason = not_run(name)
        if reason:
            raise pytest.UsageError(f"backend {name} was asked for and cannot run: {reason}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which backends were asked for."""
    return [f"backend {name}: runs" for name in chosen(config)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each device."""
    if FIXTURE not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker(MARKER)
    names, options = (marker.args, marker.kwargs) if marker else ((), {})
    parameters = device_parameters(metafunc.config, names, **options)
    metafunc.parametrize(FIXTURE, parameters, indirect=True)


@pytest.fixture(scope="session")
def portable_dnn_device(request: pytest.FixtureRequest) -> str:
    """A device string, such as "torch:cpu", for `portable_dnn.place`: one after the other."""
    return str(request.param)


def chosen(config: pytest.Config) -> list[str]:
    """Return the backends and devices that the command line names; empty for all.

    Parameters
    ----------
    config : pytest.Config
        pytest's.

    Returns
    -------
    list of str
    """
    return list(config.getoption(DESTINATION))


@cache
def not_run(name: str) -> str:
    """Say why a backend or a device cannot run here.

    Parameters
    ----------
    name : str
        A backend, or `backend:device`.

    Returns
    -------
    str
        Empty if it can.

    Raises
    ------
    pytest.UsageError
        If there is no such backend.
    """
    from portable_dnn.arrays.registry import backend_names, first_failure, get_backend
    from portable_dnn.errors import BackendError

    backend_name, _, device = name.partition(":")
    if backend_name not in backend_names():
        raise pytest.UsageError(
            f"unknown backend {backend_name!r}; registered are {', '.join(backend_names())}"
        )
    try:
        backend = get_backend(backend_name)
    except BackendError as error:
        return str(error)
    failure = first_failure(backend)
    if failure is not None:
        return f"{failure.detail} ({failure.name})"
    if device and device not in backend.devices():
        return f"it has no such device, but {', '.join(backend.devices())}"
    return ""


def device_parameters(
    config: pytest.Config, names: Iterable[str] = (), *, most: int | None = 1
) -> list[Any]:
    """List the devices to run a test on, as parameters; use it for a fixture of another name.

    Parameters
    ----------
    config : pytest.Config
        With what the command line names.
    names : iterable of str
        The backends or devices of the test; empty for all.
    most : int or None
        How many devices of a backend that is named without one, its default first; None for all.

    Returns
    -------
    list of parameters
        Device strings. A backend that cannot run is skipped, and the reason told.
    """
    from portable_dnn.arrays.registry import backend_names, get_backend

    wanted = _both(list(names) or list(backend_names()), chosen(config))
    parameters = []
    for name in wanted:
        reason = not_run(name)
        if reason:
            mark = pytest.mark.skip(reason=f"backend {name} NOT RUN: {reason}")
            parameters.append(pytest.param(name, marks=mark, id=name))
            continue
        backend, _, device = name.partition(":")
        devices = [device] if device else get_backend(backend).devices()[:most]
        parameters += [pytest.param(f"{backend}:{d}", id=f"{backend}:{d}") for d in devices]
    return parameters


def _both(of_test: list[str], of_command_line: list[str]) -> list[str]:
    """Return what is among both, a device where one side names it and the other its backend."""
    if not of_command_line:
        return of_test
    pairs = [(one, other) for other in of_command_line for one in of_test]
    return [max(pair, key=len) for pair in pairs if _within(*pair) or _within(*reversed(pair))]


def _within(device: str, backend: str) -> bool:
    """Whether one name is the other, or a device of it."""
    return device == backend or device.startswith(f"{backend}:")
