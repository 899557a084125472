"""A function in a process of its own: its peak memory is its own, and a crash loses one result.

`python -m sparserec.bench.fresh WHERE NAME ARGUMENTS` calls the function NAME of the module, or of the script, WHERE,
with ARGUMENTS in JSON, and prints what it returns as JSON in the last line. This module imports nothing that is large,
so that what a function is measured with is what it needs.
"""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sparserec.errors import SparserecError


def fresh(function: Callable[..., Any], /, **arguments: Any) -> Any:
    """What a function returns in a new process.

    Args:
        function: of a module, or of a script that is run; it is found there by its name.
        **arguments: values that JSON has.

    Raises:
        SparserecError: when the process fails, with the last line of its standard error.
    """
    where = function.__module__ if function.__module__ != "__main__" else function.__code__.co_filename
    command = [sys.executable, "-m", __name__, where, function.__name__, json.dumps(arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        words = answer.stderr.strip().splitlines()
        raise SparserecError(words[-1] if words else f"its process ended with {answer.returncode}")
    return json.loads(answer.stdout.splitlines()[-1])


def _main(where: str, name: str, arguments: str) -> None:
    if where.endswith(".py"):
        sys.path.insert(0, str(Path(where).parent))  # as where a script is run: it finds those beside it
        functions = runpy.run_path(where)
    else:
        functions = vars(import_module(where))
    try:
        print(json.dumps(functions[name](**json.loads(arguments))))
    except SparserecError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
