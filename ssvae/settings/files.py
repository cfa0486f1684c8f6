"""Settings from YAML files and from `--set key=value`: read, merge and write them.

Which keys are allowed is checked elsewhere (`settings.schema`), so that this module imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ssvae.registry import unknown
from ssvae.settings.checks import Path_, Settings, SettingsSource, describe

NODES, DEPTH = 20_000, 50  # of settings: values, and levels of lists and mappings


class _Loader(yaml.SafeLoader):
    """YAML with 1e-3 read as a number, which YAML 1.1 takes for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(text: str, name: str) -> SettingsSource:
    """Read settings from YAML text.

    Raises
    ------
    ValueError
        If the text is not YAML, is not a mapping, or gives a key twice; the message names file and line.
    """
    node, values = _parse(text, name)
    if not isinstance(values, dict):
        raise ValueError(f"{name}: settings are a mapping such as `seed: 1`, this is {describe(type(values))}")
    return SettingsSource(name, values, dict(_lines(node, name)))


def _parse(text: str, name: str) -> tuple[yaml.Node | None, object]:
    """Return what YAML text holds, as nodes with their lines and as values; an empty text holds no settings.

    Raises
    ------
    ValueError
        If the text is not YAML, holds itself, or is larger or deeper than settings are.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        _bounded(node)
        return node, loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}{_problem(error)}") from error
    except RecursionError as error:
        raise ValueError(f"{name}: not settings: nested too deep") from error
    except Exception as error:  # numbers and dates that the parser took for such and cannot make, 2020-13-45
        raise ValueError(f"{name}: not valid YAML: {error}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _bounded(root: yaml.Node) -> None:
    """Refuse YAML that holds itself, or whose aliases make it too large or too deep, before anything of it is made."""
    left, inside = NODES, set()

    def visit(node: yaml.Node, depth: int) -> None:
        nonlocal left
        left -= 1
        line = f"line {node.start_mark.line + 1}: "
        if id(node) in inside:
            raise ValueError(f"{line}a value holds itself")
        if left < 0 or depth > DEPTH:
            raise ValueError(f"{line}more than {NODES} values or {DEPTH} levels, aliases counted each time")
        inside.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for pair in node.value:
                for part in pair:
                    visit(part, depth + 1)
        elif isinstance(node, yaml.SequenceNode):
            for part in node.value:
                visit(part, depth + 1)
        inside.discard(id(node))

    visit(root, 0)


def _problem(error: yaml.YAMLError) -> str:
    """Return the line and what is wrong there, as far as the parser knows them."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return f": not valid YAML: {error}"
    line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
    return f"{line}: not valid YAML: {error.problem}"


def _lines(node: yaml.Node | None, name: str, path: Path_ = ()) -> Iterator[tuple[Path_, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"{name}, line {line}: a key is a word, not a list or a mapping")
        if key.value in seen:
            raise ValueError(f"{name}, line {line}: {key.value!r} is given twice")
        seen.add(key.value)
        yield (*path, key.value), line
        yield from _lines(value, name, (*path, key.value))


def shipped() -> list[str]:
    """Return the names of the settings that come with the package."""
    return sorted(Path(f.name).stem for f in resources.files("ssvae.configs").iterdir() if f.name.endswith(".yaml"))


def load(name: str | Path) -> SettingsSource:
    """Read a YAML file, or shipped settings by name.

    Raises
    ------
    ValueError
        If there is neither such a file nor such a name.
    """
    if Path(name).is_file():
        try:
            return read(Path(name).read_text("utf-8"), str(name))
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}: settings are YAML in UTF-8, this is not ({error}): save it as such") from error
    if str(name) not in shipped():
        raise ValueError(f"no such file, and {unknown('settings', str(name), shipped())}")
    return read(resources.files("ssvae.configs").joinpath(f"{name}.yaml").read_text("utf-8"), f"{name}.yaml")


def assignment(text: str) -> SettingsSource:
    """Read ``classifier.alpha=0.2``; the value is YAML.

    >>> assignment("classifier.model.hidden=[500, 500]").values
    {'classifier': {'model': {'hidden': [500, 500]}}}
    """
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ValueError(f"--set {text}: write it as key=value, such as classifier.alpha=0.2")
    node, values = _parse(value, f"--set {text}")
    return nested(f"--set {text}", keys, None if node is None else values)


def nested(name: str, keys: list[str], value: object) -> SettingsSource:
    """Return settings that hold one value at a path of keys."""
    for key in reversed(keys[1:]):
        value = {key: value}
    return SettingsSource(name, {keys[0]: value})


def merge(base: Settings, *overrides: Mapping[str, object] | str, keep: tuple[str, ...] = ("labels",)) -> Settings:
    """Merge settings; where several give a key, the last one counts.

    Mappings are merged key by key. A component given as a bare name is the mapping with that name; another name
    starts a new component, without the arguments of the former one, which would not fit it (but for the keys in
    `keep`).

    >>> merge({"model": {"name": "m2", "latent": 50}, "alpha": 0.1}, {"model": "m1", "alpha": 1})
    {'model': {'name': 'm1'}, 'alpha': 1}
    """
    for new in overrides:
        base = _merged(base, new, keep)
    return base


def _merged(base: object, new: object, keep: tuple[str, ...]) -> Any:  # of the type of `new`, or a mapping
    if isinstance(base, str) and isinstance(new, Mapping):
        base = {"name": base}
    if isinstance(base, Mapping) and isinstance(new, str):
        new = {"name": new}
    if not (isinstance(base, Mapping) and isinstance(new, Mapping)):
        return new
    if "name" in new and new["name"] != base.get("name"):
        base = {key: value for key, value in base.items() if key in keep}
    return {**base, **{key: _merged(base.get(key), value, keep) for key, value in new.items()}}


def dump(values: Mapping[str, object]) -> str:
    """Return settings as YAML, in their own order."""
    try:
        return yaml.safe_dump(_plain(values), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    except yaml.representer.RepresenterError as error:
        raise ValueError(f"settings are names, numbers, lists and mappings, not objects: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
