"""The kernel's source, and how it is compiled."""

from pathlib import Path

from portable_dnn_cupy.kernel.layout import MAX_THREADS, Plan

__all__ = ["NAME", "options", "source"]

NAME = "stretch"
"""Of the kernel."""

_MACROS = """\
#define DEVICE static __device__ __forceinline__
#define KEPT(p) __ldg(p)
#define FRESH(p) __ldcg(p)
"""  # through the read-only cache; and past the cache of a multiprocessor, which may be stale


def source() -> str:
    """Return the whole source, one text without files to include."""
    folder = Path(__file__).parent
    return _MACROS + "".join(
        (folder / name).read_text(encoding="utf-8") for name in ("body.h", "kernel.cu")
    )


def options(plan: Plan, dtype: str) -> tuple[str, ...]:
    """Return the compiler's options.

    Without fast mathematics: exp, tanh and division as precise as CUDA has them. CuPy adds
    -ftz=true to whatever it compiles: subnormal numbers in float32 are taken for 0. Products and
    sums may become fused multiply-adds, the compiler's default: they round once instead of twice,
    and cuBLAS does no other.

    Parameters
    ----------
    plan : Plan
        Of the launch.
    dtype : str
        "float32" or "float64".

    Returns
    -------
    tuple of str
    """
    return (
        "-std=c++17",
        f"-DREAL={'float' if dtype == 'float32' else 'double'}",
        f"-DSHARES={plan.shares}",
        f"-DTHREADS={MAX_THREADS}",
        f"-DIN_SHARED={int(plan.shared_bytes > 0)}",
    )
