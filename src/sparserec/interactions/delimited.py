"""Tables of text: CSV, TSV and others, with a header line or without."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sparserec.errors import SparserecError, option
from sparserec.interactions.coding import Coded, read_scan
from sparserec.interactions.columns import find_columns, is_usual
from sparserec.interactions.records import split_records
from sparserec.interactions.request import Request
from sparserec.interactions.sources import Source
from sparserec.interactions.text import Layout, first_lines, is_number, read_header, scan_text, without_header

SEPARATORS = ("\t", ",", ";", "|")
PLAIN = ("::", " ")
"""Separators that are looked for only where none of the others is there; quotes mean nothing beside them."""
LOOKED_AT = 50
"""Lines by which the separator is found."""


def read_delimited(source: Source, request: Request) -> Coded:
    """Read a table whose separator (tab, comma, semicolon, bar, `::` or blanks) is found from its first lines.

    Ids are kept exactly as written, quotes around a field aside.

    Raises:
        SparserecError: no header, a column isn't there, a malformed line, a missing id, a rating that is no
            number; the sentence names file and line.
    """
    layout = find_layout(source, request)
    try:
        places = find_columns(layout.names, request, source.label)
    except SparserecError as error:
        raise _no_header(source, layout, request) or error from None
    return read_scan(scan_text(source, layout, places, request), request)


def find_layout(source: Source, request: Request) -> Layout:
    """The separator and the columns of a table.

    Raises:
        SparserecError: the first line is no header though one is expected, or is one though none is.
    """
    lines = first_lines(source, LOOKED_AT)
    separator = request.separator or find_separator(lines, header=request.header is not False)
    if request.header is not False:
        return read_header(source, separator)
    record = next((record for _, record in split_records(source, separator) if any(record)), [])
    if sum(is_usual(field) for field in record) >= 2:
        raise SparserecError(
            f"{source.label}:1: the first line is a header ({', '.join(record[:4])}); leave out "
            f"{option('header', False)}"
        )
    unnamed = [option(role, number) for role, number in (("user", 1), ("item", 2)) if getattr(request, role) is None]
    if unnamed:
        raise SparserecError(
            f"{source.label}: without a header the columns must be given by number: for example {', '.join(unnamed)}; "
            f"the first line holds {', '.join(record[:8])}"
        )
    return Layout([str(number + 1) for number in range(len(record))], separator, header=False)


def find_separator(lines: Sequence[str], header: bool) -> str:
    """What stands between the fields: in a header what stands there most often; in other lines what cuts all alike."""
    first = next((line for line in lines if line.strip()), "")
    if header:
        best = max(SEPARATORS, key=first.count)  # the first of equals
        if best in first:
            return best
    else:
        for separator in (*SEPARATORS, PLAIN[0]):
            counts = {line.count(separator) for line in lines if line.strip()}
            if len(counts) == 1 and 0 not in counts:
                return separator
        best = max(SEPARATORS, key=first.count)
        if best in first:
            return best
    if PLAIN[0] in first:
        return PLAIN[0]
    return " " if len(first.split()) > 1 and '"' not in first else ","


def _no_header(source: Source, layout: Layout, request: Request) -> SparserecError | None:
    """A better sentence where the columns can't be found because the first line is no header."""
    if not layout.header or not any(is_number(name) for name in layout.names) or any(map(is_usual, layout.names)):
        return None
    second = next((record for _, record in islice(split_records(source, layout.separator), 1, None)), [])
    if second and [is_number(name) for name in layout.names] != [is_number(field) for field in second]:
        return None
    return SparserecError(
        f"{source.label}:1: the first line holds values and no column names; of a file without a header name the "
        f"columns by number: {without_header()}"
    )
