"""The recipe "add a tensor encoding" as CONTRIBUTING.md has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparserec.artefact import CODECS

ROOT = Path(__file__).resolve().parents[2]
HEADING = "Add a tensor encoding"
PYTHON = '''\
import numpy as np

from sparserec.artefact.codecs import CODECS, Decoded, ValuesCodec
from sparserec.errors import SparserecError


class SignMagnitude(ValuesCodec):
    """A byte a value: its sign above its magnitude in 127ths of the largest of the table."""

    name, version = "signmagnitude", 2
    tensors = {"bytes": "U8", "largest": "F32"}
    value_bits, table_bytes = 8, 4

    def encode(self, table, setting):
        largest = max(np.abs(table.values).max(), np.float32(1e-30))
        magnitudes = np.rint(np.abs(table.values) / largest * 127).astype(np.uint8)
        return {"bytes": magnitudes | np.uint8(128) * (table.values < 0), "largest": np.array([largest])}

    def decode(self, side, nnz):
        data, largest = side.tensors["bytes"], side.tensors["largest"]
        if len(data) != nnz or len(largest) != 1 or not 0 < largest[0] < np.inf:
            raise SparserecError(f"'bytes' must be {nnz} numbers, and 'largest' one finite number above 0")
        magnitudes = (data & 127).astype(np.int8)
        return Decoded(np.where(data > 127, -magnitudes, magnitudes), unit=float(largest[0]) / 127)


CODECS[SignMagnitude.name] = SignMagnitude()
'''
JAVASCRIPT = """\
import { SparserecError } from "./error.js";

export const SIGN_MAGNITUDE = {
  name: "signmagnitude",
  version: 2,
  tensors: { bytes: "U8", largest: "F32" },
  decode({ tensors }, nnz) {
    const { data } = tensors.bytes;
    const [largest, ...more] = tensors.largest.data;
    if (data.length !== nnz || more.length > 0 || !(largest > 0 && Number.isFinite(largest))) {
      throw new SparserecError(`'bytes' must be ${nnz} numbers, and 'largest' one finite number above 0`);
    }
    const values = Int8Array.from(data, (byte) => (byte & 128 ? -(byte & 127) : byte));
    return { values, unit: largest / 127 };
  },
};
"""


def block(language: str) -> str:
    """The block of code in a language under the heading in CONTRIBUTING.md; where there is none, the one above."""
    page = ROOT / "CONTRIBUTING.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if HEADING not in text:
        return {"python": PYTHON, "js": JAVASCRIPT}[language]
    section = re.split(rf"^#+ {HEADING}$", text, maxsplit=1, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return code


@contextmanager
def added() -> Iterator[str]:
    """The name of the encoding of the recipe, which is in the table meanwhile."""
    before = dict(CODECS)
    exec(compile(block("python"), "CONTRIBUTING.md", "exec"), {})  # the project's own page
    try:
        (name,) = set(CODECS) - set(before)
        yield name
    finally:
        CODECS.clear()
        CODECS.update(before)
