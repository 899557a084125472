"""A run's data: read and cut as its configuration says, and kept in its folder where it came from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sparserec.errors import SparserecError
from sparserec.interactions import Dataset, Interactions, Split, load, split
from sparserec.interactions.request import Request
from sparserec.interactions.splits import Cut, decide
from sparserec.settings import DataConfig
from sparserec.vocabulary import Vocabulary

READING = tuple(part.name for part in fields(Request))
"""Names of the settings that say how data is read, which are the arguments of `load`."""
KEPT = "interactions.safetensors"
"""The interactions of a run whose data came from memory, in its folder."""


def read(source: Any, config: DataConfig, instead: Mapping[str, Any] | None = None) -> Dataset:
    """Read interactions from whatever `load` takes; `instead` has arguments that replace those of the configuration."""
    return load(source, **{name: getattr(config, name) for name in READING} | dict(instead or {}))


def settled(dataset: Dataset, config: DataConfig) -> tuple[DataConfig, str]:
    """Settings in which it is written how a data set is cut, for a run to remember, and a sentence on why, or none.

    What was the rule before there was a choice is left unwritten: a part at random in a given or random split.
    """
    how = decide(dataset, config.split, config.validation, config.test_fraction, config.valid_fraction)
    if how.kind == "latest":
        config = config.model_copy(update={"split": "latest"})
    if how.validation != _remembered(dataset, config).validation:
        config = config.model_copy(update={"validation": how.validation})
    return config, how.why


def _remembered(dataset: Dataset, config: DataConfig) -> Cut:
    """How a run of these settings was cut."""
    kind = config.split
    if kind == "auto":
        kind = "random" if dataset.test is None else "given"
    own = {"leave-last": None, "latest": "latest", "global-time": "latest"}.get(kind, "random")
    return Cut(kind, config.validation or own)


def cut(dataset: Dataset, config: DataConfig) -> Split:
    """Cut a data set into training, validation and test parts as the settings of a run say: see `settled`."""
    how = _remembered(dataset, config)
    return split(
        dataset,
        kind=how.kind,
        validation=how.validation,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
        valid_users=config.valid_users,
        valid_fraction=config.valid_fraction,
    )


def keep(folder: Path, dataset: Dataset) -> None:
    """Write the interactions of a data set that can't be read again into a run's folder; its ids are there already."""
    import torch  # late, as in `kept`: to read data takes none of it

    from sparserec.training.checkpoint import prefixed, save_state

    tensors = {}
    for name, part in (("train", dataset.interactions), ("test", dataset.test)):
        if part is not None:
            arrays = {"indptr": part.indptr, "indices": part.indices, "timestamps": part.timestamps}
            tensors |= prefixed(name, {key: torch.tensor(array) for key, array in arrays.items() if array is not None})
    known = dataset.interactions.n_items
    if dataset.test is not None and dataset.test.n_items > known:
        ids = Vocabulary.of(dataset.test.items.names(np.arange(known, dataset.test.n_items)))
        tensors |= prefixed("beyond", {"blob": torch.tensor(ids.blob), "offsets": torch.tensor(ids.offsets)})
    save_state(folder / KEPT, tensors, {"untimed": dataset.untimed})


def kept(folder: Path, source: str) -> Dataset | None:
    """The data set that a run's folder keeps; None where it keeps none.

    Raises:
        SparserecError: the file is damaged.
    """
    path = folder / KEPT
    if not path.exists():
        return None
    from sparserec.runs.ids import load_ids
    from sparserec.training.checkpoint import load_state, section

    tensors, facts = load_state(path)
    users, items = load_ids(folder / "ids.safetensors")

    def part(name: str, items: Vocabulary) -> Interactions | None:
        arrays = {key: tensor.numpy() for key, tensor in section(name, tensors).items()}
        return Interactions.restored(arrays, users, items) if arrays else None

    try:
        beyond = {key: tensor.numpy() for key, tensor in section("beyond", tensors).items()}
        asked = Vocabulary.of([*items, *Vocabulary(**beyond)]) if beyond else items
        train, test = part("train", items), part("test", asked)
        if train is None:
            raise SparserecError("'train' is missing")
    except (SparserecError, KeyError, TypeError, ValueError) as error:
        raise SparserecError(f"{path}: not the interactions of this run ({error}); train it anew") from None
    untimed = str(facts.get("untimed", ""))
    return Dataset(train, test, source, train.timestamps is not None, untimed=untimed)
