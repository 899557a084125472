"""Adam over the parameters that exist, and only where the batch touched them."""

from __future__ import annotations

import numpy as np
import torch

from sparserec.tables import ops
from sparserec.tables.base import Table

_AGES = 65_536


class RowAdam:
    """Lazy Adam on one table: parameters of untouched rows, and their moments, stay as they are.

    Each parameter counts its own updates, so the bias correction is exact for parameters that are updated rarely and
    for those grown a moment ago. The moments live with the table (`Table.attach`), which moves them with its
    parameters and gives grown parameters zeros. Memory per parameter: 4 bytes for each of the two moments and 2 for
    the count.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015; lazy rows as in torch's `SparseAdam`.

    Args:
        table: the table to train.
        lr: step size, > 0.
        betas: decay of the two moments, each in [0, 1).
        epsilon: added to the root of the second moment.
        weight_decay: L2 coefficient, added to the gradient of touched rows.
        relative: when above 0, steps are relative to a row's root mean square, which counts as at least this much. Rows
            that differ in size by orders, as those of popular and rare items do, then change at the same pace.
            Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost"
            (arXiv 1804.04235), section 8.
    """

    def __init__(
        self,
        table: Table,
        *,
        lr: float = 1e-2,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        relative: float = 0.0,
    ):
        self.table, self.lr = table, lr
        self._betas, self._epsilon, self._decay, self._relative = betas, epsilon, weight_decay, relative
        ages = np.arange(_AGES, dtype=np.float64)
        with np.errstate(divide="ignore"):
            correct = np.stack([1 / (1 - beta**ages) for beta in betas]).astype(np.float32)
        on_cpu = table.device.type == "cpu"
        self._correct = correct if on_cpu else torch.from_numpy(correct).to(table.device)
        for name, dtype in (("mean", torch.float32), ("square", torch.float32), ("age", torch.uint16)):
            table.attach(name, dtype)

    def step(self) -> None:
        """Update the parameters of the rows touched since the last step; nothing when none were."""
        gradients = self.table.take_gradients()
        if gradients is None:
            return
        ops.adam(
            [self.table.values, *(self.table.attached(name) for name in ("mean", "square", "age"))],
            gradients.first_slot,
            gradients.offsets,
            gradients.values,
            self._correct,
            self.lr,
            *self._betas,
            self._epsilon,
            self._decay,
            self._relative,
        )
