"""What a run says before it begins: how large the file will be, what is trained on, and its stages."""

from __future__ import annotations

from dataclasses import replace

from sparserec.artefact import dense_file_bytes, ids_bytes
from sparserec.axes import EXPLORERS, RECOMMENDERS, TABLES
from sparserec.course import Stage
from sparserec.interactions import Split
from sparserec.runs.refit import adds_something, everything
from sparserec.settings import RunConfig
from sparserec.starts import planned_file_bytes, planned_stages
from sparserec.starts.budget import encoder_shape, table_rows
from sparserec.units import bytes_text


def size_words(config: RunConfig, split: Split) -> list[str]:
    """How large the exported file will be, or that there can be none."""
    if not RECOMMENDERS[config.model].exports:
        able = ", ".join(name for name, kind in RECOMMENDERS.items() if kind.exports)
        return [f"a {config.model} model can't be exported to a file for devices; these can: {able}"]
    if TABLES[EXPLORERS[config.method].table].of_matrix is not None:
        n_users, n_items = table_rows(config, split)
        ids = (
            0
            if config.ids == "none"
            else ids_bytes(split.train.items) + (ids_bytes(split.train.users) if n_users else 0)
        )
        sizes = {"n_items": n_items, "n_users": n_users, "dim": config.dim, "values_dtype": config.values}
        tables = dense_file_bytes(**sizes, encoder=encoder_shape(config))
        words, size = "about", tables + ids
    else:
        plan = planned_file_bytes(config, split)
        words, size, ids = "at most" if plan.ceiling else "about", plan.bytes, plan.ids
    return [f"the exported file will take {words} {bytes_text(size)}, of which {bytes_text(ids)} are ids"]


def training_words(config: RunConfig, split: Split) -> str:
    """On what the exported model is trained, and what chooses and measures."""
    holdout = bool(config.data.holdout)
    counts = f"{split.train.nnz:,} to learn from, {split.valid.nnz:,} to choose by, {split.test.nnz:,} to measure on"
    if not config.refit or not adds_something(split, holdout):
        return f"trained once: {counts}"
    rest = "all but those to measure on" if holdout and split.test.nnz else "everything"
    return f"trained twice: first with {counts}, then the exported model on {rest}"


def planned_run(
    config: RunConfig,
    split: Split,
    lent: bool = False,
    decided: RunConfig | None = None,
    until: int | None = None,
    lent_again: bool | None = None,
    begun: int = 0,
) -> list[Stage]:
    """The stages of a run, of both trainings.

    Args:
        config: of the run, settled.
        split: its data.
        lent: whether the teacher of the first training is another run's.
        decided: with what the first training decided, once it has.
        until: epochs of the second training, once they are known.
        lent_again: whether the teacher of the second training is another run's; as that of the first when None.
        begun: the epoch with which the second training begins.
    """
    stages, holdout = planned_stages(config, split, lent=lent), bool(config.data.holdout)
    if not config.refit or not adds_something(split, holdout):
        return stages
    whole, lent = everything(split, holdout), lent if lent_again is None else lent_again
    again = planned_stages(config, whole, True, lent, decided, None if until is None else until - begun)
    tested = holdout and split.test.nnz > 0
    prefix = "once more, with all but the test part" if tested else "once more, on everything"
    return [*stages, *(replace(stage, words=f"{prefix}: {stage.words}") for stage in again)]
