"""The explorer: which parameters are active, and when that changes. The budget arithmetic is written here, once.

A method is a choice of four things: which rows are watched, how their gradients become evidence, the score by which
parameters are dropped, and the score by which coordinates are grown.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from sparserec.section import NoSettings, Settings
from sparserec.sparsity.evidence import Accumulation, accumulate
from sparserec.sparsity.explorers.scores import magnitudes
from sparserec.sparsity.masks import Growth, best_growth, forget_active, largest_growable, smallest_droppable
from sparserec.sparsity.sampling import sample_rows
from sparserec.sparsity.schedules import drop_fraction, is_due
from sparserec.sparsity.seam import Revisable


@dataclass(frozen=True)
class ExplorerConfig:
    """When the mask moves, how much of it, and which rows are looked at.

    Attributes:
        interval: steps between explorations.
        end: step from which the mask stands still.
        drop_fraction: share of the active parameters that may be dropped, all but one a row, that the first exploration
            moves, in [0, 1).
        sample_fraction: share of all rows that is watched, in (0, 1].
        importance: what a row's probability to be watched grows with: "interactions" ** alpha, the "gradient" norm
            it showed lately, or nothing ("uniform").
        alpha: exponent of the interactions.
        accumulate: how gradients add up, see `evidence.accumulate`.
        samples: how many samples are watched one after the other between two explorations, no row in two of them.
    """

    interval: int
    end: int
    drop_fraction: float = 0.2
    sample_fraction: float = 0.2
    importance: Literal["interactions", "gradient", "uniform"] = "interactions"
    alpha: float = 0.5
    accumulate: Accumulation = "signed"
    samples: int = 1


@dataclass(frozen=True)
class Revision:
    """What one exploration did: parameters dropped, and as many grown."""

    dropped: int
    grown: int


@dataclass(frozen=True)
class Policy:
    """What tells one method from another.

    Attributes:
        watches: "sample" watches a sample of rows through the whole window, or several through a part of it each,
            "all" every row in the last step of a window, "none" nothing.
        grow_scores: evidence (S, dim), watched rows (S,) and a generator -> scores (S, dim) >= 0; the largest grow. May
            write over the evidence.
        drop_scores: a table, the interactions of its rows (n_rows,) and a generator -> scores (nnz,) float32, finite,
            an array of its own; the smallest are dropped, but for the first largest of each row.
        explores: False for a mask that never moves.
        per_table: each table keeps its number of parameters; by default they compete under one budget.
    """

    watches: Literal["sample", "all", "none"]
    grow_scores: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
    drop_scores: Callable[[Revisable, np.ndarray, np.random.Generator], np.ndarray] = magnitudes
    explores: bool = True
    per_table: bool = False


@dataclass(frozen=True)
class ExplorerKind:
    """A method by its name: how few parameters come about.

    Attributes:
        policy: of its settings, what the explorer does.
        settings: the class of its settings, besides those of `[exploration]`, which all have.
        table: the kind of table that is trained, a name of `sparserec.axes.TABLES`; a mask needs "sparse".
        pruned_from: the kind of table that is trained first, for a share of the epochs, and then pruned to the budget;
            None for methods that are sparse from the first step.
        summary: a few words, for the lists of kinds.
        source: the paper it is from.
        differs: where it differs from that.
    """

    policy: Callable[[Any], Policy]
    settings: type[Settings] = NoSettings
    table: str = "sparse"
    pruned_from: str | None = None
    summary: str = ""
    source: str = ""
    differs: str = ""


class Explorer:
    """Moves the active parameters of one or several tables under one constant budget.

    Args:
        policy: the method.
        tables: the tables that share the budget.
        config: when and how much.
        importance: interactions of every row, (n_rows,) for each table.
        seed: of everything random here; drawn from counters, so a resumed run goes on as before.
    """

    def __init__(
        self,
        policy: Policy,
        tables: Sequence[Revisable],
        config: ExplorerConfig,
        importance: Sequence[np.ndarray],
        seed: int,
    ):
        self._policy, self._tables, self._config, self._seed = policy, list(tables), config, seed
        self._interactions = [np.asarray(part, dtype=np.float64) for part in importance]
        self._activity = [np.zeros(table.n_rows, dtype=np.float32) for table in self._tables]
        self._round = 0
        self._part = 0
        """Which of a window's samples is watched."""
        self._shown: list[np.ndarray] | None = None
        """The activity at the beginning of a window, where several samples are drawn by it; else that of now counts."""
        self._watched: list[np.ndarray] | None = None
        self._evidence: list[Tensor] = []
        self._kept: list[Growth] = []
        """For each table, the best of what the window's earlier samples showed; nothing before there are any."""

    def watch(self, step: int) -> None:
        """Before the forward pass of a step: tell the tables which rows to keep full gradients of."""
        if self._policy.watches == "none" or step >= self._config.end:
            if self._watched is not None:
                self._look_at([np.zeros(0, dtype=np.int64)] * len(self._tables))
                self._watched, self._shown, self._kept = None, None, []
            return
        if self._policy.watches == "all":
            last = is_due(step + 1, self._config.interval, self._config.end)
            rows = [np.arange(table.n_rows if last else 0) for table in self._tables]
            if self._watched is None or len(rows[0]) != len(self._watched[0]):
                self._look_at(rows)
        else:
            since = step % self._config.interval
            part = since * self._config.samples // self._config.interval
            if self._watched is not None and part != self._part:
                self._harvest(step - since + self._config.interval)
                self._watched = None
            if self._watched is None:
                self._part = part
                self._look_at(self._draw())

    def observe(self) -> None:
        """After the backward pass: add what the watched rows showed to the evidence."""
        if self._watched is None:
            return
        for number, table in enumerate(self._tables):
            positions, gradients = table.watched_gradients()
            accumulate(self._config.accumulate, self._evidence[number], positions, gradients)
            if self._config.importance == "gradient":
                rows = self._watched[number][positions.cpu().numpy()]
                norms = torch.linalg.vector_norm(gradients, dim=1).cpu().numpy()
                self._activity[number][rows] += 0.1 * (norms - self._activity[number][rows])

    def due(self, step: int) -> bool:
        """Whether `revise` is to be called after this many steps."""
        return self._policy.explores and is_due(step, self._config.interval, self._config.end)

    def revise(self, step: int) -> Revision:
        """Drop the smallest |w|, grow as many coordinates by the evidence, begin a new window; the budget is exact."""
        budget = sum(table.nnz for table in self._tables)
        moved = self._exchange(step)
        assert sum(table.nnz for table in self._tables) == budget, "an exploration changed the number of parameters"
        self._round += 1
        self._watched = None
        _return_freed_memory()
        return Revision(dropped=moved, grown=moved)

    def state(self) -> dict[str, np.ndarray]:
        """All that a resumed run needs."""
        state: dict[str, np.ndarray] = {"round": np.array([self._round], dtype=np.int64)}
        for number, activity in enumerate(self._activity):
            state[f"activity.{number}"] = activity
        if self._watched is not None:
            for number, (rows, evidence) in enumerate(zip(self._watched, self._evidence, strict=True)):
                state |= {f"watched.{number}": rows, f"evidence.{number}": evidence.cpu().numpy()}
            state["part"] = np.array([self._part], dtype=np.int64)
        if self._watched is not None and self._shown is not None:
            state |= {f"shown.{number}": shown for number, shown in enumerate(self._shown)}
        for number, kept in enumerate(self._kept):
            state |= {f"kept.{number}.{name}": array for name, array in asdict(kept).items()}
        return state

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Put back what `state` returned."""
        self._round = int(state["round"][0])
        self._activity = [state[f"activity.{number}"].copy() for number in range(len(self._tables))]
        self._watched = None
        if "watched.0" in state:
            self._look_at([state[f"watched.{number}"].copy() for number in range(len(self._tables))])
            for number, evidence in enumerate(self._evidence):
                evidence.copy_(torch.from_numpy(state[f"evidence.{number}"]))
            self._part = int(state["part"][0]) if "part" in state else 0
        self._shown, self._kept = None, []
        if "shown.0" in state:
            self._shown = [state[f"shown.{number}"].copy() for number in range(len(self._tables))]
        if "kept.0.rows" in state:
            for number in range(len(self._tables)):
                parts = {field.name: state[f"kept.{number}.{field.name}"].copy() for field in fields(Growth)}
                self._kept.append(Growth(**parts))

    def _exchange(self, step: int) -> int:
        """Choose what grows and what is dropped, and revise the tables; how many were grown, and as many dropped."""
        self._harvest(step)
        grow, self._kept = self._kept, []
        if self._config.samples > 1:
            grow = [part.ordered() for part in grow]
        generator = np.random.default_rng([self._seed, 12, self._round])
        for group in self._groups():
            tables = [self._tables[number] for number in group]
            scores = (
                self._policy.drop_scores(self._tables[number], self._interactions[number], generator)
                for number in group
            )
            count = sum(len(grow[number].rows) for number in group)
            drop = smallest_droppable([table.structure()[0] for table in tables], scores, count)
            for number, table, dropped in zip(group, tables, drop, strict=True):
                table.revise(np.logical_not(dropped, out=dropped), grow[number].rows, grow[number].columns)
        return sum(len(part.rows) for part in grow)

    def _harvest(self, due: int) -> None:
        """Keep what may grow of what the watched rows showed, beside what is kept already: as much as the exploration
        after `due` steps moves. The evidence, the largest part of the memory, is gone afterwards."""
        rows, counts = self._rows(), self._counts(due)
        found = self._best_shown(counts)
        fresh = [
            Growth(own[positions], columns, scores)
            for own, (positions, columns, scores) in zip(rows, found, strict=True)
        ]
        kept, self._kept = self._kept, fresh
        if kept:
            self._kept = []
            for group, count in zip(self._groups(), counts, strict=True):
                self._kept += best_growth(
                    [kept[number] for number in group], [fresh[number] for number in group], count
                )

    def _counts(self, due: int) -> list[int]:
        """How many parameters the exploration after `due` steps moves at most, for each group of tables."""
        share = drop_fraction(due, self._config.end, self._config.drop_fraction)
        tables = [[self._tables[number] for number in group] for group in self._groups()]
        return [int(share * sum(table.nnz - table.n_rows for table in group)) for group in tables]

    def _best_shown(self, counts: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Positions among the watched rows, columns and scores of what shows most for growing, for each table.

        Args:
            counts: how many, for each group of tables.
        """
        generator = np.random.default_rng([self._seed, 5, self._round, *([self._part] if self._part else [])])
        scores = self._grow_scores(generator)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for group, count in zip(self._groups(), counts, strict=True):  # in the order of the tables
            own = [scores[number] for number in group]
            for part, (positions, columns) in zip(own, largest_growable(own, count), strict=True):
                # One sample has nothing that its scores would be compared with.
                best = part[positions, columns] if self._config.samples > 1 else np.zeros(0, np.float32)
                found.append((positions, columns, best))
        return found

    def _grow_scores(self, generator: np.random.Generator) -> list[np.ndarray]:
        """The scores of the watched rows (S, dim) of each table, -1 where a coordinate is active; over the evidence."""
        rows = self._rows()
        empty = [np.zeros((0, table.dim), np.float32) for table in self._tables]
        evidence = [part.cpu().numpy() for part in self._evidence] if self._watched is not None else empty
        self._evidence = []
        scores = [
            self._policy.grow_scores(part, watched, generator) for part, watched in zip(evidence, rows, strict=True)
        ]
        for part, watched, table in zip(scores, rows, self._tables, strict=True):
            forget_active(part, watched, *table.structure())
        return scores

    def _groups(self) -> list[list[int]]:
        """The tables, by number, that share a budget."""
        numbers = list(range(len(self._tables)))
        return [[number] for number in numbers] if self._policy.per_table else [numbers]

    def _rows(self) -> list[np.ndarray]:
        none = [np.zeros(0, dtype=np.int64)] * len(self._tables)
        return none if self._watched is None else self._watched

    def _look_at(self, rows: list[np.ndarray]) -> None:
        self._watched = rows
        for table, watched in zip(self._tables, rows, strict=True):
            table.watch(watched)
        self._evidence = [
            torch.zeros(len(watched), table.dim, device=table.device)
            for watched, table in zip(rows, self._tables, strict=True)
        ]

    def _draw(self) -> list[np.ndarray]:
        """The watched rows of this part of the window: one sample over the rows of all tables."""
        generator = np.random.default_rng([self._seed, 4, self._round])
        sizes = [table.n_rows for table in self._tables]
        count = max(1, round(self._config.sample_fraction * sum(sizes)))
        count = min(count, -(-sum(sizes) // self._config.samples))
        if self._part == 0:
            several = self._config.importance == "gradient" and self._config.samples > 1
            self._shown = [part.copy() for part in self._activity] if several else None
        chosen = sample_rows(np.concatenate(self._importance()), count, generator, self._part * count)
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        return [chosen[(chosen >= a) & (chosen < b)] - a for a, b in itertools.pairwise(bounds)]

    def _importance(self) -> list[np.ndarray]:
        if self._config.importance == "uniform":
            return [np.ones(table.n_rows) for table in self._tables]
        if self._config.importance == "gradient" and self._round > 0:
            # A row never watched counts as an average one, so that it is looked at some day.
            shown = self._shown or self._activity
            typical = [float(part[part > 0].mean()) if (part > 0).any() else 1.0 for part in shown]
            return [np.where(part > 0, part, mean) for part, mean in zip(shown, typical, strict=True)]
        return [part**self._config.alpha for part in self._interactions]


def _return_freed_memory() -> None:
    """Let the C library give freed blocks back to the system; glibc would keep those of an exploration for good."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc: nothing to do
        return
    trim(ctypes.c_size_t(0))
