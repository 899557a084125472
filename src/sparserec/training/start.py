"""The start of a history-based recommender: its sparse table, and the teacher it learns from.

Both come from one spectrum of the interactions. They are made once and kept in the run folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
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
from sparserec.sparsity.initial import normalised
from sparserec.tables import DenseTable, SparseTable
from sparserec.teachers import TeacherLists, open_lists, write_lists
from sparserec.training.checkpoint import as_tensors, load_state, save_state
from sparserec.training.config import RunConfig
from sparserec.training.teaching import Say, judged_users, teach

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


def width(config: RunConfig, split: Split) -> int:
    """Columns that the data can fill, `config.dim` at most."""
    return max(1, min(config.dim, split.train.n_users - 1, split.train.n_items - 1))


def prepare(
    config: RunConfig,
    split: Split,
    folder: Path,
    budget: Budget,
    fingerprint: str,
    say: Say,
    lender: Path | None = None,
) -> Start:
    """The start of this run: read from its folder, or made and written there.

    Args:
        config: the run's.
        split: only `train` and `valid` are read.
        folder: the run folder.
        budget: active parameters of a table of so many columns.
        fingerprint: of configuration and data; what another run left is not taken.
        say: told when a long stage begins.
        lender: a folder whose teacher's lists are taken, of a training with the same teacher on the same data.
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
            lists = open_lists(listed, split.train.n_users, split.train.n_items) if taught else None
            return Start(table, int(facts["dim"]), lists)
    make_folder(folder)
    with together(kept, listed):
        return _make(config, split, kept, listed, budget, fingerprint, say, lender)


def needs_teacher(config: RunConfig) -> bool:
    """Whether the loss learns from a teacher's lists."""
    return config.loss in ("list-regression", "list-softmax", "relaxed-ranking") and config.epochs > 0


def same_teacher(one: RunConfig, other: RunConfig) -> bool:
    """Whether two configurations ask for the same teacher, given the same data."""

    def wanted(config: RunConfig) -> tuple:
        teacher = config.teacher.model_copy(update={"columns": None, "groups": None})
        return needs_teacher(config), config.dim, config.init_power, config.seed, teacher

    return wanted(one) == wanted(other)


def _make(
    config: RunConfig,
    split: Split,
    kept: Path,
    listed: Path,
    budget: Budget,
    fingerprint: str,
    say: Say,
    lender: Path | None,
) -> Start:
    dim, train = width(config, split), split.train
    try:
        kept.unlink(missing_ok=True)  # a kill from here on must not leave it beside the lists of another teacher
    except OSError as error:
        raise SparserecError(f"cannot write {kept}: {error.strerror or error}") from None
    facts: dict = {"fingerprint": fingerprint, "dim": dim}
    say(f"finding {dim} singular vectors")
    spectrum = item_spectrum(train.csr(), dim, seed=config.seed)
    lists, settings = None, None
    if needs_teacher(config):
        if lender is not None:
            settings = facts["teacher"] = _lent(lender / "start.safetensors")
            with replacing(listed) as part:
                shutil.copyfile(lender / "teacher.npy", part)
            lists = open_lists(listed, train.n_users, train.n_items)
        else:
            teacher = teach(config, split, spectrum, say)
            settings = facts["teacher"] = teacher.facts()
            say("ranking the catalogue for every user with the teacher")
            lists = write_lists(listed, teacher.scorer(train.csr()), train, config.teacher.length)
        rank = int(settings["rank"])
        spectrum = _narrowed(spectrum, rank)
    say("building the initial table")
    table, facts["columns"], facts["dim"] = _start(config, split, spectrum, settings, budget, say)
    arrays = {name: getattr(table.mask, name) for name in ("indptr", "columns", "values")} | {"weights": table.weights}
    save_state(kept, as_tensors(arrays), facts)
    return Start(table, facts["dim"], lists)


def _lent(start: Path) -> dict:
    """The settings of the teacher of another run."""
    settings = load_state(start)[1].get("teacher")
    if not isinstance(settings, dict) or not {"power", "rank", "neighbours", "share"} <= settings.keys():
        raise SparserecError(f"{start}: tells nothing of a teacher; train that run anew")
    return settings


def _start(
    config: RunConfig, split: Split, spectrum: Spectrum, teacher: dict | None, budget: Budget, say: Say
) -> tuple[HistoryStart, int, int]:
    """The initial table, its columns of the spectrum, and all its columns, from the teacher's settings if it has any.

    How many columns of the spectrum there are is chosen on validation, and columns for groups of items join where
    validation asks for them.
    """
    degrees, dim = split.train.item_degrees(), len(spectrum.singular)
    if config.init == "random":
        generator = np.random.default_rng([config.seed, 3])
        mask = random_mask(len(degrees), dim, budget(dim), generator)
        mask.values[:] = generator.standard_normal(len(mask.values), dtype=np.float32) * 0.05
        return HistoryStart(mask, (1 / np.maximum(degrees, 1)).astype(np.float32)), dim, dim
    if config.init != "spectral":
        raise SparserecError(f"fism starts from init spectral or random, not {config.init}")
    users = judged_users(config, split)
    plain, dim = _of_width(config, split, spectrum, teacher is not None, budget, users)
    if dim < len(spectrum.singular):
        say(f"{dim} columns are enough")
        spectrum = _narrowed(spectrum, dim)
    # Only coded values keep a byte budget whatever the columns are; and nothing can be judged without users.
    wanted = config.teacher.groups
    if teacher is None or not teacher["neighbours"] or config.values != "coded" or wanted is False:
        return plain, dim, dim
    if wanted is None and not len(users):
        return plain, dim, dim
    say("adding columns for groups of items")
    local = local_factors(normalised(split.train.csr()), degrees, columns=min(LOCAL_COLUMNS, 65_536 - dim))
    groups = dim + int(local.indices.max(initial=-1)) + 1
    share = np.float32(np.sqrt(teacher["neighbours"]))
    wide = history_start(spectrum, degrees, budget(groups), power=config.init_power, local=local * share)
    if wanted is None and _quality(plain, dim, split, users) >= _quality(wide, groups, split, users):
        return plain, dim, dim
    say(f"{groups - dim} groups of items have a column each")
    return wide, dim, groups


def _of_width(
    config: RunConfig, split: Split, spectrum: Spectrum, chooses: bool, budget: Budget, users: np.ndarray
) -> tuple[HistoryStart, int]:
    """The initial table of as many columns as wanted, or of all or half of them, and how many these are."""

    def start(columns: int) -> HistoryStart:
        degrees = split.train.item_degrees()
        return history_start(_narrowed(spectrum, columns), degrees, budget(columns), power=config.init_power)

    dim, wanted = len(spectrum.singular), config.teacher.columns
    if not chooses or wanted is not None or not len(users) or dim < 2:
        columns = dim if wanted is None else min(wanted, dim)
        return start(columns), columns
    wide, narrow = start(dim), start(dim // 2)
    if _quality(wide, dim, split, users) >= _quality(narrow, dim // 2, split, users):
        return wide, dim
    return narrow, dim // 2


def _narrowed(spectrum: Spectrum, columns: int) -> Spectrum:
    return Spectrum(spectrum.singular[:columns], spectrum.items[:, :columns])


def _quality(start: HistoryStart, dim: int, split: Split, users: np.ndarray) -> float:
    """Validation NDCG@20 of an initial table."""
    items = SparseTable(start.mask.indptr, start.mask.columns, start.mask.values, dim)
    model = FISM(items, DenseTable(np.log(start.weights)[:, None]), split.train)
    return evaluate(model.scorer(split.train), split.train, split.valid, users=users)["ndcg@20"]
