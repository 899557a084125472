"""`sparserec recommend`, `similar` and `find`: what an exported file answers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparserec.cli.console import print_json, print_table, tell
from sparserec.cli.ids import FILE_HELP, IDS_HELP, given_ids
from sparserec.cli.titles import TitlesFile, matches, titles_of
from sparserec.errors import SparserecError

if TYPE_CHECKING:
    from sparserec.device import Recommendation, Recommender

REASONS = 3
"""Items of the history that a table names for each recommendation."""
ANY_WORDS = {"ignore_unknown_options": True}
"""For commands with ids or texts as arguments, which may begin with `-`."""


class Unknown(StrEnum):
    """What becomes of ids that the file does not have."""

    error = "error"
    ignore = "ignore"


_Artefact = Annotated[Path, typer.Argument(help="An exported file.")]
_Count = Annotated[int, typer.Option("-k", help="How many items.", min=1)]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Unknown = Annotated[
    Unknown, typer.Option(help="Ids that the file does not have: an error, or left out, with a line that names them.")
]


def recommend(
    artefact: _Artefact,
    history: Annotated[
        list[str] | None, typer.Option(help=f"What was taken, oldest first; not recommended again. {IDS_HELP}")
    ] = None,
    history_file: Annotated[Path | None, typer.Option(help=f"What was taken, oldest first. {FILE_HELP}")] = None,
    user: Annotated[
        str | None, typer.Option(help="A user id, where the file has a user table; it does not know what they took.")
    ] = None,
    k: _Count = 20,
    exclude: Annotated[list[str] | None, typer.Option(help=f"What is not wanted. {IDS_HELP}")] = None,
    exclude_file: Annotated[Path | None, typer.Option(help=f"What is not wanted. {FILE_HELP}")] = None,
    candidates: Annotated[list[str] | None, typer.Option(help=f"Rank these only. {IDS_HELP}")] = None,
    candidates_file: Annotated[Path | None, typer.Option(help=f"Rank these only. {FILE_HELP}")] = None,
    dislikes: Annotated[
        list[str] | None, typer.Option(help=f"What is not liked: subtracted from tastes, never recommended. {IDS_HELP}")
    ] = None,
    exclude_history: Annotated[
        bool, typer.Option(help="Whether what was taken is left out; not where it can be wanted again.")
    ] = True,
    unknown: _Unknown = Unknown.error,
    titles: TitlesFile = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each item of the history adds.")] = False,
    as_json: _Json = False,
) -> None:
    """Recommend items for a history or a user, best first.

    With a history alone, tastes are read from it. With a user, from their row in the file; a history given beside it
    is left out of the list. With `--unknown ignore`, a history of which nothing is known gets what is popular.
    Where `sparserec inspect` says that order counts, what is named last in a history counts most; what a file of
    `--history-file` names comes after what `--history` does, and an id that is there twice where it stands last.

    Examples:

        sparserec recommend model.safetensors --history 318,296,593 -k 10 --titles movies.csv

        sparserec recommend model.safetensors --user 42 --history 318,296 --json

        sparserec recommend model.safetensors --history 'Crouching Tiger\\, Hidden Dragon' --history Alien

        sparserec recommend model.safetensors --history-file taken.txt --dislikes 593 --explain
    """
    from sparserec.device import Recommender

    model = Recommender.open(artefact)
    named = titles_of(titles, lambda: model.item_ids)
    taken = given_ids(model, history, history_file)
    disliked = given_ids(model, dislikes)
    if taken is None and user is None and disliked is None:
        raise SparserecError("give --history ID,ID,.., --history-file FILE or --user ID")
    limits = {
        "exclude": given_ids(model, exclude, exclude_file) or (),
        "candidates": given_ids(model, candidates, candidates_file),
        "unknown": unknown.value,
    }
    tastes = {"history": taken, "dislikes": disliked or ()}
    if unknown is Unknown.ignore:
        _tell_left_out(model, tastes | {name: limits[name] for name in ("exclude", "candidates")})
        if user is None and not any(model.has_item(name) for ids in tastes.values() for name in ids or ()):
            tell("nothing of the history is in the file, so this is what is popular in it")
            _print_pairs("popular", _asked(model.popular, k=k, **limits), named, as_json)
            return
    query = {**tastes, **limits, "user": user, "k": k, "exclude_history": exclude_history}
    if explain:
        _print_explained(_asked(model.recommend, **query, explain=True), named, as_json)
        return
    _print_pairs("recommended", _asked(model.recommend, **query), named, as_json)


def similar(
    artefact: _Artefact,
    item: Annotated[str, typer.Argument(help="An item id, as it is; after `--` also one that is an option's name.")],
    k: _Count = 20,
    titles: TitlesFile = None,
    as_json: _Json = False,
) -> None:
    """Print the items that are most like one, whatever anybody took.

    Examples:

        sparserec similar model.safetensors 318 --titles movies.csv
    """
    from sparserec.device import Recommender

    model = Recommender.open(artefact)
    named = titles_of(titles, lambda: model.item_ids)
    _print_pairs(f"similar to {_called(item, named)}", model.similar(item, k), named, as_json)


def find(
    artefact: _Artefact,
    text: Annotated[str, typer.Argument(help="Words of a title, or parts of words, in any order.")],
    titles: TitlesFile = None,
    k: _Count = 20,
    as_json: _Json = False,
) -> None:
    """Look up ids of items in an exported file by their titles, without regard to case, accents and signs.

    What is popular comes first. Without titles, ids themselves are searched.

    Examples:

        sparserec find model.safetensors "toy story" --titles movies.csv
    """
    from sparserec.device import Recommender

    model = Recommender.open(artefact)
    named = titles_of(titles, lambda: model.item_ids)
    ranked = [name for name, _ in model.popular(k=model.n_items)]
    found = matches(text, [(name, name if named is None else named[name]) for name in ranked if _has(named, name)])
    if as_json:
        print_json([{"item": name, "title": _title(name, named)} for name, _ in found[:k]])
        return
    if not found:
        tell(f"no item of {artefact} matches {text!r}" + ("; --titles FILE searches titles" if named is None else ""))
        return
    rows = [[name] if named is None else [name, title] for name, title in found[:k]]
    print_table("found", ["item"] if named is None else ["item", "title"], rows)
    if len(found) > k:
        tell(f"{len(found) - k:,} more match; -k {len(found)} prints all")


def _asked(question: Any, **query: Any) -> Any:
    """An answer; an error about an unknown id says what can be done about it here."""
    try:
        return question(**query)
    except SparserecError as error:
        if str(error).startswith("unknown ") and not str(error).startswith("unknown user"):
            raise SparserecError(f"{error}; --unknown ignore leaves such ids out") from None
        raise


def _tell_left_out(model: Recommender, given: dict[str, Any]) -> None:
    """A line for each option with ids that the file does not have."""
    for name, ids in given.items():
        lacking = model.unknown_items(ids)
        if lacking:
            tell(f"left out of --{name}, as the file does not have them: {', '.join(map(repr, lacking))}")


def _print_pairs(heading: str, pairs: list[tuple[str, float]], named: dict[str, str] | None, as_json: bool) -> None:
    if as_json:
        print_json([{"item": name, **_title_entry(name, named), "score": score} for name, score in pairs])
        return
    headers = ["item", "score"] if named is None else ["item", "title", "score"]
    rows = [[name, *_title_cell(name, named), f"{score:.4f}"] for name, score in pairs]
    print_table(heading, headers, rows)


def _print_explained(recommended: list[Recommendation], named: dict[str, str] | None, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "item": f.item,
                    **_title_entry(f.item, named),
                    "score": f.score,
                    "because": [{"item": i, **_title_entry(i, named), "adds": part} for i, part in f.because],
                }
                for f in recommended
            ]
        )
        return
    rows = []
    for one in recommended:
        shown = [f"{_called(item, named)} ({part:+.4f})" for item, part in one.because[:REASONS]]
        more = len(one.because) - REASONS
        because = ", ".join(shown) + (f", {more} more" if more > 0 else "")
        rows.append([one.item, *_title_cell(one.item, named), f"{one.score:.4f}", because])
    print_table("recommended", ["item", *([] if named is None else ["title"]), "score", "because of"], rows)


def _has(named: dict[str, str] | None, name: str) -> bool:
    return named is None or name in named


def _title(name: str, named: dict[str, str] | None) -> str | None:
    return None if named is None else named.get(name)


def _called(name: str, named: dict[str, str] | None) -> str:
    """An item's title, or its id where there is none."""
    return _title(name, named) or name


def _title_cell(name: str, named: dict[str, str] | None) -> list[str]:
    return [] if named is None else [named.get(name, "")]


def _title_entry(name: str, named: dict[str, str] | None) -> dict[str, str | None]:
    return {} if named is None else {"title": named.get(name)}
