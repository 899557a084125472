"""What is in an artefact, and where its bytes are."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from sparserec.artefact.reader import read
from sparserec.artefact.schema import type_name
from sparserec.artefact.writer import report


def inspect(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Every tensor, the bytes of each part, and the model card.

    Returns:
        `tensors` (name, dtype, shape, bytes), `bytes` (total, header, items, users, ids, encoder; the parts add up to
        the total, which is the size on disk), `bytes_per_item` (all but the raw ids, over items), `bytes_per_user` (the
        user table, over users; None without one), `age_decay` (the numbers that say what age does in a history; None
        where it does nothing), `encoder` (`length`, the newest items of a history that it looks at, and `blocks`; None
        without one) and `card`.

    Raises:
        SparserecError: when the file is no valid artefact.
    """
    artefact = read(path)
    sizes = asdict(report(artefact.tensors, artefact.header_bytes))
    return {
        "tensors": [
            {"name": name, "dtype": type_name(tensor.dtype), "shape": list(tensor.shape), "bytes": tensor.nbytes}
            for name, tensor in sorted(artefact.tensors.items())
        ],
        "bytes": sizes,
        "bytes_per_item": (sizes["total"] - sizes["ids"]) / artefact.card.n_items,
        "bytes_per_user": sizes["users"] / artefact.card.n_users if artefact.card.n_users else None,
        "age_decay": None if artefact.items.age_decay is None else artefact.items.age_decay.tolist(),
        "encoder": None
        if artefact.encoder is None
        else {"length": artefact.encoder.length, "blocks": artefact.encoder.blocks},
        "card": artefact.card.as_dict(),
    }
