"""Results files as they lie in docs/results, and tables of those that need no page of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sparserec.bench.pages.markdown import flat, table


def results_file(folder: Path, name: str) -> dict[str, Any]:
    """FOLDER/NAME.json: "command", "machine" and "result"; nothing where the file is not there."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def result(folder: Path, name: str) -> dict[str, Any]:
    """The "result" of FOLDER/NAME.json."""
    return results_file(folder, name).get("result", {})


def lines_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines of FOLDER/NAME.jsonl, without one whose writing was cut off: its job counts as not done."""
    file, entries = folder / f"{name}.jsonl", []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def section(folder: Path, about: str) -> list[str]:
    """The command and the figures of a results file, or of one part of its result.

    Things of one kind are rows of a table, all else stands one below the other.

    Args:
        folder: of the results files.
        about: the file's name without its ending, and perhaps the name of a part, or "numbers" for what is no part.
    """
    name, _, part = about.partition(" ")
    known = results_file(folder, name)
    if not known:
        return ["Not measured yet."]
    figures: Any = known["result"]
    if part == "numbers":
        figures = {title: value for title, value in figures.items() if not isinstance(value, (list, dict))}
    elif part:
        figures = figures[part]
    rows: Any = figures if isinstance(figures, list) else figures.get("rows")
    if part and rows is None and all(isinstance(value, dict) for value in figures.values()):
        rows, figures = [{"": title, **row} for title, row in figures.items()], {}
    blocks = [] if part and part != "numbers" else [[f"`{known['command']}`"]]
    if isinstance(rows, list):
        flattened = [dict(flat(row)) for row in rows]
        blocks.append(table(list(flattened[0]), ([*row.values()] for row in flattened)))
        figures = {} if part else {title: value for title, value in figures.items() if title != "rows"}
    if figures:
        blocks.append(table(["", ""], flat(figures)))
    return [line for block in blocks for line in ["", *block]][1:]


def machines(folder: Path, _: str) -> list[str]:
    """One table of all machines that results files name, and the versions of what ran there."""
    measured: dict[tuple[str, ...], list[str]] = {}
    head: list[str] = []
    for file in sorted(folder.glob("*.json")):
        facts = results_file(folder, file.stem).get("machine")
        if facts:
            head = head or list(facts)
            measured.setdefault(tuple(str(facts.get(name, "-")) for name in head), []).append(file.stem)
    rows = [[*facts, ", ".join(names)] for facts, names in measured.items()]
    return table([*head, "results files"], rows)
