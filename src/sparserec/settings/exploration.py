"""When and where a mask moves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sparserec.section import Settings

STEPS_OF_SAMPLE = 128
"""Steps that a sample of rows is watched for at least, where there are several between two explorations."""


class ExplorationConfig(Settings):
    """When and where the mask moves; see docs/guide/sparsity.md."""

    rounds: int = Field(default=6, ge=0)
    """Explorations over the whole training, evenly spaced until `end`."""
    end: float = Field(default=0.6, gt=0, le=1)
    """Share of the steps after which the mask stands still."""
    drop_fraction: float = Field(default=0.3, ge=0, lt=1)
    """Share that the first exploration moves of the active parameters beyond one a row, which must stay; decays to 0 as
    a cosine."""
    sample_fraction: float | None = Field(default=None, gt=0, le=1)
    """Share of the rows whose gradients are watched in full; None takes four times the density, at most a
    quarter: the evidence then takes about as much memory as the active parameters with their gradients and optimiser
    state, and never more than a quarter of a dense gradient."""
    importance: Literal["interactions", "gradient", "uniform"] = "interactions"
    """What the probability of a row to be watched grows with."""
    alpha: float = Field(default=0.5, ge=0)
    """Exponent of the number of interactions."""
    accumulate: Literal["signed", "absolute", "decay", "last"] = "signed"
    """How gradients add up over the window; "last" keeps those of its last batch alone."""
    samples: int | None = Field(default=None, ge=1)
    """Samples that are watched one after the other between two explorations, no row in two of them: with four of a
    quarter each all rows are seen, with the memory of one. None takes as many as see all rows, or fewer where each
    would have fewer than `STEPS_OF_SAMPLE` steps."""
