"""What the library never imports, and what importing it never brings along."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import portable_dnn

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
