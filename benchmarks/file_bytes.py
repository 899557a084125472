"""Bytes of exported files, ids included, with ids as they are and coded: writes docs/results/file_bytes.json.

    python benchmarks/file_bytes.py $SPARSEREC_DATA/ml-latest-small $SPARSEREC_DATA/gowalla

The table is the start of the default recipe, without epochs: its bytes are those of the budget however long it is
trained. "before" is the same file in format version 1, whose ids are their texts and an offset of four bytes each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import sparserec
from sparserec.artefact import read
from sparserec.artefact.codecs import PLAIN_IDS, raw_ids
from sparserec.artefact.schema import digest
from sparserec.artefact.writer import header_of
from sparserec.bench.script import Rows, run
from sparserec.vocabulary import Vocabulary

BUDGETS = (6, 12, 24)
"""Bytes an item, without ids."""


def older_bytes(path: Path) -> tuple[int, int]:
    """Bytes of a file and of its ids if these were stored as they are."""
    artefact = read(path)
    tensors = {name: part for name, part in artefact.tensors.items() if not raw_ids(name.partition(".")[2])}
    ids = {"items": artefact.item_ids, "users": artefact.user_ids}
    plain = {
        f"{side}.{kind}": part
        for side, names in ids.items()
        if names is not None
        for kind, part in PLAIN_IDS.encode(side, Vocabulary.of(names)).items()
    }
    tensors |= plain
    card = replace(artefact.card, format_version=1, sha256=digest(tensors))
    whole = 8 + len(header_of(tensors, card)) + sum(part.nbytes for part in tensors.values())
    return whole, sum(part.nbytes for part in plain.values())


def main(
    data: Annotated[Sequence[Path], "files or folders of interactions"],
    budgets: Annotated[Sequence[int], "bytes an item"] = BUDGETS,
    threads: int | None = None,
) -> Rows:
    for source in data:
        dataset = sparserec.load(source)
        with tempfile.TemporaryDirectory() as folder:
            for budget in budgets:
                settings = {"budget": f"{budget}B/item", "epochs": 0, "refit": False, "threads": threads}
                settings["data"] = {"split": "given" if dataset.test is not None else "random"}
                trained = sparserec.train(dataset, Path(folder) / f"{budget}", recipe="fism", **settings)
                file = Path(folder) / "model.safetensors"
                report = trained.export(file)
                before, ids_before = older_bytes(file)
                yield {
                    "data": source.stem,
                    "items": trained.facts.n_items,
                    "B/item": budget,
                    "before": before,
                    "ids before": ids_before,
                    "now": file.stat().st_size,
                    "ids now": report.ids,
                    "share": round(file.stat().st_size / before, 3),
                }
    return {}


if __name__ == "__main__":
    run(main, quick={"budgets": [24], "threads": 1})
