"""Which stages a training has, and how long each is expected to take beside the others, before any has begun.

Durations are counted work by the pace of one core of a laptop, to within a factor of about two; `course.Course`
corrects them as stages come to their end.
"""

from __future__ import annotations

from sparserec.axes import EXPLORERS, OBJECTIVES, RECOMMENDERS, STARTS, TEACHERS
from sparserec.course import Stage
from sparserec.interactions import Split
from sparserec.settings import RunConfig, TeacherConfig
from sparserec.starts import thresholds
from sparserec.starts.budget import active_parameters, columns_budget, width
from sparserec.starts.judging import judged_users, taught_users
from sparserec.starts.teaching import joining
from sparserec.training.plan import dense_epochs, left_epochs, needs_teacher

WORDS = {
    "order": "finding what follows what",
    "spectrum": "finding what is taken together",
    "filter": "fitting a teacher to it",
    "ease": "fitting a linear teacher",
    "local": "fitting a linear teacher of neighbours",
    "lists": "ranking the catalogue with the teacher",
    "table": "making the first table",
    "dense": "training dense tables that are pruned",
    "training": "training",
    "beside": "looking for links between items that the table lacks",
}
"""What stages are called where they are shown; a teacher that is trained has words of its own."""
MULTIPLIED = 4e10
"""Multiplications a second in products of dense matrices."""
SCATTERED = 1e9
"""The same where rows are gathered or sorted."""
OVERHEAD = 0.3
"""Seconds of a stage that does hardly anything."""
STEP = 2e-3
"""Seconds of a step of training beside its arithmetic."""


def stage_names(config: RunConfig, n_items: int, lent: bool = False, timed: bool = False) -> list[str]:
    """The stages of a training by their names, in their order: all that there may be.

    Args:
        config: of the run.
        n_items: in the catalogue.
        lent: whether the teacher is taken from another run.
        timed: whether the order of histories is known.
    """
    histories = RECOMMENDERS[config.model].from_histories
    names = ["table", *(["dense"] if dense_epochs(config) else [])]
    if histories or needs_teacher(config):
        taught = _taught(config.teacher, n_items) if needs_teacher(config) and not lent else []
        order = ["order"] if timed and config.order.use is not False and STARTS[config.init].widths else []
        if order and config.order.use:
            return order
        names = [*order, "spectrum", *taught, *names] if histories else [*names, "spectrum", *taught]
    return [*names, *(["training"] if config.epochs else []), *(["beside"] if has_item_columns(config) else [])]


def has_item_columns(config: RunConfig) -> bool:
    """Whether the tables of this configuration can have item columns beside what was trained."""
    asked = config.budget is not None and config.values == "coded" and config.teacher.item_columns is not False
    taught = needs_teacher(config) and config.teacher.spectrum == "whole"
    return asked and taught and RECOMMENDERS[config.model].from_histories


def planned_stages(
    config: RunConfig,
    split: Split,
    second: bool = False,
    lent: bool = False,
    decided: RunConfig | None = None,
    until: int | None = None,
) -> list[Stage]:
    """The stages of a training, in their order.

    Args:
        config: of the run.
        split: what is trained on.
        second: whether it is the second training, in which little is left to try.
        lent: whether the teacher is taken from another run.
        decided: for a second training, the settings with what the first one decided, once it has.
        until: epochs of a second training, once they are known.
    """
    timed = split.train.timestamps is not None and (split.judges_next or second)
    names = stage_names(decided or config, split.train.n_items, lent, timed)
    work = _Work(config, split, tries=not second and split.valid.nnz > 0)
    unneeded = _unneeded(decided.teacher) if decided else set()
    seconds = {
        "order": work.order,
        "spectrum": work.spectrum,
        "filter": work.filters,
        "ease": work.ease,
        "local": work.local,
        "lists": work.lists,
        "table": work.table,
        "dense": lambda: work.training(dense_epochs(config)),
        "training": lambda: work.training(left_epochs(config, split) if until is None else until),
        "beside": work.beside,
    }
    return [
        Stage(
            name, stage_words(name), 0.0 if name in unneeded else OVERHEAD + seconds.get(name, work.teacher)(), second
        )
        for name in names
    ]


def stage_words(name: str) -> str:
    """What a stage is called where it is shown."""
    return WORDS.get(name) or "training a teacher"


def _taught(settings: TeacherConfig, n_items: int) -> list[str]:
    """The stages that make a teacher's lists."""
    trained, linear = (
        [name for name in names if _can_be(name, settings, n_items)] for names in ([settings.trained], joining())
    )
    order = [*linear, "filter", *trained] if settings.spectrum == "whole" else ["filter", *trained, *linear]
    return [*dict.fromkeys(order), "lists"]


def _can_be(name: str, settings: TeacherConfig, n_items: int) -> bool:
    if TEACHERS[name].share(settings) == 0:
        return False
    if name == "ease":
        return settings.ease is not None or n_items <= settings.ease_items
    if name == "local":
        return settings.local is not None or (settings.spectrum == "whole" and n_items > settings.ease_items)
    return settings.epochs > 0


def _unneeded(settings: TeacherConfig) -> set[str]:
    """Teachers that have no share in what was decided, so that they are not made again."""
    return {name for name in (settings.trained, *joining()) if TEACHERS[name].share(settings) == 0}


class _Work:
    """Expected seconds of stages.

    Args:
        config: of the run.
        split: what is trained on.
        tries: whether alternatives are tried on the validation part.
    """

    def __init__(self, config: RunConfig, split: Split, tries: bool):
        train = split.train
        self._config, self._split, self._tries = config, split, tries
        self._items, self._users, self._nnz = train.n_items, train.n_users, train.nnz
        self._dim = width(config, split)
        self._judged = len(judged_users(config, split)) if tries else 0
        taught = needs_teacher(config)
        self._taught = len(taught_users(config, split)) if taught else self._users

    def order(self) -> float:
        """Pairs of items in histories, and scores of validation users, for each setting that is tried."""
        counted = self._nnz * 2 * thresholds.GAPS[0][0] / SCATTERED
        scores = self._judged * self._items * 15 / SCATTERED
        return (20 * counted + 40 * scores) if self._tries else counted

    def spectrum(self) -> float:
        """A range finder with four passes, each with a factorisation of its result, and an eigenproblem."""
        sides, size = self._users + self._items, self._dim + 16
        passes = 8 * self._nnz * size / SCATTERED + 4 * sides * size**2 / MULTIPLIED
        return (1.5 if self._tries else 1.0) * (passes + 12 * size**3 / MULTIPLIED)

    def filters(self) -> float:
        """Scores of validation users for each filter."""
        tried = len(thresholds.POWERS) * len(thresholds.RANKS) + 2 * len(thresholds.NEIGHBOURS)
        scores = self._judged * self._items
        return scores * self._dim * len(thresholds.POWERS) / MULTIPLIED + tried * scores / SCATTERED

    def teacher(self) -> float:
        """Epochs of cosines, of each item of a history and of negatives."""
        dim, epochs = min(self._config.teacher.dim, self._dim), self._config.teacher.epochs
        share = self._taught / max(self._users, 1)
        negatives = self._taught * min(self._items, 4096)
        an_epoch = share * self._nnz * dim * 4 / SCATTERED + negatives * (dim * 6 / MULTIPLIED + 4 / SCATTERED)
        return epochs * an_epoch + self._shares()

    def ease(self) -> float:
        """A Cholesky factorisation and an inverse, and scores of validation users, for each regularisation."""
        values = len(thresholds.REGULARISATIONS) if self._tries else 1
        return values * self._items**3 / (2 * MULTIPLIED) + self._shares()

    def local(self) -> float:
        """Users that items share, and a small system of equations an item for each regularisation."""
        settings = self._config.teacher
        shared = self._nnz * self._nnz / max(self._users, 1)
        systems = self._items * settings.local_neighbours**2 * (settings.local_neighbours / 6 + 12) / SCATTERED
        values = len(thresholds.LOCAL_REGULARISATIONS) if self._tries else 1
        return shared * 4 / SCATTERED + values * systems + self._shares()

    def lists(self) -> float:
        """Scores of all users, and their order."""
        a_user = self._items * (self._dim / MULTIPLIED + 3 / SCATTERED)
        return (self._widths() if self._tries else 1) * self._taught * a_user

    def table(self) -> float:
        """A rotation; of a table of histories with an epoch from each that is tried."""
        rows, dim = self._items, self._dim
        if not RECOMMENDERS[self._config.model].from_histories:
            dim = min(self._config.dim, self._users, self._items)
            rows += self._users
            return rows * dim**2 * 30 / MULTIPLIED + self._nnz * dim * 10 / SCATTERED
        rotation = (36 if self._tries else 12) * 2 * min(rows, 12_288) * dim**2 / MULTIPLIED
        trials = (self._widths() + 1) * self.training(1) if self._tries and needs_teacher(self._config) else 0.0
        return rotation + trials

    def training(self, epochs: int) -> float:
        """Epochs of steps; where a catalogue is ranked, of products with a sparse table."""
        config = self._config
        if OBJECTIVES[config.loss].learns == "lists":
            per_item = columns_budget(config, self._split, self._dim) / max(self._items, 1)
            a_score = per_item / MULTIPLIED + (5 if OBJECTIVES[config.loss].of_products else 60) / SCATTERED
            an_epoch = self._taught * self._items * a_score
            return epochs * (an_epoch + self._taught / min(config.batch_size, max(32, self._taught // 40)) * STEP)
        dense = EXPLORERS[config.method].table != "sparse"
        count = self._users + self._items
        per_row = config.dim if dense else active_parameters(config, self._split, config.dim) / max(count, 1)
        steps = self._nnz / config.batch_size
        an_example = config.n_negatives * config.dim * 6 / MULTIPLIED + (per_row + 8) * 12 / SCATTERED
        return epochs * (self._nnz * an_example + steps * STEP)

    def beside(self) -> float:
        """Scores of all users, and twice a small system of equations an item, of the histories of its nearest."""
        scores = self._taught * self._items * 10 / SCATTERED
        return scores + 2 * thresholds.NEAREST * self._nnz * 8 * self._nnz / max(self._users, 1) / SCATTERED

    def _widths(self) -> int:
        """How many widths are tried."""
        return thresholds.TRIED_WHOLE if self._config.teacher.spectrum == "whole" else thresholds.TRIED

    def _shares(self) -> float:
        """Scores of validation users to choose a share by."""
        scores = self._judged * self._items
        return 2 * len(thresholds.SHARES) * scores * (1 / SCATTERED + self._dim / MULTIPLIED / 4)
