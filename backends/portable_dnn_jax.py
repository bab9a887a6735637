"""The JAX backend: the CPU, and NVIDIA's graphics cards through CUDA.

JAX is imported only inside the functions, and importing this module changes nothing of it.

Out of the box JAX cuts 64-bit numbers to 32 bits, in every operation on arrays that are there
already: with x in float64, `2 * x` is float32. So a context around our own functions would not do;
a setting must last as long as the arrays. `jax_explicit_x64_dtypes="allow"`, the lesser of JAX's
two, keeps the dtypes but not the numbers: in JAX 0.10 it rounds the 0.1 of `0.1 * x` to float32
first, silently. So `jax_enable_x64` is switched on when this module first hands out JAX's functions
or places an array, never at an import. It holds for the whole process: other code's JAX arrays are
64 bits wide by default from then on. Float32 arrays stay float32.

On a card JAX multiplies float32 matrices in TF32 unless told otherwise. When the first array is
placed on one, `jax_default_matmul_precision` becomes "highest" (true float32), unless the user has
set it, in which case it stays and `versions` tells it.
"""

import functools
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import (
    CONTRACT,
    Array,
    Arrays,
    Check,
    Function,
    HostArray,
    Namespace,
    RepeatedStep,
    Step,
)
from portable_dnn.files.text import answers, words
from portable_dnn.machine.installation import install_command
from portable_dnn.machine.memory import free_host_memory

name = "jax"
contract = CONTRACT

_GUARDS = (
    "jax_transfer_guard",
    "jax_transfer_guard_host_to_device",
    "jax_transfer_guard_device_to_device",
    "jax_transfer_guard_device_to_host",
)
# Small whole numbers: their sums and products are exact in any order.
_PROBE: HostArray = np.arange(1.0, 17.0, dtype=np.float32).reshape(4, 4)


def checks() -> Iterator[Check]:
    """Climb the ladder: JAX imports, and multiplies on its first device."""
    try:
        import jax

        version = f"JAX {jax.__version__}"
    except Exception as error:  # ImportError, RuntimeError of an unfit jaxlib, and others
        absent = isinstance(error, ModuleNotFoundError) and error.name == "jax"
        reason = "is not installed" if absent else f"cannot be imported: {words(error)}"
        yield Check("jax-import", "failed", f"JAX {reason}", install_command("jax"))
        return
    yield Check("jax-import", "ok", version)
    remedy = install_command("jax")
    if platforms := os.environ.get("JAX_PLATFORMS"):
        remedy = f"unset JAX_PLATFORMS, which is {platforms!r}"
    try:
        jax.devices()  # tells why, where no platform starts
        device = next(iter(_devices().values()), None)
        if device is None:
            raise RuntimeError("JAX shows neither the CPU nor a CUDA card")
        product = jax.device_put(_PROBE, device) @ jax.device_put(_PROBE.T, device)
        right = np.array_equal(np.asarray(product), _PROBE @ _PROBE.T)
        reason = "came back with wrong numbers"
    except Exception as error:  # such as a plug-in for a card that does not start
        right, reason = False, f"failed: {words(error)}"
    if right:
        yield Check("jax-matmul", "ok", "a small matrix product came back right")
    else:
        yield Check("jax-matmul", "failed", f"a small matrix product {reason}", remedy)


def devices() -> tuple[str, ...]:
    """Return the CPU, and the cards where JAX has CUDA."""
    return tuple(_devices())


def free_memory(device: str) -> int | None:
    """Memory in bytes: of a card what JAX may still take, of the host what needs no swapping."""
    if device.startswith("cpu"):
        return free_host_memory()
    statistics = _devices()[device].memory_stats()
    return int(statistics["bytes_limit"] - statistics["bytes_in_use"]) if statistics else None


def synchronize(device: str) -> None:
    """Return when every array that somebody holds on a device is computed.

    JAX waits for arrays, not for devices; `jax.effects_barrier` waits for side effects alone.
    """
    import jax

    there = _devices()[device]
    jax.block_until_ready([array for array in jax.live_arrays() if there in array.devices()])


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import jax.numpy as xp

    _keep_64_bits()
    return xp


def owns(array: object) -> bool:
    """Whether an array is one of JAX."""
    kind = getattr(sys.modules.get("jax"), "Array", None)
    return kind is not None and isinstance(array, kind)


def refuses(array: Array) -> str:
    """Refuse what stands for an array while JAX traces a function, and arrays that are gone."""
    import jax

    if isinstance(array, jax.core.Tracer):
        return "an array inside of jax.jit or jax.grad, which has no numbers yet; call from outside"
    if array.is_deleted():
        return "an array that is gone: it was deleted, or given up to a compiled function (donated)"
    return ""


def undisturbed() -> AbstractContextManager[object]:
    """Allow what a process may have JAX refuse: transfers, NaN and infinity.

    Numbers of steps travel unasked, and a cost may be infinite in between.
    """
    jax: Any = sys.modules.get("jax")
    config = getattr(jax, "config", None)
    stack = ExitStack()
    if not {getattr(config, guard, None) for guard in _GUARDS} <= {None, "allow"}:
        stack.enter_context(jax.transfer_guard("allow"))
    for kind in ("debug_nans", "debug_infs"):
        if getattr(config, f"jax_{kind}", False):
            stack.enter_context(getattr(jax, kind)(False))
    return stack


def device_of(array: Array) -> str:
    """Name the device that an array lies on, or all of them if it is spread over several."""
    return "+".join(sorted(map(_name_of, array.devices())))


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a device."""
    import jax.numpy as xp

    _keep_64_bits()
    if device.startswith("cuda"):
        _keep_float32()
    return xp.array(array, dtype=array.dtype, device=_devices()[device])


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy, once it is computed."""
    return np.array(array)


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step that runs as one program."""
    return _Loop(step)


def compile(function: Function) -> Function:
    """Return the function as a program of XLA, built when it is first called.

    Functions that are equal share their programs: the second training of a process compiles
    nothing. Of functions that differ the last ones are kept, so that a process that trains with one
    learning rate after the other does not grow for ever. The dicts keep their order, which JAX
    would change to the alphabet's.
    """

    def run(*arguments: Any) -> Any:
        return _plain(_program(function)(_ordered(arguments)))

    def in_pieces(state: Any, batch: Any, rows: Arrays, times: int) -> Any:
        for start in range(0, times, _ROWS):
            piece = {name: _filled(array[start : start + _ROWS]) for name, array in rows.items()}
            state = run(state, batch, piece, min(times - start, _ROWS))
        return state

    def repeated(state: Any, batch: Any, rows: Arrays, times: int) -> Any:
        return (in_pieces if rows else run)(state, batch, rows, times)

    return repeated if isinstance(function, _Loop) else run


# Rows of a table that a program takes: each length would be a program of its own.
_ROWS = 128

# Functions whose programs are kept; a training has two, its steps and their measurements.
_PROGRAMS = 32


def _filled(rows: Array) -> Array:
    """Fill rows up to `_ROWS` with zeros, which no step looks at."""
    import jax.numpy as xp

    return xp.pad(rows, [(0, _ROWS - rows.shape[0])] + [(0, 0)] * (rows.ndim - 1))


@dataclass(frozen=True)
class _Loop:
    """A step taken again and again in one program.

    One program, whatever `times` is: XLA rounds a step alone otherwise than a step in a loop, so
    with two programs the numbers would depend on where somebody looks.
    """

    step: Step

    def __call__(self, state: Any, batch: Any, rows: Arrays, times: int) -> Any:
        """Take the step `times` times."""
        import jax

        def advanced(i: Array, state: Any) -> Any:
            row = {
                name: jax.lax.dynamic_index_in_dim(array, i, keepdims=False)
                for name, array in rows.items()
            }
            return _ordered(self.step(state, batch, row))

        return jax.lax.fori_loop(0, times, advanced, state)


@functools.lru_cache(maxsize=_PROGRAMS)
def _program(function: Function) -> Callable[..., Any]:
    """Return a function's call, compiled for each shapes and device that it meets."""
    import jax

    # Measured on the published shapes (JAX 0.10, two cores), an iteration eager and compiled: 9.3
    # and 4.6 ms in float64, 5.3 and 1.8 ms in float32, for 0.4 s of compiling.
    def call(arguments: tuple[Any, ...]) -> Any:
        return _ordered(function(*arguments))

    program: Callable[..., Any] = jax.jit(call)
    return program


def _ordered(value: Any) -> Any:
    """Return the dicts in a value as such that JAX leaves in their order."""
    return _mapped(value, OrderedDict)


def _plain(value: Any) -> Any:
    """Undo `_ordered`."""
    return _mapped(value, dict)


def _mapped(value: Any, kind: type[dict[str, Any]]) -> Any:
    """Return a value with its dicts as dicts of a kind."""
    if isinstance(value, dict):
        return kind((name, _mapped(part, kind)) for name, part in value.items())
    if isinstance(value, tuple):
        parts = [_mapped(part, kind) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def accuracy(device: str, dtype: str) -> Mapping[str, float | bool | str]:
    """Return what JAX documents of its functions, in ulps, and of subnormal numbers."""
    kind = "cuda" if device.startswith("cuda") else "cpu"
    errors = _ACCURACY[kind, dtype]
    # XLA takes subnormal numbers for 0 on the CPU, and on CUDA in float32.
    flushes = (kind, dtype) != ("cuda", "float64")
    source = (
        "docs.jax.dev, Numerical accuracy (2026): float32 exhaustive, float64 sampled; on CUDA "
        "float32 division is div.full.f32, 2 ulps (PTX ISA)"
    )
    names = ("exp", "log", "log1p", "tanh", "divide")
    return {**dict(zip(names, errors, strict=True)), "flushes": flushes, "source": source}


_ACCURACY = {
    ("cpu", "float32"): (1.5, 1.5, 3.0, 5.0, 0.5),
    ("cpu", "float64"): (2.0, 0.5, 2.0, 7.0, 0.5),
    ("cuda", "float32"): (2.0, 1.0, 1.0, 5.5, 2.0),
    ("cuda", "float64"): (1.5, 1.5, 1.5, 3.5, 0.5),
}
"""By kind of device and dtype: exp, log, log1p, tanh, divide."""


def versions() -> dict[str, str]:
    """Return the versions of JAX and its platform, and the settings that change the numbers.

    What cannot be found out is told in the value's place.
    """
    try:
        import jax
    except Exception as error:  # a broken installation may raise anything (see the ladder)
        return {"jax": f"cannot be imported: {words(error)}"}

    questions: dict[str, Callable[[], object]] = {
        "jax": lambda: jax.__version__,
        "jaxlib": lambda: jax.lib.__version__,
        "jax platform": lambda: jax.devices()[0].client.platform_version,
        "jax devices": lambda: ", ".join(f"{k} ({v.device_kind})" for k, v in _devices().items()),
        "jax_enable_x64": lambda: jax.config.jax_enable_x64,
        "jax_default_matmul_precision": lambda: jax.config.jax_default_matmul_precision,
        "XLA_FLAGS": lambda: os.environ.get("XLA_FLAGS", "not set"),
    }
    return answers(questions)


def _keep_64_bits() -> None:
    """Have JAX keep the 64-bit dtypes it is given (see the module)."""
    import jax

    jax.config.update("jax_enable_x64", True)


def _keep_float32() -> None:
    """Have JAX multiply float32 in float32, unless the user has chosen (see the module)."""
    import jax

    if jax.config.jax_default_matmul_precision is None:
        jax.config.update("jax_default_matmul_precision", "highest")


def _devices() -> dict[str, Any]:
    """Return JAX's devices by our names, the CPU first."""
    import jax

    found = {}
    for platform in ("cpu", "cuda"):
        try:
            found.update({_name_of(device): device for device in jax.devices(platform)})
        except RuntimeError:  # this JAX has no such platform, or JAX_PLATFORMS leaves it out
            continue
    return found


def _name_of(device: Any) -> str:
    """Name a device of JAX: `cpu`, `cuda:0`; pretend ones of the host are `cpu:1` and so on."""
    if device.platform == "cpu":
        return f"cpu:{device.id}" if device.id else "cpu"
    return f"cuda:{device.id}"
