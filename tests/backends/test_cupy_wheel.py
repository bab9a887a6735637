"""The real CuPy wheel where there is no driver: what most people who try it on a laptop have."""

import importlib.metadata
import importlib.util
import subprocess
import sys

import pytest

from portable_dnn.arrays.devices import choose_device, place
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.errors import DeviceError

if importlib.util.find_spec("cupy") is None:
    pytest.skip("CuPy is not installed", allow_module_level=True)

cupy = pytest.importorskip("cupy", reason="CuPy does not import here", exc_type=Exception)

if cupy.cuda.runtime.driverGetVersion():
    pytest.skip(
        "an NVIDIA driver is here, so what happens without one cannot be seen",
        allow_module_level=True,
    )


@pytest.fixture(autouse=True)
def _no_device_named(monkeypatch):
    monkeypatch.delenv("PORTABLE_DNN_DEVICE", raising=False)


def test_the_ladder_stops_at_the_driver():
    climbed = list(get_backend("cupy").checks())
    assert [(c.name, c.status) for c in climbed] == [
        ("cupy-import", "ok"),
        ("cupy-packages", "ok"),
        ("cuda-driver", "failed"),
    ]
    assert climbed[0].detail == f"CuPy {cupy.__version__}"
    assert "no NVIDIA driver was found" in climbed[2].detail
    assert climbed[2].remedy


def test_auto_takes_the_cpu_and_says_why():
    device = choose_device("auto")
    assert str(device) == "numpy:cpu"
    assert "no NVIDIA driver was found" in device.why


def test_cuda_is_refused_with_the_reason_and_the_remedy():
    failure = first_failure(get_backend("cupy"))
    for request in ("cuda", "cuda:0", "cupy", "cupy:cuda:0"):
        with pytest.raises(DeviceError, match="no NVIDIA driver was found") as caught:
            choose_device(request)
        assert failure.remedy in str(caught.value)
    with pytest.raises(DeviceError, match="no NVIDIA driver"):
        place([1.0], "cuda")


def test_versions_are_told_without_a_driver():
    versions = get_backend("cupy").versions()
    assert versions["cupy"] == cupy.__version__
    assert versions["CUDA driver"] == "none"
    assert versions["card"].startswith("unknown: cudaErrorInsufficientDriver")
    assert {"CUDA runtime", "NVRTC", "cuBLAS", "CUPY_TF32", "CUPY_ACCELERATORS"} <= set(versions)
    assert all(type(value) is str and value for value in versions.values())


def test_the_namespace_is_cupys():
    xp = get_backend("cupy").namespace()
    assert xp.float64 is cupy.float64
    assert callable(xp.astype)  # the standard's, which CuPy itself lacks


def test_nothing_of_numpy_is_cupys():
    import numpy as np

    assert not get_backend("cupy").owns(np.zeros(2))


def test_cupy_is_not_imported_unasked(python):
    """Neither by the library and the plug-ins, nor where the CPU is asked for."""
    printed = python(
        "import sys\n"
        "import portable_dnn\n"
        "from portable_dnn.arrays.devices import choose_device, place, to_host\n"
        "from portable_dnn.arrays.registry import backend_names, get_backend, owner_of\n"
        "import numpy as np\n"
        "[get_backend(name) for name in backend_names()]\n"
        "print(choose_device('cpu'), to_host(place(np.ones(2), 'cpu')).sum(), owner_of(object()))\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('cupy', 'cupy_backends', 'cuda')])\n"
    )
    assert printed == "numpy:cpu 2.0 None\n[]\n"


def test_cupy_imports_in_a_process_where_warnings_are_errors(python):
    printed = python(
        "from portable_dnn.arrays.registry import get_backend\n"
        "print([c.status for c in get_backend('cupy').checks()])\n"
    )
    assert printed == "['ok', 'ok', 'failed']\n"


def test_two_cupy_packages_are_a_warning_and_no_error(tmp_path):
    """A second package's metadata, which is all that CuPy's own warning looks at."""
    folder = tmp_path / "cupy_cuda11x-13.6.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: cupy-cuda11x\nVersion: 13.6.0\n", encoding="utf-8"
    )
    code = (
        f"import sys; sys.path.append({str(tmp_path)!r})\n"
        "from portable_dnn.arrays.registry import get_backend\n"
        "for c in get_backend('cupy').checks(): print(c.status, c.detail, c.remedy, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok|CuPy ")
    assert lines[1].startswith("warning|")
    ours = next(p for p in ("cupy-cuda12x", "cupy-cuda13x", "cupy") if _installed(p))
    assert f"cupy-cuda11x, {ours}" in lines[1] or f"{ours}, cupy-cuda11x" in lines[1]
    assert "python -m pip uninstall --yes" in lines[1]
    assert lines[2].startswith("failed|")


def _installed(package):
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def test_the_pretend_errors_say_what_the_real_ones_say(world):
    """The simulated failures are worth what the likeness of their errors is worth."""
    errors = world.errors
    for status, said in errors.CUDARuntimeError.WORDS.items():
        real = cupy.cuda.runtime.CUDARuntimeError(status)
        assert str(real) == said
        assert real.status == status
        assert isinstance(real, RuntimeError)
    real = cupy.cuda.memory.OutOfMemoryError(512, 2**20, 0)
    assert str(real) == str(errors.OutOfMemoryError(512, 2**20, 0))
    assert isinstance(real, MemoryError)
    real = cupy.cuda.compiler.CompileException("words", "source", "name", ())
    assert str(real) == str(errors.CompileException("words", "source", "name", ())) == "words"


def test_the_pretend_cupy_has_only_what_the_real_one_has(world):
    pretend = world.Machine().module()
    for name in ("ndarray", "empty", "asarray", "asnumpy", "get_default_memory_pool", "cuda"):
        assert hasattr(pretend, name)
        assert hasattr(cupy, name)
    for name in vars(pretend.cuda.runtime):
        assert hasattr(cupy.cuda.runtime, name)
    for name in ("total_bytes", "free_all_blocks"):
        assert hasattr(cupy.get_default_memory_pool(), name)
    assert hasattr(cupy.ndarray, "set")
    assert hasattr(cupy.ndarray, "device")
    assert hasattr(cupy.cuda.nvrtc, "getVersion")
    assert hasattr(cupy.cuda.device, "get_cublas_handle")
