"""Where tables lie: the CPU, or a CUDA device that Triton makes kernels for."""

from __future__ import annotations

import importlib.util
from typing import Literal, get_args

import torch

from sparserec.errors import SparserecError

CPU = torch.device("cpu")
DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: str, usable: bool = True) -> torch.device:
    """The device of this name.

    Args:
        name: "cpu", "cuda", or "auto" for a CUDA device where one can be used.
        usable: whether what is to be done can be done on one at all.

    Raises:
        SparserecError: for another name, and for "cuda" where there is none, no Triton, or `usable` is False.
    """
    if name not in get_args(DeviceName):
        raise SparserecError(f"device must be one of {', '.join(get_args(DeviceName))}, not {name!r}")
    if name == "cpu":
        return CPU
    lacking = _lacking(usable)
    if not lacking:
        return torch.device("cuda")
    if name == "cuda":
        raise SparserecError(f"device cuda can't be used: {lacking}; leave it out, or give cpu")
    return CPU


def _lacking(usable: bool) -> str:
    if not usable:
        return "this recommender is trained on the CPU"
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device here"
    if importlib.util.find_spec("triton") is None:
        return "the package triton, which makes the kernels, is missing"
    return ""


def device_name(device: torch.device) -> str:
    """What the device is called: "cpu", or the name that a CUDA device has of its maker."""
    return "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
