"""`portable-dnn devices`: what can compute here."""

from portable_dnn.arrays.contract import Backend
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import backend_names, displaced, first_failure, look_at
from portable_dnn.arrays.versions import backend_versions
from portable_dnn.cli.console import Output

__all__ = ["devices"]


def devices() -> None:
    """List the devices that can compute here.

    It also says why others cannot, and which device is chosen where none is named.
    The names in the first column are what --device of the other commands takes.
    """
    output = Output()
    rows: list[tuple[str, str, str]] = []
    missing: list[str] = []
    for name in backend_names():
        try:
            backend = look_at(name)
            failure = first_failure(backend)
            if failure is None:
                rows += [(f"{name}:{d}", *_state(backend, d)) for d in backend.devices()]
                continue
            remedy = f"; to fix it: {failure.remedy}" if failure.remedy else ""
            missing.append(f"{name} cannot run here: {failure.detail}{remedy}")
        except Exception as error:  # one plug-in of somebody else's must not hide the others
            missing.append(f"{name} cannot run here: {error or repr(error)}")
    output.table(("device", "free memory", "library"), rows)
    for sentence in (*missing, *displaced()):
        output.line(sentence)
    chosen = choose_device("auto")
    output.line(f"auto is {chosen} ({chosen.why})")


def _state(backend: Backend, device: str) -> tuple[str, str]:
    """Return a device's free memory and its library's version."""
    free = backend.free_memory(device)
    library, version = next(iter(backend_versions(backend).items()))
    return ("-" if free is None else f"{free / 2**30:.1f} GiB"), f"{library} {version}"
