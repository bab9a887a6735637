"""`portable-dnn devices`: what can compute here."""

from portable_dnn.backend import Backend
from portable_dnn.cli.console import Output
from portable_dnn.devices import choose_device
from portable_dnn.errors import BackendError
from portable_dnn.registry import backend_names, first_failure, get_backend

__all__ = ["devices"]


def devices() -> None:
    """List every backend: whether it can run here, its devices and their free memory."""
    output = Output()
    rows: list[tuple[str, str, str]] = []
    missing: list[str] = []
    for name in backend_names():
        try:
            backend = get_backend(name)
        except BackendError as error:
            missing.append(f"{name} cannot run here: {error}")
            continue
        failure = first_failure(backend)
        if failure is None:
            rows += [(f"{name}:{device}", *_state(backend, device)) for device in backend.devices()]
        else:
            remedy = f"; to mend it: {failure.remedy}" if failure.remedy else ""
            missing.append(f"{name} cannot run here: {failure.detail}{remedy}")
    output.table(("device", "free memory", "library"), rows)
    for sentence in missing:
        output.line(sentence)
    chosen = choose_device("auto")
    output.line(f"auto is {chosen} ({chosen.why})")


def _state(backend: Backend, device: str) -> tuple[str, str]:
    """Return a device's free memory and its library's version."""
    free = backend.free_memory(device)
    library, version = next(iter(backend.versions().items()))
    return ("-" if free is None else f"{free / 2**30:.1f} GiB"), f"{library} {version}"
