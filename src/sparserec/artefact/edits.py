"""A sequence of numbers as edits of an earlier one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparserec.errors import SparserecError

RUN = 16
"""Numbers that must agree before a run counts as kept: shorter ones agree by chance."""


def most_edits(numbers: int) -> int:
    """Edits that a sequence of so many numbers can need: all but the last two keep a run or are followed by one."""
    return numbers // RUN + 2


@dataclass(frozen=True)
class Edits:
    """How to make a sequence: for each edit, some new numbers and then some of the earlier sequence.

    Attributes:
        added: (m,) int64, how many new numbers each edit begins with.
        copied: (m,) int64, how many numbers of the earlier sequence follow.
        moved: (m,) int64, where these begin, relative to the end of those that the edit before copied (at first 0).
        new: (sum of added,) int64, the new numbers.
        changes: (sum of copied,) int64 to be added to the numbers copied, or (0,) when nothing is.
    """

    added: np.ndarray
    copied: np.ndarray
    moved: np.ndarray
    new: np.ndarray
    changes: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The five arrays in the order of the attributes."""
        return self.added, self.copied, self.moved, self.new, self.changes


def by_runs(old: np.ndarray, new: np.ndarray) -> Edits:
    """Edits that keep the runs of `RUN` numbers or more which both sequences (n,) int64 have, where they are found."""
    edits: list[tuple[int, int, int]] = []
    pieces: list[np.ndarray] = []
    first_of, at, old_end = _positions(old, new), 0, 0
    while at < len(new):
        begin = _next(first_of, at)
        # Where both go on alike is the first choice, so that equal runs elsewhere do not lead astray.
        length = _alike(old[old_end:], new[at:])
        if length >= RUN or (length and at + length == len(new)):
            source, begin = old_end, at
        elif begin < 0:
            break
        else:
            source = int(first_of[begin])
            length = _alike(old[source:], new[begin:])
        pieces.append(new[at:begin])
        edits.append((begin - at, length, source - old_end))
        at, old_end = begin + length, source + length
    if at < len(new):
        pieces.append(new[at:])
        edits.append((len(new) - at, 0, 0))
    table = np.array(edits, dtype=np.int64).reshape(-1, 3)
    literal = np.concatenate([np.zeros(0, dtype=np.int64), *pieces])
    return Edits(table[:, 0], table[:, 1], table[:, 2], literal, np.zeros(0, dtype=np.int64))


def by_difference(old: np.ndarray, new: np.ndarray) -> Edits:
    """Edits that keep as many numbers as both sequences (n,) int64 have, each changed, and add what is more."""
    both = min(len(old), len(new))
    added = np.array([0, len(new) - both], dtype=np.int64)
    return Edits(added, np.array([both, 0]), np.zeros(2, dtype=np.int64), new[both:], new[:both] - old[:both])


def made(old: np.ndarray, edits: Edits, most: int) -> np.ndarray:
    """The sequence (n,) int64 that edits make of an earlier one.

    Args:
        old: (n,) int64.
        edits: from anywhere.
        most: numbers that the sequence may have; no memory is taken for more.

    Raises:
        SparserecError: when the edits do not fit each other, the earlier sequence or `most`.
    """
    added, copied, moved, new, changes = edits.arrays()
    lengths = np.concatenate((added, copied))
    if not len(added) == len(copied) == len(moved) or (lengths < 0).any() or (lengths > most).any():
        raise SparserecError("an edit has a length that is out of range")
    total = int(lengths.sum())
    if total > most or len(new) != int(added.sum()) or len(changes) not in (0, int(copied.sum())):
        raise SparserecError("the edits make more numbers than there may be, or come with too few")
    out = np.empty(total, dtype=np.int64)
    at = source = fresh = changed = 0
    for more, length, jump in zip(added.tolist(), copied.tolist(), moved.tolist(), strict=True):
        out[at : at + more] = new[fresh : fresh + more]
        at, fresh, source = at + more, fresh + more, source + jump
        if not 0 <= source <= len(old) - length:
            raise SparserecError("an edit keeps numbers that the earlier sequence does not have")
        part = out[at : at + length]
        part[:] = old[source : source + length]
        if len(changes):
            part += changes[changed : changed + length]
        at, source, changed = at + length, source + length, changed + length
    return out


def _positions(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """For each number of `new`, where in `old` the run that begins with it is, or -1; (len(new),) int64."""
    sources = np.full(len(new), -1, dtype=np.int64)
    if len(old) < RUN or len(new) < RUN:
        return sources
    was, now = _fingerprints(old), _fingerprints(new)
    order = np.argsort(was, kind="stable")
    at = np.minimum(np.searchsorted(was, now, sorter=order), len(was) - 1)
    source = order[at]
    # A fingerprint may lie; runs that are kept are compared number by number.
    same = was[source] == now
    for step in (0, RUN // 2, RUN - 1):
        same &= old[source + step] == new[np.arange(len(now)) + step]
    sources[: len(now)][same] = source[same]
    return sources


def _fingerprints(numbers: np.ndarray) -> np.ndarray:
    """A number for each run of `RUN` numbers, (n - RUN + 1,) uint64: equal for equal runs."""
    out = np.zeros(len(numbers) - RUN + 1, dtype=np.uint64)
    unsigned = numbers.view(np.uint64)
    for step in range(RUN):
        out *= np.uint64(0x9E3779B97F4A7C15)
        out += unsigned[step : step + len(out)]
        out ^= out >> np.uint64(29)
    return out


def _next(sources: np.ndarray, at: int) -> int:
    """The first place from `at` on that has a source, or -1; looks at ever longer stretches."""
    length = 64
    while at < len(sources):
        hits = np.flatnonzero(sources[at : at + length] >= 0)
        if len(hits):
            return at + int(hits[0])
        at, length = at + length, 2 * length
    return -1


def _alike(a: np.ndarray, b: np.ndarray) -> int:
    """How many numbers at the beginning agree; looks at ever longer stretches."""
    most, at, length = min(len(a), len(b)), 0, 64
    while at < most:
        stop = min(at + length, most)
        differs = np.flatnonzero(a[at:stop] != b[at:stop])
        if len(differs):
            return at + int(differs[0])
        at, length = stop, 2 * length
    return most
