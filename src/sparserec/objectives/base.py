"""What a loss is called with, and how one is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sparserec.section import NoSettings, Settings


@dataclass(frozen=True)
class ObjectiveKind:
    """A loss by its name.

    Attributes:
        make: the loss, of its settings: an `Objective` over positives and negatives, or a `DistillationLoss`.
        learns: "ranking", of interactions above negatives, or of what comes next where the recommender learns that; or
            "lists", a teacher's, for recommenders that rank the catalogue.
        of_products: whether most of its gradient is 0 and it needs no array of scores, a `LossOfProducts`.
        shared_negatives: whether one set of negatives serves the batch; else each user has their own.
        settings: the class of its settings.
        summary: a few words, for the lists of kinds.
    """

    make: Callable[[Any], Callable]
    learns: Literal["ranking", "lists"] = "ranking"
    of_products: bool = False
    shared_negatives: bool = True
    settings: type[Settings] = NoSettings
    summary: str = ""
