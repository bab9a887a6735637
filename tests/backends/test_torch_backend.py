"""What is PyTorch's own, beyond the contract: gradients, memory, settings, broken installations."""

import sys
import warnings

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, place, to_host, train
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.errors import DeviceError
from portable_dnn.machine.installation import install_command

REMEDY = install_command("torch")


@pytest.fixture
def torch():
    """PyTorch, where it is installed."""
    return pytest.importorskip("torch", reason="PyTorch is not installed", exc_type=Exception)


def install(folder, source, monkeypatch):
    """Have a PyTorch whose `__init__.py` is this."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "torch", object())  # put back after the test
    del sys.modules["torch"]


def assert_refused(detail):
    (check,) = get_backend("torch").checks()
    assert (check.name, check.status) == ("torch-import", "failed")
    assert (check.detail, check.remedy) == (detail, REMEDY)
    with pytest.raises(DeviceError) as caught:
        choose_device("torch:cpu")
    assert str(caught.value) == f"cannot use device 'torch:cpu': {detail}; to fix it: {REMEDY}"
    assert (
        get_backend("torch").versions()["torch"].startswith(("cannot be imported: ", "unknown: "))
    )


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
            "PyTorch is not installed",
        ),
        (
            "import no_such_module_at_all",
            "PyTorch cannot be imported: No module named 'no_such_module_at_all'",
        ),
        (
            "raise OSError('libtorch_cuda.so: cannot open shared object file\\nand more')",
            "PyTorch cannot be imported: libtorch_cuda.so: cannot open shared object file",
        ),
        ("", "PyTorch cannot be imported: module 'torch' has no attribute '__version__'"),
    ],
)
def test_a_pytorch_that_does_not_import_is_told(tmp_path, monkeypatch, source, detail):
    install(tmp_path, source, monkeypatch)
    assert_refused(detail)


def test_a_pytorch_that_does_not_compute_is_told(torch, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch, "tensor", broken)
    failure = first_failure(get_backend("torch"))
    assert failure.name == "torch-matmul"
    assert failure.detail == "a small matrix product failed: Numpy is not available"
    monkeypatch.setattr(torch, "tensor", lambda array, device: torch.zeros(4, 4))
    failure = first_failure(get_backend("torch"))
    assert failure.detail == "a small matrix product came back with wrong numbers"


def test_read_only_arrays_are_taken_without_a_warning_and_copied(torch):
    backend = get_backend("torch")
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there = backend.from_host(array, "cpu")
    array.flags.writeable = True
    array[:] = 7.0
    assert there[1, 2] == 5.0
    back = backend.to_host(there)
    back[:] = 8.0
    assert there[1, 2] == 5.0


def test_tensors_that_require_gradients_train_without_a_graph(torch, random):
    start = {
        name: array.requires_grad_()
        for name, array in place(initialize_parameters_deep([3, 2, 1]), "torch:cpu").items()
    }
    X = place(random.randn(3, 4), "torch:cpu")
    Y = place(np.array([[0.0, 1.0, 1.0, 0.0]]), "torch:cpu")
    parameters = train(X, Y, start, num_iterations=3).parameters
    assert not any(array.requires_grad for array in parameters.values())
    expected = train(X, Y, {k: v.detach() for k, v in start.items()}, num_iterations=3).parameters
    for name, array in to_host(parameters).items():
        np.testing.assert_array_equal(array, to_host(expected[name]))
    np.testing.assert_array_equal(to_host(start["W1"]), start["W1"].detach().numpy())


def test_cards_are_listed_only_where_cuda_is_usable(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert get_backend("torch").devices() == ("cpu",)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert get_backend("torch").devices() == ("cpu", "cuda:0", "cuda:1")


def test_what_changes_the_numbers_is_told(torch):
    threads = torch.get_num_threads()
    versions = get_backend("torch").versions()
    assert versions["torch"] == torch.__version__
    assert versions["torch threads"] == str(threads)
    assert versions["torch allow_tf32"] == "False"
    assert versions["torch float32_matmul_precision"] == "highest"
    assert not [part for part, version in versions.items() if version.startswith("unknown")]


def test_pytorch_is_imported_only_when_it_is_used(torch, python):
    printed = python(
        "import sys, numpy as np, portable_dnn\n"
        "from portable_dnn.arrays.registry import backend_names, get_backend, owner_of\n"
        "[get_backend(name) for name in backend_names()]\n"
        "owner_of(np.zeros(2)), owner_of(object())\n"
        "print('torch' in sys.modules)\n"
        "print([c.status for c in get_backend('torch').checks()], 'torch' in sys.modules)\n"
    )
    assert printed == "False\n['ok', 'ok'] True\n"
