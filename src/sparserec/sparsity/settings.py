"""Settings of the explorers that come with the package. They stand apart so that none is loaded to read them."""

from __future__ import annotations

from pydantic import Field

from sparserec.section import Settings


class PruningSettings(Settings):
    """Of methods that prune."""

    section = "pruning"
    dense_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the epochs for which dense tables are trained, rounded down but at least one epoch."""
