"""The process of --isolate with a reader that misbehaves: `bad_worker.py HOW READER FOLDER`."""

import ctypes
import errno
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from portable_dnn.errors import DamagedError, OutputError
from portable_dnn.files.safetensors import write_tensors
from portable_dnn.isolation import worker as isolation_worker
from portable_dnn.machine import process_limits


def crash(_result, **_request):
    ctypes.string_at(0)


def stop(_result, **_request):
    os.abort()


def sleep(_result, **_request):
    time.sleep(1000)


def fill(_result, **_request):
    blocks = []
    while True:
        blocks.append(bytearray(10_000_000))


def fill_unlimited(_result, **_request):
    fill(_result)


def ask(_result, **_request):
    bytearray(2**50)


def mistake(_result, **_request):
    raise ZeroDivisionError("a bug {with} braces")


def flood(result, **_request):
    with Path(result).open("wb") as file:
        while True:
            file.write(bytes(1_000_000))


class PanicException(BaseException):
    """By this name, libraries written in Rust raise what is no Exception."""


def patient(_result, done, **_request):
    for _ in range(4):
        time.sleep(0.8)
        done()
    raise DamagedError("it was read to the end")


def no_room(_result, **_request):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise OutputError("cannot write the result") from full


def hide(_result, done, **_request):
    Path(sys.argv[2], "request.json").unlink()
    raise DamagedError("it was read to the end")


def panic(_result, **_request):
    raise PanicException("PyObject pointer is null")


def real_time(_result, **_request):
    os.kill(os.getpid(), signal.SIGRTMIN + 1)


def chatter(_result, **_request):
    sys.stderr.write("x" * 3_000_000)
    raise ZeroDivisionError("the end of much")


def nothing(_result, **_request):
    pass


def garbage(result, **_request):
    Path(result).write_bytes(b"\x80\x04\x95 a pickle?" * 100)


def other(result, **_request):
    write_tensors(result, {}, {"portable_dnn": "[[["})


def smaller(result, **_request):
    write_tensors(result, {"pictures": np.zeros((1, 4, 3, 3), np.uint8)}, {})


def link(result, **_request):
    Path(result).symlink_to("/etc/passwd")


if __name__ == "__main__":
    reader = globals()[sys.argv.pop(1)]
    if reader is fill_unlimited:
        process_limits._resource = lambda: None
    isolation_worker.READERS = dict.fromkeys(isolation_worker.READERS, reader)
    isolation_worker.main()
