"""What a recommender keeps of a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparserec.artefact.codecs import Encoder
from sparserec.artefact.reader import Artefact, DecodedTable
from sparserec.artefact.schema import ModelCard
from sparserec.device.postings import ByRow
from sparserec.vocabulary import Ids


@dataclass(frozen=True)
class Contents:
    """What a recommender keeps of an artefact, whose decoded item rows can then go.

    Attributes:
        card: the model card.
        items: the item table, by row when it is sparse.
        factors: of the items, or None.
        users: the user rows, or None.
        item_ids: raw ids of the items.
        user_ids: raw ids of the users, or None.
        encoder: what makes a vector of a history, or None.
    """

    card: ModelCard
    items: ByRow | DecodedTable
    factors: np.ndarray | None
    users: DecodedTable | None
    item_ids: Ids
    user_ids: Ids | None
    encoder: Encoder | None = None

    @classmethod
    def of(cls, artefact: Artefact, *, reuse: bool = False) -> Contents:
        """Take from a checked artefact what is needed; with `reuse`, its item rows can't be used afterwards."""
        rows = artefact.items
        items = rows if rows.dense else ByRow(rows, reuse=reuse)
        ids = artefact.item_ids, artefact.user_ids
        return cls(artefact.card, items, rows.factors, artefact.users, *ids, artefact.encoder)
