"""Ids coded: ascending numbers as Rice-coded gaps, texts without what they share with the one before.

Front coding is old: I. H. Witten, A. Moffat and T. C. Bell, "Managing gigabytes", 2nd edition (1999), section 4.1.
docs/artefact-format.md has both codes byte by byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from sparserec.artefact import rice
from sparserec.artefact.idlists import MOST_NUMBER, RESTART, NumberIds, NumbersThenTexts, SharedTexts, number_of, place
from sparserec.errors import SparserecError
from sparserec.vocabulary import Ids, Vocabulary

NUMBERS = ("id_gaps_low", "id_gaps_high")
TEXTS = ("id_shared_low", "id_shared_high", "id_rest_low", "id_rest_high", "id_texts")
"""The tensors of both codes."""
MOST_SHIFT = 24
"""The most low bits of a gap between numbers."""
FIRST = 7
"""Bytes of the first number, between the shift and the low parts."""
FEWEST = 2
"""Numbers that are coded as such at least, so that there is a gap."""
SHORT = 1 << 16
"""Texts up to which they are decoded once for all, which makes them faster to find."""
LEAST_TEXT = 1.25
"""Bytes that a text takes at least: one, and two bits of its lengths."""
ENTRY = 80
"""Bytes that a tensor takes in the header, about."""
GAP_NAMES = rice.Names("id_gaps", "id gap")
SHARED_NAMES = rice.Names("id_shared", "shared length")
REST_NAMES = rice.Names("id_rest", "length")

Tensors = dict[str, np.ndarray]


def encode(ids: Vocabulary) -> Tensors | None:
    """The tensors of ids by kind, as few bytes as can be; None where they are not in natural order.

    The first of them are coded as numbers where they are numbers and that is shorter, all others as texts.
    """
    count, numbers = _leading_numbers(ids)
    texts = list(itertools.islice(ids.encoded(), count, None))
    before = [str(numbers[-1]).encode()] if count else []
    if not ascends([*before, *texts]) or max(map(len, texts), default=0) > rice.MOST:
        return None
    ways = []
    if count >= FEWEST:
        sizes = rice.sizes(np.diff(numbers) - 1, MOST_SHIFT)
        if sizes.low + sizes.high < 10 * len(ids) + 100:  # as texts they are shorter, and the code could be huge
            ways.append(encode_numbers(numbers) | (encode_texts(texts) if texts else {}))
    if not ways or sum(part.nbytes for kind, part in ways[0].items() if kind in NUMBERS) > LEAST_TEXT * count:
        ways.append(encode_texts(list(ids.encoded())))
    return min(ways, key=size_of)


def size_of(tensors: Tensors) -> int:
    """Bytes that tensors take in a file, about: their own and those of their entries in the header."""
    return sum(part.nbytes + ENTRY for part in tensors.values())


def decode_ids(side: str, tensors: dict[str, np.ndarray], n: int) -> Ids:
    """The ids of a side from its tensors of coded ids, by kind, at least one of them.

    Raises:
        SparserecError: when they are not the code of n ids in natural order; it names the side.
    """
    try:
        numbers = decode_numbers(*_all_of(NUMBERS, tensors)) if any(kind in tensors for kind in NUMBERS) else None
        left = n - (0 if numbers is None else len(numbers))
        if numbers is not None and left == 0 and not any(kind in tensors for kind in TEXTS):
            return NumberIds(numbers)
        if left < 1:
            raise SparserecError(f"{n - left} ids are numbers, and there are texts or more numbers than the {n} rows")
        first = b"" if numbers is None else str(int(numbers[-1])).encode()
        texts = decode_texts(_all_of(TEXTS, tensors), left, None if numbers is None else first)
        return texts if numbers is None else NumbersThenTexts(NumberIds(numbers), texts)
    except SparserecError as error:
        raise SparserecError(f"'{side}': {error}") from None


def encode_numbers(numbers: np.ndarray) -> Tensors:
    """Code numbers (count,) int64, ascending from 0 or more to `MOST_NUMBER`, at least two."""
    low, high = rice.pack(np.diff(numbers) - 1, MOST_SHIFT)
    return dict(zip(NUMBERS, (with_first(low, int(numbers[0])), high), strict=True))


def with_first(low: np.ndarray, first: int) -> np.ndarray:
    """Low parts that begin with their shift, with the first number after it."""
    return np.concatenate((low[:1], np.frombuffer(first.to_bytes(FIRST, "little"), dtype=np.uint8), low[1:]))


def first_of(low: np.ndarray) -> int:
    """The first number, from low parts of at least 1 + `FIRST` bytes."""
    return int.from_bytes(low[1 : 1 + FIRST].tobytes(), "little")


def decode_numbers(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The inverse of `encode_numbers`, (count,) uint32 or, where one does not fit, int64.

    Raises:
        SparserecError: when the bytes are no such code.
    """
    if low.ndim != 1 or high.ndim != 1 or len(low) < 1 + FIRST or low[0] > MOST_SHIFT or len(high) == 0:
        raise SparserecError(
            f"'id_gaps_low' and 'id_gaps_high' must have one dimension and their bytes, the first {MOST_SHIFT} at most"
        )
    shift, number, count = int(low[0]), first_of(low), rice.one_bits(high)
    beyond = SparserecError(f"an id is a number above {MOST_NUMBER}")
    if number > MOST_NUMBER:
        raise beyond
    rice.check(low[1 + FIRST :], high, count, shift, MOST_NUMBER >> shift, GAP_NAMES)
    numbers, first = np.empty(count + 1, dtype=np.uint32 if number < 1 << 32 else np.int64), 1
    numbers[0] = number
    for gaps in rice.decode(low[1 + FIRST :], high, shift):
        block = np.cumsum(gaps + 1)
        block += number
        number = int(block[-1])
        if number > MOST_NUMBER:
            raise beyond
        if number >= 1 << 32 and numbers.dtype == np.uint32:
            numbers = numbers.astype(np.int64)
        numbers[first : first + len(block)] = block
        first += len(block)
    return numbers


def encode_texts(texts: Sequence[bytes]) -> Tensors:
    """Code texts in natural order, at least one, each of `rice.MOST` bytes at most."""
    lengths = [0, *(shared_length(a, b) for a, b in itertools.pairwise(texts))]
    lengths[::RESTART] = [0] * len(lengths[::RESTART])
    return pack_texts(lengths, [text[shared:] for text, shared in zip(texts, lengths, strict=True)])


def pack_texts(shared: Sequence[int], rests: Sequence[bytes]) -> Tensors:
    """The tensors of texts from what each shares with the one before it and what follows."""
    parts = (*rice.pack(np.array(shared, dtype=np.int32)), *rice.pack(np.array([*map(len, rests)], dtype=np.int32)))
    return dict(zip(TEXTS, (*parts, np.frombuffer(b"".join(rests), dtype=np.uint8)), strict=True))


def shared_length(a: bytes, b: bytes) -> int:
    """How many bytes two texts begin with alike."""
    most = min(len(a), len(b))
    if a[:most] == b[:most]:
        return most
    alike = 0
    while most - alike > 1:
        middle = (alike + most) // 2
        if a[:middle] == b[:middle]:
            alike = middle
        else:
            most = middle
    return alike


def decode_texts(parts: Sequence[np.ndarray], count: int, before: bytes | None) -> Ids:
    """The inverse of `encode_texts`; takes no memory before the bytes bear out the count.

    Texts of which every `RESTART`-th is in full have together `RESTART` times the bytes of `data` at most.

    Args:
        parts: uint8, the tensors in the order of `TEXTS`.
        count: texts, at least 1.
        before: an id that comes before all of them, if there is one.

    Raises:
        SparserecError: when they are not the code of so many texts in natural order.
    """
    shared_low, shared_high, rest_low, rest_high, data = parts
    shared = _narrow(rice.unpack(shared_low, shared_high, count, SHARED_NAMES))
    rest = _narrow(rice.unpack(rest_low, rest_high, count, REST_NAMES))
    total = int(rest.sum(dtype=np.int64))
    if data.ndim != 1 or total != len(data):
        raise SparserecError(f"'id_texts' has {data.size} bytes in {data.ndim} dimensions, not {total} in one")
    if shared[::RESTART].any():
        raise SparserecError(f"every {RESTART}th id that is a text must be stored in full")
    for first in range(1, count, rice.BLOCK):
        part, ahead = slice(first, first + rice.BLOCK), slice(first - 1, min(first + rice.BLOCK, count) - 1)
        lengths = shared[ahead].astype(np.int32) + rest[ahead]
        if (shared[part] > lengths).any():
            raise SparserecError("an id shares more than there is of the one before it")
    texts = SharedTexts(data.tobytes(), shared, rest)
    whole: list[bytes] = []
    step = rice.BLOCK // RESTART // 16
    for block in range(0, texts.n_blocks, step):
        part = texts.blocks(block, min(block + step, texts.n_blocks))
        _check_texts(part, before)
        before = part[-1]
        if count <= SHORT:
            whole += part
    return Vocabulary.packed(whole) if count <= SHORT else texts


def ascends(names: Sequence[bytes]) -> bool:
    """Whether ids are in natural order, each once."""
    digits = len(list(itertools.takewhile(bytes.isdigit, names)))
    others = names[digits:]
    return (
        all(a < b for a, b in itertools.pairwise(map(place, names[:digits])))
        and not any(map(bytes.isdigit, others))
        and all(map(bytes.__lt__, others, itertools.islice(others, 1, None)))
    )


def _check_texts(texts: list[bytes], before: bytes | None) -> None:
    try:
        for text in texts:
            text.decode()
    except UnicodeDecodeError:
        raise SparserecError("an id is not UTF-8") from None
    if not ascends(texts if before is None else [before, *texts]):
        raise SparserecError("ids are not in natural order, or one is there twice")


def _leading_numbers(ids: Vocabulary) -> tuple[int, np.ndarray]:
    """How many of the first ids are ascending numbers, and these, (count,) int64."""
    numbers, last = [], -1
    for name in ids.encoded():
        number = number_of(name.decode())
        if number <= last:
            break
        numbers.append(number)
        last = number
    return len(numbers), np.array(numbers, dtype=np.int64)


def _all_of(kinds: tuple[str, ...], tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    if any(kind not in tensors for kind in kinds):
        raise SparserecError(f"{', '.join(map(repr, kinds))} belong together")
    return [tensors[kind] for kind in kinds]


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """Natural numbers (n,) in the narrowest unsigned type."""
    most = int(numbers.max())
    return numbers.astype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32)
