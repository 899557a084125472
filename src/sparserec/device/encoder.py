"""A transformer that makes a vector of an ordered history."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparserec.artefact.codecs import Encoder
from sparserec.device.matrix import Matrix
from sparserec.device.postings import Postings

EPSILON = 1e-5
"""Added to the variance in every norm."""
QUERIES = 64
"""Places whose attention is computed at a time, so that no square of the length of a history is in memory."""
CELLS = 1 << 17
"""Numbers of states that are computed at a time."""


class HistoryEncoder:
    """Makes vectors of histories, in double precision.

    Args:
        encoder: of a checked file.
    """

    def __init__(self, encoder: Encoder):
        self._encoder, self.length, self.dim = encoder, encoder.length, encoder.dim

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return self._encoder.matrices.nbytes + self._encoder.vectors.nbytes

    @property
    def usual(self) -> np.ndarray:
        """The state (dim,) float64 where a history says nothing: the shift of the last norm, about which states lie."""
        return self._encoder.vectors[-1]

    def states(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        """The last states of histories.

        Args:
            rows: (B, T, dim) float64, item rows, the newest last; T is 1 to `length`.
            present: (B, T) bool, False before the oldest item; True at the end.

        Returns:
            (B, dim) float64.
        """
        encoder, steps = self._encoder, rows.shape[1]
        values = rows * self.dim**0.5
        values += encoder.positions[self.length - steps :]
        values *= present[..., None]
        for number in range(encoder.blocks):
            # Of the last block, nothing but the last state is needed.
            first = steps - 1 if number == encoder.blocks - 1 else 0
            (query, key, value, inner, outer), vectors = encoder.block(number)
            normed = _normed(values, vectors[0], vectors[1])
            attended = self._attention(normed[:, first:] @ query.T, normed @ key.T, normed @ value.T, present)
            values = values[:, first:] + attended
            normed = _normed(values, vectors[2], vectors[3])
            values = values + np.maximum(normed @ inner.T + vectors[4], 0) @ outer.T + vectors[5]
        return _normed(values[:, -1], encoder.vectors[-2], encoder.vectors[-1])

    def batch(self, steps: int) -> int:
        """Histories of so many items that are computed at a time, at least 1."""
        return max(1, CELLS // (steps * max(self.dim, min(steps, QUERIES))))

    def _attention(self, queries: np.ndarray, keys: np.ndarray, values: np.ndarray, present: np.ndarray) -> np.ndarray:
        """What each of the last places (B, S, dim) sees of those before it (B, T, dim) and of itself, (B, S, dim)."""
        steps, before = keys.shape[1], keys.shape[1] - queries.shape[1]
        out = np.empty_like(queries)
        for begin in range(0, queries.shape[1], QUERIES):
            part = queries[:, begin : begin + QUERIES]
            places = np.arange(before + begin, before + begin + part.shape[1])
            seen = int(places[-1]) + 1
            logits = part @ keys[:, :seen].transpose(0, 2, 1)
            logits *= self.dim**-0.5
            others = np.arange(steps)[None, :seen]
            hidden = (others > places[:, None]) | (~present[:, None, :seen] & (others != places[:, None]))
            logits[hidden] = -np.inf
            logits -= logits.max(axis=2, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=2, keepdims=True)
            out[:, begin : begin + part.shape[1]] = logits @ values[:, :seen]
        return out


def encoded_one(encoder: HistoryEncoder, items: Postings | Matrix, taken: np.ndarray) -> np.ndarray:
    """The vector (dim,) float64 of a history of rows (m,), oldest first; zeros of an empty one."""
    newest = taken[-encoder.length :]
    if not len(newest):
        return np.zeros(encoder.dim)
    with np.errstate(over="ignore", invalid="ignore"):  # a file can be made so
        return encoder.states(items.matrix(newest)[None], np.ones((1, len(newest)), dtype=bool))[0]


def encoded(
    encoder: HistoryEncoder, items: Postings | Matrix, indptr: np.ndarray, indices: np.ndarray
) -> Iterator[np.ndarray]:
    """The vector of each history in CSR, oldest first, in their order; several are computed at a time.

    Args:
        encoder: of the file.
        items: the item table.
        indptr: (B + 1,) integers.
        indices: (indptr[-1],) integers, rows.
    """
    lengths = np.minimum(np.diff(indptr), encoder.length)
    first = 0
    while first < len(lengths):
        last = first + encoder.batch(max(int(lengths[first : first + 64].max()), 1))
        last = min(last, first + 64, len(lengths))
        steps = max(int(lengths[first:last].max()), 1)
        places = indptr[first + 1 : last + 1, None] - np.arange(steps, 0, -1)
        present = places >= (indptr[first + 1 : last + 1] - lengths[first:last])[:, None]
        rows = np.zeros((last - first, steps, encoder.dim))
        rows[present] = items.matrix(indices[places[present]])
        with np.errstate(over="ignore", invalid="ignore"):
            states = encoder.states(rows, present)
        states[lengths[first:last] == 0] = 0
        yield from states
        first = last


def _normed(values: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Layer norm over the last dimension."""
    centred = values - values.mean(axis=-1, keepdims=True)
    centred /= np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + EPSILON)
    return centred * gain + shift
