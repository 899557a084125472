"""The page's ES modules as one script, so that the page is one file that also opens from a disk.

Browsers don't load modules from file:// addresses, but run those that are written into the page. The modules keep to a
form that lines can be told by: `import { a, b } from "./other.js";` and `export` before a declaration. Each becomes a
function called once, whose names are its own; an import takes them from what that gave. Comments that fill lines of
their own are left out: they are for whoever reads the modules.
"""

from __future__ import annotations

import re
from pathlib import Path

from sparserec.errors import SparserecError

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|function|const) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_COMMENT = re.compile(r"^ *(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
"""What fills lines of its own; no template literal of the modules has such a line."""
_END_OF_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)


def bundle(entry: Path) -> str:
    """One module that does what `entry` and all it imports do.

    Args:
        entry: a module; what it imports is found beside it by relative addresses.

    Raises:
        SparserecError: when a module is missing, imports itself over others, or is of another form.
    """
    parts: dict[Path, str] = {}
    code = _rewritten(entry.resolve(), parts, ())
    text = "\n".join([*parts.values(), code])
    if _END_OF_SCRIPT.search(text):
        raise SparserecError("a module of the page holds a text that would end the script it is written into")
    return text


def _rewritten(path: Path, parts: dict[Path, str], above: tuple[Path, ...]) -> str:
    """The code of a module without imports and exports; what it imports goes to `parts` before it."""
    if path in above:
        raise SparserecError(f"{path.name} imports itself over other modules, which the page can't have")
    try:
        code = _COMMENT.sub("", path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SparserecError(f"{path}: cannot be read ({error.strerror or error})") from None

    def taken(match: re.Match[str]) -> str:
        target = (path.parent / match[2]).resolve()
        if target not in parts:
            parts[target] = _wrapped(target, parts, (*above, path))
        return f"const {{{match[1]}}} = {_name(target)};\n"

    code = _IMPORT.sub(taken, code)
    code = _EXPORT.sub("", code)
    other = _OTHER.search(code)
    if other:
        raise SparserecError(f"{path.name} has an import or export in another form than the page can have: {other[0]}")
    return code


def _wrapped(path: Path, parts: dict[Path, str], above: tuple[Path, ...]) -> str:
    code = _rewritten(path, parts, above)
    names = ", ".join(_EXPORT.findall(path.read_text(encoding="utf-8")))
    return f"const {_name(path)} = (() => {{\n{code}return {{ {names} }};\n}})();\n"


def _name(path: Path) -> str:
    """A name for what a module exports; no two of the page's modules have the same folder and name."""
    return f"${path.parent.name}_{path.stem}"
