"""Files that are cut off, damaged or made to harm are refused by the browser runtime as by the Python one."""

from __future__ import annotations

import json
import re

import numpy as np
import test_hostile_files as hostile
from hostile_files import (
    file_of_coded_ids,
    file_of_encoder,
    file_without_signs,
    numbers_as,
    taken_apart,
    texts_as,
    valid_file,
)

# JSON as the standard has it: a number may have any number of digits.
OTHERWISE = {
    "header with a number of many digits": "not a JSON object",
    "newer version": "format version '4' is not supported; this module reads version 1, 2 or 3",
    "older version": "format version '0' is not supported",
    "type not a text": "of a type that is not allowed",
}
SCHEMES = {
    "int8": {},
    "half": {"values_dtype": "float16", "dense": True},
    "coded": {"values_dtype": "coded"},
}


def cases(folder):
    """Every bad file: its name, its bytes, what the message must match."""
    whole = {kind: valid_file(folder / kind, **options) for kind, options in SCHEMES.items()}
    for name, (change, message) in hostile.RAW.items():
        yield name, change(whole["int8"]), message
    for name, (change, message) in hostile.HEADERS.items():
        yield name, change(taken_apart(whole["int8"])), message
    for table, kind in ((hostile.CARDS, "int8"), (hostile.CODED_CARDS, "coded")):
        for name, (changes, message) in table.items():
            parts = taken_apart(whole[kind])
            parts.card |= changes
            yield name, parts.pack(), message
    for table, kind in ((hostile.TENSORS, "int8"), (hostile.DENSE, "half"), (hostile.CODED, "coded")):
        for name, (change, message) in table.items():
            parts = taken_apart(whole[kind])
            change(parts)
            yield name, parts.pack(), message
    whole_ids = file_of_coded_ids(folder / "ids")
    for name, (change, message) in hostile.CODED_IDS.items():
        parts = taken_apart(whole_ids)
        change(parts)
        yield name, parts.pack(), message
    for name, (changes, message) in hostile.CODED_ID_CARDS.items():
        parts = taken_apart(whole_ids)
        parts.card |= changes
        yield name, parts.pack(), message
    yield from of_kind("ages", valid_file(folder / "ages", age_decay=(0.5, 0.25)), hostile.AGES, hostile.AGE_CARDS)
    yield from of_kind("positive", file_without_signs(folder / "positive"), hostile.POSITIVE, hostile.POSITIVE_CARDS)
    yield from of_kind("encoder", file_of_encoder(folder / "encoder"), hostile.ENCODERS, hostile.ENCODER_CARDS)
    for wrong in ("0" * 64, "", "\ud800"):
        parts = taken_apart(whole["int8"])
        parts.seal = False
        parts.card["sha256"] = wrong
        yield f"digest {wrong[:3]!r}", parts.pack(), "SHA-256 differs"


def of_kind(kind: str, whole: bytes, changes: dict, cards: dict):
    """The bad files that are made of one, as `cases` gives them."""
    for name, (change, message) in changes.items():
        parts = taken_apart(whole)
        change(parts)
        yield f"{kind}, {name}", parts.pack(), message
    for name, (fields, message) in cards.items():
        parts = taken_apart(whole)
        parts.card |= fields
        yield f"{kind}, {name}", parts.pack(), message


def opened(node, folder, files: list[bytes]) -> list[dict]:
    paths = []
    for number, data in enumerate(files):
        path = folder / f"{number}.safetensors"
        path.write_bytes(data)
        paths.append(str(path))
    (folder / "list.json").write_text(json.dumps(paths))
    return node("openings.mjs", folder / "list.json")


def test_every_bad_file_is_refused_with_the_sentence_of_the_python_reader(node, tmp_path):
    bad = list(cases(tmp_path))
    assert len(bad) > 200
    wrong = []
    for (name, _, message), outcome in zip(bad, opened(node, tmp_path, [data for _, data, _ in bad]), strict=True):
        expected = OTHERWISE.get(name, message)
        if outcome["opened"] or outcome["name"] != "SparserecError" or not re.search(expected, outcome["error"]):
            wrong.append((name, expected, outcome))
        assert outcome["opened"] or outcome["taken"] < 2 << 20, name
    assert wrong == []


def test_the_files_that_the_bad_ones_are_made_of_open(node, tmp_path):
    files = [valid_file(tmp_path / kind, **options) for kind, options in SCHEMES.items()]
    files.append(valid_file(tmp_path / "dense", dense=True))
    files.append(valid_file(tmp_path / "halves", values_dtype="float16"))
    files.append(file_without_signs(tmp_path / "positive"))
    files += [taken_apart(data).pack() for data in files]  # the same in another order, and not aligned
    assert [outcome["first"] for outcome in opened(node, tmp_path, files)] == [2] * len(files)


def test_coded_ids_by_hand_open(node, tmp_path):
    files = []
    for case, names in hostile.GOOD_IDS.items():
        parts = taken_apart(file_of_coded_ids(tmp_path / "ids"))
        shared = {hostile.HALF - 1: 1} if case == "a letter cut by what is shared" else {}
        texts = texts_as(names[len(hostile.NUMBERS) :], shared)
        parts.tensors |= numbers_as(hostile.NUMBERS) | texts
        files.append(parts.pack())
    outcomes = opened(node, tmp_path, files)
    assert [outcome["opened"] for outcome in outcomes] == [True] * len(files), outcomes
    assert [outcome["ids"] for outcome in outcomes] == list(hostile.GOOD_IDS.values())
    assert [outcome["found"] for outcome in outcomes] == [list(range(200))] * len(files)


def test_cut_off_anywhere_and_every_flipped_bit(node, tmp_path):
    whole = valid_file(tmp_path / "coded", values_dtype="coded")
    files = [whole[:length] for length in range(len(whole))]
    for position in range(8 + int.from_bytes(whole[:8], "little"), len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        files.append(bytes(damaged))
    for outcome in opened(node, tmp_path, files):
        assert not outcome["opened"]
        assert outcome["name"] == "SparserecError"


def test_huge_claims_take_no_memory(node, tmp_path):
    files = []
    for sizes in ({"n_items": 10**15, "nnz": 10**15}, {"n_users": 10**15}, {"n_items": 10**4000}):
        for kind, options in SCHEMES.items():
            parts = taken_apart(valid_file(tmp_path / kind, **options))
            parts.card |= sizes
            files.append(parts.pack())
            hostile.drop("items.factors")(parts)
            files.append(parts.pack())
            for name in ("history_low", "history_high", "history_scale"):
                hostile.drop(f"items.{name}")(parts)
            files.append(parts.pack())
    for outcome in opened(node, tmp_path, files):
        assert not outcome["opened"]
        assert outcome["name"] == "SparserecError"
        assert outcome["taken"] < 1 << 20


BYTES_PER_BYTE, CONSTANT = 40, 8 << 20
"""What opening takes at most beside the file: so many bytes for each of its bytes, and a constant."""
NODES_OWN = 256 << 10
"""Array buffers of Node.js itself that may be freed while a file is opened."""


def test_memory_is_bounded_by_the_file(node, tmp_path, monkeypatch):
    """The worst files that are valid: two or three bits for each value, which are decoded as wide as they can be."""
    monkeypatch.setattr("sparserec.artefact.thinning.SHARES", (0.0,))
    from sparserec.artefact import TableData, write
    from sparserec.vocabulary import Vocabulary

    n, dim = 70_000, 257
    values = np.full(n * 8, 1.0, dtype=np.float32)
    values[0] = 2.0**17  # so that all magnitudes are decoded as 32 bits
    columns = np.tile(np.arange(8), n)
    table = TableData(np.arange(0, n * 8 + 1, 8), columns, values, dim)
    write(
        tmp_path / "wide",
        items=table,
        item_ids=Vocabulary.of(map(str, range(n))),
        history_factors=np.ones(n),
        values_dtype="coded",
    )
    full = TableData(
        np.arange(0, 900 * 700 + 1, 700), np.tile(np.arange(700), 900), np.ones(900 * 700, np.float32), 700
    )
    write(
        tmp_path / "full",
        items=full,
        item_ids=Vocabulary.of(map(str, range(900))),
        values_dtype="coded",
        budget=300_000,
    )
    files = [(tmp_path / name).read_bytes() for name in ("wide", "full")]
    for data, outcome in zip(files, opened(node, tmp_path, files), strict=True):
        assert outcome["opened"]
        assert outcome["taken"] < BYTES_PER_BYTE * len(data) + CONSTANT
        assert outcome["kept"] <= outcome["taken"] + NODES_OWN  # else the measure misses what the model holds


def test_random_damage(node, tmp_path):
    """Each damaged file opens or is refused with the one error type, in bounded time."""
    files = []
    for number, options in enumerate((*SCHEMES.values(), {"dense": True}, {"values_dtype": "float16"})):
        path = tmp_path / f"seed{number}.safetensors"
        valid_file(path, **options)
        files.append(path)
    file_without_signs(tmp_path / "positive")
    files.append(tmp_path / "positive")
    outcome = node("../../benchmarks/browser_fuzz.mjs", 20_000, 1, *files)
    assert outcome["tried"] == 20_000
    assert outcome["other errors"] == []
    assert outcome["opened"] > 100
    assert outcome["refused"] > 10_000
    assert outcome["slowest ms"] < 2000
