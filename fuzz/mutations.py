"""Inputs made of seeds: a hypothesis strategy that changes bytes, numbers and whole pieces."""

from collections.abc import Sequence

from hypothesis import strategies as st

__all__ = ["changed"]

# What often means something: ends of ranges, HDF5's undefined address, JSON's pieces.
_TOKENS = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00" * 7 + b"\x80",
    b"\x01",
    b"-1",
    b"1e999",
    b"NaN",
    b"[[[[[[[[",
    b'{"',
    b"null",
    b"18446744073709551615",
    b"\xed\xa0\x80",
)


@st.composite
def changed(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Draw a seed and change it in a few places, or draw anything at all.

    Parameters
    ----------
    draw : callable
        Hypothesis' own.
    seeds : sequence of bytes
        Good inputs.

    Returns
    -------
    bytes
    """
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.integers(0, 6)):
            case 0 if content:
                content[place] = draw(st.integers(0, 255))
            case 1 if content:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case 2:
                token = draw(st.sampled_from(_TOKENS))
                content[place : place + len(token)] = token
            case 3:
                content[place:place] = draw(st.sampled_from(_TOKENS) | st.binary(max_size=8))
            case 4:
                del content[place : place + draw(st.integers(1, 64))]
            case 5:
                del content[place:]
            case 6:
                other = draw(st.sampled_from(seeds))
                start = draw(st.integers(0, max(0, len(other) - 1)))
                content[place : place + 64] = other[start : start + 64]
    return bytes(content)
