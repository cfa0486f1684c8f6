"""The constructors as the schema of settings."""

import pytest

from ssvae.registry import imported
from ssvae.settings.checks import SettingsSource
from ssvae.settings.files import assignment, load, shipped
from ssvae.settings.schema import TABLES, arguments, defaults, resolve


def set_(*texts):
    return resolve(*[assignment(text) for text in texts])


def test_defaults_are_the_constructors():
    found = defaults()["classifier"]
    assert found["alpha"] == 0.1
    assert "callbacks" not in found


@pytest.mark.parametrize("slot", TABLES)
def test_every_entry_of_every_table_is_a_slot_value_with_its_own_arguments(slot):
    for name in imported(TABLES[slot]).names():
        own = arguments(imported(TABLES[slot]).where(name))
        assert "kwargs" not in own
        config = set_(f"classifier.{slot}={name}")
        assert config["classifier"][slot] == name
        with pytest.raises(ValueError, match=f"unknown classifier.{slot} key 'no_such'"):
            set_(f"classifier.{slot}={{name: {name}, no_such: 1}}")


@pytest.mark.parametrize("name", shipped())
def test_shipped_settings_resolve_and_resolving_again_changes_nothing(name):
    config = resolve(load(name))
    assert resolve(SettingsSource("again", config)) == config


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["classifier.callbacks=[1]"], "unknown classifier key 'callbacks'"),
        (["dataset=3"], "unknown dataset 3|dataset must be"),
        (["dataset.name=digits", "dataset.pool=3"], "unknown dataset key 'pool'"),
        (["dataset.data=x.csv", "dataset.pool=3"], "unknown dataset key 'pool'"),
        (["classifier.model.latent=wide"], "classifier.model.latent must be a whole number"),
        (["classifier.model={latent: 3}", "classifier.model={name: m3}"], "unknown model 'm3'"),
        (["classifier.alpha=true"], "classifier.alpha must be"),
        (["classifier.regularizers=[nearest]"], "unknown regularizer 'nearest', one of"),
        (["classifier.regularizers=[{name: neighbours, weigth: 2}]"], "key 'weigth'.*did you mean 'weight'"),
        (["classifier.regularizers=neighbours"], "classifier.regularizers must be a list"),
        (["classifier.random_state=one"], "classifier.random_state must be a whole number or null"),
        (["seed=-1"], "seed must be 0 or more"),
        (["seed=null"], "seed must be a whole number"),
    ],
)
def test_what_is_not_allowed(texts, message):
    with pytest.raises(ValueError, match=message):
        set_(*texts)


def test_a_data_set_is_named_unless_a_file_is_given():
    assert resolve()["dataset"] == {"name": "digits", "labels": 100}
    assert set_("dataset=mnist")["dataset"] == {"name": "mnist", "labels": 100}
    assert set_("dataset.name=null", "dataset.valid=9")["dataset"] == {"name": "digits", "labels": 100, "valid": 9}
    assert set_("dataset.data=x.csv")["dataset"] == {"data": "x.csv", "labels": None, "test": 0.0}
