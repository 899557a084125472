"""How large a file will be before there is a table, all of it counted: header, ids, factors, structure and values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparserec.artefact.codecs import (
    AGE_DECAY,
    ENCODER_SIDE,
    GAPS,
    HISTORY_FACTORS,
    ITEM_GAPS,
    EncoderShape,
    encode_ids,
    named_codec,
)
from sparserec.artefact.schema import DTYPES, ModelCard
from sparserec.artefact.size import nnz_within, table_bytes
from sparserec.artefact.writer import header_of
from sparserec.errors import SparserecError
from sparserec.version import __version__
from sparserec.vocabulary import Vocabulary

METRICS = ("coverage", "hit_rate", "map", "mrr", "ndcg", "precision", "recall", "recall_capped")
"""What validation measures, which the card has in full precision."""


@dataclass(frozen=True)
class Plan:
    """A file that is not there yet.

    Attributes:
        n_items: rows of the item table.
        n_users: rows of the user table, 0 without one.
        dim: columns.
        values_dtype: how values are stored, a name of `codecs.CODECS`.
        history_factors: whether each item has one.
        ids: bytes of the raw ids, as they will be coded.
        header: bytes of the header, to within a few.
        age_decay: how many numbers say what age does, 0 to 2.
        encoder: of the encoder, None without one.
    """

    n_items: int
    n_users: int
    dim: int
    values_dtype: str
    history_factors: bool
    ids: int
    header: int
    age_decay: int = 0
    encoder: EncoderShape | None = None

    @property
    def rows(self) -> int:
        """Rows of both tables."""
        return self.n_items + self.n_users

    def bytes_of(self, nnz: int, value_bits: float | None = None) -> int:
        """Bytes of the file with so many values, spread over the cells by chance.

        Args:
            nnz: values over both tables, from one a row to dim a row.
            value_bits: of a value, where its codec leaves a choice.
        """
        sizes = {"n_items": self.n_items, "n_users": self.n_users, "dim": self.dim, "values_dtype": self.values_dtype}
        factors = HISTORY_FACTORS.bytes_of(self.n_items) if self.history_factors else 0
        factors += AGE_DECAY.bytes_of(self.age_decay) + self.encoder_bytes
        return self.header + self.ids + factors + table_bytes(nnz=nnz, value_bits=value_bits, **sizes)

    @property
    def encoder_bytes(self) -> int:
        """Bytes of the encoder, 0 without one."""
        return 0 if self.encoder is None else self.encoder.bytes_of(self.dim)

    @property
    def smallest(self) -> int:
        """Bytes of a file with one value a row, a little more than it needs: no structure of it takes more."""
        return self.bytes_of(self.rows) + math.ceil(0.5 * self.rows / 8)

    def nnz_within(self, budget: int) -> int:
        """The most values whose file is expected to be within `budget` bytes, everything counted; all where they are.

        Raises:
            SparserecError: when not even one value a row fits; it says the smallest budget that will do.
        """
        if budget < self.smallest:
            encoder = "" if self.encoder is None else f"the transformer {self.encoder_bytes:,}, "
            raise SparserecError(
                f"a budget of {budget:,} bytes is too small: the smallest file takes {self.smallest:,} bytes, of which "
                f"{encoder}ids {self.ids:,}, the header {self.header:,}, and one value for each of {self.rows:,} rows "
                "the rest"
            )
        return nnz_within(budget, self.rows, self.dim, self.bytes_of)


def ids_bytes(ids: Vocabulary) -> int:
    """Bytes that ids take in a file, in the way that takes the fewest."""
    return sum(part.nbytes for part in encode_ids("items", ids).values())


def planned(
    *,
    items: Vocabulary,
    users: Vocabulary | None,
    dim: int,
    values_dtype: str,
    history_factors: bool,
    recipe: Mapping[str, Any],
    ids: bool = True,
    age_decay: int = 0,
    encoder: EncoderShape | None = None,
) -> Plan:
    """The plan of a file with sparse tables.

    Args:
        items: ids of the items.
        users: ids of the users, None without a user table.
        dim: columns.
        values_dtype: how values are stored.
        history_factors: whether each item has one.
        recipe: the configuration of the training, as the card will have it.
        ids: whether the file has the ids.
        age_decay: how many numbers say what age does, 0 to 2.
        encoder: of the encoder, None without one.
    """
    sides = {"items": items} if users is None else {"items": items, "users": users}
    tensors: dict[str, np.ndarray] = {}
    for side, names in sides.items():
        kinds = {**named_codec(values_dtype).tensors, **dict.fromkeys(GAPS, "U8")}
        if history_factors and side == "items":
            kinds |= HISTORY_FACTORS.tensors
        if age_decay and side == "items":
            kinds |= AGE_DECAY.tensors
            if age_decay == 2 and dim > len(names):
                kinds |= dict.fromkeys(ITEM_GAPS, "U8")
        # Only lengths as long in digits as those to come count, and no memory is taken for them.
        tensors |= {
            f"{side}.{kind}": np.broadcast_to(np.zeros((), DTYPES[dtype]), (10 * len(names),))
            for kind, dtype in kinds.items()
        }
        tensors |= {f"{side}.{kind}": part for kind, part in (encode_ids(side, names) if ids else {}).items()}
    if encoder is not None:
        tensors |= {f"{ENCODER_SIDE}.{kind}": part for kind, part in encoder.outlines(dim).items()}
    card = ModelCard(
        format_version=3 if age_decay or encoder is not None else 2,
        scoring="history" if users is None else "users",
        dim=dim,
        n_items=len(items),
        n_users=0 if users is None else len(users),
        nnz=10 * len(items),
        density=1 / 3,
        recipe=dict(recipe),
        data_fingerprint="0" * 64,
        metrics={f"valid.{name}@20": 1 / 3 for name in METRICS} | {"valid.users": len(items), "valid.skipped": 0},
        package_version=__version__,
        sha256="0" * 64,
    )
    raw = sum(part.nbytes for name, part in tensors.items() if name.partition(".")[2].startswith("id"))
    return Plan(
        n_items=len(items),
        n_users=0 if users is None else len(users),
        dim=dim,
        values_dtype=values_dtype,
        history_factors=history_factors,
        ids=raw,
        header=8 + len(header_of(tensors, card)),
        age_decay=age_decay,
        encoder=encoder,
    )
