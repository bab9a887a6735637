"""A backend that is NumPy but for one fault: every primitive passes through here.

The arrays are NumPy's with `__array_ufunc__` and `__array_function__`, so that the library's own
functions, called on them, come to `FaultyBackend.call` for each matmul, add, sum, where, exp …
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest import mock

import numpy as np

from portable_dnn.arrays import registry
from portable_dnn.arrays.contract import CONTRACT
from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.repeat import OneByOne

NUMPY = get_backend("numpy")


@dataclass
class Call:
    """A primitive on its way.

    `inputs` are plain NumPy arrays and Python numbers, `right` computes what it should be,
    `memory` lasts as long as the backend, `random` is seeded.
    """

    name: str
    inputs: tuple
    right: Callable
    memory: dict
    random: np.random.RandomState

    def with_inputs(self, *inputs):
        return self.right(*inputs)


@dataclass(frozen=True)
class Fault:
    """One fault.

    `on` is the primitive (or "from_host", "to_host", "compile" for a step, "stretch" for
    several in one call, "measure"), `change` makes the
    wrong result of a `Call`, or None to leave it. `blamed` are the operations that may rightly be
    named, without their layer; `settings` and `many` are for `compare`.
    """

    name: str
    on: str
    change: Callable
    blamed: tuple[str, ...]
    dtype: str = "float32"
    many: int = 0
    settings: dict = field(default_factory=dict)


class FaultyArray(np.ndarray):
    """An array of the faulty backend."""

    backend = None

    def __array_namespace__(self, *, api_version=None):
        return NUMPY.namespace()

    def __array_finalize__(self, origin):
        self.backend = getattr(origin, "backend", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        name = "sum" if (ufunc is np.add and method == "reduce") else ufunc.__name__
        plain = tuple(_plain(x) for x in inputs)
        if out is not None:
            kwargs["out"] = tuple(_plain(x) for x in out)
        function = getattr(ufunc, method)
        if method == "reduce":  # axis and keepdims are part of what is called
            name = name if ufunc is np.add else f"{name}.reduce"
        backend = _backend_of(inputs)
        return backend.call(name, plain, lambda *x: function(*x, **kwargs), kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.where:
            backend = _backend_of(args)
            return backend.call(
                "where", tuple(_plain(x) for x in args), lambda *x: np.where(*x, **kwargs), kwargs
            )
        return super().__array_function__(function, types, args, kwargs)


def _plain(x):
    return x.view(np.ndarray) if isinstance(x, FaultyArray) else x


def _backend_of(inputs):
    return next(x.backend for x in inputs if isinstance(x, FaultyArray) and x.backend is not None)


class FaultyBackend:
    """NumPy with a fault."""

    name = "faulty"
    contract = CONTRACT

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.memory = {}
        self.random = np.random.RandomState(7)

    def call(self, name, inputs, right, kwargs):
        result = None
        if name == self.fault.on:
            call = Call(name, inputs, right, self.memory, self.random)
            call.kwargs = kwargs
            result = self.fault.change(call)
        return self.wrap(right(*inputs) if result is None else result)

    def wrap(self, x):
        array = np.asarray(x).view(FaultyArray)
        array.backend = self
        return array

    def namespace(self):
        return NUMPY.namespace()

    def devices(self):
        return ("cpu",)

    def checks(self):
        return NUMPY.checks()

    def free_memory(self, device):
        return None

    def synchronize(self, device):
        """NumPy has finished."""

    def owns(self, array):
        return isinstance(array, FaultyArray)

    def device_of(self, array):
        return "cpu"

    def from_host(self, array, device):
        if self.fault.on == "from_host":
            array = self.fault.change(array)
        return self.wrap(array)

    def to_host(self, array):
        plain = np.asarray(array).view(np.ndarray)
        if self.fault.on == "to_host":
            return self.fault.change(array, plain, self.memory)
        return plain

    def repeat(self, step):
        return OneByOne(self.fault.change(step) if self.fault.on == "compile" else step)

    def compile(self, function):
        on = "stretch" if isinstance(function, OneByOne) else "measure"
        return self.fault.change(function) if self.fault.on == on else function

    def versions(self):
        return {"faulty": self.fault.name}


def faulty_device(fault: Fault) -> Device:
    return Device(FaultyBackend(fault), "cpu")


@contextmanager
def registered(device: Device) -> Iterator[Device]:
    """Make a faulty backend a plug-in, so that `train` finds it by its arrays and compiles with it.

    It is asked first, as one of this package's is, for its arrays are NumPy's too.
    """
    backend = device.backend
    entry = SimpleNamespace(value=__name__, load=lambda: backend)
    found = {backend.name: entry, **registry._entry_points()}
    registry.get_backend.cache_clear()
    try:
        with (
            mock.patch.object(registry, "_entry_points", return_value=found),
            mock.patch.object(registry, "_OURS", (backend.name, *registry._OURS)),
        ):
            yield device
    finally:
        registry.get_backend.cache_clear()
