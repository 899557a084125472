"""The start of a history-based recommender: its sparse table, and the teacher it learns from.

Both come from one spectrum of the interactions. They are made once and kept in the run folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from sparserec.errors import SparserecError
from sparserec.evaluation import evaluate
from sparserec.files import make_folder, replacing, together
from sparserec.interactions import Split
from sparserec.recommenders import FISM
from sparserec.sparsity import (
    CsrMask,
    HistoryStart,
    Spectrum,
    history_start,
    item_spectrum,
    local_factors,
    random_mask,
)
from sparserec.sparsity.initial import PLAIN, Normalisation, normalised
from sparserec.tables import DenseTable, SparseTable
from sparserec.teachers import Scorer, TeacherLists, open_lists, write_lists
from sparserec.training.checkpoint import as_tensors, load_state, save_state
from sparserec.training.config import RunConfig
from sparserec.training.teaching import Say, choose_spectrum, judged_users, taught_users, teachers

LOCAL_COLUMNS = 16_384
"""Columns at most for groups of items, beside those of the spectrum."""
Budget = Callable[[int], int]
"""Columns -> active parameters."""


@dataclass(frozen=True)
class Start:
    """What training begins with.

    Attributes:
        table: mask, values and history weights.
        dim: columns.
        lists: the teacher's, or None when the loss needs no teacher.
    """

    table: HistoryStart
    dim: int
    lists: TeacherLists | None


Judge = Callable[[Start], float]
"""A start -> validation NDCG@20 after a short training from it."""


def width(config: RunConfig, split: Split) -> int:
    """Columns that the data can fill and that `config.start_numbers` allows, `config.dim` at most."""
    n_users, n_items = split.train.n_users, split.train.n_items
    return max(1, min(config.dim, n_users - 1, n_items - 1, config.start_numbers // max(n_items, 1)))


def prepare(
    config: RunConfig,
    split: Split,
    folder: Path,
    budget: Budget,
    fingerprint: str,
    say: Say,
    judge: Judge,
    lender: Path | None = None,
    earlier: Path | None = None,
    graph: Callable[[], Scorer] | None = None,
) -> Start:
    """The start of this run: read from its folder, or made and written there.

    Args:
        config: the run's.
        split: only `train` and `valid` are read.
        folder: the run folder.
        budget: active parameters of a table of so many columns.
        fingerprint: of configuration and data; what another run left is not taken.
        say: told when a long stage begins.
        judge: of starts of several widths, the best one is taken.
        lender: a folder whose teacher's lists are taken, of a training with the same teacher on the same data.
        earlier: the folder of a training on nearly the same interactions that decided everything: its table says where
            to turn the columns, which saves time.
        graph: trains the teacher "lightgcn".
    """
    kept, listed = folder / "start.safetensors", folder / "teacher.npy"
    taught = needs_teacher(config)
    if kept.exists() and (listed.exists() or not taught):
        tensors, facts = load_state(kept)
        if facts.get("fingerprint") == fingerprint:
            arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
            table = HistoryStart(
                CsrMask(*(arrays[name] for name in ("indptr", "columns", "values"))), arrays["weights"]
            )
            lists = open_lists(listed, taught_users(config, split), split.train.n_items) if taught else None
            return Start(table, int(facts["dim"]), lists)
    make_folder(folder)
    with together(kept, listed):
        return _make(config, split, kept, listed, budget, fingerprint, say, judge, lender, earlier, graph)


def needs_teacher(config: RunConfig) -> bool:
    """Whether the loss learns from a teacher's lists."""
    return config.loss in ("list-regression", "list-softmax", "relaxed-ranking") and config.epochs > 0


def same_teacher(one: RunConfig, other: RunConfig) -> bool:
    """Whether two configurations ask for the same teacher, given the same data."""

    def wanted(config: RunConfig) -> tuple:
        teacher = config.teacher.model_copy(update={"columns": None, "groups": None})
        layers = config.layers if teacher.trained == "lightgcn" else None
        own = config.dim, config.init_power, config.seed, config.lesson_numbers, layers
        return needs_teacher(config), own, teacher

    return wanted(one) == wanted(other)


@dataclass(frozen=True)
class _Taught:
    """A teacher's settings, the lists it wrote and where these are; None without a teacher."""

    settings: dict | None = None
    lists: TeacherLists | None = None
    path: Path | None = None


def _make(
    config: RunConfig,
    split: Split,
    kept: Path,
    listed: Path,
    budget: Budget,
    fingerprint: str,
    say: Say,
    judge: Judge,
    lender: Path | None,
    earlier: Path | None,
    graph: Callable[[], Scorer] | None,
) -> Start:
    dim, train = width(config, split), split.train

    def of_table(spectrum: Spectrum) -> float:
        found = history_start(spectrum, train.item_degrees(), budget(dim), power=config.init_power)
        return _quality(Start(found, dim, None), split, judged_users(config, split))

    try:
        kept.unlink(missing_ok=True)  # a kill from here on must not leave it beside the lists of another teacher
    except OSError as error:
        raise SparserecError(f"cannot write {kept}: {error.strerror or error}") from None
    enough = config.start_numbers // train.n_items >= min(config.dim, train.n_users - 1)
    if not enough:
        say(f"start_numbers allows {dim} singular vectors")
    if lender is None:
        spectrum = choose_spectrum(config, split, dim, say, None if needs_teacher(config) else of_table)
    else:
        spectrum = item_spectrum(train.csr(), dim, seed=config.seed, normalisation=_lent_normalisation(lender))
    taught = [_Taught()]
    if needs_teacher(config):
        taught = list(_teach(config, split, spectrum, listed, say, lender, graph))
    try:
        like = None if earlier is None else _spectral_columns(earlier / "start.safetensors")
        start, chosen, columns = _best_start(config, split, spectrum, taught, budget, say, judge, like)
        if chosen.lists is not None and chosen.path is not None and chosen.path != listed:
            os.replace(chosen.path, listed)
            start = replace(start, lists=open_lists(listed, chosen.lists.users, train.n_items))
    finally:
        for other in taught:
            if other.path is not None and other.path != listed:
                other.path.unlink(missing_ok=True)
    mask, weights = start.table.mask, start.table.weights
    arrays = {name: getattr(mask, name) for name in ("indptr", "columns", "values")} | {"weights": weights}
    facts: dict = {"fingerprint": fingerprint, "dim": start.dim, "columns": columns}
    facts["normalisation"] = asdict(spectrum.normalisation)
    if chosen.settings is not None:
        facts["teacher"] = chosen.settings
    save_state(kept, as_tensors(arrays), facts)
    return start


def _teach(
    config: RunConfig,
    split: Split,
    spectrum: Spectrum,
    listed: Path,
    say: Say,
    lender: Path | None,
    graph: Callable[[], Scorer] | None,
) -> Iterator[_Taught]:
    """The teachers between which a start chooses, each with its lists in a file; of one the file is `listed`."""
    train, users = split.train, taught_users(config, split)
    if lender is not None:
        settings = _lent(lender / "start.safetensors")
        with replacing(listed) as part:
            shutil.copyfile(lender / "teacher.npy", part)
        yield _Taught(settings, open_lists(listed, users, train.n_items), listed)
        return
    found = teachers(config, split, spectrum, say, graph)
    for teacher in found:
        settings = teacher.facts()
        path = listed if len(found) == 1 else listed.with_name(f"teacher-{settings['rank']}.npy")
        whom = "every user" if len(users) == train.n_users else f"{len(users):,} of {train.n_users:,} users"
        say(f"ranking the catalogue for {whom} with the teacher of rank {settings['rank']}")
        lists = write_lists(path, teacher.scorer(train.csr()), train, config.teacher.length, users=users)
        yield _Taught(settings, lists, path)


def _lent(start: Path) -> dict:
    """The settings of the teacher of another run."""
    settings = load_state(start)[1].get("teacher")
    if not isinstance(settings, dict) or not {"power", "rank", "neighbours", "share"} <= settings.keys():
        raise SparserecError(f"{start}: tells nothing of a teacher; train that run anew")
    return settings


def _lent_normalisation(lender: Path) -> Normalisation:
    found = load_state(lender / "start.safetensors")[1].get("normalisation")
    return Normalisation(**found) if found else PLAIN


def _best_start(
    config: RunConfig,
    split: Split,
    spectrum: Spectrum,
    taught: list[_Taught],
    budget: Budget,
    say: Say,
    judge: Judge,
    like: tuple[CsrMask, int] | None,
) -> tuple[Start, _Taught, int]:
    """The start with its teacher, and its columns of the spectrum.

    A table of as many columns as the teacher's rank is tried with each teacher, then one of half the columns with the
    best of them, unless so few did worse already; after an epoch of training each, since wide tables gain more from it
    than narrow ones. Columns for groups of items join where validation asks for them.
    """
    say("building the initial table")
    if config.init == "random":
        dim = len(spectrum.singular)
        table = _random_start(config, split, budget, dim)
        return Start(table, dim, taught[0].lists), taught[0], dim
    if config.init != "spectral":
        raise SparserecError(f"fism starts from init spectral or random, not {config.init}")
    wanted, users = config.teacher.columns, judged_users(config, split)

    degrees = split.train.item_degrees()

    @cache
    def spectral(columns: int) -> HistoryStart:
        return history_start(
            spectrum.narrowed(columns), degrees, budget(columns), power=config.init_power, like=_of(like, columns)
        )

    def start(teacher: _Taught, part: int) -> Start:
        rank = len(spectrum.singular) if teacher.settings is None else int(teacher.settings["rank"])
        columns = max(1, rank // part) if wanted is None else min(wanted, rank)
        return Start(spectral(columns), columns, teacher.lists)

    def tried(teacher: _Taught, part: int) -> tuple[float, Start]:
        candidate = start(teacher, part)
        assert teacher.settings is not None
        quality = judge(candidate)
        say(f"{candidate.dim} columns, teacher of rank {teacher.settings['rank']}: {quality:.4f} after an epoch")
        return quality, candidate

    first = taught[0]
    halves = first.settings is not None and wanted is None and len(users) > 0
    if len(taught) == 1 and not halves:
        best, chosen = start(first, 1), first
    else:
        found = [(*tried(teacher, 1), teacher) for teacher in taught]
        quality, best, chosen = max(found, key=lambda entry: entry[0])
        lost = any(other.dim == -(-best.dim // 2) for _, other, _ in found)
        if halves and best.dim > 1 and not lost:
            other, half = tried(chosen, 2)
            best = half if other > quality else best
    wide = _with_groups(config, split, spectrum, best, chosen.settings, budget, users, say, like)
    return wide, chosen, best.dim


def _spectral_columns(path: Path) -> tuple[CsrMask, int]:
    """The initial table of another training without its columns for groups, and how many columns these leave."""
    tensors, facts = load_state(path)
    indptr, columns, values = (tensors[name].numpy() for name in ("indptr", "columns", "values"))
    inside = columns < facts["columns"]
    counts = np.concatenate(([0], np.cumsum(inside)))[indptr]
    return CsrMask(counts, columns[inside], values[inside]), int(facts["columns"])


def _of(like: tuple[CsrMask, int] | None, columns: int) -> CsrMask | None:
    """The earlier table, where it has as many columns."""
    return like[0] if like is not None and like[1] == columns else None


def _random_start(config: RunConfig, split: Split, budget: Budget, dim: int) -> HistoryStart:
    degrees = split.train.item_degrees()
    generator = np.random.default_rng([config.seed, 3])
    mask = random_mask(len(degrees), dim, budget(dim), generator)
    mask.values[:] = generator.standard_normal(len(mask.values), dtype=np.float32) * 0.05
    return HistoryStart(mask, (1 / np.maximum(degrees, 1)).astype(np.float32))


def _with_groups(
    config: RunConfig,
    split: Split,
    spectrum: Spectrum,
    plain: Start,
    teacher: dict | None,
    budget: Budget,
    users: np.ndarray,
    say: Say,
    like: tuple[CsrMask, int] | None,
) -> Start:
    """The start with columns for groups of items beside those it has, where validation asks for them."""
    # Only coded values keep a byte budget whatever the columns are; and nothing can be judged without users.
    wanted, columns = config.teacher.groups, plain.dim
    if teacher is None or not teacher["neighbours"] or config.values != "coded" or wanted is False:
        return plain
    if wanted is None and not len(users):
        return plain
    say("adding columns for groups of items")
    degrees = split.train.item_degrees()
    matrix = normalised(split.train.csr(), spectrum.normalisation)
    local = local_factors(matrix, degrees, columns=min(LOCAL_COLUMNS, 65_536 - columns))
    dim = columns + int(local.indices.max(initial=-1)) + 1
    share = np.float32(np.sqrt(teacher["neighbours"]))
    table = history_start(
        spectrum.narrowed(columns),
        degrees,
        budget(dim),
        power=config.init_power,
        local=local * share,
        like=_of(like, columns),
    )
    wide = Start(table, dim, plain.lists)
    if wanted is None and _quality(plain, split, users) >= _quality(wide, split, users):
        return plain
    say(f"{dim - columns} groups of items have a column each")
    return wide


def _quality(start: Start, split: Split, users: np.ndarray) -> float:
    """Validation NDCG@20 of an initial table."""
    mask = start.table.mask
    items = SparseTable(mask.indptr, mask.columns, mask.values, start.dim)
    model = FISM(items, DenseTable(np.log(start.table.weights)[:, None]), split.train)
    return evaluate(model.scorer(split.train), split.train, split.valid, users=users)["ndcg@20"]
