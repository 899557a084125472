"""The lists of kinds: one for each axis along which a training can differ, built in or registered from outside.

A kind is registered under the name that a configuration gives:

    from sparserec.axes import RECOMMENDERS

    RECOMMENDERS.register("nearest", RecommenderKind(...))

Names stand here and kinds beside their classes. A built-in kind is imported when it is asked for, so that the names
can be read, by `sparserec train --help` for one, without loading any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sparserec.errors import SparserecError

if TYPE_CHECKING:
    from sparserec.objectives.base import ObjectiveKind
    from sparserec.recommenders.base import RecommenderKind
    from sparserec.section import Settings
    from sparserec.sparsity.explorers.base import ExplorerKind
    from sparserec.starts.base import StartKind
    from sparserec.tables.base import TableKind
    from sparserec.teachers.base import TeacherKind

T = TypeVar("T")


def _at(home: str) -> Any:
    module, attribute = home.split(":")
    return getattr(import_module(module), attribute)


class Registry(Mapping[str, T], Generic[T]):
    """Kinds of one axis by their names, in the order in which they were registered.

    Args:
        axis: what they are kinds of, in one word, for messages.
        setting: the setting whose values their names are.
        homes: where the built-in ones are: "module:attribute" by name.
        settings: where the classes of their settings are, likewise, of those that have some. A configuration is checked
            by these, before any kind is loaded.
    """

    def __init__(self, axis: str, setting: str, homes: Mapping[str, str], settings: Mapping[str, str] | None = None):
        self.axis, self.setting = axis, setting
        self._settings = dict(settings or {})
        self._kinds: dict[str, T | str] = dict(homes)
        self.built_in = frozenset(homes)

    def register(self, name: str, kind: T) -> T:
        """Add a kind, or put it in the place of one that was registered by this name, and return it.

        Raises SparserecError for the name of a kind that comes with the package.
        """
        if not name or name in self.built_in:
            raise SparserecError(f"{name!r} can't be the name of another {self.axis}: it is empty or taken")
        self._kinds[name] = kind
        return kind

    def unregister(self, name: str) -> None:
        """Take out a kind that was registered; those that are built in stay."""
        if name in self.built_in or name not in self._kinds:
            raise SparserecError(f"no {self.axis} was registered as {name!r}")
        del self._kinds[name]

    def __getitem__(self, name: str) -> T:
        if name not in self._kinds:
            raise SparserecError(f"unknown {self.axis} {name!r}; there are: {', '.join(self._kinds)}")
        kind = self._kinds[name]
        if isinstance(kind, str):
            kind = self._kinds[name] = _at(kind)
        return kind  # pyright: ignore[reportReturnType]  # a home is a string, a kind is none

    def settings_of(self, name: str) -> type[Settings] | None:
        """The class of the settings of a kind; None where it has none. No kind is loaded for it."""
        if name in self.built_in:
            return _at(self._settings[name]) if name in self._settings else None
        settings = getattr(self._kinds[name], "settings", None)
        return settings if settings is not None and settings.section else None

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


TABLES: Registry[TableKind] = Registry(
    "table",
    "method",
    {
        "sparse": "sparserec.tables.sparse:KIND",
        "dense": "sparserec.tables.dense:KIND",
        "threshold": "sparserec.tables.threshold:KIND",
    },
)
"""How a row is represented; a method says which of them it trains."""
EXPLORERS: Registry[ExplorerKind] = Registry(
    "method",
    "method",
    {
        "sparserec": "sparserec.sparsity.explorers.sparserec:KIND",
        "static": "sparserec.sparsity.explorers.static:KIND",
        "set": "sparserec.sparsity.explorers.set:KIND",
        "rigl": "sparserec.sparsity.explorers.rigl:KIND",
        "dsl": "sparserec.sparsity.explorers.dsl:KIND",
        "magnitude": "sparserec.sparsity.explorers.pruning:MAGNITUDE",
        "pep": "sparserec.sparsity.explorers.pruning:PEP",
        "dense": "sparserec.sparsity.explorers.dense:KIND",
    },
    dict.fromkeys(("magnitude", "pep"), "sparserec.sparsity.settings:PruningSettings"),
)
"""Which parameters are active, and when that changes."""
RECOMMENDERS: Registry[RecommenderKind] = Registry(
    "recommender",
    "model",
    {
        "mf": "sparserec.recommenders.mf:KIND",
        "lightgcn": "sparserec.recommenders.lightgcn:KIND",
        "neumf": "sparserec.recommenders.neumf:KIND",
        "sasrec": "sparserec.recommenders.sasrec:KIND",
        "fism": "sparserec.recommenders.fism:KIND",
    },
    {
        "mf": "sparserec.recommenders.settings:ProductSettings",
        "lightgcn": "sparserec.recommenders.settings:LightGCNSettings",
        "neumf": "sparserec.recommenders.settings:NeuMFSettings",
        "sasrec": "sparserec.recommenders.settings:SASRecSettings",
    },
)
"""How rows become scores."""
OBJECTIVES: Registry[ObjectiveKind] = Registry(
    "loss",
    "loss",
    {
        "softmax": "sparserec.objectives.losses:SOFTMAX",
        "bpr": "sparserec.objectives.losses:BAYESIAN",
        "list-regression": "sparserec.objectives.distillation:REGRESSION",
        "list-softmax": "sparserec.objectives.distillation:LIST_SOFTMAX",
        "relaxed-ranking": "sparserec.objectives.distillation:RELAXED",
    },
    {"softmax": "sparserec.objectives.settings:SoftmaxSettings"},
)
"""What is learned: a ranking of interactions, of what comes next, or a teacher's."""
TEACHERS: Registry[TeacherKind] = Registry(
    "teacher",
    "teacher.trained",
    {
        "pooled": "sparserec.starts.trained:POOLED",
        "lightgcn": "sparserec.starts.trained:LIGHTGCN",
        "ease": "sparserec.starts.trained:EASE",
        "local": "sparserec.starts.trained:LOCAL",
    },
    {"lightgcn": "sparserec.recommenders.settings:LightGCNSettings"},
)
"""What is averaged with the closed-form filter, of which every teacher begins."""
STARTS: Registry[StartKind] = Registry(
    "start",
    "init",
    {
        "nmf": "sparserec.starts.factorised:NMF",
        "nmf-mask": "sparserec.starts.factorised:NMF_MASK",
        "random": "sparserec.starts.factorised:RANDOM",
        "spectral": "sparserec.starts.factorised:SPECTRAL",
    },
    dict.fromkeys(("nmf", "nmf-mask", "random", "spectral"), "sparserec.starts.settings:StartSettings"),
)
"""Where the active parameters are at the start, and their values."""

AXES: dict[str, Registry] = {
    "tables": TABLES,
    "explorers": EXPLORERS,
    "recommenders": RECOMMENDERS,
    "objectives": OBJECTIVES,
    "teachers": TEACHERS,
    "starts": STARTS,
}
