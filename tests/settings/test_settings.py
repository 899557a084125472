from __future__ import annotations

import inspect
from dataclasses import fields

import pytest
import tomli_w

from sparserec.errors import SparserecError
from sparserec.interactions import load
from sparserec.interactions.request import Request
from sparserec.settings import DataConfig, load_config, recipe_names


def test_reading_has_the_same_defaults_in_load_in_a_request_and_in_a_configuration():
    request = {part.name: part.default for part in fields(Request)}
    arguments = list(inspect.signature(load).parameters.values())[1:]  # the first one is the source
    assert {argument.name: argument.default for argument in arguments} == request
    assert {name: DataConfig.model_fields[name].default for name in request} == request


def test_a_recipe_gives_a_complete_configuration():
    assert "mf" in recipe_names()
    config = load_config("mf")
    assert (config.model, config.method, config.recipe) == ("mf", "sparserec", "mf")


def test_settings_go_over_the_recipe_and_none_means_not_given():
    config = load_config("mf", dim=32, density=None, exploration={"rounds": 3}, data={"kcore": 5, "user": None})
    assert (config.dim, config.density, config.exploration.rounds, config.data.kcore) == (32, 0.1, 3, 5)


def test_epochs_that_are_given_hold_on_small_catalogues_too():
    assert load_config("fism").small_epochs
    assert load_config("fism", epochs=5).small_epochs is None
    assert load_config("fism", epochs=5, small_epochs=9).small_epochs == 9


def test_a_configuration_survives_toml(tmp_path):
    config = load_config("mf", budget="16B/item", data={"min_rating": 4.0})
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(config.model_dump(exclude_none=True)))
    assert load_config(file=file) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimension": 3}, "unknown setting 'dimension'; allowed are: model, method"),
        ({"exploration": {"round": 3}}, r"unknown setting 'exploration\.round'; allowed are: rounds"),
        ({"density": 1.5}, "setting 'density': input should be less than or equal to 1"),
        ({"method": "magic"}, "setting 'method': input should be 'sparserec'"),
        ({"epochs": "many"}, "setting 'epochs': input should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(settings, message):
    with pytest.raises(SparserecError, match=message):
        load_config("mf", **settings)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(SparserecError, match=r"unknown recipe 'mff'; there are: .*mf"):
        load_config("mff")


def test_a_file_that_is_missing_or_no_toml(tmp_path):
    with pytest.raises(SparserecError, match="no such configuration file"):
        load_config(file=tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("dim = = 3")
    with pytest.raises(SparserecError, match=r"bad\.toml: not a TOML file"):
        load_config(file=tmp_path / "bad.toml")


def test_recipe_and_file_together_are_refused(tmp_path):
    with pytest.raises(SparserecError, match="either a recipe or a configuration file"):
        load_config("mf", file=tmp_path / "x.toml")
