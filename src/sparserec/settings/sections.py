"""Settings of kinds in a configuration: which sections there are, and what of a file belongs to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from sparserec.axes import AXES, EXPLORERS, OBJECTIVES, RECOMMENDERS, STARTS, TEACHERS
from sparserec.section import Settings


def known_sections() -> dict[str, type[Settings]]:
    """The sections of all kinds that have settings, by name."""
    every = (registry.settings_of(name) for registry in AXES.values() for name in registry)
    return {settings.section: settings for settings in every if settings is not None}


def built_in_sections() -> set[str]:
    """Names of the sections of kinds that come with the package."""
    every = (registry.settings_of(name) for registry in AXES.values() for name in registry.built_in)
    return {settings.section for settings in every if settings is not None}


def chosen_sections(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> set[str]:
    """Names of the sections of the kinds that these settings name, or take when they don't."""
    teacher = settings.get("teacher")
    trained = teacher.get("trained") if isinstance(teacher, Mapping) else getattr(teacher, "trained", None)
    names = [
        (registry, settings.get(key, defaults[key]))
        for registry, key in ((RECOMMENDERS, "model"), (EXPLORERS, "method"), (STARTS, "init"), (OBJECTIVES, "loss"))
    ]
    every = (registry.settings_of(name) for registry, name in [*names, (TEACHERS, trained)] if name in registry)
    return {settings.section for settings in every if settings is not None}


def gathered(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings with those of kinds in `sections`: given in a section, or among the others.

    Args:
        settings: as they stand in a file.
        defaults: general settings by name.

    Raises:
        ValidationError: for a value that the class of a section refuses.
    """
    general, known = dict(settings), known_sections()
    alone = built_in_sections() | chosen_sections(settings, defaults)
    parts: dict[str, Settings] = {}
    shared: set[str] = set()
    for section, settings_of in known.items():
        given = general.pop(section, {}) if section not in defaults else {}
        part = _checked(settings_of, given, (section,))
        if section in alone:
            names = settings_of.model_fields.keys() & settings.keys() - defaults.keys()
            if names:
                part = _checked(settings_of, {**{name: settings[name] for name in names}, **_given(part)}, ())
                shared |= names
        if section in alone or given:
            parts[section] = part
    for name in shared:
        general.pop(name, None)
    return general | {"sections": parts}


def _given(part: Settings) -> dict[str, Any]:
    return part.model_dump(exclude_unset=True)


def _checked(settings: type[Settings], given: Any, path: tuple[str, ...]) -> Settings:
    """The settings of a section; errors name the path that they were given at."""
    try:
        return settings.model_validate(given)
    except ValidationError as error:
        details = [
            InitErrorDetails(type=one["type"], loc=(*path, *one["loc"]), input=one["input"], ctx=one.get("ctx", {}))
            for one in error.errors()
        ]
        raise ValidationError.from_exception_data(settings.section, details) from None
