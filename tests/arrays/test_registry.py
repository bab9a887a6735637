"""Plug-ins of other people: what is wrong with one is said, and hides nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn import sigmoid
from portable_dnn.arrays import registry
from portable_dnn.arrays.contract import CONTRACT, Check
from portable_dnn.arrays.devices import choose_device
from portable_dnn.errors import BackendError, DeviceError, DTypeError


def fails(*_):
    raise RuntimeError("out of order\nand more")


def plug_in(**changes):
    members = dict.fromkeys(registry.contract_members(), fails)
    members |= {
        "name": "toy",
        "contract": CONTRACT,
        "checks": lambda: iter([Check("toy-import", "ok", "there")]),
        "devices": lambda: ("cpu",),
        "owns": lambda array: False,
    }
    return SimpleNamespace(**members | changes)


@pytest.fixture
def register(monkeypatch):
    """Put a plug-in among the registered ones."""

    def put(module, name="toy"):
        load = module if callable(module) else lambda: module
        fake = SimpleNamespace(value=__name__, load=load)
        found = {**registry._entry_points(), name: fake}
        monkeypatch.setattr(registry, "_entry_points", lambda: found)
        registry.get_backend.cache_clear()

    yield put
    registry.get_backend.cache_clear()


def test_a_plug_in_is_found(register):
    register(plug_in())
    assert "toy" in registry.backend_names()
    assert str(choose_device("toy")) == "toy:cpu"


def test_one_that_does_not_load(register):
    register(fails)
    with pytest.raises(BackendError, match=r"the backend .toy. .* does not load: out of order"):
        registry.get_backend("toy")
    with pytest.raises(DeviceError, match=r"cannot use device .toy.: .* does not load"):
        choose_device("toy")
    with pytest.raises(DTypeError, match="Z is a list"):
        sigmoid([1.0])
    assert registry.owner_of(np.ones(1)).name == "numpy"


def test_one_of_a_later_contract(register):
    register(plug_in(contract=3))
    with pytest.raises(BackendError, match=r"version 3 of the contract; .* knows 1 and 2"):
        registry.get_backend("toy")


def test_one_that_lacks_members(register):
    module = plug_in()
    del module.versions, module.compile
    register(module)
    with pytest.raises(BackendError, match="lacks compile, versions of the contract"):
        registry.get_backend("toy")
    del module.contract, module.repeat  # of the first contract, which had neither
    registry.get_backend.cache_clear()
    with pytest.raises(BackendError, match="lacks compile, versions of the contract"):
        registry.get_backend("toy")


@pytest.mark.parametrize(("registered", "own"), [("toy", "other"), ("cuda", "cuda")])
def test_one_whose_name_does_not_fit(register, registered, own):
    register(plug_in(name=own), registered)
    with pytest.raises(BackendError, match=f"calls itself '{own}'; both names must be the same"):
        registry.get_backend(registered)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"checks": fails}, "its own checks fail: out of order"),
        ({"devices": fails}, "its own checks fail: out of order"),
        ({"devices": lambda: ()}, "it has no device here"),
    ],
)
def test_one_that_fails_its_checks(register, changes, detail):
    register(plug_in(**changes))
    failure = registry.first_failure(registry.get_backend("toy"))
    assert (failure.status, failure.detail) == ("failed", detail)
    with pytest.raises(DeviceError, match=f"cannot use device 'toy': {detail}$"):
        choose_device("toy")


def test_nothing_is_asked_after_a_failed_rung(register):
    failed = Check("toy-import", "failed", "not there")
    register(plug_in(checks=lambda: iter([failed]), devices=fails))
    assert list(registry.climb(registry.get_backend("toy"))) == [failed]


@pytest.mark.parametrize(
    ("member", "answer"),
    [
        ("checks", [("toy-import", "ok", "there")]),
        ("checks", [Check("toy-import", "well", "there")]),
        ("checks", 3),
        ("devices", (0, 1)),
        ("devices", "cpu"),
        ("devices", ("",)),
        ("devices", None),
    ],
)
def test_a_wrong_answer_is_said_by_its_ladder(register, member, answer):
    register(plug_in(**{member: lambda *_: answer}))
    failure = registry.first_failure(registry.get_backend("toy"))
    assert failure.detail.startswith(f"its own checks fail: {member} of the backend 'toy' gave ")
    assert failure.detail.endswith(" would be right")


@pytest.mark.parametrize(
    ("member", "answer", "asked"),
    [
        ("free_memory", "much", ("cpu",)),
        ("free_memory", -1, ("cpu",)),
        ("free_memory", 1e9, ("cpu",)),
        ("namespace", None, ()),
        ("device_of", 0, (1,)),
        ("repeat", None, (1,)),
        ("compile", "fast", (1,)),
        ("versions", [("toy", "1")], ()),
        ("refuses", None, (1,)),
        ("undisturbed", None, ()),
        ("fragments", "yes", ("cpu",)),
    ],
)
def test_a_wrong_answer_is_said_where_it_is_given(register, member, answer, asked):
    register(plug_in(**{member: lambda *_: answer}))
    with pytest.raises(
        BackendError, match=f"^{member} of the backend 'toy' gave .* would be right$"
    ):
        getattr(registry.get_backend("toy"), member)(*asked)


def test_one_that_owns_everything_owns_nothing(register):
    register(plug_in(owns=lambda array: True))
    with pytest.raises(BackendError, match="owns whatever it is shown"):
        registry.get_backend("toy")


def test_one_that_takes_our_libraries_arrays_does_not_get_them(register):
    strict = pytest.importorskip("array_api_strict")
    register(plug_in(owns=lambda array: hasattr(array, "shape")))
    assert registry.owner_of(np.ones(1)).name == "numpy"
    assert registry.owner_of(strict.ones(1)).name == "strict"


def test_a_member_that_is_no_function_is_lacking(register):
    register(plug_in(devices=("cpu",)))
    with pytest.raises(BackendError, match="lacks devices of the contract"):
        registry.get_backend("toy")
