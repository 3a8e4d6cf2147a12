"""Config files: one YAML per experiment, `extends` one parent, overrides on top, an origin for every value.

    load(Path("configs/concept_detection/sample.yaml"), ["generation.num_beams=3 seed=7"])

Every mistake is told at once, each with file and line, and an unknown key with the nearest valid one. An override's
value is YAML, save where the key holds text: `prompt.text=Findings: #1?` is taken as it stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from runners.config import RunConfig
from runners.systems import METHODS
from tasks.nouns import InputError

_NEXT = r"\s+[A-Za-z_][\w.]*="
_OVERRIDE = re.compile(
    rf"""\s*(?P<key>[^\s=]*)\s*=\s*?(?P<value>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\S.*?|)(?={_NEXT}|\s*$)""", re.S
)
"""One `key=value`. A value may hold blanks: the next setting starts where a dotted key and `=` follow one."""
_PLAIN = {
    "model_type": "takes keys of its own, as in {key: value}",
    "tuple_type": "takes a list, as in [a, b]; [] for none",
}
"""What pydantic says in words of Python, said in words of YAML."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it was said."""

    value: Any
    origin: str
    """`file:line` or `--set`."""


Schema = TypeVar("Schema", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Schema]):
    """A valid config and the origin of each of its values."""

    config: Schema
    origins: Mapping[str, str]
    """Dotted key -> where its value was said; what is missing is a default."""
    name: str
    """The file's stem, which names the run."""
    folder: Path = Path()
    """Where the file lies."""


def load(path: Path, overrides: Sequence[str] = ()) -> Loaded[RunConfig]:
    """The config of a model's run in `path`, see `load_as`; InputError for one of a system."""
    if of := sorted(keys_of(path, overrides) & {*METHODS}):
        raise InputError(f"{path}: {of[0]}: a system's config, for `imageclef run`; this needs one with a model")
    return load_as(RunConfig, path, overrides)


def load_as(schema: type[Schema], path: Path, overrides: Sequence[str] = ()) -> Loaded[Schema]:
    """The config in `path` with `overrides` (`key=value`, several allowed in one string) on top of it.

    Raises InputError that lists every mistake with file and line.
    """
    settings: dict[str, Setting] = {}
    for file in reversed(_chain(path)):
        for key, setting in _leaves(_read(file), file):
            _put(settings, key, setting)
    for key, value in _overrides(overrides, schema):
        _put(settings, key, Setting(value, "--set"))
    settings.pop("extends", None)
    try:
        config = schema.model_validate(_nest(settings))
    except ValidationError as error:
        raise InputError(_explain(error, settings, path, schema)) from None
    return Loaded(config, {key: setting.origin for key, setting in settings.items()}, path.stem, path.parent)


def keys_of(path: Path, overrides: Sequence[str] = ()) -> set[str]:
    """The keys that the config in `path` says something under at its top, other than null."""
    said = {key: setting.value for file in reversed(_chain(path)) for key, setting in _leaves(_read(file), file)}
    said |= {key: None if text in {"", "null"} else text for key, text in _written(overrides)}
    return {key.partition(".")[0] for key, value in said.items() if value is not None}


def flatten(config: BaseModel) -> dict[str, Any]:
    """The resolved config as dotted key -> value, in the order of the schema."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            yield prefix, value

    return dict(walk("", config.model_dump(mode="json")))


def _chain(path: Path) -> list[Path]:
    """`path`, its parent, its grandparent, ..."""
    chain = [path]
    while (parent := _read(chain[-1]).get("extends")) is not None:
        file = chain[-1]
        if not isinstance(parent, str) or not parent:
            raise InputError(f"{file}: extends takes one file name, as in `extends: sample.yaml`")
        chain.append(file.parent / parent)
        if chain[-1].resolve() in {link.resolve() for link in chain[:-1]}:
            raise InputError(f"{file}: extends {parent} leads back to a file that extends this one")
    return chain


def _read(path: Path) -> CommentedMap:
    try:
        tree = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = sorted(str(p) for p in Path("configs").glob("*/*.yaml"))
        hint = f"; configs here: {', '.join(known)}" if known else ""
        raise InputError(f"{path}: cannot be read ({error.strerror}){hint}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
    except MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem).splitlines()[0]
        raise InputError(f"{path}{line}: not valid YAML: {problem}") from None
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise InputError(f"{path}: a config is a mapping of keys to values, as in `seed: 42`")
    return tree


def _leaves(tree: CommentedMap, file: Path, prefix: str = "") -> Iterator[tuple[str, Setting]]:
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, CommentedMap) and value:
            yield from _leaves(value, file, f"{dotted}.")
        else:
            # A key that comes in through a merge (`<<: *anchor`) has no line of its own.
            line = f":{tree.lc.key(key)[0] + 1}" if key in (tree.lc.data or {}) else ""
            yield dotted, Setting(value, f"{file}{line}")


def _overrides(texts: Sequence[str], schema: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for key, text in _written(texts):
        yield from _spread(key, _value(key, text, schema))


def _written(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each key with its value as it is written."""
    for text in texts:
        end = 0
        while end < len(text.rstrip()):
            found = _OVERRIDE.match(text, end)
            if found is None or not found["key"]:
                raise InputError(f"--set '{text[end:].strip()}': write key=value, as in generation.num_beams=3")
            end = found.end()
            if found["key"] == "extends":
                raise InputError("--set extends: a parent is named in a file; give that file as the config")
            yield found["key"], found["value"]


def _value(key: str, text: str, schema: type[BaseModel]) -> Any:
    quoted = text[:1] in {'"', "'"}
    if not text or (_holds_text(key, schema) and not quoted):
        return None if text in {"", "null"} else text
    try:
        return YAML(typ="safe").load(text)
    except YAMLError:
        raise InputError(f"--set '{key}={text}': the value is not valid YAML; quote it") from None


def _spread(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of a mapping, so that it is merged key by key as one in a file is."""
    if isinstance(value, dict) and value:
        for inner, leaf in value.items():
            yield from _spread(f"{key}.{inner}", leaf)
    else:
        yield key, value


def _put(settings: dict[str, Setting], key: str, setting: Setting) -> None:
    """Set `key`, replacing what a mapping or a scalar at the same place said before."""
    parts = key.split(".")
    ancestors = {".".join(parts[:n]) for n in range(1, len(parts))}
    for old in [k for k in settings if k in ancestors or k.startswith(f"{key}.")]:
        del settings[old]
    settings[key] = setting


def _nest(settings: Mapping[str, Setting]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, setting in settings.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = setting.value
    return tree


def _explain(error: ValidationError, settings: Mapping[str, Setting], path: Path, schema: type[BaseModel]) -> str:
    lines = []
    for problem in error.errors():
        place = problem["loc"]
        if problem["type"] != "extra_forbidden":
            # A union's members ("literal[...]", "constrained-int") are named behind the key they failed at.
            place = tuple(p for n, p in enumerate(place) if isinstance(p, int) or _section(place[: n + 1], schema))
        key = ".".join(str(p) for p in place)
        said = [s.origin for k, s in settings.items() if k == key or k.startswith(f"{key}.")]
        said = said or [s.origin for k, s in settings.items() if key.startswith(f"{k}.")]
        where = said[0] if said else str(path)
        message = _PLAIN.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        if problem["type"] == "extra_forbidden":
            message = f"unknown key{_nearest(place, schema)}"
        elif problem["type"] == "missing":
            message = "missing; add it"
        lines.append(f"{where}: {key or 'config'}: {message}")
    return "\n".join(dict.fromkeys(lines))


def _nearest(place: tuple[int | str, ...], schema: type[BaseModel]) -> str:
    valid = list(_section(place, schema) or ())
    close = difflib.get_close_matches(str(place[-1]), valid, n=1, cutoff=0.0)
    return f"; nearest valid key: '{close[0]}'" if close else f"; valid keys: {', '.join(valid)}"


def _section(place: tuple[int | str, ...], schema: type[BaseModel]) -> Mapping[str, Any] | None:
    """The fields of the section that the last part of `place` lies in; None when there is no such section."""
    fields: Mapping[str, Any] = schema.model_fields
    for part in place[:-1]:
        if isinstance(part, str):
            if part not in fields:
                return None
            annotation = fields[part].annotation
            inner = [a for a in (annotation, *get_args(annotation)) if _is_section(a)]
            fields = inner[0].model_fields if inner else {}
    return fields if fields else None


def _holds_text(key: str, schema: type[BaseModel]) -> bool:
    place = tuple(key.split("."))
    field = (_section(place, schema) or {}).get(place[-1])
    return field is not None and field.annotation in (str, str | None)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
