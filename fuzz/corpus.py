"""The seed corpus: small good files of every kind that is read, made by the project itself."""

import functools
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from portable_dnn import initialize_parameters_deep
from portable_dnn.equivalence import compare
from portable_dnn.equivalence.report.file import as_dict
from portable_dnn.equivalence.report.report import Report
from portable_dnn.models.model import Model
from portable_dnn.models.store import save_model
from portable_dnn.training.settings import Settings

__all__ = [
    "data_files",
    "folder_entries",
    "hdf5_models",
    "objects",
    "pictures",
    "report",
    "reports",
    "tensor_models",
]

_IMAGES = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
_NAMES = np.array([b"non-cat", b"cat"])


def data_files() -> list[bytes]:
    """Make data sets: plain, compressed, of other types, in HDF5's old and new format."""
    packed = {"chunks": (2, 2, 2, 3), "compression": "gzip", "shuffle": True, "fletcher32": True}
    return [
        _hdf5({"train_set_x": _IMAGES, "train_set_y": [0, 1, 0], "list_classes": _NAMES}),
        _hdf5({"train_set_x": _IMAGES, "train_set_y": [[0, 1, 0]]}, pictures=packed),
        _hdf5({"train_set_x": _IMAGES, "train_set_y": [0, 1, 0]}, pictures=packed, libver="latest"),
        _hdf5({"test_set_x": _IMAGES / 255.0, "test_set_y": np.array([0, 1, 1], np.uint8)}),
        _hdf5(
            {
                "train_set_x": (_IMAGES / 255.0).astype(">f4"),
                "train_set_y": np.array([False, True, True]),
                "test_set_x": _IMAGES[:1].astype(np.int64),
                "test_set_y": np.array([1.0]),
                "list_classes": _NAMES,
            }
        ),
    ]


def _hdf5(
    arrays: dict[str, object], pictures: dict[str, object] | None = None, libver: str = "earliest"
) -> bytes:
    """Write arrays to an HDF5 file in memory."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver=libver) as file:
        for name, values in arrays.items():
            options = pictures if pictures and name.endswith("_x") else {}
            file.create_dataset(name, data=values, track_times=False, **options)
    return content.getvalue()


def _models() -> Iterator[Model]:
    """Make networks: of several depths, activations, dtypes."""
    for layers, hidden, dtype in (
        ((), (), "float64"),
        ((2,), ("relu",), "float32"),
        ((3, 2), ("leaky_relu:0.25", "tanh"), "float64"),
    ):
        parameters = initialize_parameters_deep((12, *layers, 1), method="he", dtype=dtype)
        provenance = {"settings": {"seed": 1, "rate": 0.1}, "made": ["for", "fuzzing", None]}
        yield Model(parameters, hidden, ("non-cat", "cat"), (2, 2, 3), provenance)


def _saved(suffix: str) -> list[bytes]:
    """Save the networks to files of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        contents = []
        for model in _models():
            save_model(model, path)
            contents.append(path.read_bytes())
    return contents


def hdf5_models() -> list[bytes]:
    """Make model files of HDF5."""
    return _saved(".h5")


def tensor_models() -> list[bytes]:
    """Make model files of safetensors."""
    return _saved(".safetensors")


def pictures() -> list[bytes]:
    """Make pictures of every format and mode that is read."""
    random = np.random.RandomState(0)
    colours = Image.fromarray(random.randint(0, 256, (9, 7, 3)).astype(np.uint8))
    transparent = colours.copy()
    transparent.putalpha(90)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a picture"
    palette = colours.quantize(8)
    deep = Image.fromarray(random.randint(0, 65536, (5, 5)).astype(np.uint16))
    made = [
        *((colours, kind, {}) for kind in ("PNG", "JPEG", "WEBP", "BMP")),
        *((colours, kind, {"exif": exif}) for kind in ("PNG", "JPEG", "WEBP")),
        *((transparent, kind, {}) for kind in ("PNG", "WEBP", "BMP")),
        (colours, "WEBP", {"lossless": True}),
        (colours, "JPEG", {"progressive": True, "icc_profile": b"x" * 200}),
        (colours, "PNG", {"icc_profile": b"x" * 200}),
        (colours.convert("L"), "JPEG", {}),
        (colours.convert("CMYK"), "JPEG", {}),
        (colours.convert("1"), "PNG", {}),
        (colours.convert("LA"), "PNG", {}),
        (palette, "PNG", {"transparency": 0}),
        (palette, "BMP", {}),
        (deep, "PNG", {}),
    ]
    return [_picture(*one) for one in made]


def _picture(picture: Image.Image, kind: str, options: dict[str, object]) -> bytes:
    """Save a picture in memory."""
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def folder_entries() -> list[bytes]:
    """Make entries of a folder of pictures: a name, a line break and the content."""
    return [b"x.png\n" + content for content in pictures()[:4]]


def objects() -> list[bytes]:
    """Make JSON as it is in histories, provenances and reports."""
    history = {
        "command": "portable-dnn train",
        "start_hash": "0" * 64,
        "compressed": True,
        "iteration": [0, 100],
        "cost": [0.7, 6.5e-1, None],
        "dead_share": [[0.1, None], []],
        "gradient_norm": [{"W1": 1e-3}],
        "name": 'K\u00e4tzchen \ud83d\ude3a \\ "',
    }
    return [json.dumps(history).encode(), b"{}", b'{"a":[[[[[[1]]]]]],"b":1e400,"c":-0}']


@functools.cache
def report() -> Report:
    """Compare NumPy with itself on a small network."""
    random = np.random.RandomState(0)
    settings = Settings(layers=(3,), iterations=2, dtype="float32", learning_rate=0.1)
    return compare("numpy", random.rand(6, 4), np.array([[0, 1, 1, 0]]), settings=settings, many=0)


def reports() -> list[bytes]:
    """Make reports: a whole one, and one with a single judgement, where a change hits more."""
    whole = as_dict(report())
    short = {**whole, "judgements": whole["judgements"][:1]}
    return [json.dumps(content).encode() for content in (short, whole)]
