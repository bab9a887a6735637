"""What is dpnp's own, beyond the contract: its ladder, its devices and its queue."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn import (
    L_layer_model,
    Settings,
    initialize_parameters_deep,
    place,
    to_host,
    train,
)
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.data import DataSet, ImageSet
from portable_dnn.errors import DeviceError, DTypeError
from portable_dnn.machine.installation import install_command
from portable_dnn.network.gradient_check import gradient_check
from portable_dnn.results import experiment
from portable_dnn_dpnp import ladder

REMEDY = install_command("dpnp")


@pytest.fixture
def dpnp():
    """dpnp, where it is installed and has a device."""
    failure = first_failure(get_backend("dpnp"))
    if failure is not None:
        pytest.skip(f"dpnp NOT RUN: {failure.detail}")
    return pytest.importorskip("dpnp")


@pytest.fixture
def no_driver_is_named(monkeypatch):
    """The environment is put back, whatever the ladder names."""
    monkeypatch.setenv(ladder.DRIVERS, "x")
    monkeypatch.delenv(ladder.DRIVERS)


def pretend(monkeypatch, *, dpnp=None, **dpctl):
    """Have modules of these names; None is one that is not installed."""
    monkeypatch.setitem(sys.modules, "dpnp", dpnp)
    module = SimpleNamespace(__version__="0.22", **dpctl) if dpctl else None
    monkeypatch.setitem(sys.modules, "dpctl", module)


def last(backend="dpnp"):
    *_, check = get_backend(backend).checks()
    return check


@pytest.mark.usefixtures("no_driver_is_named")
def test_a_dpnp_that_is_not_there_or_does_not_import_is_told(monkeypatch, tmp_path):
    pretend(monkeypatch)
    assert (last().name, last().status, last().remedy) == ("dpnp-import", "failed", REMEDY)
    assert "dpnp is not installed" in last().detail or "cannot be imported" in last().detail
    with pytest.raises(DeviceError, match="cannot use device 'dpnp': dpnp "):
        choose_device("dpnp")
    (tmp_path / "dpctl.py").write_text("raise OSError('libsycl.so.9: cannot open\\nand more')")
    monkeypatch.delitem(sys.modules, "dpctl")
    monkeypatch.syspath_prepend(tmp_path)
    assert last().detail == "dpnp cannot be imported: libsycl.so.9: cannot open"


class Card:
    """A device as dpctl describes it; those in `Card.of` are without float64."""

    def __init__(self, name):
        self.name, self.driver_version, self.has_aspect_fp64 = f" {name} ", "1.2", False

    def __eq__(self, other):
        return self.name == other.name


def shown(monkeypatch, **counts):
    pretend(
        monkeypatch,
        dpnp=SimpleNamespace(
            __version__="0.20", asarray=lambda array, device: array, asnumpy=np.asarray
        ),
        get_num_devices=lambda device_type: counts.get(device_type, 0),
        SyclDevice=Card,
    )


@pytest.mark.usefixtures("no_driver_is_named")
def test_without_a_device_the_variable_is_named(monkeypatch, tmp_path):
    shown(monkeypatch)
    monkeypatch.setattr(ladder.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(ladder.sys, "base_prefix", str(tmp_path))
    assert last().name == "sycl-device"
    assert last().detail == "SYCL shows no device"
    assert last().remedy.startswith(REMEDY)
    driver = tmp_path / "lib" / "libintelocl.so"
    driver.parent.mkdir()
    driver.touch()
    assert last().remedy == f"export OCL_ICD_FILENAMES={driver}"  # dpctl is there: too late
    monkeypatch.setenv(ladder.DRIVERS, str(driver))
    assert "update the device's driver" in last().remedy
    for setting in ladder.HIDING:
        monkeypatch.setenv(setting, "nonsense")
        assert last().remedy == f"unset {setting}, which can hide devices"
        monkeypatch.delenv(setting)


def test_arrays_on_a_queue_of_the_users_own_are_refused_with_what_helps(dpnp):
    dpctl = pytest.importorskip("dpctl")
    device = dpctl.SyclDevice("cpu")
    queues = [dpctl.SyclQueue(device)]
    with suppress(dpctl.SyclSubDeviceCreationError):  # of one core there are no parts
        queues.append(dpctl.SyclQueue(device.create_sub_devices(partition=1)[0]))
    X, Y = np.ones((3, 2)), np.array([[0, 1]])
    for queue in queues:
        theirs = dpnp.asarray(X, sycl_queue=queue)
        with pytest.raises(DTypeError, match=r"X is an array on a SYCL queue .*to_device\('cpu'\)"):
            L_layer_model(theirs, dpnp.asarray(Y, sycl_queue=queue), [3, 2, 1])
        there = theirs.to_device("cpu")
        assert L_layer_model(there, dpnp.asarray(Y), [3, 2, 1], num_iterations=1)


def test_a_selector_that_ends_the_process_is_told(dpnp):
    """In processes of their own: SYCL reads its settings once."""
    environment = {**os.environ, "ONEAPI_DEVICE_SELECTOR": "nonsense"}
    command = [sys.executable, "-m", "portable_dnn", "doctor", "--backend", "dpnp"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAILED  sycl-device: SYCL ends the process (SIGABRT)")
    assert done.stdout.splitlines()[-1].endswith(
        "unset ONEAPI_DEVICE_SELECTOR, which can hide devices"
    )


@pytest.mark.usefixtures("no_driver_is_named")
@pytest.mark.parametrize("systems", [True, False])
def test_the_wheels_driver_is_named_where_the_system_has_none(monkeypatch, tmp_path, systems):
    driver, vendors = tmp_path / "lib" / "libintelocl.so", tmp_path / "vendors"
    driver.parent.mkdir()
    driver.touch()
    vendors.mkdir()
    (vendors / "gpu.icd").write_text("libigdrcl.so")
    if systems:
        (vendors / "intel.icd").write_text("/opt/intel/libintelocl.so\n")
    pretend(monkeypatch)
    monkeypatch.delitem(sys.modules, "dpctl")
    monkeypatch.setattr(ladder.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(ladder, "_VENDORS", vendors)
    last()
    assert ladder.os.environ.get(ladder.DRIVERS) == (None if systems else str(driver))


@pytest.mark.usefixtures("no_driver_is_named")
def test_devices_have_names_and_cards_without_float64_say_so(monkeypatch):
    shown(monkeypatch, gpu=2, cpu=1)
    backend = get_backend("dpnp")
    assert backend.devices() == ("gpu:0", "gpu:1", "cpu")
    check = last()
    assert (check.name, check.status) == ("sycl-float64", "warning")
    assert check.remedy == "use --dtype float32"
    assert backend.device_of(SimpleNamespace(sycl_device=Card("gpu:1"))) == "gpu:1"
    with pytest.raises(DTypeError, match=r"dpnp:gpu:0 has no float64; use --dtype float32"):
        place(np.ones((2, 2)), "dpnp")


def test_narrower_floats_are_cast_before_they_travel(dpnp, monkeypatch):
    backend, sent = get_backend("dpnp"), []
    original = backend.from_host

    def from_host(array, device):
        sent.append(str(array.dtype))
        return original(array, device)

    monkeypatch.setattr(backend, "from_host", from_host)
    host = np.array([[1 / 3, 1e300]])
    there = place(host, "dpnp", dtype="float32")
    with np.errstate(over="ignore"):
        narrow = host.astype(np.float32)
    np.testing.assert_array_equal(to_host(there), narrow)
    place(narrow, "dpnp", dtype="float64")
    assert sent == ["float32", "float32"]


def test_versions_name_the_driver(dpnp, monkeypatch):
    monkeypatch.setenv(ladder.DRIVERS, "/home/ada/lib/libintelocl.so:/opt/other.so")
    versions = get_backend("dpnp").versions()
    assert versions[ladder.DRIVERS] == "libintelocl.so:other.so"
    assert versions["dpnp"] == dpnp.__version__
    assert versions["SYCL driver"][0].isdigit()


def counted(monkeypatch, dpnp):
    """Count how often the host looks at an array, or sends one."""
    looks = {"look": 0, "send": 0}
    kind = dpnp.ndarray
    originals = {name: getattr(kind, name) for name in ("__float__", "__bool__", "__int__")}

    def counting(original, what):
        def count(*arguments, **options):
            looks[what] += 1
            return original(*arguments, **options)

        return count

    for name, original in originals.items():
        monkeypatch.setattr(kind, name, counting(original, "look"))
    monkeypatch.setattr(dpnp, "asnumpy", counting(dpnp.asnumpy, "look"))
    sending = dpnp.asarray

    def asarray(x, *arguments, **options):
        looks["send"] += not isinstance(x, kind)
        return sending(x, *arguments, **options)

    monkeypatch.setattr(dpnp, "asarray", asarray)
    return looks


def test_the_host_waits_at_records_only(dpnp, monkeypatch, random):
    """Thrice the iterations between the same number of records: not one look or transfer more."""
    X = place(random.uniform(size=(12, 5)), "dpnp")
    Y = place(random.randint(0, 2, (1, 5)), "dpnp")
    start = place(initialize_parameters_deep([12, 4, 1]), "dpnp")
    looks = counted(monkeypatch, dpnp)
    seen = []
    for iterations, every in ((20, 10), (60, 30)):
        looks.update(look=0, send=0)
        result = train(X, Y, start, num_iterations=iterations, record_every=every)
        assert len(result.history.cost) == 2
        seen.append(dict(looks))
    assert seen[0] == seen[1]
    assert 2 <= seen[0]["look"] <= 20  # what two records and the end are asked for


def test_results_are_fetched_when_they_are_done(dpnp, random):
    """A queue that is full of work is waited for: by to_host, and by synchronize."""
    backend = get_backend("dpnp")
    host = random.uniform(size=(600, 600)) / 1e4
    for wait in (to_host, lambda array: backend.synchronize("cpu") or to_host(array)):
        x = place(host, "dpnp")
        for _ in range(30):
            x = x @ x + x
        expected = host
        for _ in range(30):
            expected = expected @ expected + expected
        np.testing.assert_allclose(wait(x), expected, rtol=1e-9)


def test_what_is_timed_is_the_work_and_not_its_start(dpnp, monkeypatch, random):
    """A run that reports its seconds waits for the device before it reads the clock."""
    events = []
    backend = get_backend("dpnp")
    waiting, clock = backend.synchronize, experiment.time.perf_counter
    monkeypatch.setattr(
        backend, "synchronize", lambda device: events.append("wait") or waiting(device)
    )
    monkeypatch.setattr(experiment.time, "perf_counter", lambda: events.append("clock") or clock())
    pictures = random.randint(0, 256, (3, 2, 2, 3)).astype(np.uint8)
    data = DataSet(ImageSet(pictures, np.array([0, 1, 1])), None, ("a", "b"), "noise")
    settings_ = Settings(layers=(2,), iterations=3)
    experiment.run(data, settings_, choose_device("dpnp"))
    last_clock = len(events) - 1 - events[::-1].index("clock")
    assert events[last_clock - 1] == "wait"


def test_the_host_does_not_slip_in(dpnp, random):
    """Labels, data or parameters on the host beside others on the device are named."""
    X, Y = random.uniform(size=(6, 4)), np.array([[0, 1, 1, 0]])
    start = initialize_parameters_deep([6, 3, 1])
    there = {"X": place(X, "dpnp"), "Y": place(Y, "dpnp"), "start": place(start, "dpnp")}
    here = {"X": X, "Y": Y, "start": start}
    for name in here:
        mixed = there | {name: here[name]}
        with pytest.raises(DeviceError, match=r"numpy:cpu.* dpnp:cpu|dpnp:cpu.* numpy:cpu"):
            train(mixed["X"], mixed["Y"], mixed["start"], num_iterations=1)
    with pytest.raises(DeviceError, match="put both on one device"):
        L_layer_model(there["X"], Y, [6, 3, 1], num_iterations=1)
    with pytest.raises(DeviceError, match="put both on one device"):
        gradient_check(there["X"], Y, there["start"])


def test_the_wheel_brings_the_driver(dpnp):
    if sys.platform != "linux":
        pytest.skip("the driver is a wheel of Linux and Windows, tried on Linux")
    assert Path(ladder._wheels_driver()).is_file()
