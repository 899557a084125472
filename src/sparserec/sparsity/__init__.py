"""Sparsity: exact budgets, initial masks, and the explorers that move them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparserec.deferred import deferred

if TYPE_CHECKING:
    from sparserec.sparsity.budget import bounds_whole_file, parse_budget
    from sparserec.sparsity.by_blocks import spectral_entries
    from sparserec.sparsity.entries import Entries, kept_in_a_row, masks_of_entries
    from sparserec.sparsity.explorers import (
        EXPLORERS,
        Explorer,
        ExplorerConfig,
        ExplorerKind,
        Policy,
        Revision,
        make_explorer,
    )
    from sparserec.sparsity.initial import masks_of_factors, nmf_factors, random_mask, spectral_factors, varimax
    from sparserec.sparsity.item_columns import as_item_rows, largest_weights, refitted
    from sparserec.sparsity.local import local_factors
    from sparserec.sparsity.masks import CsrMask, budget_of
    from sparserec.sparsity.resparsify import made_sparse
    from sparserec.sparsity.sparse_nmf import nmf_entries
    from sparserec.sparsity.spectral import HistoryStart, Spectrum, history_start, item_spectrum

__all__ = [
    "EXPLORERS",
    "CsrMask",
    "Entries",
    "Explorer",
    "ExplorerConfig",
    "ExplorerKind",
    "HistoryStart",
    "Policy",
    "Revision",
    "Spectrum",
    "as_item_rows",
    "bounds_whole_file",
    "budget_of",
    "history_start",
    "item_spectrum",
    "kept_in_a_row",
    "largest_weights",
    "local_factors",
    "made_sparse",
    "make_explorer",
    "masks_of_entries",
    "masks_of_factors",
    "nmf_entries",
    "nmf_factors",
    "parse_budget",
    "random_mask",
    "refitted",
    "spectral_entries",
    "spectral_factors",
    "varimax",
]

__getattr__ = deferred(
    __name__,
    {
        "budget": ["bounds_whole_file", "parse_budget"],
        "entries": ["Entries", "kept_in_a_row", "masks_of_entries"],
        "explorers": ["EXPLORERS", "Explorer", "ExplorerConfig", "ExplorerKind", "Policy", "Revision", "make_explorer"],
        "initial": ["masks_of_factors", "nmf_factors", "random_mask", "spectral_factors", "varimax"],
        "item_columns": ["as_item_rows", "largest_weights", "refitted"],
        "local": ["local_factors"],
        "masks": ["CsrMask", "budget_of"],
        "resparsify": ["made_sparse"],
        "sparse_nmf": ["nmf_entries"],
        "spectral": ["HistoryStart", "Spectrum", "history_start", "item_spectrum"],
        "by_blocks": ["spectral_entries"],
    },
)
