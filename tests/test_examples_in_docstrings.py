"""The examples in the docstrings of the public names: every name has some, and they are true."""

import doctest
import importlib
import inspect
import re

import pytest

MODULES = ("portable_dnn", "portable_dnn.data", "portable_dnn.equivalence")
PATHS = [
    f"{module}.{name}" for module in MODULES for name in importlib.import_module(module).__all__
]
HEADER = "\nExamples\n--------\n"


def object_at(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def failures(documented: object, path: str) -> str:
    """Run what an object's docstring shows, in a namespace of its own; return what is not so."""
    said = []
    runner = doctest.DocTestRunner(
        verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    # Nothing is imported beforehand: a reader can paste an example as it stands.
    for test in doctest.DocTestFinder(recurse=False).find(documented, path, globs={}):
        runner.run(test, out=said.append)
    return "".join(said)


@pytest.mark.parametrize("path", PATHS)
def test_a_public_name_has_examples_that_use_it(path):
    _, header, section = (inspect.getdoc(object_at(path)) or "").partition(HEADER)
    assert header, f"the docstring of {path} has no section Examples"
    examples = doctest.DocTestParser().get_examples(section)
    shown = "".join(example.source + example.want for example in examples)
    assert re.search(rf"\b{path.rpartition('.')[2]}\b", shown), f"no example of {path} uses it"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("path", PATHS)
def test_the_examples_are_true(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    said = failures(object_at(path), path)
    assert not said, said


@pytest.mark.parametrize(
    ("example", "complaint"),
    [
        (">>> 1 + 1\n2", ""),
        (">>> 1 + 1\n3", "Expected:\n    3\nGot:\n    2"),
        (">>> import warnings\n>>> warnings.warn('old')", "UserWarning: old"),
        (">>> HEADER", "NameError: name 'HEADER' is not defined"),
    ],
)
def test_a_wrong_example_is_found(example, complaint):
    def documented():
        pass

    documented.__doc__ = example
    said = failures(documented, "documented")
    assert complaint in said
    assert bool(said) == bool(complaint)
