"""Changes to files that are meant to do harm: some to bytes, most to parts, with lengths and digests made to fit again.

Everything follows from a `random.Random`, so an input can be made again from its number.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "hostile"))

from hostile_files import (
    Parts,
    file_of_coded_ids,
    file_of_encoder,
    file_without_signs,
    framed,
    taken_apart,
    valid_file,
)

from sparserec.artefact.patch import FIELDS, most_new, most_unpacked, packed_array

__all__ = [
    "artefact",
    "bomb",
    "file_of_coded_ids",
    "file_of_encoder",
    "file_without_signs",
    "header_of",
    "patch",
    "raw",
    "valid_file",
]

NUMBERS = [
    0,
    1,
    -1,
    2,
    7,
    8,
    255,
    256,
    65_535,
    65_536,
    65_537,
    2**31 - 1,
    2**31,
    2**32,
    2**48 - 1,
    2**48,
    2**63,
    10**30,
]
ODD = [*NUMBERS, 0.5, 1e300, True, None, "", "8", [], {}, [[]], float("nan"), float("inf")]
FLOATS = [0.0, -0.0, 1e-45, 1e-38, 3e38, -1.0, 65_504.0, float("nan"), float("inf"), float("-inf")]
BYTES = [0x00, 0x01, 0x7F, 0x80, 0xC0, 0xE2, 0xED, 0xF4, 0xFE, 0xFF]
CARD = ["format_version", "scoring", "dim", "n_items", "n_users", "nnz", "density", "recipe", "metrics", "sha256"]
FIELDS_OF_PATCH = 6


def raw(data: bytes, random: Random) -> bytes:
    """One to four edits of bytes."""
    for _ in range(random.randint(1, 4)):
        at, new = random.randrange(len(data) + 1), random.randbytes(random.randint(1, 4))
        kind = random.randrange(6)
        if kind == 0 and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + new + data[at + len(new) :]
        elif kind == 2:
            data = data[:at] + new + data[at:]
        elif kind == 3:
            data = data[:at] + data[at + random.randint(1, 64) :]
        elif kind == 4:
            data = data[:at] + data[random.randrange(len(data) + 1) :][: random.randint(1, 64)] + data[at:]
        elif random.random() < 0.2:
            data = data[:at]
    return data


def artefact(data: bytes, random: Random) -> bytes:
    """A changed artefact; in three of four its digest fits, so that what is checked after it is reached."""
    if random.random() < 0.15:
        return raw(data, random)
    parts = taken_apart(data)
    parts.seal = random.random() < 0.85
    try:
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            random.choices(CHANGES, WEIGHTS)[0](parts, random)
        return parts.pack()
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        # Changes that do not go together, such as a number for a tensor that another change gave other bytes.
        return raw(data, random)


def _content(parts: Parts, random: Random) -> None:
    """Bytes of a tensor."""
    name, tensor = _some(parts, random)
    flat = bytearray(tensor.tobytes())
    for _ in range(random.choice([1, 1, 2, 4]) if flat else 0):
        at = random.randrange(len(flat))
        flat[at] = random.choice([random.randrange(256), flat[at] ^ (1 << random.randrange(8)), random.choice(BYTES)])
    parts.tensors[name] = np.frombuffer(bytes(flat), dtype=tensor.dtype).reshape(tensor.shape)


def _number(parts: Parts, random: Random) -> None:
    """A number of a tensor of numbers: not finite, too large, too small."""
    names = [name for name, tensor in parts.tensors.items() if tensor.dtype.itemsize > 1 and tensor.size]
    name = random.choice(names or list(parts.tensors))
    tensor = parts.tensors[name].copy()
    if tensor.size:
        values = FLOATS if tensor.dtype.kind == "f" else [n % 2**32 for n in NUMBERS]
        with np.errstate(over="ignore"):
            chosen = np.array(random.choice(values)).astype(tensor.dtype if tensor.dtype.kind == "f" else np.int64)
        tensor.reshape(-1)[random.randrange(tensor.size)] = chosen.astype(tensor.dtype)
    parts.tensors[name] = tensor


def _length(parts: Parts, random: Random) -> None:
    """A tensor longer or shorter, its header with it."""
    name, tensor = _some(parts, random)
    flat = tensor.tobytes()
    step = tensor.dtype.itemsize * random.choice([1, 1, 2, 8])
    if random.random() < 0.5:
        flat = flat[: max(0, len(flat) - step)]
    else:
        flat += random.choice([bytes(step), b"\xff" * step, random.randbytes(step)])
    parts.tensors[name] = np.frombuffer(flat, dtype=tensor.dtype)


def _shape(parts: Parts, random: Random) -> None:
    """Shape, type or offsets in the header alone."""
    name, tensor = _some(parts, random)
    at = random.randrange(3)
    if at == 0:
        shape = random.choice(
            [[tensor.size, 1], [1, tensor.size], [random.choice(ODD)], random.choice(ODD), [0, 2**40]]
        )
        parts.header[name] = {"shape": shape}
    elif at == 1:
        parts.header[name] = {"dtype": random.choice(["U8", "I8", "U16", "U32", "F16", "F32", "F64", "BF16", "", 8])}
    else:
        parts.header[name] = {"data_offsets": [random.choice(ODD), random.choice(ODD)][: random.choice([1, 2, 2, 2])]}


def _card(parts: Parts, random: Random) -> None:
    """A field of the model card."""
    if parts.card is None:
        return
    field = random.choice(CARD)
    value = parts.card.get(field)
    if random.random() < 0.1:
        parts.card.pop(field, None)
    elif isinstance(value, int) and random.random() < 0.6:
        parts.card[field] = value + random.choice([-1, 1, 2, 8, 2**20, 2**40])
    else:
        parts.card[field] = random.choice(ODD)


def _tensors(parts: Parts, random: Random) -> None:
    """A tensor left out, doubled under another name, or put elsewhere."""
    name, tensor = _some(parts, random)
    kind = random.randrange(4)
    if kind == 0 and len(parts.tensors) > 1:
        del parts.tensors[name]
    elif kind == 1:
        other = random.choice(["items", "users", "other"]) + "." + random.choice([*KINDS, "values2", "", "\0"])
        parts.tensors[other] = tensor
    elif kind == 2:
        parts.tensors[name] = parts.tensors.pop(name)
    else:
        other = random.choice(list(parts.tensors))
        parts.tensors[name], parts.tensors[other] = parts.tensors[other], parts.tensors[name]


def _ids(parts: Parts, random: Random) -> None:
    """Ids that are no UTF-8 or occur twice, and offsets that descend."""
    side = random.choice(["items", "users"])
    if f"{side}.ids" not in parts.tensors or f"{side}.id_offsets" not in parts.tensors:
        return
    blob, offsets = parts.tensors[f"{side}.ids"].copy(), parts.tensors[f"{side}.id_offsets"].copy()
    kind = random.randrange(3)
    if kind == 0 and len(blob):
        blob[random.randrange(len(blob))] = random.choice(BYTES)
    elif kind == 1 and len(blob):
        blob[:] = random.choice([0x61, random.randrange(128)])
    elif offsets.ndim == 1 and len(offsets):
        offsets[random.randrange(len(offsets))] = random.choice(NUMBERS) % 2**32
    parts.tensors[f"{side}.ids"], parts.tensors[f"{side}.id_offsets"] = blob, offsets


def _code(parts: Parts, random: Random) -> None:
    """A Rice code that claims much: its shift, its largest low parts, or one number with a long unary part."""
    stems = [name.removesuffix("_low") for name in parts.tensors if name.endswith("_low")]
    if not stems:
        return
    stem = random.choice(stems)
    low, high = parts.tensors[f"{stem}_low"].copy(), parts.tensors[f"{stem}_high"].copy()
    kind = random.randrange(4)
    if kind == 0 and len(low):
        low[0] = random.choice([0, 1, 7, 20, 21, 24, 25, 255])
    elif kind == 1:
        low[1:] = 255
    elif kind == 2:
        at = random.randrange(len(high) + 1)
        high = np.concatenate((high[:at], np.zeros(random.choice([1, 64, 4096]), dtype="u1"), high[at:]))
    else:
        high[:] = 255
    parts.tensors[f"{stem}_low"], parts.tensors[f"{stem}_high"] = low, high


def _some(parts: Parts, random: Random) -> tuple[str, np.ndarray]:
    name = random.choice(list(parts.tensors))
    return name, parts.tensors[name]


KINDS = ["values", "scales", "signs", "step", "least", "factors", "age_decay", "ids", "id_offsets"]
KINDS += ["id_texts"]
STEMS = ("gaps", "item_gaps", "magnitudes", "excess", "history", "id_gaps", "id_shared", "id_rest")
KINDS += [f"{kind}_{part}" for kind in STEMS for part in ("low", "high")]
CHANGES: list[Callable[[Parts, Random], None]] = [_content, _number, _length, _shape, _card, _tensors, _ids, _code]
WEIGHTS = [5, 2, 2, 1, 2, 1, 1, 1]


def patch(data: bytes, random: Random) -> bytes:
    """A changed patch; in most its edits are changed before they are packed, and its size made to fit again."""
    if random.random() < 0.15:
        return raw(data, random)
    if random.random() < 0.15:
        return bomb(data, random)
    fields, packed = list(FIELDS.unpack_from(data)), data[FIELDS.size :]
    if random.random() < 0.15:
        at = random.randrange(FIELDS_OF_PATCH)
        fields[at] = random.choice(NUMBERS) % 2**64 if at > 2 else raw(fields[at], random)[: len(fields[at])]
        return FIELDS.pack(*fields) + packed
    edits = zlib.decompress(packed)
    for _ in range(random.choice([1, 1, 2, 3])):
        at = random.randrange(len(edits) + 1)
        kind = random.randrange(4)
        if kind == 0:
            edits = raw(edits, random)
        elif kind == 1:
            edits = edits[:at] + packed_array(np.array([random.choice(NUMBERS) % 2**62])) + edits[at:]
        elif kind == 2:
            edits = (
                edits[:at] + struct.pack("<IB", random.choice(NUMBERS) % 2**32, random.randrange(10)) + edits[at + 5 :]
            )
        else:
            edits = edits[:at] + bytes([random.choice(BYTES)]) + edits[at + 1 :]
    if random.random() < 0.05:
        edits += bytes(random.choice([1, 1 << 16, 1 << 22]))
    if random.random() < 0.9:
        fields[5] = len(edits)
    return FIELDS.pack(*fields) + zlib.compress(edits, 1)


def bomb(data: bytes, random: Random) -> bytes:
    """A patch that is small, and claims as much as its fields may: arrays of zeros, of which nothing is stored.

    They begin the edits, or stand where some sequence of a valid patch begins or an array lies; a run of packed zeros
    makes up the size that is claimed.
    """
    fields, edits = list(FIELDS.unpack_from(data)), zlib.decompress(data[FIELDS.size :])
    fields[4] = random.choice([fields[4], most_new(fields[3])])
    size = most_unpacked(fields[3], fields[4])
    counts = [8 * size, size, size // 8, 8 * fields[4], fields[4], 4096]
    claims = [
        struct.pack("<IB", min(random.choice(counts), 2**32 - 1), 0) for _ in range(random.choice([1, 2, 3, 5, 10]))
    ]
    at = 0 if random.random() < 0.5 else random.randrange(len(edits) + 1)
    edits = edits[:at] + b"".join(claims) + (edits[at:] if random.random() < 0.5 else b"")
    edits += bytes(max(0, random.choice([0, size]) - len(edits)))
    fields[5] = len(edits)
    return FIELDS.pack(*fields) + zlib.compress(edits, 1)


def header_of(data: bytes, random: Random) -> bytes:
    """An artefact whose header's JSON is changed as text."""
    start = 8 + int.from_bytes(data[:8], "little")
    text = raw(json.dumps(json.loads(data[8:start])).encode(), random)
    return framed(text, data[start:])
