"""Tables of the kinds that can be chosen, from the lists of `sparserec.axes`."""

from __future__ import annotations

from pathlib import Path

from sparserec.axes import AXES, EXPLORERS
from sparserec.bench.pages.markdown import table


def kinds(folder: Path, about: str) -> list[str]:
    """One table of a list.

    Args:
        folder: of the results files, which are not read.
        about: the name of the list in `AXES`.
    """
    registry = AXES[about]
    head = [f"`{registry.setting}`" if registry.setting != "method" or registry is EXPLORERS else registry.axis]
    if registry is EXPLORERS:
        rows = [[f"`{name}`", kind.summary, kind.source, kind.differs] for name, kind in EXPLORERS.items()]
        return table([*head, "what it is", "source", "where it differs from that"], rows)
    rows = [[f"`{name}`", kind.summary, _settings(kind)] for name, kind in registry.items()]
    if not any(row[-1] for row in rows):
        return table([*head, "what it is"], [row[:-1] for row in rows])
    return table([*head, "what it is", "its own settings"], rows)


def _settings(kind) -> str:
    """Names of a kind's own settings."""
    settings = getattr(kind, "settings", None)
    return ", ".join(f"`{name}`" for name in settings.model_fields) if settings is not None else ""
