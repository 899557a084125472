"""A benchmark in one function: its parameters are the options of a command, what it returns is a results file.

`run(main)` stands at the end of a script. A parameter without a default is a positional argument, or a required option
where it can be given by name alone; one with a default is an option; a Sequence takes several values, a bool is a flag.
The docstring of the script is its help. The result, a dictionary, is written to OUT/NAME.json with the command and the
machine; where `main` is a generator, what it yields are rows, shown as they come, and what it returns are other facts.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import shlex
import sys
import types
import typing
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sparserec.bench.machine import machine
from sparserec.errors import SparserecError
from sparserec.files import make_folder, write_text

Rows = Generator[dict[str, Any], None, dict[str, Any]]
"""What a benchmark of rows is: it yields them, and returns what else is known."""


def run(
    main: Callable[..., Any], quick: Mapping[str, Any] | None = None, then: Callable[[Path], object] | None = None
) -> None:
    """Read the command line, call `main`, show its result and write it to OUT, by default docs/results.

    Args:
        main: the benchmark. A parameter `out` gets the folder of the results, None where nothing is to be written; a
            result of None is not written.
        quick: what `--quick` puts in place of defaults, for a smoke run: its figures mean nothing, and are written
            where `--out` is given alone.
        then: called with the folder after the result was written.
    """
    script = Path(main.__code__.co_filename)
    parser = parser_of(main, sys.modules[main.__module__].__doc__, quick)
    given = vars(parser.parse_args())
    out, is_quick = given.pop("out"), given.pop("quick", False)
    parameters = inspect.signature(main).parameters
    command = command_of(script, parameters, given) + (" --quick" if is_quick else "")
    if is_quick and quick:
        given |= {name: value for name, value in quick.items() if given[name] == parser.get_default(name)}
    elif out is None:
        out = script.parents[1] / "docs" / "results"
    if "out" in parameters:
        given["out"] = out
    try:
        result = main(**given)
        if isinstance(result, Generator):
            result = _gathered(result)
        if result is not None:
            save(script.stem, result, out, command)
            if then and out:
                then(out)
    except SparserecError as error:
        sys.exit(str(error))


def save(name: str, result: Mapping[str, Any], out: Path | None, command: str) -> None:
    """Show the command, the machine and the result, and write OUT/NAME.json of them, whole or not at all."""
    text = json.dumps({"command": command, "machine": machine(), "result": result}, indent=2) + "\n"
    print(text)
    if out is not None:
        make_folder(out)
        write_text(out / f"{name}.json", text)


def remembered(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds; where it is not there yet, what `make` returns, which is then written to it."""
    if not path.exists():
        made = make()
        make_folder(path.parent)
        write_text(path, json.dumps(made))
    return json.loads(path.read_text())


def command_of(script: Path, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any]) -> str:
    """The command line for readers elsewhere: what differs from the defaults, data sets below $SPARSEREC_DATA.

    A file is shown by its name, another folder as RUN or FOLDER.
    """
    words = [f"python benchmarks/{script.name}"]
    for name, parameter in parameters.items():
        value = given.get(name)
        if value == parameter.default or value is None:
            continue
        positional = _is_positional(parameter)
        words += [] if positional else [f"--{name.replace('_', '-')}"]
        words += [_shown(word, name, positional) for word in _several(value) if word is not True]
    return " ".join(words)


def _shown(word: Any, name: str, positional: bool) -> str:
    root = os.environ.get("SPARSEREC_DATA")
    if not isinstance(word, Path):
        return shlex.quote(str(word))
    if root and word.is_absolute() and word.is_relative_to(root):
        return f"$SPARSEREC_DATA/{word.relative_to(root)}"
    if word.suffix:
        return word.name
    return "RUN" if name.startswith("run") else f"FOLDER/{word.name}" if positional else "FOLDER"


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _is_positional(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.KEYWORD_ONLY


def parser_of(main: Callable[..., Any], description: str | None, quick: Mapping[str, Any] | None = None):
    """An `argparse.ArgumentParser` with the parameters of a function, but for `out`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, parameter in inspect.signature(main, eval_str=True).parameters.items():
        if name != "out":
            _add(parser, name, parameter)
    parser.add_argument("--out", type=Path, help="folder of the results file (default docs/results)")
    if quick:
        shown = ", ".join(f"{name} {value}" for name, value in quick.items())
        parser.add_argument("--quick", action="store_true", help=f"a smoke run, whose figures mean nothing: {shown}")
    return parser


def _add(parser: argparse.ArgumentParser, name: str, parameter: inspect.Parameter) -> None:
    """One option; `Annotated[..., "words"]` is its help."""
    kind, words = parameter.annotation, ""
    if typing.get_origin(kind) is typing.Annotated:
        kind, words = typing.get_args(kind)
    several = typing.get_origin(kind) is Sequence
    if several or isinstance(kind, types.UnionType):
        kind = typing.get_args(kind)[0]
    options: dict[str, Any] = {"help": words}
    if parameter.default is not inspect.Parameter.empty:
        options["default"] = parameter.default
        if parameter.default not in (None, False):
            shown = " ".join(map(str, _several(parameter.default)))
            options["help"] = f"{words} (default {shown})"
    elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        options["required"] = True
    if typing.get_origin(kind) is typing.Literal:
        options["choices"] = typing.get_args(kind)
    elif kind is bool:
        options["action"] = "store_true"
    else:
        options |= {"type": kind, "metavar": name.removesuffix("_folder").upper()}
    if several:
        options["nargs"] = "+"
    parser.add_argument(name if _is_positional(parameter) else f"--{name.replace('_', '-')}", **options)


def _gathered(rows: Rows) -> dict[str, Any]:
    """The facts and the rows of a generator, each row shown as it comes."""
    every = []
    while True:
        try:
            every.append(next(rows))
        except StopIteration as end:
            return {**(end.value or {}), "rows": every}
        print(every[-1], flush=True)
