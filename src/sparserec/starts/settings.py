"""Settings of the starts that come with the package."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sparserec.section import Settings


class StartSettings(Settings):
    """Of starts from a factorisation, from the spectrum, or by chance."""

    section = "start"
    init_power: float = Field(default=0.25, ge=0)
    """Exponent of the singular values in the start of fism."""
    start_numbers: int = Field(default=90_000_000, ge=1)
    """Numbers (items x columns) in a dense matrix at the start of fism at most: very large catalogues get fewer columns
    than `dim`, so that memory and time stay bounded."""
    init_values: Literal["factors", "normal"] = "factors"
    """Initial values: the factors that gave the mask, or normal numbers ("random" and "nmf-mask" always take these)."""
    init_evenness: float = Field(default=0.5, ge=0, le=1)
    """How evenly rows share the initial mask: 0 lets large factors win, 1 gives all rows about as many entries."""
    init_normalise: bool = True
    """Whether "nmf" factorises D_u^-1/2 R D_i^-1/2, or R as it is."""
    init_balance: bool = True
    """Whether the columns of the two factors of "nmf" are brought to equal norms."""
    init_per_table: bool = False
    """Whether each table gets its share of the budget by rows at the start, instead of competing for it."""
