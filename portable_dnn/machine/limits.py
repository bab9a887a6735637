"""How much an untrusted file may ask for; SECURITY.md says the same in words."""

__all__ = [
    "MOST_ATTRIBUTE_BYTES",
    "MOST_CHUNKS_UNSEEN",
    "MOST_CLASS_NAME_LENGTH",
    "MOST_FREE_BLOCKS",
    "MOST_HEADER_BYTES",
    "MOST_NAMES",
    "MOST_NAME_LENGTH",
    "MOST_PICTURES_UNSEEN",
    "MOST_PICTURE_BYTES",
    "MOST_PIXELS",
    "MOST_RATIO",
    "MOST_REPORT_BYTES",
    "MOST_UNSTORED_BYTES",
]

MOST_NAMES = 10_000
"""Entries of one group, and attributes of one object: more than any file of ours has."""

MOST_NAME_LENGTH = 1_000
"""Characters in the name of an entry or an attribute."""

MOST_FREE_BLOCKS = 10_000
"""Heaps, and blocks of free space in them, of one HDF5 file: a few for each group."""

MOST_ATTRIBUTE_BYTES = 1_000_000
"""Bytes of one attribute: HDF5 writes at most 64 kB, but a file may declare anything."""

MOST_HEADER_BYTES = 1_000_000
"""Bytes of the header of a safetensors file, and of any JSON that is read."""

MOST_UNSTORED_BYTES = 256_000_000
"""Bytes that the arrays of a file may have whatever they take in it.

Above, `MOST_RATIO` holds as well, for each and for all together.
"""

MOST_RATIO = 100
"""How many times larger than what it takes in the file a large array may be.

Pictures compress to a tenth at best, and gzip can do 1032 : 1 where there is nothing in them.
"""

MOST_CHUNKS_UNSEEN = 10_000
"""Chunks that an array may be declared to have where the file has no room for them."""

MOST_PICTURES_UNSEEN = 1_000_000
"""Pictures that a data file may declare where it has no room for a byte of each.

A run needs some hundred bytes for a picture, however small, so they are more than their own bytes.
"""

MOST_CLASS_NAME_LENGTH = 200
"""Characters in the name of a class: it stands in tables, in pictures and in every model file."""

MOST_REPORT_BYTES = 8_000_000
"""Bytes of a report of a comparison; that of a network of ten layers has about one million."""

MOST_PIXELS = 50_000_000
"""Pixels of one picture, as its header declares: larger than any camera's."""

MOST_PICTURE_BYTES = 250_000_000
"""Bytes of one picture file: as many pixels, uncompressed with transparency, and a quarter more."""
