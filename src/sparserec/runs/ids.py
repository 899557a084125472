"""The raw ids of a run's users and items, kept in its folder so that an export needs no data."""

from __future__ import annotations

from pathlib import Path

import torch

from sparserec.errors import SparserecError
from sparserec.training.checkpoint import load_state, prefixed, save_state, section
from sparserec.vocabulary import Vocabulary


def save_ids(path: Path, users: Vocabulary, items: Vocabulary) -> None:
    """Write the ids of users and items."""
    tensors = {}
    for name, ids in (("users", users), ("items", items)):
        tensors |= prefixed(name, {"blob": torch.tensor(ids.blob), "offsets": torch.tensor(ids.offsets)})
    save_state(path, tensors, {"users": len(users), "items": len(items)})


def load_ids(path: Path) -> tuple[Vocabulary, Vocabulary]:
    """Read what `save_ids` wrote: users and items. Raises SparserecError when it is damaged."""
    tensors, _ = load_state(path)
    try:
        users, items = (
            Vocabulary(part["blob"].numpy(), part["offsets"].numpy())
            for part in (section("users", tensors), section("items", tensors))
        )
    except KeyError as missing:
        raise SparserecError(f"{path}: {missing} is missing") from None
    return users, items
