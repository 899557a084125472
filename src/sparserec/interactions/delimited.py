"""CSV and TSV with a header line."""

from __future__ import annotations

from pathlib import Path

from sparserec.interactions.coding import Coded, read_scan
from sparserec.interactions.columns import Columns, find_columns
from sparserec.interactions.text import read_header, scan_text

SEPARATORS = "\t,;|"


def read_delimited(path: Path, columns: Columns) -> Coded:
    """Read a table whose separator (tab, comma, semicolon or bar) is found from its header.

    Ids are kept exactly as written, quotes around a field aside.

    Raises:
        SparserecError: no header, a column isn't there, a malformed line, a missing id, a rating that is no
            number; the sentence names file and line.
    """
    names, separator = read_header(path, SEPARATORS)
    return read_scan(scan_text(path, names, separator, find_columns(names, columns, path)), columns.min_rating)
