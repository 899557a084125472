"""What the command line writes to: every name of a file can be printed, and warnings are notes of one line."""

from __future__ import annotations

import sys
import warnings
from io import TextIOWrapper
from typing import Any

from sparserec.cli.console import tell
from sparserec.errors import SparserecWarning


def prepare_streams() -> None:
    """Print escapes for characters that a stream cannot take, and the package's warnings without their place.

    Names of files may be no UTF-8, and a terminal may know ASCII alone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, SparserecWarning):
            tell(f"note: {message}")
        else:
            usual(message, category, *place, **options)

    warnings.showwarning = show
