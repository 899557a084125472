"""Tables of text: CSV, TSV and others, with a header line or without."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import polars as pl

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, read_scan
from sparserec.interactions.columns import find_columns, is_usual
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source
from sparserec.interactions.text import (
    MARKS,
    Layout,
    about_remarks,
    first_lines,
    is_number,
    leading_remarks,
    read_header,
    records_of,
    scan_text,
    without_header,
)

SEPARATORS = ("\t", ",", ";", "|")
PLAIN = ("::", " ")
"""Separators that are looked for only where none of the others is there; quotes mean nothing beside them."""
LOOKED_AT = 50
"""Lines by which the separator is found."""
LOOKED_PAST = 1_000
"""Remarks at the beginning at most."""
_TOLD = re.compile('"?sep=(.)"?')
"""The line by which Excel is told the separator."""
_QUOTED = re.compile(r'(?<![^\t,;|])"(?:[^"]|"")*"(?=[\t,;|]|$)')
_DAY = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?")


def read_delimited(source: Source, request: Request) -> Coded:
    """Read a table whose separator (tab, comma, semicolon, bar, `::` or blanks) is found from its first lines.

    Ids are kept exactly as written, quotes around a field aside. Remarks before the first line are passed over: what
    begins with # or % and has another shape than the lines below.

    Raises:
        SparserecError: no header, a column isn't there, a malformed line, a missing id, a rating that is no
            number; the sentence names file and line.
    """
    layout = find_layout(source, request)
    try:
        places = find_columns(layout.names, request, source.label)
    except SparserecError as error:
        raise _no_header(source, layout) or _uncut(source, layout, request) or error from None
    if layout.header and request.header is None and _by_number(layout, request):
        _refuse_values(source, layout, places)
    if request.separator is None:
        _refuse_doubled(source, layout, places)
    coded = read_scan(scan_text(source, layout, places, request), request)
    if layout.plain:
        hints = (*_about_quotes("user", coded.user_ids), *_about_quotes("item", coded.item_ids))
        coded = replace(coded, tally=coded.tally.with_hints(*hints))
    return coded


def find_layout(source: Source, request: Request) -> Layout:
    """The separator and the columns of a table.

    Raises:
        SparserecError: the first line is no header though one is expected, or is one though none is; or several
            separators could be meant.
    """
    separator, skip, hints = _find_start(source, request)
    if request.header is not False:
        return replace(read_header(source, separator, skip), hints=hints)
    line, record = next(
        ((line, record) for line, record in records_of(source, separator, skip) if any(record)), (1, [])
    )
    if sum(is_usual(field) for field in record) >= 2:
        raise SparserecError(
            f"{source.label}:{line}: the first line is a header ({_shown(record[:4])}); leave out "
            f"{option('header', False)}"
        )
    unnamed = [option(role, number) for role, number in (("user", 1), ("item", 2)) if getattr(request, role) is None]
    if unnamed:
        raise SparserecError(
            f"{source.label}: without a header the columns must be given by number: for example {', '.join(unnamed)}; "
            f"the first line holds {_shown(record[:8])}"
        )
    names = [str(number + 1) for number in range(len(record))]
    return Layout(names, separator, header=False, skip=skip, hints=hints)


def _shown(fields: Sequence[str]) -> str:
    """Fields as a sentence can hold them, in one line."""
    return ", ".join(" ".join(field.split())[:60] for field in fields)


def _find_start(source: Source, request: Request) -> tuple[str, int, tuple[str, ...]]:
    """The separator, how many lines before the table are passed over, and what there is to say about them."""
    lines = first_lines(source, LOOKED_AT)
    told = _TOLD.fullmatch(lines[0].strip(" \r")) if lines else None
    if told:
        return request.separator or told[1], 1, ()
    if lines and lines[0].startswith(MARKS) and not leading_remarks(lines):
        lines = first_lines(source, LOOKED_PAST)
    remarks = leading_remarks(lines)
    lines = lines[: remarks + LOOKED_AT]
    find = _start_of_header if request.header is not False else _start_of_values
    try:
        separator, skip = find(lines, remarks, request)
    except SparserecError as error:
        raise SparserecError(f"{source.label}: {error}") from None
    marked = [line for line in lines[:skip] if line.strip()]
    return separator, skip, (about_remarks(source.label, marked),) if skip else ()


def _start_of_header(lines: Sequence[str], remarks: int, request: Request) -> tuple[str, int]:
    """The separator, and how many of the remarks are none of the table; the last of them can be the header."""
    wanted = request.separator or find_separator(lines[max(remarks - 1, 0) :], header=True)
    if not remarks:
        return wanted, 0
    last, first = (_cut(line, wanted) for line in lines[remarks - 1 : remarks + 1])
    known = set(request.named().values())
    named, named_below = (bool(known & set(fields)) or sum(map(is_usual, fields)) >= 2 for fields in (last, first))
    if not named_below and (named or len(last) == len(first) > 1):
        above = {len(_cut(line, wanted)) for line in lines[: remarks - 1] if line.strip()}
        return wanted, 0 if above <= {len(first)} else remarks - 1
    return request.separator or find_separator(lines[remarks:], header=True), remarks


def _start_of_values(lines: Sequence[str], remarks: int, request: Request) -> tuple[str, int]:
    """The separator, and how many of the first lines are remarks: all that could be, or none."""
    wanted = request.separator or find_separator(lines[remarks:], header=False)
    below = [_cut(line, wanted) for line in lines[remarks:] if line.strip()]
    widths = {len(fields) for fields in below}
    # Where only numbers follow, a word is no id; the first field aside, as ids may begin with a mark.
    numbers = [at for at in range(1, min(widths, default=0)) if all(_is_value(fields[at]) for fields in below)]
    for line in lines[:remarks]:
        fields = _cut(line, wanted)
        if line.strip() and (len(fields) not in widths or not all(_is_value(fields[at]) for at in numbers)):
            return wanted, remarks
    return request.separator or find_separator(lines, header=False), 0


def _cut(line: str, separator: str) -> list[str]:
    """The fields of a line, roughly: what stands in quotes is left out."""
    if separator == " ":
        return line.split()
    return (_QUOTED.sub("", line) if len(separator) == 1 else line).split(separator)


def find_separator(lines: Sequence[str], header: bool) -> str:
    """What stands between the fields: in a header what stands there most often; in other lines what cuts all alike.

    Of several that do, a tab, then `::`, then what makes most columns.

    Raises:
        SparserecError: two make the same number of columns.
    """
    lines = [line for line in lines if line.strip()]
    first = lines[0] if lines else ""
    if not header:
        lines = [_QUOTED.sub("", line) for line in lines]
        counts = {separator: {line.count(separator) for line in lines} for separator in SEPARATORS}
        counts[PLAIN[1]] = {len(line.split()) - 1 if _is_numbers(line) else 0 for line in lines}
        alike = {separator: found.pop() for separator, found in counts.items() if len(found) == 1 and 0 not in found}
        # In a line with an address such as fe80::1 another separator comes first.
        doubled = all(PLAIN[0] in line and not _has(line.split(PLAIN[0])[0], SEPARATORS) for line in lines)
        if SEPARATORS[0] in alike:
            return SEPARATORS[0]
        if lines and doubled:
            return PLAIN[0]
        best = [separator for separator, count in alike.items() if count == max(alike.values())]
        if len(best) > 1:
            raise SparserecError(
                f"{' and '.join(map(repr, best))} cut the first lines alike, such as {first[:60]!r}; say what stands "
                f"between the fields with {option('separator')}"
            )
        if best:
            return best[0]
    best = max(SEPARATORS, key=first.count)  # the first of equals
    if best in first:
        return best
    if PLAIN[0] in first:
        return PLAIN[0]
    return " " if len(first.split()) > 1 and '"' not in first else ","


def _has(text: str, marks: Sequence[str]) -> bool:
    return any(mark in text for mark in marks)


def _is_numbers(line: str) -> bool:
    """Whether all that stands between blanks are numbers, with a decimal point or comma."""
    return all(is_number(word.replace(",", ".")) for word in line.split())


def _is_value(field: str) -> bool:
    """Whether a field is a number or a date, as no name of a column is."""
    return is_number(field) or _DAY.match(field) is not None


def _by_number(layout: Layout, request: Request) -> bool:
    """Whether a column was named by its number."""
    return any(isinstance(name, int) or name not in layout.names for name in request.named().values())


def _holds_values(source: Source, layout: Layout) -> bool | None:
    """Whether the first line holds values and no names: one is a number where only numbers follow; None for who knows.

    Names over a column of numbers are none.
    """
    if any(map(is_usual, layout.names)):
        return False
    records = (record for _, record in records_of(source, layout.separator, layout.skip))
    below = [record for record in islice(records, 1, LOOKED_AT) if any(record)]
    over = []
    for at, name in enumerate(layout.names):
        column = [record[at] for record in below if at < len(record) and record[at]]
        if name and all(map(_is_value, column)) and (column or not below):
            over.append(_is_value(name))
    return any(over) if over else None


def _no_header(source: Source, layout: Layout) -> SparserecError | None:
    """A better sentence where the columns can't be found because the first line is no header."""
    if not layout.header or not _holds_values(source, layout):
        return None
    return SparserecError(
        f"{source.label}:{layout.skip + 1}: the first line holds values and no column names; of a file without a "
        f"header name the columns by number: {without_header()}"
    )


def _refuse_values(source: Source, layout: Layout, places: Mapping[str, int]) -> None:
    """Refuse columns given by number where the first line holds values, or nothing says that it holds names."""
    held = _holds_values(source, layout)
    if held is False:
        return
    asked = [option(role, _shown([layout.names[at]])) for role, at in places.items()]
    names = (" " if asked[0].startswith("--") else ", ").join(asked)
    what = "holds values and no column names" if held else "could hold column names or values"
    raise SparserecError(
        f"{source.label}:{layout.skip + 1}: the first line {what} ({_shown(layout.names[:4])}); where it holds "
        f"values say so, {without_header()}, and where it holds names give {option('header', True)}, or the columns by "
        f"these: {names}"
    )


def _uncut(source: Source, layout: Layout, request: Request) -> SparserecError | None:
    """A better sentence where the columns can't be found because nothing cuts the lines."""
    if len(layout.names) != 1:
        return None
    line = next(iter(first_lines(source, layout.skip + 1)[layout.skip :]), "")
    why = "no separator is found" if request.separator is None else f"{request.separator!r} does not stand"
    return SparserecError(
        f"{source.label}:{layout.skip + 1}: {why} in the first line, {line[:60]!r}; say what stands between its fields "
        f"with {option('separator')}"
    )


def _refuse_doubled(source: Source, layout: Layout, places: Mapping[str, int]) -> None:
    """Refuse ids that are empty because a separator stands twice between the fields, such as ||."""
    twice, above = layout.separator * 2, layout.skip + int(layout.header)
    if len(twice) > 2 or layout.separator == " ":
        return
    lines = [line for line in first_lines(source, above + LOOKED_AT)[above:] if line.strip()]
    if not lines or not all(twice in line for line in lines):
        return
    for role in ("user", "item"):
        if not any("".join(line.split(layout.separator)[places[role] :][:1]) for line in lines):
            raise SparserecError(
                f"{source.label}: there is nothing in the {role} column, number {places[role] + 1}; where "
                f"{twice!r} stands between the fields say so with {option('separator', twice)}"
            )


def _about_quotes(role: str, ids: pl.Series) -> list[str]:
    quoted = ids.filter(ids.str.contains('^".*"$'))
    if not len(quoted):
        return []
    return [
        f"{len(quoted):,} {role} ids stand in quotes, such as {quoted[0]!r}; beside a separator of several characters, "
        "or blanks, quotes are part of an id"
    ]
