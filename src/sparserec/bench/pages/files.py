"""Results files as they lie in docs/results, and tables of those that need no page of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sparserec.bench.pages.markdown import flat, table, wrap


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
    whole = known["result"]
    if part == "numbers":
        rows, alone = [], {title: value for title, value in whole.items() if not isinstance(value, (list, dict))}
    elif part:
        rows, alone = _rows_and_alone(whole[part])
    else:
        rows, alone = _rows_and_alone(whole)
    blocks = [] if part and part != "numbers" else [[f"`{known['command']}`"]]
    if rows:
        flattened = [dict(flat(row)) for row in rows]
        names = dict.fromkeys(name for row in flattened for name in row)
        blocks.append(table([*names], ([row.get(name, "-") for name in names] for row in flattened)))
    if alone:
        blocks.append(table(["", ""], flat(alone)))
    return [line for block in blocks for line in ["", *block]][1:]


def _rows_and_alone(figures: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What makes a table of rows of one kind, and what stands alone."""
    if isinstance(figures, list):
        return figures, {}
    if all(isinstance(value, dict) for value in figures.values()):
        return [{"": title, **row} for title, row in figures.items()], {}
    rows = figures.get("rows")
    if isinstance(rows, list):
        return rows, {title: value for title, value in figures.items() if title != "rows"}
    return [], figures


def machines(folder: Path, _: str) -> list[str]:
    """One table of all machines that results files name, the versions of what ran there, and which files those are."""
    measured: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for file in sorted(folder.glob("*.json")):
        facts = results_file(folder, file.stem).get("machine")
        if facts:
            measured.setdefault(json.dumps(facts), (facts, []))[1].append(file.stem)
    every = list(measured.values())
    rows = [[number, *facts.values()] for number, (facts, _) in enumerate(every, start=1)]
    files = [f"- Machine {number}: {', '.join(names)}." for number, (_, names) in enumerate(every, start=1)]
    return [*table(["machine", *every[0][0]], rows), "", *(line for words in files for line in wrap(words))]
