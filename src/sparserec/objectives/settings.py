"""Settings of the losses that come with the package. They stand apart so that none is loaded to read them."""

from __future__ import annotations

from pydantic import Field

from sparserec.section import Settings


class SoftmaxSettings(Settings):
    """Of the sampled softmax."""

    section = "softmax"
    temperature: float = Field(default=1.0, gt=0)
    """Divides the scores in the softmax."""
    logq: bool | None = None
    """Whether each negative counts the more the less likely it is drawn, so that the sum over negatives is an estimate
    of that over the whole catalogue; for `negatives = "popularity"`. None for all alike."""
