"""Writing the demo page for an artefact."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections import Counter
from itertools import chain
from pathlib import Path

from sparserec.artefact import Artefact, read
from sparserec.errors import SparserecError
from sparserec.files import filling, replacing
from sparserec.page.bundle import bundle
from sparserec.page.titles import Title, check_titles

WEB = Path(__file__).resolve().parent.parent / "web"
"""The browser runtime and the page's parts, which the npm package has too."""
POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; "
    "connect-src 'none'; worker-src 'self'; base-uri 'none'; form-action 'none'"
)
"""The page runs its own script and nothing else, and can't send anything anywhere."""


def write_page(
    artefact: Path,
    out: Path,
    titles: dict[str, Title] | None = None,
    heading: str | None = None,
    noun: str = "items",
) -> int:
    """Write index.html, which is all of the page, and sw.js, which keeps it for when its server is away.

    Args:
        artefact: an exported file; it is checked in full first.
        out: a folder, made when it is not there.
        titles: by raw item id; items without one show their id.
        heading: title of the page; the name of the artefact's file when not given.
        noun: what the page calls items, in the plural, as in "6,170 films".

    Returns:
        bytes of index.html.

    Raises:
        SparserecError: when the artefact is not valid, no title belongs to it, or the folder cannot be written.
    """
    model = read(artefact)
    if not (WEB / "page").is_dir():
        raise SparserecError(f"{WEB} has no files of the page; install the package again")
    style, script = (WEB / "page" / "style.css").read_text(encoding="utf-8"), bundle(WEB / "page" / "main.js")
    fields = {
        "policy": POLICY.format(script=_hash(script), style=_hash(style)),
        "title": html.escape(heading or default_heading(artefact)),
        "style": style,
        "model": base64.b64encode(artefact.read_bytes()).decode(),
        "catalogue": _catalogue(model, titles or {}, noun),
        "script": script,
    }
    pieces = (WEB / "page" / "index.html").read_text(encoding="utf-8").split("{{")
    page = pieces[0]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        page += fields[name] + rest
    octets = page.encode("utf-8", "replace")  # names of files and arguments may hold what is no text
    with filling(out), replacing(out / "sw.js") as worker, replacing(out / "index.html") as index:
        worker.write_text((WEB / "page" / "sw.js").read_text(encoding="utf-8"), encoding="utf-8")
        index.write_bytes(octets)
    return len(octets)


def default_heading(artefact: Path) -> str:
    """The name of a file as words: "my films" for my_films.safetensors."""
    return " ".join(re.split(r"[\s_-]+", artefact.stem)).strip() or artefact.name


def _catalogue(model: Artefact, titles: dict[str, Title], noun: str) -> str:
    """What the page knows about items, as JSON that can stand in a script element.

    Titles and tags are in the order of the model's rows, 0 where an item has none; a tag is its place in the list of
    all. The digest says to which model they belong.
    """
    names = model.item_ids.to_list()
    check_titles(titles, names)
    known = [titles.get(name) for name in names]
    tags = [
        [] if title is None else list(dict.fromkeys(filter(None, map(str.strip, title.tags.split(",")))))
        for title in known
    ]
    places = {tag: place for place, (tag, _) in enumerate(Counter(chain.from_iterable(tags)).most_common())}
    written = {
        "sha256": model.card.sha256,
        "noun": noun,
        "titles": [0 if title is None else title.title for title in known],
        "tags": list(places),
        "tagged": [[places[tag] for tag in own] or 0 for own in tags] if places else [],
    }
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _hash(text: str) -> str:
    """SHA-256 as a content security policy has it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
