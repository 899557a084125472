"""Files that are cut off, damaged or made to harm end in one sentence that names the file."""

from __future__ import annotations

import itertools
import json
import math
import re
import tracemalloc

import numpy as np
import pytest
from hostile_files import (
    NUMBERS,
    TEXTS,
    Parts,
    file_of_coded_ids,
    file_of_encoder,
    file_without_signs,
    framed,
    numbers_as,
    taken_apart,
    texts_as,
    unary,
    valid_file,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserec import SparserecError
from sparserec.artefact import gaps, inspect, read, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

NAME = "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def valid(folder) -> bytes:
    return valid_file(folder / "valid")


def refused(folder, data: bytes, message: str = ": ", **options) -> None:
    path = folder / NAME
    path.write_bytes(data)
    for action in (read, Recommender.open):
        with pytest.raises(SparserecError, match=message) as caught:
            action(path, **options)
        assert NAME in str(caught.value)
    if not options:
        with pytest.raises(SparserecError, match=message):
            inspect(path)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_the_parts_make_a_file_that_opens(folder, valid):
    for data in (
        valid,
        valid_file(folder / "dense", dense=True),
        valid_file(folder / "half", values_dtype="float16"),
        valid_file(folder / "coded", values_dtype="coded"),
        file_without_signs(folder / "positive"),
        valid_file(folder / "ages", age_decay=(0.5,)),
        valid_file(folder / "ages", age_decay=(0.5, 0.25)),
        file_of_encoder(folder / "encoder"),
        file_of_encoder(folder / "encoder", dense=True),
    ):
        parts = taken_apart(data)
        (folder / NAME).write_bytes(parts.pack())
        tensors = read(folder / NAME).tensors
        assert {name: tensor.tobytes() for name, tensor in tensors.items()} == {
            name: tensor.tobytes() for name, tensor in parts.tensors.items()
        }


# The bytes of the file, before anything is parsed.


def with_density(data: bytes, number: str) -> bytes:
    """A file whose card has this density, written so."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = re.sub(rb'(\\"density\\":)[0-9.]+', rb"\g<1>" + number.encode(), data[8:start])
    return framed(header, data[start:])


RAW = {
    "empty": (lambda data: b"", "empty"),
    "seven bytes": (lambda data: data[:7], "too short"),
    "no header": (lambda data: bytes(8), "not JSON"),
    "header of the largest length": (lambda data: b"\xff" * 8 + data[8:], "longer than the file or than allowed"),
    "header beyond the file": (lambda data: len(data).to_bytes(8, "little") + data[8:], "longer than the file"),
    "header larger than allowed": (lambda data: framed(b" " * (1 << 20) + b"{}", b""), "than allowed"),
    "header not UTF-8": (lambda data: framed(b'{"\xff": 1}', b""), "not JSON"),
    "header not JSON": (lambda data: framed(b'{"a": ', b""), "not JSON"),
    "header with a byte order mark": (lambda data: framed(b"\xef\xbb\xbf{}", b""), "not JSON"),
    "header a list": (lambda data: framed(b"[1, 2]", b""), "not a JSON object"),
    "a density beyond all": (lambda data: with_density(data, "1e999"), "not finite in double precision"),
    "a density far below": (lambda data: with_density(data, "-1e999"), "not finite in double precision"),
    "a density of no number": (lambda data: with_density(data, "NaN"), "the model card is not JSON"),
    "header a number": (lambda data: framed(b"NaN", b""), "header is not JSON"),
    "header nested deeply": (lambda data: framed(nested(100_000).encode(), b""), "not JSON"),
    "header with a number of many digits": (lambda data: framed(b"9" * 100_000, b""), "not JSON"),
    "header without tensors": (lambda data: framed(b"{}", b""), "no model card"),
    "other files": (lambda data: b"PK\x03\x04" + data, "longer than the file"),
    "bytes after the last tensor": (lambda data: data + b"\0", "bytes that belong to no tensor"),
    "last byte missing": (lambda data: data[:-1], "cut off"),
    "a text file": (lambda data: b"user,item\n1,2\n", "longer than the file"),
}


@pytest.mark.parametrize("case", RAW)
def test_bytes(folder, valid, case):
    change, message = RAW[case]
    refused(folder, change(valid), message)


def test_cut_off_anywhere(folder, valid):
    for length in range(len(valid)):
        (folder / NAME).write_bytes(valid[:length])
        with pytest.raises(SparserecError, match=NAME):
            read(folder / NAME)


def test_every_flipped_bit_of_a_tensor_is_found(folder, valid):
    start = 8 + int.from_bytes(valid[:8], "little")
    for position in range(start, len(valid)):
        data = bytearray(valid)
        data[position] ^= 1 << position % 8
        (folder / NAME).write_bytes(data)
        with pytest.raises(SparserecError, match=f"{NAME}.*SHA-256"):
            read(folder / NAME)


def test_a_missing_file_and_a_folder(tmp_path):
    for action in (read, inspect, Recommender.open):
        with pytest.raises(SparserecError, match="absent: no such file"):
            action(tmp_path / "absent")
        with pytest.raises(SparserecError, match=f"{tmp_path.name} is a folder"):
            action(tmp_path)


# The header: claims about tensors. "items.values" has 6 bytes of I8 in shape [6].


def entry(**changes):
    def change(parts: Parts) -> bytes:
        parts.header["items.values"] = changes
        return parts.pack()

    return change


def deep(field: str):
    """A field that is a list in a list in a list, as deep as the parser takes and no copying could follow."""

    def change(parts: Parts) -> bytes:
        parts.header["items.values"] = {field: "deep"}
        return framed(json.dumps(parts.head()).replace('"deep"', nested(900)).encode(), parts.body())

    return change


def without(field: str):
    def change(parts: Parts) -> bytes:
        head = parts.head()
        del head["items.values"][field]
        return framed(json.dumps(head).encode(), parts.body())

    return change


def moved(first: int, last: int):
    """A tensor whose offsets are moved by so much, and whose shape fits them."""

    def change(parts: Parts) -> bytes:
        a, b = parts.head()["items.values"]["data_offsets"]
        parts.header["items.values"] = {"data_offsets": [a + first, b + last], "shape": [b - a + last - first]}
        return parts.pack()

    return change


def header_text(old: str, new: str):
    def change(parts: Parts) -> bytes:
        text = json.dumps(parts.head())
        assert text.count(old) == 1
        return framed(text.replace(old, new).encode(), parts.body())

    return change


def metadata(value: object):
    def change(parts: Parts) -> bytes:
        return framed(json.dumps(parts.head() | {"__metadata__": value}).encode(), parts.body())

    return change


HEADERS = {
    "offsets that overlap": (moved(-1, -1), "overlaps another or leaves a gap"),
    "a longer tensor": (moved(0, 1), "overlaps another or leaves a gap"),
    "a gap": (moved(1, 0), "overlaps another or leaves a gap"),
    "a gap at the end": (moved(0, -1), "overlaps another or leaves a gap"),
    "negative offset": (entry(data_offsets=[-6, 0]), "not natural numbers"),
    "offsets with a fraction": (entry(data_offsets=[0.0, 6.0]), "not natural numbers"),
    "offsets as truth values": (entry(data_offsets=[False, True]), "not natural numbers"),
    "offsets as texts": (entry(data_offsets=["0", "6"]), "not natural numbers"),
    "one offset": (entry(data_offsets=[0]), "not natural numbers"),
    "three offsets": (entry(data_offsets=[0, 6, 6]), "not natural numbers"),
    "no offsets": (entry(data_offsets=None), "not natural numbers"),
    "huge offsets": (entry(data_offsets=[2**62, 2**62 + 6]), "not natural numbers"),
    "offsets beyond the file": (entry(data_offsets=[2**40, 2**40 + 6]), "outside the file"),
    "offsets that descend": (entry(data_offsets=[6, 0]), "outside the file"),
    "offsets nested deeply": (deep("data_offsets"), "not natural numbers|not JSON"),
    "unknown type": (entry(dtype="Q3"), "not allowed: 'Q3'"),
    "type of the container, but not of the format": (entry(dtype="F64"), "not allowed: 'F64'"),
    "another type of the container": (entry(dtype="U16"), "not allowed: 'U16'"),
    "type not a text": (entry(dtype=["I8"]), "not allowed"),
    "type nested deeply": (deep("dtype"), "not allowed|not JSON"),
    "shape of other bytes": (entry(shape=[5]), "bytes that its shape says"),
    "shape of huge numbers": (entry(shape=[2**47, 2**47]), "bytes that its shape says"),
    "shape of numbers beyond 2^48": (entry(shape=[2**48]), "not natural numbers"),
    "shape whose product wraps": (entry(shape=[2**32 + 6, 2**32]), "bytes that its shape says"),
    "shape with a negative number": (entry(shape=[-2, -3]), "not natural numbers"),
    "shape with a fraction": (entry(shape=[6.0]), "not natural numbers"),
    "shape of three dimensions": (entry(shape=[1, 1, 6]), "not natural numbers"),
    "shape of no dimensions": (entry(shape=[]), "bytes that its shape says"),
    "shape nested deeply": (deep("shape"), "not natural numbers|not JSON"),
    "shape not a list": (entry(shape={"0": 6}), "not natural numbers"),
    "a field too many": (entry(more=1), "not a type, a shape and offsets"),
    "entry not an object": (header_text('"items.values": {', '"other": 5, "items.values": {'), "entry 'other'"),
    "type missing": (without("dtype"), "not a type, a shape and offsets"),
    "shape missing": (without("shape"), "not a type, a shape and offsets"),
    "offsets missing": (without("data_offsets"), "not a type, a shape and offsets"),
    "a tensor twice": (header_text('"items.values": {', '"items.values": {}, "items.values": {'), "occurs twice"),
    "a field twice": (header_text('"items.values": {', '"items.values": {"dtype": "I8", '), "occurs twice"),
    "metadata not an object": (metadata(["x"]), "not a set of texts"),
    "metadata with a number": (metadata({"sparserec": 1}), "not a set of texts"),
    "no card": (metadata({}), "no model card"),
    "a card of another package": (metadata({"format": "pt"}), "no model card"),
    "card not JSON": (metadata({"sparserec": "{"}), "model card is not JSON"),
    "card empty": (metadata({"sparserec": ""}), "model card is not JSON"),
    "card a list": (metadata({"sparserec": "[]"}), "model card is not a JSON object"),
    "card nested deeply": (metadata({"sparserec": nested(100_000)}), "model card is not JSON"),
    "card nested": (metadata({"sparserec": f'{{"recipe": {nested(33)}}}'}), "nested more than 32 deep"),
    "card nested, too deep to copy": (metadata({"sparserec": f'{{"recipe": {nested(700)}}}'}), "nested more than"),
    "card without fields": (metadata({"sparserec": '{"format_version": 1}'}), "'scoring' is missing"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers(folder, valid, case):
    change, message = HEADERS[case]
    refused(folder, change(taken_apart(valid)), message)


# The card.

CARDS = {
    "older version": ({"format_version": 0}, "format version 0 is not supported"),
    "newer version": ({"format_version": 4}, "format version 4 is not supported; this package reads version 1, 2 or 3"),
    "version as text": ({"format_version": "1"}, "not supported"),
    "version as truth value": ({"format_version": True}, "not supported"),
    "version with a fraction": ({"format_version": 1.0}, "'format_version' is missing or of the wrong type"),
    "version nested": ({"format_version": json.loads(nested(30))}, "not supported"),
    "size as text": ({"dim": "8"}, "'dim' is missing or of the wrong type"),
    "size as truth value": ({"n_users": True}, "'n_users' is missing or of the wrong type"),
    "size with a fraction": ({"n_items": 3.0}, "'n_items' is missing or of the wrong type"),
    "recipe a list": ({"recipe": []}, "'recipe' is missing or of the wrong type"),
    "no columns": ({"dim": 0}, "out of range"),
    "too many columns": ({"dim": 65_537}, "out of range"),
    "huge columns": ({"dim": 10**15}, "out of range"),
    "other columns": ({"dim": 9}, "'items.scales' must be 9 finite numbers"),
    "no items": ({"n_items": 0}, "out of range"),
    "negative items": ({"n_items": -3}, "out of range"),
    "fewer items": ({"n_items": 2}, "one a row"),
    "huge items": ({"n_items": 10**15}, "one a row"),
    "items of many digits": ({"n_items": 10**4000}, "a number that is not finite in double precision"),
    "a recipe's number of many digits": ({"recipe": {"a": [1, 10**309]}}, "not finite in double precision"),
    "a recipe's number just beyond": ({"recipe": {"a": [1, -(2**1024)]}}, "not finite in double precision"),
    "a metric that is no number": ({"metrics": {"valid.ndcg@20": math.nan}}, "the model card is not JSON"),
    "an infinite metric": ({"metrics": {"valid.ndcg@20": math.inf}}, "the model card is not JSON"),
    "a recipe with minus infinity": ({"recipe": {"a": {"lr": -math.inf}}}, "the model card is not JSON"),
    "a density that is no number": ({"density": math.nan}, "the model card is not JSON"),
    "negative users": ({"n_users": -1}, "out of range"),
    "huge users": ({"n_users": 10**15}, "'users': 3 values can't fill 1000000000000000 rows of 8 columns"),
    "users of many digits": ({"n_users": 10**4000}, "a number that is not finite in double precision"),
    "more users": ({"n_users": 3}, "'users': row 1 is empty"),
    "users left out": ({"n_users": 0}, "card counts 9 values, the tensors hold 6"),
    "users left out, counted out": ({"n_users": 0, "nnz": 6, "scoring": "history"}, "tensors of users"),
    "other count": ({"nnz": 8}, "card counts 8 values, the tensors hold 9"),
    "other scoring": ({"scoring": "history"}, "scoring 'history' does not fit its 2 users"),
    "unknown scoring": ({"scoring": "magic"}, "scoring 'magic' does not fit"),
}


@pytest.mark.parametrize("case", CARDS)
def test_cards(folder, valid, case):
    changes, message = CARDS[case]
    parts = taken_apart(valid)
    parts.card |= changes
    refused(folder, parts.pack(), message)


def test_unknown_fields_of_a_card_are_left_out(folder, valid):
    parts = taken_apart(valid)
    parts.card["later"] = 1
    (folder / NAME).write_bytes(parts.pack())
    assert "later" not in read(folder / NAME).card.as_dict()


@pytest.mark.parametrize("wrong", ["0" * 64, "", "\ud800"])
def test_a_wrong_digest(folder, valid, wrong):
    parts = taken_apart(valid)
    parts.seal = False
    parts.card["sha256"] = wrong
    refused(folder, parts.pack(), "SHA-256 differs")


# The tensors, with a digest that fits.


def put(name: str, values, dtype=None):
    def change(parts: Parts) -> None:
        parts.tensors[name] = np.array(values, dtype=parts.tensors[name].dtype if dtype is None else dtype)

    return change


def drop(*names: str):
    def change(parts: Parts) -> None:
        for name in names:
            del parts.tensors[name]

    return change


def huge_code(name: str, count: int = 3):
    """A code of so many numbers of 20 low bits each, the first of which is 2^20 + 1, the others 0."""

    def change(parts: Parts) -> None:
        parts.tensors[f"{name}_low"] = np.frombuffer(
            bytes([20]) + (1).to_bytes((20 * count + 7) // 8, "little"), dtype="u1"
        )
        high = ((1 << count) - 1) << 1
        parts.tensors[f"{name}_high"] = np.frombuffer(high.to_bytes((count + 8) // 8, "little"), dtype="u1")

    return change


TENSORS = {
    "values missing": (drop("items.values"), "'items.values' is missing"),
    "values of users missing": (drop("users.values"), "'users.values' is missing"),
    "scales missing": (drop("items.scales"), "'items.scales' must be there with int8"),
    "low parts missing": (drop("items.gaps_low"), "'items': a sparse table needs values, 'gaps_low' and 'gaps_high'"),
    "high parts missing": (drop("users.gaps_high"), "'users': a sparse table needs values, 'gaps_low' and 'gaps_high'"),
    "gaps missing": (drop("items.gaps_low", "items.gaps_high"), "must be of shape"),
    "ids missing": (drop("items.ids"), "'items.ids' and 4 'items.id_offsets' must be there"),
    "id offsets missing": (drop("users.id_offsets"), "'users.ids' and 3 'users.id_offsets' must be there"),
    "a tensor too many": (put("items.more", [1], "u1"), "does not belong there: 'items.more'"),
    "a side too many": (put("genres.ids", [1], "u1"), "does not belong there: 'genres.ids'"),
    "factors of users": (put("users.factors", [1, 1], "<f2"), "does not belong there: 'users.factors'"),
    "history factors of users": (put("users.history_scale", [1, 1], "<f4"), "does not belong there"),
    "codes of history factors of users": (put("users.history_low", [1, 1], "u1"), "does not belong there"),
    "history factors of another type": (put("items.history_factors", [1, 1, 1], "<f2"), "does not belong there"),
    "no name": (put("", [1], "u1"), "does not belong there: ''"),
    "values of another type": (put("items.values", [1, 2, 3, 4, 5, 6], "<f4"), "'items.values' is F32, not I8 or F16"),
    "half precision with scales": (put("items.values", [1, 2, 3, 4, 5, 6], "<f2"), "must be there with int8"),
    "gaps of another type": (put("items.gaps_high", [0x55, 0x24], "i1"), "'items.gaps_high' is I8, not U8"),
    "columns beside the gaps": (put("items.columns", [0, 3, 7, 2, 1, 6], "u1"), "does not belong there"),
    "values of a sparse table in a matrix": (put("items.values", np.zeros((3, 2))), "a sparse table needs"),
    "low parts in a matrix": (put("items.gaps_low", [[4]]), "'items': a sparse table needs .* in one dimension"),
    "high parts in a matrix": (
        put("items.gaps_high", [[0x55, 0x24]]),
        "'items': a sparse table needs .* in one dimension",
    ),
    "low parts empty": (put("items.gaps_low", []), "'gaps_low' has 0 bytes of low parts; 6 gaps of 1 low bits take 1"),
    "low parts too long": (
        put("users.gaps_low", [0, 0]),
        "'users': 'gaps_low' has 2 bytes of low parts; 3 gaps of 1 low bits take 1",
    ),
    "low parts with padding set": (put("items.gaps_low", [0x44]), "'gaps_low' has bits set after the last gap"),
    "high parts empty": (put("items.gaps_high", []), "'gaps_high' has 0 one bits, but there are 6 gaps"),
    "a one bit too few": (put("items.gaps_high", [0x55, 0x20]), "'gaps_high' has 5 one bits, but there are 6 gaps"),
    "a one bit too many": (put("items.gaps_high", [0x57, 0x24]), "'gaps_high' has 7 one bits, but there are 6 gaps"),
    "high parts with padding set": (put("items.gaps_high", [0x55, 0x64]), "'gaps_high' has 7 one bits"),
    "high parts with a zero byte after": (put("items.gaps_high", [0x55, 0x24, 0]), "goes on after the last gap"),
    "high parts with zero bytes before": (
        put("items.gaps_high", [0, 0, 0x55, 0x24]),
        "'gaps_high' has 24 zero bits",
    ),
    "position beyond by a high part": (
        put("items.gaps_high", [0x55, 0x84]),
        "'items': 'gaps_high' has 10 zero bits",
    ),
    "position beyond by a low part": (put("items.gaps_low", [0x3F]), "'items': the gaps go beyond the last row"),
    "values of another count": (
        put("items.values", [1, 2, 3]),
        "'items': 'gaps_high' has 6 one bits, but there are 3 gaps",
    ),
    "fewer values than rows": (put("items.values", [1, 2]), "'items': 2 values can't fill 3 rows of 8 columns"),
    "more values than cells": (put("items.values", [1] * 25), "'items': 25 values can't fill 3 rows of 8 columns"),
    "no values": (put("items.values", []), "'items': 0 values can't fill 3 rows of 8 columns"),
    "scale not a number": (put("items.scales", [np.nan] + [1] * 7), "8 finite numbers, none below 0"),
    "scale infinite": (put("items.scales", [np.inf] + [1] * 7), "8 finite numbers, none below 0"),
    "scale negative": (put("users.scales", [-1] + [1] * 7), "'users.scales' must be 8 finite"),
    "too few scales": (put("items.scales", [1] * 7), "8 finite numbers"),
    "empty first row": (put("items.gaps_high", [0xF0, 0x03]), "'items': row 0 is empty"),
    "empty row in the middle": (put("items.gaps_high", [0x07, 0x1C]), "'items': row 1 is empty"),
    "empty last row": (put("items.gaps_high", [0xC7, 0x01]), "'items': row 2 is empty"),
    "factor not a number": (put("items.factors", [1, np.nan, 1]), "'items.factors' must be 3 finite numbers"),
    "factor infinite": (put("items.factors", [1, np.inf, 1]), "'items.factors' must be 3 finite numbers"),
    "history without low parts": (drop("items.history_low"), "'history_low', 'history_high', 'history_scale' belong"),
    "history without high parts": (drop("items.history_high"), "belong together"),
    "history without scale": (drop("items.history_scale"), "belong together"),
    "history scale of one number": (put("items.history_scale", [1]), "'items': 'history_scale' must be two finite"),
    "history scale in a matrix": (put("items.history_scale", [[1, 1]]), "'history_scale' must be two finite"),
    "history scale of another type": (put("items.history_scale", [1, 1], "<f2"), "is F16, not F32"),
    "largest history factor 0": (put("items.history_scale", [0, 0.1]), "'history_scale' must be two finite numbers"),
    "largest history factor negative": (put("items.history_scale", [-1, 0.1]), "numbers above 0"),
    "largest history factor infinite": (put("items.history_scale", [np.inf, 0.1]), "numbers above 0"),
    "largest history factor not a number": (put("items.history_scale", [np.nan, 0.1]), "numbers above 0"),
    "largest history factor subnormal": (put("items.history_scale", [1e-40, 1e-9]), "below the smallest normal"),
    "history step 0": (put("items.history_scale", [1, 0]), "numbers above 0"),
    "history step negative": (put("items.history_scale", [1, -0.1]), "numbers above 0"),
    "history step infinite": (put("items.history_scale", [1, np.inf]), "numbers above 0"),
    "history step not a number": (put("items.history_scale", [1, np.nan]), "numbers above 0"),
    "history step too large": (put("items.history_scale", [1, 3e38]), "a history factor of 0 is below the smallest"),
    "history factor just below the normal ones": (put("items.history_scale", [1, 6.3]), "below the smallest normal"),
    "history low parts empty": (put("items.history_low", []), "first byte of 'history_low' must be there and 20"),
    "history shift too large": (put("items.history_low", [21, 35]), "first byte of 'history_low' must be there and 20"),
    "history low parts too long": (
        put("items.history_low", [2, 35, 0]),
        "'items': 'history_low' has 2 bytes of low parts; 3 history factors of 2 low bits take 1",
    ),
    "history low parts with padding set": (put("items.history_low", [2, 0x63]), "'history_low' has bits set after"),
    "history parts in a matrix": (
        put("items.history_low", [[2, 35]]),
        "'history_low' and 'history_high' must have one",
    ),
    "history high parts empty": (put("items.history_high", []), "'history_high' has 0 bytes, too few"),
    "a history factor too few": (put("items.history_high", [0x42]), "'history_high' has 2 one bits, .* 3 history"),
    "a history factor too many": (put("items.history_high", [0xC6]), "'history_high' has 4 one bits"),
    "history high parts that go on": (put("items.history_high", [0x46, 0]), "goes on after the last history factor"),
    "history code too large": (
        huge_code("items.history"),
        "'history_high' holds a history factor of .*, above 1048576",
    ),
    "too few factors": (put("items.factors", [1, 1]), "'items.factors' must be 3 finite numbers"),
    "id offsets that descend": (put("items.id_offsets", [0, 4, 1, 7]), "'items.id_offsets' must ascend"),
    "id offsets beyond the ids": (put("items.id_offsets", [0, 1, 4, 8]), "'items.id_offsets' must ascend"),
    "id offsets of huge numbers": (put("items.id_offsets", [0, 1, 4, 2**32 - 1]), "'items.id_offsets' must ascend"),
    "id offsets that start late": (put("items.id_offsets", [1, 1, 4, 7]), "'items.id_offsets' must ascend"),
    "id offsets that end early": (put("items.id_offsets", [0, 1, 4, 6]), "'items.id_offsets' must ascend"),
    "too few id offsets": (put("items.id_offsets", [0, 1, 7]), "4 'items.id_offsets' must be there"),
    "ids in a matrix": (put("users.ids", [[0x75, 0x76]]), "'users.ids' and 3"),
    "ids not UTF-8": (put("items.ids", list(b"ab\xff\xffccc")), "'items.ids' holds an id that is not UTF-8"),
    "an id cut within a letter": (put("items.id_offsets", [0, 3, 4, 7]), "'items.ids' holds an id that is not UTF-8"),
    "a surrogate in an id": (put("items.ids", list(b"a\xed\xa0\x80ccc")), "'items.ids' holds an id that is not UTF-8"),
    "ids that are the same": (put("users.ids", list(b"uu")), "'users.ids' holds an id twice"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors(folder, valid, case):
    change, message = TENSORS[case]
    parts = taken_apart(valid)
    change(parts)
    refused(folder, parts.pack(), message)


def test_one_empty_id_is_an_id(folder, valid):
    parts = taken_apart(valid)
    put("users.id_offsets", [0, 0, 2])(parts)
    (folder / NAME).write_bytes(parts.pack())
    assert Recommender.open(folder / NAME).user_ids == ["", "uv"]


def put_both(parts: Parts) -> None:
    put("items.gaps_low", [], "u1")(parts)
    put("items.gaps_high", [255] * 3, "u1")(parts)


DENSE = {
    "another shape": (put("items.values", np.zeros((8, 3))), r"must be of shape \(3, 8\), not \(8, 3\)"),
    "flat": (put("items.values", np.zeros(24)), r"must be of shape \(3, 8\), not \(24,\)"),
    "with low parts": (put("items.gaps_low", [], "u1"), "a sparse table needs"),
    "with high parts": (put("items.gaps_high", [255] * 3, "u1"), "a sparse table needs"),
    "with gaps": (put_both, "a sparse table needs"),
    "not a number": (put("items.values", np.full((3, 8), np.nan)), "'items.values' holds values that are not finite"),
    "infinite": (put("users.values", np.full((2, 8), -np.inf)), "'users.values' holds values that are not finite"),
}


@pytest.mark.parametrize("case", DENSE)
def test_dense_tables(folder, case):
    change, message = DENSE[case]
    parts = taken_apart(valid_file(folder / "half", values_dtype="float16", dense=True))
    change(parts)
    refused(folder, parts.pack(), message)


def decay(*numbers: float, shape: tuple[int, ...] | None = None):
    """Other numbers that say what age does."""

    def change(parts: Parts) -> None:
        parts.tensors["items.age_decay"] = np.array(numbers, dtype="f4").reshape(
            len(numbers) if shape is None else shape
        )

    return change


def decay_of_users(parts: Parts) -> None:
    parts.tensors["users.age_decay"] = parts.tensors["items.age_decay"]


def more_items_than_columns(parts: Parts) -> None:
    """The items without users, with the structure of nine rows of six columns, in which nothing else is wrong."""
    for name in [name for name in parts.tensors if name.startswith("users.")]:
        del parts.tensors[name]
    low, high = gaps.encode(np.arange(10), np.zeros(9, dtype=np.int64), 6)
    parts.tensors |= {"items.gaps_low": low, "items.gaps_high": high, "items.values": np.ones(9, dtype="i1")}
    parts.tensors |= {"items.scales": np.ones(6, dtype="f4"), "items.factors": np.ones(9, dtype="f2")}
    for kind in ("low", "high", "scale"):
        del parts.tensors[f"items.history_{kind}"]
    parts.tensors["items.ids"] = np.frombuffer(b"abcdefghi", dtype="u1")
    parts.tensors["items.id_offsets"] = np.arange(10, dtype="<u4")
    parts.card |= {"n_items": 9, "n_users": 0, "nnz": 9, "dim": 6, "scoring": "history"}


NUMBERS_OF_AGE = "'items.age_decay' must be one or two numbers above 0 and up to 1"
AGES = {
    "no number": (decay(), NUMBERS_OF_AGE),
    "three numbers": (decay(0.5, 0.5, 0.5), NUMBERS_OF_AGE),
    "one number in two dimensions": (decay(0.5, shape=(1, 1)), NUMBERS_OF_AGE),
    "two numbers in two dimensions": (decay(0.5, 0.5, shape=(2, 1)), NUMBERS_OF_AGE),
    "a number without dimensions": (decay(0.5, shape=()), NUMBERS_OF_AGE),
    "zero": (decay(0.5, 0), NUMBERS_OF_AGE),
    "minus zero": (decay(-0.0), NUMBERS_OF_AGE),
    "below zero": (decay(-0.5), NUMBERS_OF_AGE),
    "above one": (decay(float(np.nextafter(np.float32(1), np.float32(2)))), NUMBERS_OF_AGE),
    "infinite": (decay(0.5, np.inf), NUMBERS_OF_AGE),
    "not a number": (decay(np.nan, 0.5), NUMBERS_OF_AGE),
    "of another type": (put("items.age_decay", [0.5], "f2"), "tensor 'items.age_decay' is F16, not F32"),
    "of users": (decay_of_users, "it holds a tensor that does not belong there: 'users.age_decay'"),
    "more items than columns": (
        more_items_than_columns,
        "'items.age_decay' of two numbers needs a column for each of 9 items, but there are 6",
    ),
}
"""Bad files of version 3, made of one with two numbers."""
AGE_CARDS = {
    "version 1": ({"format_version": 1}, "it holds a tensor that does not belong there: 'items.age_decay'"),
    "version 2": ({"format_version": 2}, "it holds a tensor that does not belong there: 'items.age_decay'"),
    "more columns than items make up for": ({"dim": 65_540}, "65540 columns or 3 items are out of range"),
    "columns that items would make up for": (
        {"n_items": 2**31, "dim": 2**31},
        "2147483648 columns or 2147483648 items",
    ),
    "items without bytes": ({"n_items": 80_000, "dim": 80_000}, "'items"),
    "columns without gaps": ({"dim": 65_539}, "'items"),
}


@pytest.mark.parametrize("case", AGES)
def test_ages(folder, case):
    change, message = AGES[case]
    parts = taken_apart(valid_file(folder / "ages", age_decay=(0.5, 0.25)))
    change(parts)
    refused(folder, parts.pack(), message)


@pytest.mark.parametrize("case", AGE_CARDS)
def test_cards_of_files_with_ages(folder, case):
    changes, message = AGE_CARDS[case]
    parts = taken_apart(valid_file(folder / "ages", age_decay=(0.5, 0.25)))
    parts.card |= changes
    refused(folder, parts.pack(), message)


def test_only_sparse_tables_know_ages(folder):
    parts = taken_apart(valid_file(folder / "half", values_dtype="float16", dense=True))
    decay(0.5)(parts)
    parts.card["format_version"] = 3
    refused(folder, parts.pack(), "'items.age_decay' does not belong to a dense table")


def test_more_items_than_columns_are_fine_where_no_column_is_an_items(folder):
    """So the case above has nothing wrong but what it is refused for."""
    parts = taken_apart(valid_file(folder / "ages", age_decay=(0.5,)))
    more_items_than_columns(parts)
    (folder / NAME).write_bytes(parts.pack())
    assert Recommender.open(folder / NAME).ordered


def rows_of(kind: str, count: int):
    """So many rows of a tensor of the encoder, of zeros beyond those that are there."""

    def change(parts: Parts) -> None:
        tensor = parts.tensors[f"encoder.{kind}"]
        more = np.zeros((max(count - len(tensor), 0), *tensor.shape[1:]), tensor.dtype)
        parts.tensors[f"encoder.{kind}"] = np.concatenate((tensor, more))[:count]

    return change


def both(*changes):
    def change(parts: Parts) -> None:
        for one in changes:
            one(parts)

    return change


TOGETHER = "'encoder': 'matrices', 'scales', 'vectors' belong together"
OF_SCALES = "'encoder.scales' must be 25 finite numbers that are not negative"
ENCODERS = {
    "no matrices": (drop("encoder.matrices"), TOGETHER),
    "no scales": (drop("encoder.scales"), TOGETHER),
    "no vectors": (drop("encoder.vectors"), TOGETHER),
    "another tensor": (put("encoder.values", [1], "i1"), "does not belong there: 'encoder.values'"),
    "another tensor of items": (put("encoder.ids", [1], "u1"), "does not belong there: 'encoder.ids'"),
    "a name of objects": (put("encoder.constructor", [1], "u1"), "does not belong there: 'encoder.constructor'"),
    "tensors of encoders of users": (put("users.matrices", [[1]], "i1"), "does not belong there: 'users.matrices'"),
    "matrices of another type": (put("encoder.matrices", np.zeros((25, 4)), "<f2"), "is F16, not I8"),
    "scales of another type": (put("encoder.scales", np.ones(25), "<f2"), "is F16, not F32"),
    "vectors of another type": (put("encoder.vectors", np.ones((8, 4)), "<f4"), "is F32, not F16"),
    "matrices in one dimension": (put("encoder.matrices", np.zeros(100)), "must have two dimensions, and 4 columns"),
    "vectors in one dimension": (put("encoder.vectors", np.zeros(32)), "must have two dimensions, and 4 columns"),
    "matrices of another width": (put("encoder.matrices", np.zeros((20, 5))), "and 4 columns"),
    "vectors of another width": (put("encoder.vectors", np.zeros((4, 8))), "and 4 columns"),
    "no block": (rows_of("vectors", 2), "'encoder.vectors' has 2 rows; there must be 6 for each of 1 to 16 blocks"),
    "no vectors at all": (rows_of("vectors", 0), "'encoder.vectors' has 0 rows"),
    "half a block": (rows_of("vectors", 11), "'encoder.vectors' has 11 rows"),
    "seventeen blocks": (both(rows_of("vectors", 104), rows_of("matrices", 345)), "'encoder.vectors' has 104 rows"),
    "no position": (
        both(rows_of("matrices", 20), rows_of("scales", 20)),
        "'encoder.matrices' has 20 rows; with 1 blocks of 20 rows there must be from 1 to 1024 more",
    ),
    "less than a block": (rows_of("matrices", 19), "'encoder.matrices' has 19 rows"),
    "matrices for other blocks": (rows_of("vectors", 14), "with 2 blocks of 20 rows there must be from 1 to 1024 more"),
    "too many positions": (both(rows_of("matrices", 1045), rows_of("scales", 1045)), "has 1045 rows; with 1 blocks"),
    "a scale too few": (rows_of("scales", 24), OF_SCALES),
    "a scale too many": (rows_of("scales", 26), OF_SCALES),
    "scales in two dimensions": (put("encoder.scales", np.ones((5, 5))), OF_SCALES),
    "a scale below zero": (put("encoder.scales", [-1e-9] + [1] * 24), OF_SCALES),
    "a scale that is no number": (put("encoder.scales", [np.nan] + [1] * 24), OF_SCALES),
    "an infinite scale": (put("encoder.scales", [np.inf] + [1] * 24), OF_SCALES),
    "an infinite vector": (put("encoder.vectors", np.full((8, 4), np.inf)), "'encoder.vectors' must be finite"),
    "a vector that is no number": (put("encoder.vectors", np.full((8, 4), np.nan)), "'encoder.vectors' must be finite"),
    "factors": (put("items.factors", [1, 1, 1], "<f2"), "a file with an encoder has no 'items.factors'"),
    "ages": (put("items.age_decay", [0.5], "<f4"), "a file with an encoder has no 'items.age_decay'"),
    "history factors": (
        both(
            put("items.history_low", [0], "u1"),
            put("items.history_high", [7], "u1"),
            put("items.history_scale", [1, 1], "<f4"),
        ),
        "a file with an encoder has no history factors",
    ),
}
"""Bad files, made of one with an encoder."""
ENCODER_CARDS = {
    "version 1": ({"format_version": 1}, "does not belong there: 'encoder"),
    "version 2": ({"format_version": 2}, "does not belong there: 'encoder"),
}


@pytest.mark.parametrize("case", ENCODERS)
def test_encoders(folder, case):
    change, message = ENCODERS[case]
    parts = taken_apart(file_of_encoder(folder / "encoder"))
    change(parts)
    refused(folder, parts.pack(), message)


@pytest.mark.parametrize("case", ENCODER_CARDS)
def test_cards_of_files_with_encoders(folder, case):
    changes, message = ENCODER_CARDS[case]
    parts = taken_apart(file_of_encoder(folder / "encoder"))
    parts.card |= changes
    refused(folder, parts.pack(), message)


def test_a_file_with_an_encoder_has_no_users(folder):
    parts = taken_apart(valid_file(folder / "valid"))
    for name in [*parts.tensors]:
        if "factors" in name or "history" in name:
            del parts.tensors[name]
    parts.tensors |= {
        "encoder.matrices": np.zeros((41, 8), "i1"),
        "encoder.scales": np.ones(41, "<f4"),
        "encoder.vectors": np.ones((8, 8), "<f2"),
    }
    parts.card["format_version"] = 3
    refused(folder, parts.pack(), "a file with an encoder has no user table")
    for name in [*parts.tensors]:
        if name.startswith("users."):
            del parts.tensors[name]
    parts.card |= {"n_users": 0, "nnz": 6, "scoring": "history"}
    (folder / NAME).write_bytes(parts.pack())
    assert not Recommender.open(folder / NAME).explains


def test_the_largest_numbers_still_give_an_answer(folder):
    parts = taken_apart(file_of_encoder(folder / "encoder"))
    parts.tensors["encoder.matrices"][:] = 127
    parts.tensors["encoder.scales"][:] = np.finfo(np.float32).max
    parts.tensors["encoder.vectors"][:] = 65_504
    parts.tensors["items.scales"][:] = np.finfo(np.float32).max
    (folder / NAME).write_bytes(parts.pack())
    assert len(Recommender.open(folder / NAME).recommend(["a", "bé"], exclude_history=False)) <= 3


def test_the_longest_and_deepest_encoder_takes_little_memory(folder):
    """So many positions and blocks in few bytes: what is needed of the length squared is computed in parts."""
    n, length, blocks = 1100, 1024, 16
    vectors = np.ones((6 * blocks + 2, 1), np.float32)
    encoder = np.ones((length + 5 * blocks, 1), np.float32), vectors
    path = folder / NAME
    write(path, items=np.ones((n, 1), np.float32), item_ids=Vocabulary.of(map(str, range(n))), encoder=encoder)
    tracemalloc.start()
    try:
        model = Recommender.open(path)
        model.recommend(model.item_ids)
        assert tracemalloc.get_traced_memory()[1] < 128 * path.stat().st_size + (4 << 20)
    finally:
        tracemalloc.stop()


NEEDED = "'items': a table of coded values needs 'signs', .* and neither 'values' nor 'scales'"
CODED = {
    "signs missing": (drop("items.signs"), NEEDED),
    "low parts of magnitudes missing": (drop("items.magnitudes_low"), NEEDED),
    "high parts of magnitudes missing": (drop("items.magnitudes_high"), NEEDED),
    "step missing": (drop("items.step"), NEEDED),
    "only the step": (drop("items.signs", "items.magnitudes_low", "items.magnitudes_high"), NEEDED),
    "all missing": (
        drop("items.signs", "items.magnitudes_low", "items.magnitudes_high", "items.step"),
        "'items.values' is missing",
    ),
    "low parts of gaps missing": (drop("items.gaps_low"), NEEDED),
    "gaps missing": (drop("items.gaps_low", "items.gaps_high"), NEEDED),
    "values as well": (put("items.values", [1] * 6, "i1"), NEEDED),
    "half precision as well": (put("items.values", [1] * 6, "<f2"), NEEDED),
    "scales as well": (put("items.scales", [1] * 8, "<f4"), NEEDED),
    "signs in a matrix": (put("items.signs", [[0x22]]), NEEDED),
    "magnitudes in a matrix": (put("items.magnitudes_high", [[0x22, 0x18, 0x05]]), NEEDED),
    "step in a matrix": (put("items.step", [[1]]), NEEDED),
    "gaps in a matrix": (put("items.gaps_high", [[0x55, 0x24]]), NEEDED),
    "signs of another type": (put("items.signs", [0x22], "i1"), "'items.signs' is I8, not U8"),
    "step of another type": (put("items.step", [1], "<f2"), "'items.step' is F16, not F32"),
    "no signs": (put("items.signs", []), "'items': 'signs' must have 1 bytes, one bit for each of 6 values"),
    "too many signs": (put("items.signs", [0x22, 0]), "'signs' must have 1 bytes"),
    "signs with padding set": (put("items.signs", [0x62]), "'signs' has bits set after the last value"),
    "step not a number": (put("items.step", [np.nan]), "'items': 'step' must be one finite number above 0"),
    "step infinite": (put("users.step", [np.inf]), "'users': 'step' must be one finite number above 0"),
    "step 0": (put("items.step", [0]), "'step' must be one finite number above 0"),
    "step negative": (put("items.step", [-1]), "'step' must be one finite number above 0"),
    "step subnormal": (put("items.step", [1e-39]), "'step' must be one finite number above 0, and not subnormal"),
    "no step": (put("items.step", []), "'step' must be one finite number"),
    "two steps": (put("items.step", [1, 1]), "'step' must be one finite number"),
    "step too large for the magnitudes": (put("items.step", [3e37]), "largest magnitude times 'step' is not a finite"),
    "no low parts": (put("items.magnitudes_low", []), "first byte of 'magnitudes_low' must be there and 20 at most"),
    "a shift too large": (put("items.magnitudes_low", [255, 0x3F]), "'magnitudes_low' must be there and 20 at most"),
    "another shift": (put("items.magnitudes_low", [2, 0x3F]), "6 magnitudes of 2 low bits take 2"),
    "low parts too short": (put("items.magnitudes_low", [1]), "'magnitudes_low' has 0 bytes of low parts; 6 magn"),
    "low parts too long": (put("items.magnitudes_low", [1, 0x3F, 0]), "'magnitudes_low' has 2 bytes of low parts"),
    "low parts with padding set": (put("items.magnitudes_low", [1, 0x7F]), "'magnitudes_low' has bits set after"),
    "no high parts": (put("items.magnitudes_high", []), "'magnitudes_high' has 0 bytes, too few"),
    "high parts that run over": (put("items.magnitudes_high", [0x22, 0x18]), "has 4 one bits, but there are 6"),
    "a magnitude too many": (put("items.magnitudes_high", [0x22, 0x18, 0x0D]), "has 7 one bits, but there are 6"),
    "high parts that go on": (put("items.magnitudes_high", [0x22, 0x18, 0x05, 0]), "goes on after the last magnitude"),
    "magnitude too large": (
        huge_code("items.magnitudes", 6),
        "'items': 'magnitudes_high' holds a magnitude of 1048577, above 1048576",
    ),
    "a gap too few": (put("items.gaps_high", [0x55, 0x20]), "'signs' has bits set after the last value"),
    "no gaps": (put("items.gaps_high", []), "'items': 0 values can't fill 3 rows of 8 columns"),
    "a row without values": (put("items.gaps_high", [0xC7, 0x01]), "'items': row 2 is empty"),
    "another side not coded": (drop("users.signs"), "'users': a table of coded values needs"),
}


@pytest.mark.parametrize("case", CODED)
def test_coded_values(folder, case):
    change, message = CODED[case]
    parts = taken_apart(valid_file(folder / "coded", values_dtype="coded"))
    change(parts)
    refused(folder, parts.pack(), message)


CODED_CARDS = {
    "fewer items": ({"n_items": 2}, "'items.factors' must be 2 finite numbers, one a row"),
    "other columns": (
        {"dim": 9},
        "'users': 'gaps_high' has 4 zero bits before its last one; with 3 gaps 3 are possible",
    ),
    "other count": ({"nnz": 8}, "card counts 8 values, the tensors hold 9"),
    "huge users": ({"n_users": 10**15}, "'users': 3 values can't fill 1000000000000000 rows of 8 columns"),
}


@pytest.mark.parametrize("case", CODED_CARDS)
def test_cards_of_coded_values(folder, case):
    changes, message = CODED_CARDS[case]
    parts = taken_apart(valid_file(folder / "coded", values_dtype="coded"))
    parts.card |= changes
    refused(folder, parts.pack(), message)


NEEDED_BY_POSITIVE = "'items': positive values need 'excess_low', .* 'gaps_high', each in one dimension"
ABOVE = "magnitude above the least"
POSITIVE = {
    "low parts missing": (drop("items.excess_low"), NEEDED_BY_POSITIVE),
    "high parts missing": (drop("items.excess_high"), NEEDED_BY_POSITIVE),
    "least missing": (drop("items.least"), NEEDED_BY_POSITIVE),
    "step missing": (drop("items.step"), NEEDED_BY_POSITIVE),
    "only the least": (drop("items.excess_low", "items.excess_high", "items.step"), NEEDED_BY_POSITIVE),
    "all missing": (
        drop("items.excess_low", "items.excess_high", "items.least", "items.step"),
        "'items.values' is missing",
    ),
    "low parts of gaps missing": (drop("items.gaps_low"), NEEDED_BY_POSITIVE),
    "gaps missing": (drop("items.gaps_low", "items.gaps_high"), NEEDED_BY_POSITIVE),
    "signs as well": (put("items.signs", [0], "u1"), "'items.signs' does not belong to a table of positive values"),
    "values as well": (put("items.values", [1] * 6, "i1"), "'items.values' does not belong to a table of positive"),
    "scales as well": (put("items.scales", [1] * 8, "<f4"), "'items.scales' does not belong to a table of positive"),
    "magnitudes as well": (
        put("items.magnitudes_low", [0], "u1"),
        "'items.magnitudes_low' does not belong to a table of positive values",
    ),
    "least in a matrix": (put("items.least", [[1]]), NEEDED_BY_POSITIVE),
    "least of another type": (put("items.least", [1], "u1"), "'items.least' is U8, not U32"),
    "low parts of another type": (put("items.excess_low", [0], "i1"), "'items.excess_low' is I8, not U8"),
    "no least": (put("items.least", []), "'items': 'least' must be one whole number of 1048576 at most"),
    "two of them": (put("items.least", [1, 1]), "'least' must be one whole number of 1048576 at most"),
    "least too large": (put("items.least", [2**20 + 1]), "'least' must be one whole number of 1048576 at most"),
    "least beyond all": (put("users.least", [2**32 - 1]), "'users': 'least' must be one whole number"),
    "largest magnitude too large": (
        put("items.least", [2**20 - 9]),
        "'least' and the largest number above it are 1048577, above 1048576",
    ),
    "step not a number": (put("items.step", [np.nan]), "'items': 'step' must be one finite number above 0"),
    "step subnormal": (put("items.step", [1e-39]), "'step' must be one finite number above 0, and not subnormal"),
    "two steps": (put("items.step", [1, 1]), "'step' must be one finite number"),
    "step too large for the magnitudes": (put("items.step", [3e37]), "largest magnitude times 'step' is not a finite"),
    "step too large for the least": (put("users.step", [7e37]), "'users': the largest magnitude times 'step' is not"),
    "no low parts": (put("items.excess_low", []), "first byte of 'excess_low' must be there and 20 at most"),
    "a shift too large": (put("items.excess_low", [21]), "first byte of 'excess_low' must be there and 20 at most"),
    "another shift": (put("items.excess_low", [2]), f"6 {ABOVE}s of 2 low bits take 2"),
    "low parts too long": (put("items.excess_low", [0, 0]), "'excess_low' has 1 bytes of low parts"),
    "no high parts": (put("items.excess_high", []), "'excess_high' has 0 bytes, too few"),
    "a number too many": (put("users.excess_high", [0x0F]), f"has 4 one bits, but there are 3 {ABOVE}s"),
    "a number too few": (put("users.excess_high", [0x03]), f"has 2 one bits, but there are 3 {ABOVE}s"),
    "high parts that go on": (put("users.excess_high", [0x07, 0]), f"goes on after the last {ABOVE}"),
    "number too large": (
        huge_code("items.excess", 6),
        f"'items': 'excess_high' holds a {ABOVE} of 1048577, above 1048576",
    ),
    "another side with values missing": (drop("users.least"), "'users'"),
}
POSITIVE_CARDS = {
    "version 1": ({"format_version": 1}, "it holds a tensor that does not belong there: 'items.excess"),
    "version 2": ({"format_version": 2}, "it holds a tensor that does not belong there: 'items.excess"),
    "other count": ({"nnz": 8}, "card counts 8 values, the tensors hold 9"),
    "huge users": ({"n_users": 10**15}, "'users': 3 values can't fill 1000000000000000 rows of 8 columns"),
}


@pytest.mark.parametrize("case", POSITIVE)
def test_positive_values(folder, case):
    change, message = POSITIVE[case]
    parts = taken_apart(file_without_signs(folder / "positive"))
    change(parts)
    refused(folder, parts.pack(), message)


@pytest.mark.parametrize("case", POSITIVE_CARDS)
def test_cards_of_positive_values(folder, case):
    changes, message = POSITIVE_CARDS[case]
    parts = taken_apart(file_without_signs(folder / "positive"))
    parts.card |= changes
    refused(folder, parts.pack(), message)


def test_positive_values_by_hand_are_read(folder):
    """So what is refused above is refused for its fault."""
    path = folder / NAME
    path.write_bytes(file_without_signs(folder / "positive"))
    artefact = read(path)
    assert artefact.items.values.tolist() == [7, 15, 23, 3, 15, 7]
    assert artefact.users.values.tolist() == [11, 11, 11]
    put_largest = taken_apart(path.read_bytes())
    put_largest.tensors["items.least"][0] = 2**20 - 10
    path.write_bytes(put_largest.pack())
    assert read(path).items.values.max() == 2**21 + 1


def ids(tensors: dict[str, np.ndarray]):
    def change(parts: Parts) -> None:
        parts.tensors |= tensors

    return change


def at(name: str, place: int, byte: int):
    """One byte of a tensor."""

    def change(parts: Parts) -> None:
        parts.tensors[name][place] = byte

    return change


def longer(name: str, *more: int):
    """More bytes behind those of a tensor."""

    def change(parts: Parts) -> None:
        parts.tensors[name] = np.concatenate((parts.tensors[name], np.array(more, dtype="u1")))

    return change


def both_kinds(parts: Parts) -> None:
    put("items.ids", list(b"a" * 200), "u1")(parts)
    put("items.id_offsets", range(201), "u4")(parts)


TEXT_KINDS = [f"items.id_{kind}" for kind in ("shared_low", "shared_high", "rest_low", "rest_high", "texts")]
HALF = len(TEXTS)
LONG = [f"a{row:02d}" + "x" * 5 for row in range(HALF)]
GAPS = "'id_gaps_low' and 'id_gaps_high' must have one dimension and their bytes, the first 24 at most"
ORDER = "'items': ids are not in natural order, or one is there twice"
CODED_IDS = {
    "low parts of numbers missing": (drop("items.id_gaps_low"), "'items': 'id_gaps_low', 'id_gaps_high' belong"),
    "high parts of numbers missing": (drop("items.id_gaps_high"), "'id_gaps_low', 'id_gaps_high' belong together"),
    "a text tensor missing": (drop("items.id_rest_low"), "'id_rest_high', 'id_texts' belong together"),
    "the texts missing": (drop("items.id_texts"), "'id_rest_high', 'id_texts' belong together"),
    "all of texts missing": (drop(*TEXT_KINDS), "'id_rest_high', 'id_texts' belong together"),
    "numbers missing": (
        drop("items.id_gaps_low", "items.id_gaps_high"),
        "'id_shared_high' has 24 bytes, too few for one bit for each",
    ),
    "two kinds of ids": (both_kinds, "'items' has ids as they are and coded ones"),
    "ids as they are beside": (put("items.ids", [97], "u1"), "'items' has ids as they are and coded ones"),
    "a shift of 25": (at("items.id_gaps_low", 0, 25), GAPS),
    "no first number": (put("items.id_gaps_low", [0] * 7), GAPS),
    "no low parts at all": (put("items.id_gaps_low", []), GAPS),
    "no gap": (put("items.id_gaps_high", []), GAPS),
    "low parts in a matrix": (put("items.id_gaps_low", [[0] * 8]), GAPS),
    "high parts in a matrix": (put("items.id_gaps_high", [[255] * 13]), GAPS),
    "another shift": (at("items.id_gaps_low", 0, 9), "'id_gaps_low' has .* bytes of low parts"),
    "low parts that go on": (longer("items.id_gaps_low", 0), "'id_gaps_low' has .* bytes of low parts"),
    "high parts that go on": (longer("items.id_gaps_high", 0), "'id_gaps_high' goes on after the last id gap"),
    "nothing but zero bits": (put("items.id_gaps_high", [0] * 30), "'id_gaps_high' .*"),
    "a first number beyond all": (at("items.id_gaps_low", 7, 0xFF), "an id is a number above 9007199254740991"),
    "numbers beyond all": (
        ids(numbers_as([2**53 - 1, *range(2**53, 2**53 + 99)])),
        "an id is a number above 9007199254740991",
    ),
    "more numbers than rows": (ids(numbers_as(list(range(201)))), "201 ids are numbers, and there are texts or more"),
    "numbers for all rows, and texts": (ids(numbers_as(list(range(200)))), "200 ids are numbers, and there are texts"),
    "fewer numbers than left": (
        ids(numbers_as(NUMBERS[:-1])),
        "'id_shared_low' has 25 bytes of low parts; 101 shared lengths",
    ),
    "more numbers than left": (ids(numbers_as([*NUMBERS, 400])), "'id_shared_high' has 100 one bits, but there are 99"),
    "a shift of lengths of 21": (at("items.id_shared_low", 0, 21), "the first byte of 'id_shared_low' .* 20 at most"),
    "shared lengths that go on": (longer("items.id_shared_high", 0), "'id_shared_high' goes on after the last shared"),
    "lengths that go on": (longer("items.id_rest_high", 0), "'id_rest_high' goes on after the last length"),
    "low lengths that go on": (longer("items.id_rest_low", 0), "'id_rest_low' has .* bytes of low parts"),
    "texts that go on": (longer("items.id_texts", 97), r"'id_texts' has \d+ bytes in 1 dimensions, not \d+ in one"),
    "texts in a matrix": (put("items.id_texts", [[97] * 8]), "'id_texts' has 8 bytes in 2 dimensions"),
    "texts cut off": (put("items.id_texts", [97] * 8), "'id_texts' has 8 bytes in 1 dimensions"),
    "a text that shares at the beginning": (ids(texts_as(LONG, {0: 1})), "every 16th id that is a text must be stored"),
    "a sixteenth that shares": (ids(texts_as(LONG, {32: 1})), "every 16th id that is a text must be stored in full"),
    "more shared than there is": (
        ids(texts_as([*LONG[:4], LONG[4] + "y" * 9, *LONG[5:]], {4: 9})),
        "an id shares more than there is of the one before it",
    ),
    "texts that descend": (ids(texts_as([*LONG[:5], "A", *LONG[6:]])), ORDER),
    "texts that descend between blocks": (ids(texts_as([*LONG[:16], "A", *LONG[17:]])), ORDER),
    "texts that are the same": (ids(texts_as([*LONG[:5], LONG[4], *LONG[6:]])), ORDER),
    "texts that are the same, all shared": (ids(texts_as([*LONG[:5], LONG[4], *LONG[6:]], {5: 8})), ORDER),
    "an empty text in the middle": (ids(texts_as([*LONG[:5], "", *LONG[6:]])), ORDER),
    "a number among texts": (ids(texts_as([*LONG[:5], "7777", *LONG[6:]])), ORDER),
    "a text that is one of the numbers": (ids(texts_as(["297", *LONG[1:]])), ORDER),
    "a text that is a smaller number": (ids(texts_as(["11", *LONG[1:]])), ORDER),
    "a number with zeros behind itself": (ids(texts_as(["00297", *LONG[1:]])), ORDER),
    "numbers that are texts and descend": (ids(texts_as(["1000", "0999", *LONG[2:]])), ORDER),
    "the same number twice as a text": (ids(texts_as(["1000", "01000", *LONG[2:]])), ORDER),
    "not UTF-8": (ids(texts_as([*LONG[:-1], b"b\xff"])), "'items': an id is not UTF-8"),
    "a letter cut off": (ids(texts_as([*LONG[:-1], b"b\xc3"])), "'items': an id is not UTF-8"),
    "a letter cut off before a letter": (ids(texts_as([*LONG[:-2], b"b\xc3", b"c"])), "'items': an id is not UTF-8"),
    "half a letter": (ids(texts_as([*LONG[:-1], b"\xa9"])), "'items': an id is not UTF-8"),
    "a letter over two ids": (ids(texts_as([*LONG[:-2], b"b\xc3", b"\xa9"])), "'items': an id is not UTF-8"),
    "a letter over two blocks": (
        ids(texts_as([*LONG[:15], b"b\xe2", b"\x82\xac", *[f"\U0010ffff{row:03d}" for row in range(HALF - 17)]])),
        "'items': an id is not UTF-8",
    ),
    "a surrogate": (ids(texts_as([*LONG[:-1], b"\xed\xa0\x80"])), "'items': an id is not UTF-8"),
}
CODED_ID_CARDS = {
    "version 1": ({"format_version": 1}, "it holds a tensor that does not belong there: 'items.id_"),
    "more items": ({"n_items": 201}, "'items"),
    "users without ids": ({"n_users": 4}, "'users"),
}


@pytest.mark.parametrize("case", CODED_IDS)
def test_coded_ids(folder, case):
    change, message = CODED_IDS[case]
    parts = taken_apart(file_of_coded_ids(folder / "ids"))
    change(parts)
    refused(folder, parts.pack(), message)


@pytest.mark.parametrize("case", CODED_ID_CARDS)
def test_cards_of_coded_ids(folder, case):
    changes, message = CODED_ID_CARDS[case]
    parts = taken_apart(file_of_coded_ids(folder / "ids"))
    parts.card |= changes
    refused(folder, parts.pack(), message)


GOOD_IDS = {
    "as written": [*map(str, NUMBERS), *TEXTS],
    "texts in full": [*map(str, NUMBERS), *LONG],
    "an empty text first": [*map(str, NUMBERS), "", *LONG[1:]],
    "digits first": [*map(str, NUMBERS), "0298", "000299", "299", "99999999999999999999", *LONG[4:]],
    "a letter cut by what is shared": [*map(str, NUMBERS), *LONG[:-2], "é", "è"[:0] + "ê"],
}


@pytest.mark.parametrize("case", GOOD_IDS)
def test_the_same_by_hand_is_read(folder, case):
    """The codes of this file's own making are right, so what is refused above is refused for its fault."""
    names = GOOD_IDS[case]
    parts = taken_apart(file_of_coded_ids(folder / "ids"))
    shared = {HALF - 1: 1} if case == "a letter cut by what is shared" else {}
    parts.tensors |= numbers_as(NUMBERS) | texts_as(names[len(NUMBERS) :], shared)
    path = folder / NAME
    path.write_bytes(parts.pack())
    assert Recommender.open(path).item_ids == names
    assert read(path).item_ids.rows(names).tolist() == list(range(200))


def test_huge_claims_of_texts_take_no_memory(folder):
    """Lengths of a million bytes each, and as many shared, in a few bytes."""
    parts = taken_apart(file_of_coded_ids(folder / "ids"))
    low = np.concatenate((np.array([20], dtype="u1"), np.frombuffer(b"\xff" * 249 + b"\x0f", dtype="u1")))[:251]
    high = unary([0] * HALF)[1]
    for stem in ("shared", "rest"):
        parts.tensors |= {f"items.id_{stem}_low": low, f"items.id_{stem}_high": high}
    tracemalloc.start()
    try:
        refused(folder, parts.pack(), "'items': 'id_")
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("digits", [15, 300])
def test_a_huge_count_of_history_factors_takes_no_memory(folder, valid, digits):
    parts = taken_apart(valid)
    drop("items.factors")(parts)
    parts.card |= {"n_items": 10**digits}
    data = parts.pack()
    tracemalloc.start()
    try:
        refused(folder, data, "'history_high' has 1 bytes, too few for one bit for each history factor")
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["U8", "F32"])
def test_huge_claims_take_no_memory(folder, valid, dtype):
    """Sizes in the header and the card that would take petabytes, with and without room for the bytes."""
    claims = []
    for shape in ([10**14], [10**14, 0], [0, 10**14]):
        parts = taken_apart(valid)
        parts.header["items.gaps_high"] = {"shape": shape, "dtype": dtype}
        parts.card |= {"n_items": 10**15, "nnz": 10**15, "n_users": 10**15}
        claims.append(parts.pack())
        parts.tensors["items.gaps_high"] = np.zeros(0, dtype="u1")
        claims.append(parts.pack())
    for side in ("items", "users"):
        parts = taken_apart(valid)
        drop("items.factors", "items.history_low", "items.history_high", "items.history_scale")(parts)
        parts.card |= {f"n_{side}": 10**15, "nnz": 10**15}
        claims.append(parts.pack())
    tracemalloc.start()
    try:
        for data in claims:
            refused(folder, data)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


# Random damage.


@st.composite
def damage(draw) -> list[tuple[str, float, bytes]]:
    """Edits: a kind, a place as a share of the file, and bytes."""
    kinds = st.sampled_from(["flip", "set", "insert", "delete", "cut"])
    places = st.floats(0, 1, exclude_max=True)
    return draw(st.lists(st.tuples(kinds, places, st.binary(min_size=1, max_size=4)), min_size=1, max_size=4))


def damaged(data: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, new in edits:
        at = int(place * len(data))
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << new[0] % 8)]) + data[at + 1 :]
        elif kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + len(new) :]
        elif kind == "cut":
            data = data[:at]
    return data


@pytest.fixture(scope="module")
def originals(folder) -> list[bytes]:
    return [
        valid_file(folder / "original", values_dtype=values_dtype, dense=dense)
        for values_dtype, dense in itertools.product(("int8", "float16", "coded"), (False, True))
        if not (dense and values_dtype == "coded")
    ] + [file_without_signs(folder / "original")]


def outcome(action):
    """What the action gives, and the message when it refuses."""
    try:
        return action(), ""
    except SparserecError as error:
        return None, str(error)


@settings(max_examples=400)
@given(st.integers(0, 5), damage())
def test_random_damage_is_refused_or_leaves_the_tensors_as_they_were(folder, originals, which, edits):
    path = folder / NAME
    path.write_bytes(damaged(originals[which], edits))
    artefact, refusal = outcome(lambda: read(path))
    if artefact is None:
        assert NAME in refusal
        return
    tensors = artefact.tensors
    wanted = taken_apart(originals[which]).tensors
    assert set(tensors) == set(wanted)
    for name, tensor in wanted.items():
        assert tensors[name].dtype == tensor.dtype
        assert tensors[name].shape == tensor.shape
        assert tensors[name].tobytes() == tensor.tobytes()


@settings(max_examples=400)
@given(st.integers(0, 5), damage())
def test_random_damage_never_breaks_the_recommender_without_the_digest(folder, originals, which, edits):
    path = folder / NAME
    path.write_bytes(damaged(originals[which], edits))
    with np.errstate(all="ignore"):  # damaged scales can be so large that scores overflow
        recommender, refusal = outcome(lambda: Recommender.open(path, verify_digest=False))
        if recommender is None:
            assert NAME in refusal
        else:
            recommender.recommend(recommender.item_ids[:2], k=2)


@settings(max_examples=400)
@given(st.integers(0, 5), st.data())
def test_tensors_of_any_content_with_a_fitting_digest(folder, originals, which, data):
    """Random bytes in one tensor: refused, or all answers are there."""
    parts = taken_apart(originals[which])
    name = data.draw(st.sampled_from(sorted(parts.tensors)))
    tensor = parts.tensors[name]
    content = data.draw(st.binary(min_size=tensor.nbytes, max_size=tensor.nbytes))
    parts.tensors[name] = np.frombuffer(content, dtype=tensor.dtype).reshape(tensor.shape)
    (folder / NAME).write_bytes(parts.pack())
    with np.errstate(all="ignore"):
        recommender, refusal = outcome(lambda: Recommender.open(folder / NAME))
        if recommender is None:
            assert NAME in refusal
        else:
            assert len(recommender.recommend(recommender.item_ids[:1], k=3)) <= 2
