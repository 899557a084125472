"""The recommenders that can be trained, by name. A new one is a file and a line here, or in a program of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sparserec.recommenders import FISM, MF, History, LightGCN, NeuMF, Recommender, SASRec, neumf, sasrec
from sparserec.tables import Table

if TYPE_CHECKING:
    from sparserec.training.config import RunConfig

Side = Literal["users", "items"]


def no_weights(config: RunConfig, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """For recommenders that have nothing but their tables."""
    return {}


@dataclass(frozen=True)
class Kind:
    """How a recommender is put together.

    Attributes:
        tables: its embedding tables by name, and whose rows each holds. The budget spans them all.
        make: the recommender over its tables, the training histories and the configuration.
        weights: small dense matrices (rows, columns) by name at their initial values, such as layers of a network; they
            become tables of the recommender beside the others, which every step updates and no explorer moves.
        needs_history: whether a trained model needs the training histories to score, as that of a graph does.
        next_item: whether it learns what comes next in a history, and not which items are in it.
        exports: whether a file for devices can hold it; `served` is an error where not.
        on_gpu: whether it can be trained on a CUDA device: all that it makes itself lies where its tables lie.
    """

    tables: Mapping[str, Side]
    make: Callable[[Mapping[str, Table], History, RunConfig], Recommender]
    weights: Callable[[RunConfig, np.random.Generator], dict[str, np.ndarray]] = no_weights
    needs_history: bool = False
    exports: bool = True
    next_item: bool = False
    on_gpu: bool = False


ROWS: dict[str, Side] = {"users": "users", "items": "items"}

KINDS: dict[str, Kind] = {
    "mf": Kind(
        ROWS,
        lambda tables, history, config: MF(tables["users"], tables["items"], config.similarity),
        on_gpu=True,
    ),
    "lightgcn": Kind(
        ROWS,
        lambda tables, history, config: LightGCN(
            tables["users"], tables["items"], history, config.layers, config.similarity
        ),
        needs_history=True,
        on_gpu=True,
    ),
    "neumf": Kind(
        {**ROWS, "mlp_users": "users", "mlp_items": "items"},
        lambda tables, history, config: NeuMF(tables),
        weights=lambda config, generator: neumf.weights(config.dim, config.hidden, generator),
        exports=False,
        on_gpu=True,
    ),
    "sasrec": Kind(
        {"items": "items"},
        lambda tables, history, config: SASRec(tables, history),
        weights=lambda config, generator: sasrec.weights(config.dim, config.length, config.blocks, generator),
        exports=False,
        next_item=True,
    ),
    "fism": Kind({"items": "items"}, lambda tables, history, config: FISM(tables["items"], tables["weights"], history)),
}
