"""What is fuzzed: every reader of something that a stranger may have made.

A target is seeds and a function that reads an input. The function must return, or raise an error of
the library's own; anything else is a finding. A reader that is added gets a line in `TARGETS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fuzz import corpus, forged, sealed
from portable_dnn.arrays.devices import choose_device
from portable_dnn.cli.options import parse_layers, parse_names
from portable_dnn.data import import_folder, read_dataset, read_picture
from portable_dnn.equivalence.report.against import hold_against
from portable_dnn.equivalence.report.file import as_dict, read_report
from portable_dnn.files.json_objects import read_object
from portable_dnn.models.store import load_model
from portable_dnn.network.activations import hidden_activations
from portable_dnn.training.settings import Settings

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """A reader under test.

    Attributes
    ----------
    seeds : callable
        Makes good inputs.
    read : callable
        Reads an input; the second argument is an empty folder of its own.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Make a target's function of one that reads a file."""

    def from_bytes(content: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(content)
        return read(path)

    return from_bytes


def _text(read: Callable[[str], object]) -> Callable[[bytes, Path], object]:
    """Make a target's function of one that reads a text, as the operating system gives it."""
    return lambda content, _: read(content.decode(errors="surrogateescape"))


def _folder(content: bytes, folder: Path) -> object:
    """Read a folder with one good picture in each class, and one that is called and is anything."""
    name, _, picture = content.partition(b"\n")
    for part in ("cat", "non-cat"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "good.png").write_bytes(corpus.pictures()[0])
    usable = name.replace(b"/", b"").replace(b"\0", b"")[:100].strip(b".") or b"x.png"
    path = folder / "cat" / usable.decode(errors="surrogateescape")
    path.write_bytes(picture)
    try:
        return import_folder(folder, size=4, test_share=0.3)
    finally:
        path.unlink()


def _report(path: Path) -> None:
    """Read a report, and hold a whole one against it."""
    found = read_report(path)
    hold_against(corpus.report(), found, "the input")
    as_dict(found)


def _settings(text: str) -> None:
    """Read the layers' sizes, and what is made of them."""
    Settings(layers=parse_layers(text)).check()


def _activations(text: str) -> object:
    """Read the activations' names, and what is made of them."""
    names = parse_names(text)
    return hidden_activations(names, max(2, len(names)))


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "data": Target(corpus.data_files, _file("data.h5", read_dataset)),
        "model": Target(corpus.hdf5_models, _file("model.h5", load_model)),
        "checkpoint": Target(sealed.checkpoints, sealed.read_sealed),
        "forged": Target(forged.programs, forged.read_forged),
        "run": Target(sealed.runs, sealed.read_run),
        "safetensors": Target(corpus.tensor_models, _file("model.safetensors", load_model)),
        "picture": Target(corpus.pictures, _file("picture", lambda path: read_picture(path, 4))),
        "folder": Target(corpus.folder_entries, _folder),
        "json": Target(corpus.objects, _text(lambda text: read_object(text, "the input"))),
        "report": Target(corpus.reports, _file("report.json", _report)),
        "layers": Target(lambda: [b"20,7,5", b"", b" 1 , 2"], _text(_settings)),
        "activations": Target(lambda: [b"relu", b"tanh,leaky_relu:0.1"], _text(_activations)),
        "device": Target(lambda: [b"cpu", b"auto", b"numpy:cpu", b"cuda:1"], _text(choose_device)),
    }
)
"""By the name that `python -m fuzz NAME` takes."""
