"""The run folder: everything that training leaves behind, and what can be done with it afterwards."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from sparserec import tables, training
from sparserec.artefact import ByteReport
from sparserec.axes import RECOMMENDERS
from sparserec.errors import SparserecError
from sparserec.files import make_folder, refuse_input, together, write_text
from sparserec.forks import start_threads
from sparserec.interactions import Dataset, Interactions, Split
from sparserec.runs.data import cut, kept, read
from sparserec.runs.refit import FINAL, everything
from sparserec.settings import RunConfig, load_config

if TYPE_CHECKING:  # all of these load torch or Numba, which to open a run takes nothing of
    import torch
    from torch import Tensor

    from sparserec.evaluation import Metrics
    from sparserec.recommenders import Recommender


@dataclass(frozen=True)
class _NoHistory:
    """The training histories of a model that is opened to be scored or served, not trained."""

    indptr: np.ndarray
    indices: np.ndarray


def trained_on(config: RunConfig, refitted: bool, valid: int, test: int | None) -> str:
    """What a model has learned from, in words.

    Args:
        config: of its run, as the run or the file remembers it.
        refitted: whether it is of the second training.
        valid: interactions of the validation part.
        test: those of the test part; None where they are not known.
    """
    held_out = not refitted or config.data.holdout is not False
    unseen = [*(["validation"] if valid and not refitted else []), *(["test"] if held_out and test != 0 else [])]
    if not unseen:
        return "everything"
    seen = "the training and validation part" if refitted else "the training part"
    return f"{seen}, without the {' and '.join(unseen)} part"


def without_part(part: str, kind: str, source: str) -> str:
    """A sentence on a part of a split without interactions, and what would give it some."""
    if part == "test" and kind == "none":
        return f"{source} was split without a test part (split 'none'): measure on the part 'valid' instead"
    if part == "test":
        return f"the test part of {source} holds no interactions: no user has two"
    return f"the validation part of {source} holds no interactions: no user has enough of them to hold some back"


def _held_out(config: RunConfig) -> RunConfig:
    """A run folder that says nothing of it, from before there was a choice, held its test part out."""
    if config.data.holdout is not None:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"holdout": True})})


NOBODY = _NoHistory(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32))


@dataclass(frozen=True)
class DataFacts:
    """What a run remembers of its data: enough to recognise it."""

    source: str
    fingerprint: str
    n_users: int
    n_items: int
    train: int
    valid: int
    test: int | None = None
    """None in a run folder from before it was noted."""
    path: str = ""
    """Where the source was found when it was read; empty where it came from memory, and in older run folders."""

    def place(self) -> str:
        """The source as it can be read from here: where it was found, else as it was named."""
        return self.path if self.path and Path(self.path).exists() else self.source


OWN = (
    *("config.toml", "data.json", "metrics.json"),
    *(f"{name}.safetensors" for name in ("best", "checkpoint", "ids", "interactions", "pruned", "start", "trained")),
)
"""Files of a run folder that no export may take the place of."""


class Run:
    """A trained run in a folder. Open one with `Run.open`, or get one from `sparserec.train`.

    The folder holds `config.toml`, `data.json`, `ids.safetensors`, `checkpoint.safetensors` (the last state),
    `best.safetensors` (the tables of the epoch that validation chose) and `metrics.json`; with `refit` also a folder
    `final`, with the tables of the second training, on everything or on all but a test part that is held out.
    """

    def __init__(self, folder: Path, config: RunConfig, facts: DataFacts, split: Split | None = None):
        self.folder, self.config, self.facts = folder, config, facts
        self.ended = ""
        """Why training ended: "finished", "stopped early" or "interrupted"; empty for a run that was opened."""
        self._split = split

    @classmethod
    def create(cls, folder: Path, config: RunConfig, split: Split, source: str, from_path: bool = False) -> Run:
        """Make the folder of a new run. Raises SparserecError when it holds a run already.

        Args:
            folder: to be made.
            config: settled.
            split: of the data.
            source: what the data is called: its path, if it is read `from_path`.
            from_path: whether it can be read again.
        """
        from sparserec.runs.ids import save_ids

        if (folder / "config.toml").exists():
            raise SparserecError(f"{folder} holds a run already; resume it (--resume) or choose another folder")
        make_folder(folder)
        facts = DataFacts(
            source=source,
            fingerprint=split.fingerprint(),
            n_users=split.train.n_users,
            n_items=split.train.n_items,
            train=split.train.nnz,
            valid=split.valid.nnz,
            test=split.test.nnz,
            path=os.path.abspath(source) if from_path else "",
        )
        ids, known, settings = (folder / name for name in ("ids.safetensors", "data.json", "config.toml"))
        with together(ids, known, settings):
            save_ids(ids, split.train.users, split.train.items)
            write_text(known, json.dumps(facts.__dict__, indent=2) + "\n")
            write_text(settings, tomli_w.dumps(config.model_dump(exclude_none=True)))
        return cls(folder, config, facts, split)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], split: Split | None = None) -> Run:
        """Open a run folder. Raises SparserecError when it isn't one, or is damaged."""
        path = Path(folder)
        if not (path / "config.toml").exists():
            raise SparserecError(f"{path} is not a run folder: it has no config.toml")
        config = _held_out(load_config(file=path / "config.toml"))
        try:
            facts = DataFacts(**json.loads((path / "data.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SparserecError(f"{path / 'data.json'}: not readable as the facts of a run's data ({error})") from None
        run = cls(path, config, facts)
        if split is not None:
            run.attach(split, "the interactions given")
        return run

    def attach(self, split: Split, name: str) -> None:
        """Give the run its data back. Raises SparserecError when it is another data set, or was cut differently."""
        if split.fingerprint() != self.facts.fingerprint:
            raise SparserecError(
                f"{self.folder} was trained on other data than {name}: it has {self.facts.n_users} users, "
                f"{self.facts.n_items} items and {self.facts.train} training interactions from {self.facts.source!r}"
            )
        self._split = split

    def split(self) -> Split:
        """The run's data, read again from where it came from if need be."""
        if self._split is None:
            known = kept(self.folder, self.facts.source) or self._read()
            self.attach(cut(known, self.config.data), self.facts.source)
        assert self._split is not None
        return self._split

    def _read(self) -> Dataset:
        place = self.facts.place()
        if self.facts.path and not Path(place).exists():
            raise SparserecError(
                f"{self.folder} was trained on {self.facts.path}, which is no longer there: say where its data is now"
            )
        return read(place, self.config.data)

    @property
    def is_refitted(self) -> bool:
        """Whether the model of the second training is there: the one that is exported."""
        return bool(self.config.refit) and (self.folder / FINAL / "best.safetensors").exists()

    @property
    def holds_out(self) -> bool:
        """Whether the test part stays out of the exported model."""
        return self.config.data.holdout is not False

    @property
    def trained_on(self) -> str:
        """What the model that an export takes has learned from, in words."""
        return trained_on(self.config, self.is_refitted, self.facts.valid, self.facts.test)

    def measured_on(self, part: str) -> str:
        """What `evaluate` measures on a part, in words: of which model, trained on what."""
        if not self.is_refitted or (part == "test" and self.holds_out):
            return f"{part} part, by the model that is exported"
        rest = "everything" if not self.holds_out else "the validation part too"
        return f"{part} part, by the model before it was trained on {rest}"

    @property
    def is_rounded(self) -> bool:
        """Whether the model that validation chose was trained with values rounded as in the file."""
        return bool(training.load_state(self.folder / "best.safetensors")[1].get("rounded", False))

    @property
    def chosen_epoch(self) -> int:
        """The epoch that validation chose, or the last one without a validation part; -1 is the start."""
        return int(self._chosen("epoch", int))

    def best(self, refitted: bool = False, device: torch.device | None = None) -> tuple[Recommender, dict[str, Any]]:
        """The model of the epoch that validation chose, or the refitted one, with its facts; on the CPU unless told."""
        start_threads()
        folder = self.folder / FINAL if refitted else self.folder
        path = folder / "best.safetensors"
        tensors, facts = training.load_state(path)
        try:
            parts = self._tables(tensors, facts["dims"])
        except (SparserecError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise SparserecError(f"{path}: not the tables of this run ({error}); train it anew") from None
        history = NOBODY
        if RECOMMENDERS[self.config.model].needs_history:
            split = self.split()
            history = (everything(split, self.holds_out) if refitted else split).train
        return training.assemble(self.config, parts, history, device or tables.CPU), facts

    def _tables(self, tensors: dict[str, Tensor], dims: dict[str, int]) -> dict[str, tables.Table]:
        """The tables in a state, checked against the kind and the rows of the run."""
        kind = RECOMMENDERS[self.config.model]
        found: dict[str, tables.Table] = {}
        for name, dim in dims.items():
            part = {key: tensor.numpy() for key, tensor in training.section(name, tensors).items()}
            if "columns" in part:
                found[name] = tables.SparseTable(part["indptr"], part["columns"], part["values"], dim)
            else:
                found[name] = tables.DenseTable(part["values"].reshape(-1, dim))
        for name, rows in kind.tables.items():
            count = self.facts.n_users if rows == "users" else self.facts.n_items
            if found[name].n_rows != count:
                raise SparserecError(f"it has {found[name].n_rows} {name}, not {count}")
        return found

    def evaluate(
        self,
        part: str = "test",
        ks: tuple[int, ...] = (20,),
        per_user: bool = False,
        *,
        exclude_history: bool = True,
        compare: bool = False,
    ) -> Metrics:
        """Full-ranking metrics on "valid" or "test"; also written to metrics.json.

        For "valid" of the model that validation chose. For "test" of the one that was trained once more, if that has
        not seen the test part (`holds_out`), else of the one before; `measured_on` says which.
        """
        from sparserec.evaluation import evaluate

        split = self.split()
        if part not in ("valid", "test"):
            raise SparserecError(f"part must be 'valid' or 'test', not {part!r}")
        relevant = split.valid if part == "valid" else split.test
        if relevant.nnz == 0:
            raise SparserecError(without_part(part, split.kind, self.facts.source))
        refitted = part == "test" and self.is_refitted and self.holds_out
        model, _ = self.best(refitted=refitted)
        history = split.history(part)
        scorer = model.scorer(history)
        metrics = evaluate(scorer, history, relevant, ks=ks, per_user=per_user, exclude_history=exclude_history)
        if exclude_history:
            self._remember(part, metrics.as_dict())
        if compare:
            learned = everything(split).train if refitted else split.train
            metrics = with_rivals(metrics, split, part, learned, ks, exclude_history)
        return replace(metrics, measured_on=self.measured_on(part))

    def compare(
        self, part: str = "test", ks: tuple[int, ...] = (20,), *, exclude_history: bool = True
    ) -> dict[str, Metrics]:
        """The model beside popularity and item-item neighbours, on the same split; arguments as for `evaluate`.

        Returns:
            metrics by the names "model", "popularity" and "neighbours", the last tuned on the validation part.
        """
        metrics = self.evaluate(part, ks, exclude_history=exclude_history, compare=True)
        return {"model": metrics, **metrics.rivals}

    def _remember(self, part: str, values: dict[str, float]) -> None:
        path = self.folder / "metrics.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            known[part] = {**known.get(part, {}), **values}
        except (OSError, ValueError, TypeError, AttributeError):
            raise SparserecError(f"{path}: not readable as metrics; remove it and evaluate again") from None
        write_text(path, json.dumps(known, indent=2, sort_keys=True) + "\n")

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        refitted: bool | None = None,
        users: bool = True,
        ids: bool | None = None,
    ) -> ByteReport:
        """Write the model as one file for devices. The same run gives the same bytes.

        Args:
            path: the file to write.
            refitted: False for the model that validation chose even where it was trained once more; only that one can
                be evaluated on what it was not trained on.
            users: False to leave a user table out, with every user's id and tastes in it: users are then weighted sums
                of the item rows of their histories, which is as good for some models and worse for others.
            ids: whether the file has the raw ids, as the setting `ids` of the run says when None. Without them the
                runtimes take and give the numbers of rows, "0" for the first, and an app keeps its own list; its order
                is that of `item_ids` of a file with them.

        Raises:
            SparserecError: when no file can hold the model, or the file cannot be written; and, to leave users out,
                when the interactions of the run cannot be read again.
        """
        from sparserec.runs.export import write_artefact
        from sparserec.runs.ids import load_ids

        refuse_input(Path(path), *(place / part for place in (self.folder, self.folder / FINAL) for part in OWN))
        final = self.is_refitted if refitted is None else refitted
        model, _ = self.best(refitted=final)
        user_ids, item_ids = load_ids(self.folder / "ids.safetensors")
        if len(user_ids) != self.facts.n_users or len(item_ids) != self.facts.n_items:
            raise SparserecError(f"{self.folder / 'ids.safetensors'} does not fit the run: train it anew")
        without = {} if ids is None else {"ids": None if ids else "none"}
        return write_artefact(
            Path(path),
            model.served(),
            user_ids,
            item_ids,
            self.config.model_copy(update={"refit": final, **without}),
            self.facts.fingerprint,
            self.valid_metrics(),
            _explored(model),
            None if users else self._degrees(final),
        )

    def _degrees(self, final: bool) -> np.ndarray:
        """How many users of the interactions that a model was trained on took each item, (n_items,)."""
        try:
            split = self.split()
        except SparserecError as error:
            raise SparserecError(f"to leave users out, items are weighted by the run's interactions: {error}") from None
        return (everything(split, self.holds_out) if final else split).train.item_degrees()

    def log(self) -> list[dict[str, float]]:
        """One entry for each finished epoch: epoch, loss, validation metrics, seconds."""
        return training.load_state(self.folder / "checkpoint.safetensors")[1]["history"]

    def valid_metrics(self) -> dict[str, float]:
        """The entry of the epoch that validation chose; empty when training was stopped before the first one."""
        return self._chosen("valid", dict)

    def _chosen(self, name: str, kind: type) -> Any:
        """What the model that validation chose says of itself."""
        path = self.folder / "best.safetensors"
        value = training.load_state(path)[1].get(name)
        if not isinstance(value, kind):
            raise SparserecError(f"{path}: not the tables of this run ({name!r} is missing); train it anew")
        return value

    def parameters(self) -> int:
        """Active parameters of the chosen model."""
        model, _ = self.best()
        return int(np.sum([table.nnz for table in model.tables.values()]))


def with_rivals(
    metrics: Metrics, split: Split, part: str, learned: Interactions, ks: tuple[int, ...], exclude_history: bool
) -> Metrics:
    """The same metrics with those of popularity and neighbours beside them, which learn from the same interactions."""
    from sparserec.evaluation import rivals

    relevant = split.valid if part == "valid" else split.test
    others = rivals(
        split.history(part),
        relevant,
        train=split.train,
        valid=split.valid,
        learned=learned,
        n_items=split.train.n_items,
        ks=ks,
        exclude_history=exclude_history,
    )
    return replace(metrics, rivals=others)


def _explored(model: Recommender) -> int:
    """Active parameters of the sparse tables of a model."""
    return sum(table.nnz for table in model.tables.values() if isinstance(table, tables.SparseTable))
