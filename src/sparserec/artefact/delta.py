"""Making patches; applying them is in `patch`."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

import numpy as np

from sparserec.artefact.edits import Edits, by_difference, by_runs, most_edits
from sparserec.artefact.patch import (
    EDITED,
    HEADER,
    LITERAL,
    FileSequences,
    Patch,
    apply,
    most_new,
    most_unpacked,
    packed_array,
)
from sparserec.artefact.schema import type_name
from sparserec.artefact.sequences import most_numbers, tensors_from, tensors_of
from sparserec.artefact.sequences import names as sequence_names
from sparserec.errors import SparserecError


def delta(old: bytes, new: bytes, names: tuple[str, str] = ("the old file", "the new file")) -> bytes:
    """The patch that makes `new` of `old`; the same files give the same patch.

    Each sequence of the new file is written in whichever way packs best: as its bytes, as runs of the old file, or
    as differences from it.

    Args:
        old: the bytes of an exported file.
        new: the bytes of another.
        names: what errors call the two.

    Raises:
        SparserecError: when one of them is not valid, or the new one is so much larger that a patch is of no use.
    """
    before, after = FileSequences(old, names[0]), FileSequences(new, names[1])
    parts = [_edits(by_runs(before.numbers(HEADER), after.numbers(HEADER)))]
    parts += [_shortest(name, before, after) for name in sequence_names(after.tensors)]
    unpacked = b"".join(parts)
    if len(new) > most_new(len(old)) or len(unpacked) > most_unpacked(len(old), len(new)):
        raise SparserecError("the new file is so much larger than the old one that a patch is of no use; send the file")
    was, will_be = hashlib.sha256(old).digest(), hashlib.sha256(new).digest()
    patch = Patch(was, will_be, len(old), len(new), len(unpacked), zlib.compress(unpacked, 9)).to_bytes()
    assert apply(old, patch) == new
    return patch


def _shortest(name: str, before: FileSequences, after: FileSequences) -> bytes:
    """A sequence of the new file in the shortest way."""
    parts = tensors_of(name)
    literal = bytes([LITERAL]) + b"".join(after.tensors[part].tobytes() for part in parts)
    ways = [literal]
    shapes = {part: (type_name(after.tensors[part].dtype), after.tensors[part].shape) for part in parts}
    numbers, most = after.numbers(name), most_numbers(name, shapes)
    try:
        again = tensors_from(name, numbers, shapes, after.sizes)
    except SparserecError:  # another writer's, which may code the same numbers in a longer way
        return literal
    same = all(np.array_equal(again[part].view(np.uint8), after.tensors[part].view(np.uint8)) for part in parts)
    if same and len(numbers) <= most:
        candidates = _candidates(before.numbers(name), numbers)
        ways += [bytes([EDITED]) + _edits(edits) for edits in candidates if len(edits.added) <= most_edits(most)]
    return min(ways, key=lambda way: len(zlib.compress(way, 9)))


def _candidates(old: np.ndarray, new: np.ndarray) -> Iterator[Edits]:
    yield by_runs(old, new)
    if len(old):
        yield by_difference(old, new)


def _edits(edits: Edits) -> bytes:
    return b"".join(packed_array(array) for array in edits.arrays())
