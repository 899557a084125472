"""Which files of a folder hold interactions, and which of them is the test part."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparserec.errors import SparserecError
from sparserec.interactions.formats import SUFFIXES, kind_of
from sparserec.interactions.sources import bare_name, label_of

ROLES = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
NEARLY_TEST = re.compile(r"(?:^|[\W_])(?:tests?[\W_]*(?:set|data|part|split|file)?\d*|h[oe]ld[\W_]?out\d*)(?:[\W_]|$)")
"""Names that could mean a test part and are none that is taken for it."""
LONG_KNOWN = (".txt", ".csv", ".tsv", ".inter", ".parquet", ".pq")
"""Endings that decide where a folder holds one file of these and others besides."""
IGNORED = (".md", ".rst", ".html", ".pdf", ".log", ".py", ".ipynb", ".png", ".toml", ".yaml", ".yml", ".crc")
"""Endings of files that nobody means by the test part."""


@dataclass(frozen=True)
class Files:
    """Files to read, and what their folders say about all of their rows.

    Args:
        train: files to train on.
        test: the given test file, or None.
        constants: columns by file, from folders named `column=value`.
    """

    train: list[Path]
    test: Path | None = None
    constants: dict[Path, tuple[tuple[str, str], ...]] | None = None


def find_files(path: Path, format: str | None) -> Files:
    """The files that a path means.

    Raises:
        SparserecError: no such path, or a folder in which it is not clear what is meant.
    """
    label = label_of(path)
    try:
        if path.is_file():
            return Files([path])
        if not path.exists():
            raise SparserecError(f"{label}: no such file or folder")
        if not path.is_dir():
            raise SparserecError(f"{label}: neither a file nor a folder")
        present = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
        nested = [] if any(kind_of(file.name) for file in present) else sorted(_below(path))
    except (OSError, ValueError) as error:
        raise SparserecError(f"{label}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    readable = [file for file in present if kind_of(file.name) or (format and not _ignored(file))]
    if format is not None:
        readable = [file for file in readable if kind_of(file.name) in (format, "text", None)]
    by_role = _by_role(path, present, readable)
    if by_role is not None:
        return by_role
    if nested:
        return _parts(path, nested)
    return _one_or_parts(path, readable)


def _by_role(path: Path, present: list[Path], readable: list[Path]) -> Files | None:
    """train.* with what stands beside it; None where there is no such file."""
    roles = {file: _role(file) for file in present}
    trains = [file for file in readable if roles[file][1] == "train"]
    if not trains:
        return None
    plain = [file for file in trains if roles[file][0] == ""]
    if len(trains) > 1 and len(plain) != 1:
        names = " and ".join(file.name for file in trains)
        raise SparserecError(f"{label_of(path)}: {names} could both be meant; give one file's path")
    train = plain[0] if plain else trains[0]
    prefix = roles[train][0]
    beside: dict[str, Path | None] = {"valid": None, "test": None}
    for role in beside:
        others = [file for file in present if roles[file][1] == role and not _ignored(file)]
        exact = [file for file in others if roles[file][0] == prefix] if plain or prefix else others
        for file in others:
            if file not in readable or file not in exact:
                raise SparserecError(
                    f"{label_of(file)}: lies beside {train.name} and could be its {role} part, but "
                    f"{'is in no format that can be read' if file not in readable else 'has another name'}; rename it, "
                    f"move it away, or give the path of {train.name} alone"
                )
        if len(exact) > 1:
            names = " and ".join(file.name for file in exact)
            raise SparserecError(
                f"{label_of(path)}: {names} could both be the {role} part; leave one, or give the path of {train.name}"
            )
        beside[role] = exact[0] if exact else None
    nearly = [file for file in present if not roles[file][1] and not _ignored(file) and _is_nearly_test(file)]
    if nearly and beside["test"] is None:
        raise SparserecError(
            f"{label_of(nearly[0])}: lies beside {train.name} and could be its test part, but has another name; rename "
            f"it, such as test{train.suffix}, move it away, or give the path of {train.name} alone"
        )
    valid = beside["valid"]
    return Files([train, *([valid] if valid else [])], beside["test"])


def _one_or_parts(path: Path, readable: list[Path]) -> Files:
    """The one file that is meant, or parts of one table."""
    for stem in ("ratings",):
        named = [file for file in readable if os.path.splitext(bare_name(file.name))[0] == stem]
        exact = [file for file in named if file.name == "ratings.csv"]
        for choice in (exact, named):
            if len(choice) == 1:
                return Files(choice)
    inter = [file for file in readable if bare_name(file.name).endswith(".inter")]
    known = [file for file in readable if file.suffix.lower() in LONG_KNOWN]
    for choice in (inter, known, readable):
        if len(choice) == 1 and _role(choice[0])[1] != "test":
            return Files(choice)
    kinds = {os.path.splitext(bare_name(file.name))[1] for file in readable}
    numbered = all(re.match(r"part[-_.]?\d", file.name) for file in readable)
    alike = len(readable) > 1 and len(kinds) == 1 and not any(_role(file)[1] for file in readable)
    if alike and (numbered or kinds <= {".parquet", ".pq"}):
        return Files(readable)
    names = ", ".join(file.name for file in readable[:8]) or "none of these"
    raise SparserecError(
        f"{label_of(path)}: the folder must hold train.txt (and test.txt), ratings.csv, a single file of "
        f"{', '.join(SUFFIXES)}, or parts of one table in Parquet; found {names}"
    )


def _below(path: Path) -> Iterator[Path]:
    """Files in the folders below, those of Parquet alone."""
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if kind_of(name) == "parquet" and not name.startswith((".", "_")):
                yield Path(folder) / name


def _parts(path: Path, files: list[Path]) -> Files:
    """Parts of one table in folders, with the columns that `column=value` names."""
    constants = {}
    for file in files:
        between = file.relative_to(path).parts[:-1]
        if any(name.lower() in ROLES["test"] + ROLES["valid"] for name in between):
            raise SparserecError(
                f"{label_of(path)}: {'/'.join(between)} could be a test part; give the folder to train on, or put the "
                "parts beside each other as train.parquet and test.parquet"
            )
        constants[file] = tuple(tuple(name.split("=", 1)) for name in between if "=" in name)
    if len({tuple(name for name, _ in given) for given in constants.values()}) > 1:
        raise SparserecError(f"{label_of(path)}: its folders name different columns; give one of them")
    return Files(files, None, constants)  # type: ignore[arg-type]  # pairs, as split at the first sign


def _role(file: Path) -> tuple[str, str]:
    """What a file's name says it is: what stands before, and train, valid, test or nothing."""
    stem, ending = os.path.splitext(bare_name(file.name))
    stem = stem if ending in SUFFIXES else stem + ending
    for role, names in ROLES.items():
        match = re.fullmatch(rf"(?:(.*)[._\-])?(?:{'|'.join(names)})(?:\.[a-z0-9]{{1,5}})?", stem)
        if match:
            return match[1] or "", role
    return "", ""


def _is_nearly_test(file: Path) -> bool:
    return NEARLY_TEST.search(os.path.splitext(bare_name(file.name))[0]) is not None


def _ignored(file: Path) -> bool:
    return file.suffix.lower() in IGNORED
