"""Configurations from recipes and files."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sparserec.errors import SparserecError
from sparserec.settings.config import RunConfig
from sparserec.settings.sections import built_in_sections, chosen_sections, known_sections

DEFAULT_RECIPE = "fism"


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("sparserec") / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_config(recipe: str | None = None, file: Path | None = None, **overrides: Any) -> RunConfig:
    """A configuration from a recipe or a TOML file, with single settings put over it.

    Args:
        recipe: name of a recipe of the package. When neither is given it is that of the `model` asked for, "mf" where
            it has none, else "fism".
        file: a TOML file of the user's, instead of a recipe.
        **overrides: settings by name; None means not given. A dictionary goes into a section. A density takes the
            place of a recipe's budget, epochs that of its epochs for small catalogues too.

    Raises:
        SparserecError: for an unknown recipe, a file that isn't TOML, an unknown key or a value out of range.
    """
    if recipe is not None and file is not None:
        raise SparserecError("give either a recipe or a configuration file, not both")
    name = recipe or _recipe_of(overrides.get("model"))
    settings, origin = (_read(file), str(file)) if file else _recipe(name)
    if overrides.get("density") is not None and overrides.get("budget") is None:
        settings.pop("budget", None)
    if overrides.get("density") is not None or overrides.get("budget") is not None:
        settings.pop("least_budget", None)
    if overrides.get("epochs") is not None:
        settings.pop("small_epochs", None)
    for name, value in overrides.items():
        if isinstance(value, dict):
            before = settings.get(name)
            given = {k: v for k, v in value.items() if v is not None}
            settings[name] = {**before, **given} if isinstance(before, dict) else given
        elif value is not None:
            settings[name] = value
    return parse_config(settings, origin)


def parse_config(settings: dict[str, Any], origin: str) -> RunConfig:
    """Check settings. Raises SparserecError that names `origin`, the key and what is allowed."""
    try:
        return RunConfig.model_validate(settings)
    except ValidationError as error:
        raise SparserecError(f"{origin}: {_explain(error, settings)}") from None


def _recipe_of(model: str | None) -> str:
    """The recipe of a recommender; one without takes that of matrix factorisation."""
    return DEFAULT_RECIPE if model is None else model if model in recipe_names() else "mf"


def _recipe(name: str) -> tuple[dict[str, Any], str]:
    if name not in recipe_names():
        raise SparserecError(f"unknown recipe {name!r}; there are: {', '.join(recipe_names())}")
    text = (resources.files("sparserec") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    return {**tomllib.loads(text), "recipe": name}, f"recipe {name}"


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SparserecError(f"{file}: no such configuration file") from None
    except OSError as error:
        raise SparserecError(f"{file}: cannot be read ({error.strerror or error})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SparserecError(f"{file}: not a TOML file ({error})") from None


def _explain(error: ValidationError, settings: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return f"unknown setting {'.'.join(path)!r}; allowed are: {', '.join(_allowed(path[:-1], settings))}"
    return f"setting {'.'.join(path)!r}: {first['msg'].lower()} (it is {first['input']!r})"


def _allowed(path: list[str], settings: Mapping[str, Any]) -> list[str]:
    """Names of the settings in a section, or of those outside of any."""
    fields, kinds = RunConfig.model_fields, known_sections()
    if path:
        return list((type(fields[path[0]].default) if path[0] in fields else kinds[path[0]]).model_fields)
    defaults = {name: field.default for name, field in fields.items()}
    alone = built_in_sections() | chosen_sections(settings, defaults)
    of_kinds = [name for section, kind in kinds.items() if section in alone for name in kind.model_fields]
    others = [section for section in kinds if section not in built_in_sections()]
    return list(dict.fromkeys([*(name for name in fields if name != "sections"), *of_kinds, *others]))
