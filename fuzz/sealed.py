"""Checkpoints with checksums that fit: whoever forges one knows how they are made, too."""

import functools
import hashlib
import io
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from portable_dnn import initialize_parameters_deep, train
from portable_dnn.checkpoints.file import FORMAT, CheckpointFormat
from portable_dnn.checkpoints.folder import checkpoint_path, find
from portable_dnn.errors import DataError
from portable_dnn.training.state import Snapshot
from portable_dnn.training.train import Progress, TrainedNetwork

__all__ = ["checkpoints", "crc32", "go_on", "read_run", "read_sealed", "runs", "sealed"]

_HEAD = 512  # bytes before HDF5's own
_RUN = {
    "settings": {"layers": [3], "hidden": ["relu"], "iterations": 9, "seed": 1, "dtype": "float64"},
    "data": {"source": "drawn", "sha256": "0" * 64},
    "device": "numpy:cpu",
    "versions": {"portable_dnn": "0.1.0", "numpy": "2.0.0"},
}
_START = initialize_parameters_deep((6, 3, 1))
_X = np.arange(24, dtype=np.float64).reshape(6, 4) / 24
_Y = np.array([[0.0, 1.0, 1.0, 0.0]])


def _train(compress: str, **options: Any) -> TrainedNetwork:
    """Train the small network that the checkpoints are of."""
    return train(_X, _Y, _START, num_iterations=9, record_every=3, compress=compress, **options)


def _snapshots() -> list[Snapshot]:
    """Make snapshots of a run with weights and of one in the span, early and late."""
    made: list[Snapshot] = []

    def keep(progress: Progress) -> None:
        snapshot = progress.snapshot
        parameters = {n: np.array(array) for n, array in snapshot.state.parameters.items()}
        made.append(replace(snapshot, state=snapshot.state._replace(parameters=parameters)))

    for compress in ("on", "off"):
        _train(compress, callback=keep)
    return [made[0], made[4], made[-1]]


def sealed(content: bytes) -> bytes:
    """Give a file the checksum of what it holds."""
    rest = content[_HEAD:]
    text = f"{FORMAT}\nsha256 {hashlib.sha256(rest).hexdigest()}\nbytes {len(rest)}\n"
    return text.encode().ljust(_HEAD, b"\0") + rest


def checkpoints() -> list[bytes]:
    """Make checkpoint files."""
    return [bytes(CheckpointFormat(_RUN).to_bytes(snapshot)) for snapshot in _snapshots()]


def crc32(data: bytes) -> bytes:
    """Return an array's checksum as it stands in a file."""
    return b"%08x" % zlib.crc32(data)


@functools.cache
def _layouts() -> dict[int, list[slice]]:
    """Return where the arrays of the seeds lie, by the length of the file; the last is crc32."""
    layouts = {}
    for content in checkpoints():
        with h5py.File(io.BytesIO(content), "r") as file:
            arrays = [file[name.decode()] for name in file["names"][:]]
            begins = [array.id.get_offset() or 0 for array in (*arrays, file["crc32"])]
            sizes = [array.nbytes for array in (*arrays, file["crc32"])]
        layouts[len(content)] = [slice(b, b + n) for b, n in zip(begins, sizes, strict=True)]
    return layouts


def read_sealed(content: bytes, folder: Path) -> None:
    """Give a file the checksums of its content, and go on from it."""
    changed = bytearray(content)
    *arrays, listed = _layouts().get(len(content), [slice(0, 0)])
    sums = b"".join(crc32(content[place]) for place in arrays)
    if len(sums) == listed.stop - listed.start:
        changed[listed] = sums
    go_on(sealed(bytes(changed)), folder)


def runs() -> list[bytes]:
    """Make what stands in a checkpoint as JSON, and the two counts before it."""
    made = []
    for content in checkpoints():
        with h5py.File(io.BytesIO(content), "r") as file:
            counts = " ".join(map(str, file["counts"][:]))
            made.append(f"{counts}\n".encode() + file["run"][:].tobytes())
    return made


def read_run(content: bytes, folder: Path) -> None:
    """Put other JSON and counts into a good checkpoint, with checksums that fit, and go on."""
    first, _, text = content.partition(b"\n")
    counts = [int(word) % 2**63 for word in first.split() if word.isdigit()]
    made = io.BytesIO(_GOOD)
    with h5py.File(made, "r+") as file:
        del file["run"]
        file["run"] = np.frombuffer(text, np.uint8)
        file["counts"][...] = [*counts, 0, 0][:2]
        names = [name.decode() for name in file["names"][:]]
        file["crc32"][...] = [crc32(file[name][()].tobytes()) for name in names]
    go_on(sealed(made.getvalue()), folder)


def go_on(content: bytes, folder: Path) -> None:
    """Find a checkpoint beside a model, as `--resume` does, and train on."""
    out = folder / "model.h5"
    checkpoint_path(out, 5).write_bytes(content)
    found = find(out, json.loads(json.dumps(_RUN)))
    if found.checkpoint is None:
        raise DataError(found.passed_over[0])
    snapshot = found.checkpoint.snapshot
    format_ = CheckpointFormat(_RUN)

    def keep(progress: Progress) -> None:
        format_.to_bytes(progress.snapshot)

    # Its last records are shown, and checkpoints of it are written.
    trained = _train(
        "on" if snapshot.history.compressed else "off", begin=snapshot, callback=keep, stop_every=2
    )
    trained.history.dead_share[-1]


_GOOD = checkpoints()[0]
