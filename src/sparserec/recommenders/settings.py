"""Settings of the recommenders that come with the package. They stand apart so that none is loaded to read them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sparserec.section import Settings

Similarity = Literal["cosine", "dot"]


class ProductSettings(Settings):
    """Of recommenders whose scores are products of a user's and an item's row."""

    section = "product"
    similarity: Similarity = "dot"
    """How a user row and an item row make a score."""


class LightGCNSettings(ProductSettings):
    """Of LightGCN."""

    section = "lightgcn"
    layers: int = Field(default=3, ge=0, le=16)
    """Propagations over the graph of interactions."""


class NeuMFSettings(Settings):
    """Of NeuMF."""

    section = "neumf"
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(32, 16), min_length=1)
    """Outputs of each layer of the network."""


class SASRecSettings(Settings):
    """Of SASRec."""

    section = "sasrec"
    length: int = Field(default=50, ge=1, le=1024)
    """Newest items of a history that are looked at."""
    blocks: int = Field(default=2, ge=1, le=16)
    """Blocks of attention."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the numbers that are set to 0 at each place of the network in training."""
