"""What the library never imports, which room imports which, and what an import brings along."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import portable_dnn
from tests.import_graph import (
    Import,
    Room,
    find_circle,
    find_imports,
    find_trespasses,
    read_modules,
)

PACKAGE = Path(portable_dnn.__file__).parent
BACKENDS = Path(__file__).parents[1] / "backends"
ARRAY_LIBRARIES = {"cupy", "torch", "jax", "dask", "mpi4py", "array_api_strict"}
OPTIONAL = ARRAY_LIBRARIES | {"matplotlib", "PIL", "typer", "rich"}
# What turns a string into a module.
IMPORTERS = {"import_module", "__import__", "find_spec", "importorskip"}


def imported(source: str) -> set[str]:
    """Return the top-level names a module imports, by statement or by string."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
        elif isinstance(node, ast.Call):
            function = node.func
            called = getattr(function, "attr", getattr(function, "id", ""))
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            if called in IMPORTERS:
                # An importer whose argument cannot be read here could import anything.
                names |= {str(text) for text in texts[:1]} or {f"<{ast.unparse(node)}>"}
    return {name.partition(".")[0] for name in names}


def backend_modules() -> set[str]:
    found = {path.stem for path in BACKENDS.glob("portable_dnn_*")}
    assert {"portable_dnn_numpy", "portable_dnn_strict", "portable_dnn_cupy"} <= found
    return found


MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_the_library_names_no_array_library_and_no_backend(module):
    names = imported((PACKAGE / module).read_text("utf-8"))
    assert not names & (ARRAY_LIBRARIES | backend_modules())
    assert not {name for name in names if name.startswith("<")}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import cupy", "cupy"),
        ("def f():\n    import cupy.cuda as c", "cupy"),
        ("from torch.nn import Linear", "torch"),
        ("importlib.import_module('jax.numpy')", "jax"),
        ("import_module('dask')", "dask"),
        ("__import__('mpi4py')", "mpi4py"),
        ("import_module(name)", "<import_module(name)>"),
    ],
)
def test_the_walk_finds_every_way_to_import(source, name):
    assert name in imported(source)


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after some code."""
    report = (
        "import json, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["portable_dnn", "portable_dnn.equivalence"])
def test_importing_the_library_brings_no_optional_one(module):
    found = modules_after(f"import {module}")
    assert {"portable_dnn", "numpy"} <= found
    assert not found & (OPTIONAL | backend_modules())


def test_importing_the_pytest_plug_in_brings_nothing_but_pytest():
    found = modules_after("import pytest_portable_dnn")
    assert "pytest" in found
    assert not found & (OPTIONAL | {"portable_dnn", "numpy", "h5py", "array_api_compat"})


# Every way to a card begins with one of these.
WATCH = """
import json, sys
seen = []
EVENTS = ("ctypes.dlopen", "subprocess.Popen", "os.system", "os.posix_spawn", "socket.connect")

def watch(event, arguments):
    path = str(arguments[0]) if arguments else ""
    if event in EVENTS or (event == "open" and path.startswith(("/dev/", "/proc/driver/"))):
        seen.append(f"{event} {path}")

sys.addaudithook(watch)
"""


@pytest.mark.parametrize(
    "module",
    ["portable_dnn", "portable_dnn.equivalence", "pytest_portable_dnn"],
)
def test_importing_touches_no_device(module):
    def events(code):
        shown = f"{WATCH}\n{code}\nprint(json.dumps(seen))"
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", shown], capture_output=True, text=True, check=True
        )
        return json.loads(run.stdout.splitlines()[-1])

    # What the other libraries do by themselves is not ours (NumPy opens ctypes, for one).
    others = "import numpy, array_api_compat.numpy, psutil, pytest"
    assert events(f"{others}\nseen.clear()\nimport {module}") == []
    assert events("import ctypes\nctypes.pythonapi\nctypes.CDLL(None)") != []  # the watch works


def test_working_on_the_host_brings_no_optional_one():
    found = modules_after(
        "import numpy as np, portable_dnn as p\n"
        "X = p.place(np.ones((2, 3)), 'cpu')\n"
        "p.L_layer_model(X, np.ones((1, 3)), [2, 2, 1], num_iterations=1)\n"
        "assert p.device_of(X) == 'numpy:cpu'"
    )
    assert not found & OPTIONAL


# The rooms, lowest first: one imports only rooms above it in this table, and of those only the
# ones that are named, a whole room or one module of it.
ROOMS = tuple(
    Room(name, frozenset(imports.split()), reason)
    for name, imports, reason in [
        ("errors", "", "every room raises them"),
        ("setting_checks", "errors", "one number or name that a user gave, whoever asks for it"),
        ("machine", "errors", "memory and limits of this machine"),
        ("files", "errors machine", "bytes that are read and written; no meaning yet"),
        (
            "arrays",
            "errors setting_checks machine.apart files.text",
            "any array library; it shortens what a library says, and tries strangers' apart",
        ),
        ("network", "errors setting_checks arrays", "the mathematics, on arrays alone"),
        (
            "training",
            "errors setting_checks machine files.text arrays network",
            "a run on arrays; it counts the machine's memory, and reads no file",
        ),
        (
            "data",
            "errors machine files network.randomness",
            "pictures on the host; drawn ones come from the frozen stream",
        ),
        (
            "models",
            "errors setting_checks machine files arrays network data.class_names",
            "a trained network and its files; it keeps the names of its classes",
        ),
        (
            "checkpoints",
            "errors machine files arrays training",
            "the files of a run's state; a model is not needed for that",
        ),
        (
            "results",
            "errors machine files arrays network training data models",
            "a run on a data set, and what is shown of it",
        ),
        (
            "isolation",
            "errors machine files arrays.devices data models checkpoints",
            "the readers of files, in another process",
        ),
        (
            "equivalence",
            "errors setting_checks machine files arrays network training results.reports "
            "results.drawing",
            "two backends against each other; it draws its pictures as the results do",
        ),
        (
            "course",
            "errors setting_checks arrays network training",
            "the course's functions for a whole run",
        ),
        (
            "cli",
            "errors setting_checks machine files arrays network training data models checkpoints "
            "results isolation equivalence",
            "the commands: nothing imports them",
        ),
        ("__main__", "cli", "`python -m portable_dnn`"),
        ("portable_dnn", "errors arrays network training models.store course", "the front door"),
        ("moved", "", "how an old path leads to a new one, for one release"),
        ("backend", "arrays.contract arrays.contract_1 moved", "an old path"),
        ("devices", "arrays.devices moved", "an old path"),
        ("isolated_readers", "isolation.readers moved", "an old path"),
        ("registry", "arrays.registry moved", "an old path"),
        ("settings", "training.settings moved", "an old path"),
        ("store", "models.store moved", "an old path"),
        ("stretch", "arrays.contract_1 moved", "an old path"),
        (
            "backends",
            "errors machine files.text arrays network.activations network.heads training",
            "one array library each; CuPy's kernel recognises the training step",
        ),
    ]
)


def test_the_table_of_rooms_goes_one_way():
    below: set[str] = set()
    for room in ROOMS:
        assert {name.partition(".")[0] for name in room.imports} <= below, room
        assert room.reason
        below.add(room.name)


def test_the_design_shows_the_rooms_in_this_order_and_files_that_exist():
    text = (PACKAGE.parent / "docs" / "design.md").read_text("utf-8")
    table = text.partition("## The rooms")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [
        room.name for room in ROOMS if room.reason != "an old path"
    ]
    drawn = re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0]
    files = re.findall(r"\w+/\w+\.py", drawn)
    assert len(files) > 5
    assert [path for path in files if not (PACKAGE / path).is_file()] == []


@pytest.fixture(scope="module")
def project() -> dict[str, Path]:
    return {
        name: path
        for name, path in read_modules(PACKAGE.parent).items()
        if name.partition(".")[0] == "portable_dnn"
    } | read_modules(BACKENDS)


def all_imports(files: Mapping[str, Path]) -> list[Import]:
    return [entry for module, path in files.items() for entry in find_imports(module, path, files)]


def test_no_module_imports_a_room_that_it_may_not(project):
    found = find_trespasses(all_imports(project), ROOMS, project)
    assert not found, "\n".join(found)


def test_no_modules_import_each_other_in_a_circle(project):
    circle = find_circle(all_imports(project))
    shown = [f"{project[e.importer]}:{e.line}: imports {e.target}" for e in circle]
    assert not shown, "\n".join(shown)


@pytest.fixture
def made_up(tmp_path):
    """Return a function that writes modules of a package and reads their imports."""

    def write(**sources: str) -> tuple[list[Import], dict[str, Path]]:
        for name, source in sources.items():
            path = tmp_path / "portable_dnn" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        files = read_modules(tmp_path)
        return all_imports(files), files

    return write


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from portable_dnn.cli.app import main", 1),
        ("import math\nimport portable_dnn.cli.app", 2),
        ("from portable_dnn.cli import app", 1),
        ("from ..cli import app", 1),
        ("def f():\n    from portable_dnn.cli.app import main", 2),
        ("if TYPE_CHECKING:\n    from portable_dnn.cli.app import main", 2),
    ],
)
def test_an_import_upwards_is_found(made_up, source, line):
    imports, files = made_up(network__layers=source, cli__app="")
    path = files["portable_dnn.network.layers"]
    assert find_trespasses(imports, ROOMS, files) == [
        f"{path}:{line}: network may not import cli.app"
    ]


def test_one_module_of_a_room_may_be_allowed_alone(made_up):
    imports, files = made_up(
        arrays__registry="import portable_dnn.files.text\nimport portable_dnn.files.atomic",
        files__text="",
        files__atomic="",
    )
    (found,) = find_trespasses(imports, ROOMS, files)
    assert found.endswith("registry.py:2: arrays may not import files.atomic")


def test_a_room_without_a_line_in_the_table_is_found(made_up):
    imports, files = made_up(attic__old="import portable_dnn.errors", errors="")
    (found,) = find_trespasses(imports, ROOMS, files)
    assert found.endswith("old.py:1: room attic is not in the table")


def test_a_circle_is_found_at_its_lines(made_up):
    imports, _ = made_up(
        start="import portable_dnn.a",
        a="import math\nfrom portable_dnn import b",
        b="from portable_dnn.c import name",
        c="import portable_dnn.a",
    )
    assert sorted((e.importer[-1], e.line, e.target[-1]) for e in find_circle(imports)) == [
        ("a", 2, "b"),
        ("b", 1, "c"),
        ("c", 1, "a"),
    ]


def test_an_import_when_it_is_needed_closes_no_circle(made_up):
    imports, _ = made_up(
        a="from portable_dnn.b import name",
        b="def f():\n    import portable_dnn.a\nif TYPE_CHECKING:\n    import portable_dnn.a",
    )
    assert len(imports) == 3
    assert find_circle(imports) == []
