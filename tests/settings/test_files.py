"""Settings: reading, overriding, checking, writing."""

from typing import Literal

import pytest
import yaml

from ssvae.settings.checks import ComponentSchema, SettingsSource, accepts, check, describe
from ssvae.settings.files import assignment, dump, load, merge, read, shipped

MODELS = {"m1": {"latent": int}, "m2": {"latent": int, "hidden": int | list[int]}}
SCHEMA = {
    "seed": int,
    "classifier": {
        "alpha": float,
        "epochs": int | Literal["auto"],
        "model": ComponentSchema("model", list(MODELS), lambda name: MODELS[name]),
    },
}
TEXT = """\
seed: 3
classifier:
  alpha: 1e-2
  model:
    name: m2
    latent: 20
"""


def test_read_keeps_values_and_lines():
    source = read(TEXT, "my.yaml")
    assert source.values["classifier"]["alpha"] == 0.01
    assert source.lines[("classifier", "model", "latent")] == 6


def test_an_empty_file_has_no_settings():
    assert read("", "my.yaml").values == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nseed: 2", r"my.yaml, line 2: 'seed' is given twice"),
        ("a: [1, 2", r"my.yaml, line \d: not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("- 1\n- 2", "settings are a mapping"),
        ("just words", "settings are a mapping"),
    ],
)
def test_read_refuses(text, message):
    with pytest.raises(ValueError, match=message):
        read(text, "my.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classifier:\n  alfa: 1", r"my.yaml, line 2: unknown classifier key 'alfa', .*did you mean 'alpha'"),
        ("sede: 1", r"my.yaml, line 1: unknown key 'sede', .*did you mean 'seed'"),
        ("classifier:\n  alpha: fast", r"my.yaml, line 2: classifier.alpha must be a number, was given 'fast'"),
        ("seed: 1.5", "seed must be a whole number"),
        ("seed: true", "seed must be a whole number"),
        ("classifier: {epochs: few}", "a whole number or 'auto'"),
        ("classifier: 3", "classifier must be a mapping"),
        ("classifier:\n  model: m22", r"line 2: unknown model 'm22', .*did you mean 'm2'"),
        ("classifier:\n  model:\n    latent: 3", "unknown model None"),
        ("classifier:\n  model:\n    name: m1\n    hidden: 5", "line 4: unknown classifier.model key 'hidden'"),
        ("classifier:\n  model: {name: m2, hidden: [5, x]}", "classifier.model.hidden must be"),
    ],
)
def test_check_says_what_where_and_what_instead(text, message):
    source = read(text, "my.yaml")
    with pytest.raises(ValueError, match=message):
        check(source.values, SCHEMA, (source,))


def test_check_allows_what_the_schema_allows():
    check(read(TEXT, "my.yaml").values, SCHEMA)
    check({"classifier": {"model": "m1", "epochs": "auto", "alpha": 1}}, SCHEMA)


def test_the_last_source_that_gave_a_value_is_blamed():
    sources = (read("seed: 1", "my.yaml"), assignment("seed=many"))
    with pytest.raises(ValueError, match="--set seed=many: seed must be"):
        check(merge(*[source.values for source in sources]), SCHEMA, sources)


def test_merge_is_deep_and_the_last_word_wins():
    merged = merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"d": 4})
    assert merged == {"a": {"b": 3, "c": 2}, "d": 4}


def test_merge_leaves_its_arguments_alone():
    base = {"a": {"b": 1}}
    merge(base, {"a": {"b": 2}})
    assert base == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("base", "new", "merged"),
    [
        ("m2", {"latent": 5}, {"name": "m2", "latent": 5}),
        ({"name": "m2", "latent": 5}, "m2", {"name": "m2", "latent": 5}),
        ({"name": "m2", "latent": 5}, "m1", {"name": "m1"}),
        ({"name": "m2", "latent": 5}, {"name": "m1", "hidden": 3}, {"name": "m1", "hidden": 3}),
        ({"name": "mnist", "pool": 60000, "labels": 50}, {"name": "digits"}, {"name": "digits", "labels": 50}),
        (
            {"name": "mnist", "labels": 50},
            {"name": None, "data": "x.csv"},
            {"labels": 50, "name": None, "data": "x.csv"},
        ),
    ],
)
def test_a_new_name_starts_a_new_piece(base, new, merged):
    assert merge({"slot": base}, {"slot": new}) == {"slot": merged}


@pytest.mark.parametrize(
    ("text", "value"), [("0.2", 0.2), ("1e-3", 0.001), ("[5, 5]", [5, 5]), ("null", None), ("m2", "m2"), ("a=b", "a=b")]
)
def test_assignment_values_are_yaml(text, value):
    assert assignment(f"classifier.x={text}").values == {"classifier": {"x": value}}


@pytest.mark.parametrize("text", ["classifier.alpha", "=3", "classifier..alpha=3", "a=[1"])
def test_assignment_refuses(text):
    with pytest.raises(ValueError, match="--set"):
        assignment(text)


def test_dump_can_be_read_again():
    values = {"seed": 1, "classifier": {"alpha": 0.001, "model": {"name": "m2", "hidden": (5, 5)}, "epochs": None}}
    again = read(dump(values), "again").values
    assert again["classifier"] == {"alpha": 0.001, "model": {"name": "m2", "hidden": [5, 5]}, "epochs": None}


def test_dump_refuses_objects():
    with pytest.raises(ValueError, match="not objects"):
        dump({"a": object()})


@pytest.mark.parametrize("name", shipped())
def test_shipped_settings_can_be_read(name):
    assert set(load(name).values) <= {"seed", "dataset", "classifier"}


def test_load_names_the_nearest_shipped_settings():
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        load("digit")


def test_load_reads_a_file(tmp_path):
    (tmp_path / "own.yaml").write_text(TEXT)
    assert load(tmp_path / "own.yaml") == SettingsSource(
        str(tmp_path / "own.yaml"), yaml.safe_load(TEXT.replace("1e-2", "0.01")), read(TEXT, "").lines
    )


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (dict, {}, True),
        (tuple[int, ...], [1], True),
        (list[str], "ab", False),
        (bool, 1, False),
        (None, None, True),
        (object(), "anything", True),
    ],
)
def test_accepts(kind, value, fits):
    assert accepts(kind, value) is fits


def test_describe_is_in_words():
    assert describe(int | list[int]) == "a whole number or a list"


BOMB = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}, r: *a{n - 1}}}" for n in range(1, 20))]
BROKEN = {
    "a mapping that holds itself": "seed: 1\na: &a {b: *a}",
    "a list that holds itself": "a: &a [*a]",
    "a merge of itself": "a: &a\n  <<: *a",
    "nested deep": "a: " + "[" * 60 + "]" * 60,
    "nested deeper than the parser goes": "a: " + "[" * 5000 + "]" * 5000,
    "mappings nested deep": "{a: " * 2000,
    "aliases of aliases": "\n".join(BOMB),
    "a list as a key": "? [1]\n: 2",
    "a mapping as a key": "? {a: 1}\n: 2",
    "a date that is none": "a: 2020-13-45",
    "a number of too many digits": "a: " + "9" * 5000,
    "a tag": "a: !!python/object/apply:os.system [ls]",
    "two documents": "a: 1\n---\nb: 2",
    "a control character": "a: \x07",
    "a number": "1",
    "a list": "[1]",
    "text": "seed",
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_yaml_is_one_line_with_file_and_reason(case):
    with pytest.raises(ValueError, match=r"^f\.yaml") as caught:
        read(BROKEN[case], "f.yaml")
    assert len(str(caught.value)) < 200
    if case not in ("a number", "a list", "text"):
        with pytest.raises(ValueError, match=r"^--set a="):
            assignment("a=" + (BROKEN[case].removeprefix("a: ") if "\n" not in BROKEN[case] else BROKEN[case]))


def test_aliases_that_stay_small_are_read():
    assert read("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}", "").values == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": {"x": 1, "y": 2},
    }
