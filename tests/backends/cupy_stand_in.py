"""A module with CuPy's names over dpnp's arrays, for the lines of the CuPy backend.

It has a device's ways: memory that the host cannot see, work that is queued, no silent conversion
and no mixing with the host's arrays. What it cannot show is CUDA: its errors, its driver's states,
several cards, streams, compiled kernels, cuBLAS, and how the real functions differ from dpnp's.
`array_api_compat.cupy` takes CuPy itself apart, so the namespace is not had from it.
"""

import types
from typing import Any

import numpy as np

__all__ = ["make"]

GIBIBYTE = 2**30


def make() -> types.ModuleType:
    """Make the module; dpnp must have a device."""
    import dpctl
    import dpnp

    queue = dpctl.get_device_cached_queue(dpnp.empty(0).sycl_device)

    class Device:
        """The only card, number 0."""

        def __init__(self, number: int = 0) -> None:
            if number != 0:
                raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
            self.id, self.waits = number, 0

        def __enter__(self) -> "Device":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def synchronize(self) -> None:
            module.waits += 1
            queue.wait()

    class Array(dpnp.ndarray):
        """dpnp's, with the card's number and CuPy's own way to be filled."""

        __slots__ = ()

        @property
        def device(self) -> Device:
            return Device()

        def set(self, host: Any) -> None:
            self[...] = dpnp.asarray(host)

        def _operated(self, other: Any, operation: Any) -> "Array":
            return ours(operation(as_dpnp(self), as_dpnp(other)))

        def __add__(self, other: Any) -> "Array":
            return self._operated(other, dpnp.add)

        def __matmul__(self, other: Any) -> "Array":
            return self._operated(other, dpnp.matmul)

    def as_dpnp(array: Any) -> Any:
        return array[...] if isinstance(array, Array) else array

    def ours(array: Any) -> Array:
        made = array[...]
        made.__class__ = Array
        return made  # type: ignore[no-any-return]

    def asarray(host: Any) -> Array:
        module.sent += 1
        return ours(dpnp.asarray(host))

    def asnumpy(array: Any) -> Any:
        if not isinstance(array, Array):
            raise TypeError(f"{type(array).__name__} is no cupy.ndarray")
        module.fetched += 1
        return dpnp.asnumpy(as_dpnp(array))

    properties = {
        "name": b"a queue of dpnp's",
        "major": 8,
        "minor": 0,
        "sharedMemPerBlockOptin": 99 * 1024,
    }
    runtime = types.SimpleNamespace(
        CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda number: properties,
        memGetInfo=lambda: (3 * GIBIBYTE, 4 * GIBIBYTE),
        runtimeGetVersion=lambda: 13000,
        driverGetVersion=lambda: 13000,
    )
    module: Any = types.ModuleType("cupy")
    module.__version__ = "14.0"
    module.waits = module.sent = module.fetched = 0
    module.ndarray = Array
    module.asarray, module.asnumpy = asarray, asnumpy
    module.empty = lambda shape, dtype: ours(dpnp.empty(shape, dtype=np.dtype(dtype)))
    module.get_default_memory_pool = lambda: types.SimpleNamespace(
        total_bytes=lambda: 0, free_all_blocks=lambda: None
    )
    module.cuda = types.SimpleNamespace(
        Device=Device,
        runtime=runtime,
        nvrtc=types.SimpleNamespace(getVersion=lambda: (13, 0)),
        cublas=types.SimpleNamespace(getVersion=lambda handle: 130000),
        device=types.SimpleNamespace(get_cublas_handle=lambda: 1),
    )
    return module  # type: ignore[no-any-return]
