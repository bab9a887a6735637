"""What is JAX's own, beyond the contract: 64 bits, compiled steps, several devices, bad platforms.

What is said of JAX's settings holds for a process, so each such test has its own.
"""

import sys

import numpy as np
import pytest

from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.errors import DeviceError
from portable_dnn.machine.installation import install_command

REMEDY = install_command("jax")


@pytest.fixture
def jax():
    """JAX, where it is installed."""
    return pytest.importorskip("jax", reason="JAX is not installed", exc_type=Exception)


def install(folder, source, monkeypatch):
    """Have a JAX whose `__init__.py` is this."""
    (folder / "jax").mkdir()
    (folder / "jax" / "__init__.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "jax", object())  # put back after the test
    del sys.modules["jax"]


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'jax'\", name='jax')",
            "JAX is not installed",
        ),
        (
            "raise ModuleNotFoundError('jax requires jaxlib to be installed', name='jaxlib')",
            "JAX cannot be imported: jax requires jaxlib to be installed",
        ),
        (
            "raise RuntimeError('jaxlib is version 0.4, but this version of jax needs 0.9')",
            "JAX cannot be imported: jaxlib is version 0.4, but this version of jax needs 0.9",
        ),
        ("", "JAX cannot be imported: module 'jax' has no attribute '__version__'"),
    ],
)
def test_a_jax_that_does_not_import_is_told(tmp_path, monkeypatch, source, detail):
    install(tmp_path, source, monkeypatch)
    (check,) = get_backend("jax").checks()
    assert (check.name, check.status) == ("jax-import", "failed")
    assert (check.detail, check.remedy) == (detail, REMEDY)
    with pytest.raises(DeviceError) as caught:
        choose_device("jax:cpu")
    assert str(caught.value) == f"cannot use device 'jax:cpu': {detail}; to fix it: {REMEDY}"
    assert get_backend("jax").versions()["jax"].startswith(("cannot be imported: ", "unknown: "))


def test_wrong_numbers_are_told(jax, monkeypatch):
    monkeypatch.setattr(jax, "device_put", lambda array, device: np.zeros((4, 4)))
    failure = first_failure(get_backend("jax"))
    assert failure.name == "jax-matmul"
    assert failure.detail == "a small matrix product came back with wrong numbers"
    assert failure.remedy == REMEDY


def test_a_platform_that_is_not_there_is_told(jax, python):
    printed = python(
        "import os\n"
        "os.environ['JAX_PLATFORMS'] = 'nowhere'\n"
        "from portable_dnn.arrays.registry import first_failure, get_backend\n"
        "failure = first_failure(get_backend('jax'))\n"
        "print(failure.name, 'nowhere' in failure.detail, failure.remedy, sep='|')\n"
    )
    assert printed == "jax-matmul|True|unset JAX_PLATFORMS, which is 'nowhere'\n"


def test_64_bits_begin_with_the_first_array_and_not_with_an_import(jax, python):
    printed = python(
        "import sys, numpy as np, portable_dnn\n"
        "from portable_dnn.arrays.registry import backend_names, get_backend, owner_of\n"
        "[get_backend(name) for name in backend_names()]\n"
        "owner_of(np.zeros(2)), owner_of(object())\n"
        "print('jax' in sys.modules)\n"
        "backend = get_backend('jax')\n"
        "print([c.status for c in backend.checks()], backend.devices()[0])\n"
        "print(backend.versions()['jax_enable_x64'])\n"
        "backend.from_host(np.zeros(2, np.uint8), 'cpu')\n"
        "print(backend.versions()['jax_enable_x64'])\n"
    )
    assert printed == "False\n['ok', 'ok'] cpu\nFalse\nTrue\n"


def test_python_numbers_are_not_rounded_to_float32(jax):
    backend = get_backend("jax")
    array = np.array([0.1, 1 / 3, 5.7])
    x = backend.from_host(array, "cpu")
    for got, expected in ((0.0075 * x, 0.0075 * array), (x + 0.1, array + 0.1)):
        np.testing.assert_array_equal(backend.to_host(got), expected)


def test_equal_steps_share_a_program(jax):
    traced = []

    class Step:
        def __init__(self, rate):
            self.rate = rate

        def __eq__(self, other):
            return self.rate == other.rate

        def __hash__(self):
            return hash(self.rate)

        def __call__(self, state, batch, row):
            traced.append(self.rate)
            return {"W": self.rate * state["W"]}

    W = jax.numpy.ones((2, 2))
    backend = get_backend("jax")
    results = [
        float(backend.compile(backend.repeat(Step(rate)))({"W": W}, W, {}, 3)["W"][0, 0])
        for rate in (2.0, 3.0, 2.0, 3.0)
    ]
    assert results == [8.0, 27.0, 8.0, 27.0]
    assert traced.count(2.0) == traced.count(3.0)
    assert len(traced) <= 4


def test_a_compiled_step_keeps_the_order_of_its_dicts(jax):
    backend = get_backend("jax")
    parameters = {
        key: backend.from_host(np.ones((1, 1)), "cpu") for key in ("W1", "b1", "W2", "b2")
    }

    def step(parameters, X, Y):
        return {"cost": X, "a": Y}, {name: 2.0 * array for name, array in parameters.items()}

    measured, after = backend.compile(step)(parameters, parameters["W1"], parameters["W2"])
    assert (type(measured), type(after)) == (dict, dict)
    assert (list(measured), list(after)) == (["cost", "a"], list(parameters))


def test_copies_share_no_memory(jax):
    backend = get_backend("jax")
    array = np.arange(4096.0)  # JAX would share a large array that is well aligned
    there = backend.from_host(array, "cpu")
    array[:] = 7.0
    assert there[5] == 5.0
    back = backend.to_host(there)
    back[:] = 8.0
    assert there[5] == 5.0


def test_each_device_has_its_name_and_keeps_its_results(jax, python):
    printed = python(
        "import os\n"
        "os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=3'\n"
        "import numpy as np\n"
        "from portable_dnn.arrays.devices import device_of, place\n"
        "from portable_dnn.arrays.registry import get_backend\n"
        "backend = get_backend('jax')\n"
        "print(*backend.devices())\n"
        "x = place(np.ones((2, 3)), 'jax:cpu:2')\n"
        "backend.synchronize('cpu:2')\n"
        "print(device_of(x @ x.T + 1.0), x.dtype, device_of(place(x, 'jax:cpu')))\n"
        "step = backend.repeat(lambda state, batch, row: {'W1': 2.0 * state['W1']})\n"
        "print(device_of(backend.compile(step)({'W1': x}, x, {}, 2)['W1']))\n"
    )
    assert printed == "cpu cpu:1 cpu:2\njax:cpu:2 float64 jax:cpu\njax:cpu:2\n"


def test_what_changes_the_numbers_is_told(jax):
    versions = get_backend("jax").versions()
    assert versions["jax"] == jax.__version__
    assert versions["jax_enable_x64"] in ("True", "False")
    assert versions["jax_default_matmul_precision"] == "None"
    assert not [part for part, version in versions.items() if version.startswith("unknown")]
