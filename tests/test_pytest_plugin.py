"""The pytest plug-in, in a project that is not ours."""

import re
from pathlib import Path

import pytest

from portable_dnn.arrays.registry import backend_names, first_failure, get_backend

DEVICES = {
    name: get_backend(name).devices()
    for name in backend_names()
    if first_failure(get_backend(name)) is None
}
ABSENT = [name for name in backend_names() if name not in DEVICES]

TEST = """
    import numpy as np
    import pytest
    from portable_dnn import device_of, place

    {marker}
    def test_it(portable_dnn_device):
        assert device_of(place(np.ones(2), portable_dnn_device)) == portable_dnn_device
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """Run pytest on a test file in a folder of its own; return its result."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*options, marker="", source=TEST, **files):
        pytester.makepyfile(test_project=source.format(marker=marker), **files)
        return pytester.runpytest_subprocess("-ra", "-v", "--strict-markers", *options)

    return run


def ran(result):
    return [
        line.partition("[")[2].partition("]")[0] for line in result.outlines if "PASSED" in line
    ]


def test_a_test_runs_once_for_each_backend(project):
    result = project()
    result.assert_outcomes(passed=len(DEVICES), skipped=len(ABSENT))
    assert ran(result) == [f"{name}:{devices[0]}" for name, devices in DEVICES.items()]
    for name in ABSENT:
        reason = first_failure(get_backend(name)).detail
        assert any(f"backend {name} NOT RUN: {reason}" in line for line in result.outlines)


def test_the_marker_chooses_backends_and_devices(project):
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    result = project(marker="@pytest.mark.portable_dnn('strict', 'numpy', most=None)")
    assert ran(result) == ["strict:cpu", "strict:device1", "strict:device2", "numpy:cpu"]
    assert ran(project(marker="@pytest.mark.portable_dnn('strict:device2')")) == ["strict:device2"]


def test_the_command_line_chooses_among_them(project):
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    option = "--portable-dnn-backend"
    result = project(option, "strict", option, "numpy:cpu")
    assert ran(result) == ["strict:cpu", "numpy:cpu"]
    assert "backend numpy:cpu: runs" in result.outlines
    assert ran(project(option, "strict:device1")) == ["strict:device1"]
    marker = "@pytest.mark.portable_dnn('strict:device2', 'numpy')"
    assert ran(project(option, "strict", marker=marker)) == ["strict:device2"]
    other = project(option, "strict", marker="@pytest.mark.portable_dnn('numpy')")
    other.assert_outcomes(skipped=1)


@pytest.mark.parametrize("name", [*ABSENT, "numpy:nowhere"])
def test_what_is_asked_for_and_cannot_run_is_an_error(project, name):
    result = project("--portable-dnn-backend", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.startswith(f"ERROR: backend {name} was asked for and cannot run: ")


def test_an_unknown_name_is_an_error(project):
    known = ", ".join(backend_names())
    result = project("--portable-dnn-backend", "numpi")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: unknown backend 'numpi'; registered are {known}" in result.errlines
    result = project(marker="@pytest.mark.portable_dnn('numpi')")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert any("unknown backend 'numpi'" in line for line in result.outlines)


def test_it_imports_nothing_where_it_is_not_used(project):
    source = """
    import sys

    def test_it():
        names = {{name.partition(".")[0] for name in sys.modules}}
        assert "pytest_portable_dnn" in names
        assert not names & {{"portable_dnn", "numpy", "h5py", "array_api_compat", "matplotlib"}}
        assert not names & {{"torch", "jax", "cupy", "array_api_strict"}}
    """
    result = project(source=source)
    result.assert_outcomes(passed=1)
    assert not any(line.startswith("backend ") for line in result.outlines)


@pytest.fixture
def example(pytester):
    """Write the page's example into a project; return its files' texts."""
    page = Path(__file__).parents[1] / "docs" / "pytest.md"
    shown = re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```\n", page.read_text("utf-8"), re.DOTALL)
    names = ["distances.py", "test_distances.py", "test_function.py"]
    names += ["softmax.py", "test_softmax.py"]
    assert [name for name, _ in shown] == names
    for name, text in shown:
        (pytester.path / name).write_text(text, encoding="utf-8")
    return dict(shown)


def test_the_example_of_the_page_runs(pytester, example):
    result = pytester.runpytest_subprocess("-v", "-W", "error")
    result.assert_outcomes(passed=5 * len(DEVICES), skipped=5 * len(ABSENT))


def test_the_example_without_its_conditioning_fails(pytester, example):
    careless = re.sub(r" +magnitude=.*\n", "", example["test_softmax.py"])
    assert careless != example["test_softmax.py"]
    (pytester.path / "test_softmax.py").write_text(careless, encoding="utf-8")
    result = pytester.runpytest_subprocess("--portable-dnn-backend", "numpy", "test_softmax.py")
    assert result.parseoutcomes()["failed"] >= 1


def test_the_example_finds_half_precision(pytester, example):
    broken = example["distances.py"].replace("(X @ C.T)", "(half(X) @ half(C).T)")
    broken += "\ndef half(x):\n    return x.astype('float16').astype(x.dtype)\n"
    (pytester.path / "distances.py").write_text(broken, encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "--portable-dnn-backend", "numpy", "--tb=short", "test_distances.py"
    )
    result.assert_outcomes(failed=2)
    sentences = [line for line in result.outlines if line.startswith("E   AssertionError: ")]
    assert len(sentences) == 2
    for sentence in sentences:
        assert re.search(
            r"squared distances: element \(\d+, \d\) is \S+, not \S+: .+ units in the last place, "
            r"bound [\d ]+$",
            sentence,
        )
