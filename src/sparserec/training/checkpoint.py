"""The state of a training run on disk: tensors in safetensors, the rest as JSON in its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sparserec.errors import SparserecError
from sparserec.files import replacing, text_name


def save_state(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts to one safetensors file, atomically."""
    with replacing(path) as part:
        try:
            save_file(
                {name: tensor.contiguous().cpu() for name, tensor in tensors.items()},
                part,
                metadata={"sparserec": json.dumps(facts, sort_keys=True)},
            )
        except SafetensorError as error:  # a full disk
            raise SparserecError(f"cannot write {path}: {error}") from None


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_state` wrote. Raises SparserecError when the file is missing or damaged."""
    try:
        with text_name(path) as name, safe_open(name, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
            facts = json.loads((file.metadata() or {})["sparserec"])
    except FileNotFoundError:
        raise SparserecError(f"{path}: no such checkpoint") from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise SparserecError(f"{path}: not a readable checkpoint ({error})") from None
    return tensors, facts


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put `prefix.` before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def section(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under `prefix.`, without it."""
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def as_tensors(arrays: dict[str, Any]) -> dict[str, Tensor]:
    """NumPy arrays as tensors that share their memory."""
    return {name: torch.as_tensor(array) for name, array in arrays.items()}
