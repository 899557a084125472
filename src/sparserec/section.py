"""What a kind brings for a configuration: a section of typed settings beside its class."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings of a kind, checked when a configuration is read. A kind of one's own derives from it:

        class Margin(Settings):
            section = "nearest"
            margin: float = Field(default=1.0, gt=0)

    Attributes:
        section: the name of its section in a configuration, `[nearest]` in a file, `--set nearest.margin=0.5` on the
            command line; `--set margin=0.5` will do where no general setting has that name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    section: ClassVar[str] = ""


class NoSettings(Settings):
    """Of kinds that have none."""
