"""The long form: `python -m tests.memory`, or `nox -s memory`.

Holds the memory that is foretold for every way through the program against what it takes: each
backend that computes on the host here, both dtypes, plain and in the span, checkpoints, prediction,
evaluation, a sweep and comparison. A session of its own because it takes minutes
and gigabytes. Ends with 1 if less was foretold than was taken, or over 1.3 times as much.
"""

import sys

from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import backend_names
from portable_dnn.errors import DeviceError
from tests.memory.harness import Found, measure
from tests.memory.peaks import COMPARISONS, KINDS


def main() -> int:
    found: list[Found] = []
    for name in sys.argv[1:] or backend_names():
        try:
            device = choose_device(name)
        except DeviceError as error:
            print(f"{name}: NOT RUN: {error}")
            continue
        if device.name != "cpu":
            print(f"{device}: NOT RUN: a card's memory is not seen from the host")
            continue
        for dtype in ("float64", "float32"):
            together = [kind for kind in KINDS if kind not in COMPARISONS]
            # A comparison makes many programs, where there is a compiler: each in a new process.
            for kinds in (together, *([kind] for kind in COMPARISONS)):
                some = measure(str(device), dtype, *kinds)
                print(*some, sep="\n", flush=True)
                found += some
    return 0 if all(one.right for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
