"""First tables of recommenders of histories: from the spectrum, or by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from sparserec.sparsity import CsrMask, HistoryStart, Spectrum, history_start, random_mask
from sparserec.starts.settings import StartSettings

if TYPE_CHECKING:
    from sparserec.starts.base import Context

CHANCE_SCALE = 0.05
"""Standard deviation of values by chance."""


def of_spectrum(
    context: Context, spectrum: Spectrum, budget: int, like: CsrMask | None, groups: sp.csr_array | None
) -> HistoryStart:
    """The largest entries of rotated singular vectors; see `starts.base.OfHistories`."""
    power = context.config.of(StartSettings).init_power
    degrees = context.split.train.item_degrees()
    return history_start(spectrum, degrees, budget, power=power, local=groups, like=like)


def by_chance(
    context: Context, spectrum: Spectrum, budget: int, like: CsrMask | None, groups: sp.csr_array | None
) -> HistoryStart:
    """A random mask with normal numbers; see `starts.base.OfHistories`."""
    degrees = context.split.train.item_degrees()
    generator = np.random.default_rng([context.config.seed, 3])
    mask = random_mask(len(degrees), len(spectrum.singular), budget, generator)
    mask.values[:] = generator.standard_normal(len(mask.values), dtype=np.float32) * CHANCE_SCALE
    return HistoryStart(mask, (1 / np.maximum(degrees, 1)).astype(np.float32))
